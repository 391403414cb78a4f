"""The arrival sensor: what has come, in order, each content of a batch once; and what should have come."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import takewhile
from typing import TYPE_CHECKING, Final, NamedTuple

import dagster as dg
from dagster import DagsterEventType, DagsterRunStatus
from dagster._core.storage.tags import MAX_RETRIES_TAG, PARTITION_NAME_TAG

from ml_assets.lifecycle.alerts import tell
from ml_assets.lifecycle.arrival import (
    TOLD,
    Arrival,
    all_there,
    arrivals,
    newest_there,
    parts,
    revisited,
    taken_from,
    unchanged_mark,
    written_since,
)
from ml_assets.lifecycle.at_work import at_work_elsewhere
from ml_assets.lifecycle.changes import Anew, made_anew
from ml_assets.lifecycle.due import missing, newest_due
from ml_assets.lifecycle.state import ModelState
from ml_assets.lifecycle.usual import late_from, note_arrivals, overdue
from ml_assets.names import ACTOR_TAG, ARRIVAL_TAG, CONTENT_TAG, MODEL_TAG, REASON_TAG
from ml_assets.orchestration.pace import seconds_between
from ml_assets.orchestration.reaper import open_runs
from ml_assets.orchestration.run_log import run_records
from ml_assets.orchestration.run_seal import is_changed
from ml_assets.orchestration.standing import Memory, newest_event, place_of, standing_instance
from ml_assets.orchestration.taking_in import TAKEN_IN, assets_for, keys_of
from ml_assets.sources.paths import SourceError
from ml_assets.sources.sight import Part

if TYPE_CHECKING:
    from dagster import DagsterInstance, RunRecord

ATTEMPTS = 3
"""Runs for one content of a batch, where they are killed or fail for a reason of ours."""

REMEMBERED = 100
"""Newest runs of a model's batches among which those of arrivals are looked at."""

SETTLED = timedelta(seconds=10)
"""A file that was written later may not be whole: the sensor waits, once."""


class Quiet(NamedTuple):
    """Why nothing was asked for."""

    said: str
    until: datetime | None
    """When a batch is later than any before it was: then it is asked anew."""


_NOTHING: Final[Memory[Quiet]] = Memory()
"""Why nothing was asked for, while neither the source nor the runs have changed since."""


class Wanted(NamedTuple):
    """A content of a batch that is to be taken in, by which assets, and why."""

    batch: str
    token: str
    assets: Sequence[dg.AssetKey]
    reason: str

    @property
    def content(self) -> str:
        """Identity of batch and content."""
        return f"{self.batch} {self.token}"


def arrival_sensor(state: ModelState, models: int = 1) -> dg.SensorDefinition:
    """Make the sensor that takes in what arrives; on unless the calendar has an end."""
    batches = state.recipe.batches
    assert batches is not None
    status = dg.DefaultSensorStatus.STOPPED if batches.end else dg.DefaultSensorStatus.RUNNING

    @dg.sensor(
        name=f"{state.name}_batches",
        job_name=f"{state.name}_monitor",
        # two at once: two runs, three looks
        minimum_interval_seconds=seconds_between(state.settings.sensor_seconds // 2, models),
        default_status=status,
        description=f"Takes in new, late, older and changed batches of {state.name}, one after the other.",
    )
    def sensor(context: dg.SensorEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        if at_work_elsewhere(state):
            return dg.SkipReason(
                "a command (train, backfill) is at work on this model and takes batches in itself"
            )
        instance = standing_instance(context)
        newest = newest_event(instance)
        running = open_runs(instance, state.settings)
        if batch := _at_work(running, state):
            return dg.SkipReason(f"batch {batch} is being taken in")
        now = datetime.now(UTC).replace(tzinfo=None)
        place, last = place_of(instance, state), newest_due(state, now)
        cursor = json.loads(context.cursor or "{}")
        looked = cursor.pop("looked", None)
        this = now.isoformat(timespec="seconds")
        try:
            mark = unchanged_mark(state)
            quiet = _NOTHING.known(place, (mark, newest, last, f"{now:%F %H}", str(cursor))) if mark else None
            if quiet is not None and (quiet.until is None or now <= quiet.until):
                context.update_cursor(json.dumps({**cursor, "looked": this}))
                return dg.SkipReason(quiet.said)
            there = parts(state)
            found = arrivals(state, there)
        except SourceError as error:
            tell(state, "unreadable", hashlib.sha256(str(error).encode()).hexdigest()[:16], str(error))
            return dg.SkipReason(f"the source cannot be read: {error}")
        since, waited = cursor.get("since") or newest_there(state), cursor.get("waited", False)
        note_arrivals(state, there, now, _moment(looked))
        unsettled = bool(found) and not waited and written_since(state, now - SETTLED)
        told = cursor.get("told", "")
        if since is not None and not unsettled:
            told = _tell_missing(state, since, last, _tell_overdue(state, there, since, now, told))
        cursor = {"since": since, "told": told, "waited": unsettled}
        context.update_cursor(json.dumps({**cursor, "looked": this}))
        if unsettled:
            return dg.SkipReason("a file was written just now: it is looked at the next time")
        anew = made_anew(state, lambda: there)
        if request := next(_requests(instance, state, found, last, anew, there), None):
            return request
        said = _nothing(state, found, last)
        late = late_from(state, {*there, *state.store.batches("cleaned_features")})
        until = late[1] if late is not None and now <= late[1] else None
        _NOTHING.keep(place, (mark, newest, last, f"{now:%F %H}", str(cursor)), Quiet(said, until))
        return dg.SkipReason(said)

    return sensor


def _at_work(running: Sequence[RunRecord], state: ModelState) -> str | None:
    """Batch that a run is about, whoever started it."""
    runs = (record.dagster_run for record in running)
    tags = (run.tags for run in runs if run.job_name == f"{state.name}_monitor")
    return next((told.get(PARTITION_NAME_TAG, "of a backfill") for told in tags), None)


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def _tell_overdue(state: ModelState, there: Collection[str], since: str, now: datetime, told: str) -> str:
    """Tell once of a batch that is later than any before it was; the newest batch that has been told of."""
    found = overdue(state, {*there, *state.store.batches("cleaned_features")}, since, now)
    if found is None or found[0] <= told:
        return told
    tell(state, "missing_batch", found[0], found[1], found[0])
    return found[0]


def _tell_missing(state: ModelState, since: str, last: str, told: str) -> str:
    """Tell of each stretch of batches that have not come, once; while it lasts, or is made up for, no more.

    Returns
    -------
    str
        Newest batch that has been told of.
    """
    grace = state.recipe.batches.grace if state.recipe.batches is not None else ""
    for first, end in missing(state, all_there(state), since, last):
        if first > told:
            text = f"there is no row of batch {first} in {state.source.place}, {grace} after its end (batches.grace)"
            text += f", nor of those after it until {end}" if end != first else ""
            tell(state, "missing_batch", first, text, first)
        told = max(told, end)
    return told


def _requests(
    instance: DagsterInstance,
    state: ModelState,
    found: list[Arrival],
    last: str,
    anew: Anew,
    there: Mapping[str, Part],
) -> Iterator[dg.RunRequest]:
    """Runs for what is wanted, in order; what was refused is wanted no more until it changes.

    What an earlier recipe made comes first: what comes after it is held against it.
    """
    due = sorted([*_due(state, found, last), *_unfinished(instance, state, found)])
    for wanted in (*_made_otherwise(state, anew, there), *due):
        tags = {PARTITION_NAME_TAG: wanted.batch, ARRIVAL_TAG: state.name}
        runs = [each.dagster_run for each in run_records(instance, dg.RunsFilter(tags=tags), ATTEMPTS)]
        contents = [run.tags[CONTENT_TAG] for run in runs if not is_changed(run)]
        same = list(takewhile(wanted.content.__eq__, contents))
        if len(same) < ATTEMPTS and not (same and _refused(instance, runs[0])):
            yield dg.RunRequest(
                run_key=f"{state.name} {wanted.content} after {runs[0].run_id if runs else 'none'}",
                asset_selection=list(wanted.assets),
                tags=tags  # not as `partition_key`: the daemon may know an older calendar, the run will not
                | {
                    MODEL_TAG: state.name,
                    CONTENT_TAG: wanted.content,
                    REASON_TAG: wanted.reason,
                    ACTOR_TAG: "arrival",
                    MAX_RETRIES_TAG: "0",  # this sensor alone asks for another attempt
                },
            )


def _due(state: ModelState, found: list[Arrival], last: str) -> Iterator[Wanted]:
    """What is due and differs from what was taken in."""
    _, left = revisited(state, found)
    for arrival in found:
        if arrival.batch <= last and arrival not in left:
            assets = keys_of(state, assets_for(state, arrival))
            yield Wanted(arrival.batch, arrival.token, assets, arrival.told)


def _made_otherwise(state: ModelState, anew: Anew, there: Mapping[str, Part]) -> Iterator[Wanted]:
    """What the recipe made otherwise before it changed: first all is cleaned, then what it reads otherwise is read."""
    for what, batches, assets in (("cleaned", anew.cleaned, TAKEN_IN[1:]), ("read", anew.read, TAKEN_IN)):
        version = state.code_versions[assets[0]]
        for batch in batches:
            content = there[batch].token if batch in there else "gone"
            reason = f"batch {batch} was {what} before the recipe changed"
            yield Wanted(batch, f"{content} by {version}", keys_of(state, assets), reason)


def _unfinished(instance: DagsterInstance, state: ModelState, found: list[Arrival]) -> Iterator[Wanted]:
    """What was taken in by a run that was killed before its reports were made."""
    seen = {arrival.batch for arrival in found}
    # By the job, whose newest runs an index gives; by the tag all there are would be sorted.
    for record in run_records(instance, dg.RunsFilter(job_name=f"{state.name}_monitor"), REMEMBERED):
        run = record.dagster_run
        if run.tags.get(ARRIVAL_TAG) != state.name or is_changed(
            run
        ):  # what it was about, nobody knows: the source is looked at all the same
            continue
        batch, _, token = run.tags[CONTENT_TAG].partition(" ")
        if batch in seen:
            continue
        seen.add(batch)
        failed = run.status != DagsterRunStatus.SUCCESS
        if failed and state.store.has("cleaned_features", batch) and taken_from(state, batch) == token:
            assets = sorted(run.asset_selection or (), key=lambda key: key.path)
            if not _made_since(instance, record, assets, batch):
                yield Wanted(batch, token, assets, "its run ended before its reports were made")


def _made_since(
    instance: DagsterInstance, record: RunRecord, assets: Sequence[dg.AssetKey], batch: str
) -> bool:
    """Whether all that a run was to make of a batch was made since it was asked for, by itself or by a command."""
    began = record.create_timestamp.timestamp()
    filters = (dg.AssetRecordsFilter(key, asset_partitions=[batch], after_timestamp=began) for key in assets)
    return all(instance.fetch_materializations(wanted, limit=1).records for wanted in filters)


def _refused(instance: DagsterInstance, run: dg.DagsterRun) -> bool:
    """Whether a step named a reason, or a check blocked: another attempt would end in the same way."""
    kinds = {DagsterEventType.STEP_FAILURE, DagsterEventType.ASSET_CHECK_EVALUATION}
    events = [entry.get_dagster_event() for entry in instance.all_logs(run.run_id, of_type=kinds)]
    said = (e.step_failure_data.user_failure_data for e in events if e.is_step_failure)
    checks = (e.asset_check_evaluation_data for e in events if not e.is_step_failure)
    return any(said) or any(check.blocking and not check.passed for check in checks)


def _nothing(state: ModelState, found: list[Arrival], last: str) -> str:
    """Why nothing is asked for."""
    _, left = revisited(state, found)
    rule = state.recipe.batches.revisit if state.recipe.batches is not None else None
    words = []
    for arrival in found:
        if arrival.batch > last:
            words.append(f"batch {arrival.batch} is not due yet")
        elif arrival in left:
            words.append(f"{arrival.told}; left as it was taken in (batches.revisit: {rule})")
        else:
            words.append(f"{arrival.told}; it was tried, and is tried again when it changes")
    listed = "; ".join(words[:TOLD]) + f"; and {len(words) - TOLD} more" * (len(words) > TOLD)
    return listed or f"all there is was taken in; the newest batch that is due is {last}"
