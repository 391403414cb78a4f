"""Running the graph from the command line, on the real Dagster instance and in this process."""

from __future__ import annotations

import logging
import os
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TextIO, cast

import dagster as dg
import yaml
from dagster._core.storage.tags import PARTITION_NAME_TAG
from dagster._core.utils import make_new_run_id

from ml_assets.failures import MendableError, of_database
from ml_assets.names import PROCESS_TAG
from ml_assets.orchestration.reaper import process_tag, reap
from ml_assets.orchestration.run_seal import seal
from ml_assets.registry import postgres
from ml_assets.settings import Settings, SettingsError
from ml_assets.settings.home import keep_private, unusable
from ml_assets.settings.keys import KEYS
from ml_assets.settings.services import DAGSTER
from ml_assets.store.atomic import atomic_write

if TYPE_CHECKING:
    from dagster import DagsterInstance, ExecuteInProcessResult
    from dagster._core.definitions.repository_definition import RepositoryDefinition
    from dagster_shared.error import SerializableErrorInfo


logger = logging.getLogger(__name__)


class RunFailedError(MendableError, RuntimeError):
    """A run failed; the message is the step's own, without a traceback."""


class RefusedError(RunFailedError):
    """A run was stopped by a check or a step that named the reason: the data is at fault, not the program."""


STORAGE: Final = "storage"
"""Section of dagster.yaml that says where Dagster's storage is."""

FILES: Final = {
    "module": "ml_assets.orchestration.sqlite",
    "class": "Storage",
    "config": {"base_dir": {"env": "DAGSTER_HOME"}},  # a home may be moved
}
"""Its storage in SQLite: Dagster's own files, asked at less cost."""

PASSWORD: Final = KEYS["database.password"].variable
"""Dagster reads the password from this variable: it stands in no file."""

UNWRITTEN = "Exception while writing logger call to event log"
"""What Dagster writes to stderr of an event that its database does not take."""

INTERRUPTION = "DagsterExecutionInterruptedError"
"""What Dagster makes of Ctrl-C while a step runs."""


def dagster_yaml() -> Path:
    """Find the project's dagster.yaml: in the wheel beside the package, in a checkout above it."""
    package = Path(__file__).parent.parent
    inside = package / "dagster.yaml"
    return inside if inside.is_file() else package.parent / "dagster.yaml"


def instance_yaml(settings: Settings) -> bytes:
    """Write what Dagster's instance is: the project's dagster.yaml, and where its storage is."""
    text = dagster_yaml().read_bytes()
    database = settings.database
    if database is None:
        return text + yaml.safe_dump({STORAGE: {"custom": FILES}}).encode()
    storage = {
        "username": database.user,
        "password": {"env": PASSWORD} if database.password else "",
        "hostname": database.host,
        "port": database.port,
        "db_name": database.name,
        "params": database.params(DAGSTER),
        "scheme": "postgresql+psycopg2",  # the driver whose errors dagster-postgres knows
    }
    return text + yaml.safe_dump({STORAGE: {"postgres": {"postgres_db": storage}}}).encode()


def prepare_home(settings: Settings) -> None:
    """Make Dagster's home under ours, with this project's dagster.yaml, and point Dagster to it.

    Raises
    ------
    SettingsError
        The home cannot be used, or was made for another kind of database.
    UnreachableError
        The database of the environment does not answer.
    """
    keep_private()
    text = instance_yaml(settings)
    place = settings.dagster_home / "dagster.yaml"
    is_new = not (settings.dagster_home.exists() or settings.ledger_file.exists())
    if settings.database is not None:
        _see_library()
        postgres.prepare(settings.database)
        if settings.database.password is not None:
            os.environ[PASSWORD] = settings.database.password.get_secret_value()
    try:
        _see_kind(settings, place)
        settings.home.mkdir(parents=True, exist_ok=True)  # first: Dagster's may be reached by a link to it
        settings.dagster_home.mkdir(exist_ok=True)
        if not place.is_file() or place.read_bytes() != text:
            atomic_write(place, text)
        # The databases tell of a home that is read-only in a hundred lines.
        with tempfile.TemporaryFile(dir=settings.home):
            pass
    except OSError as error:
        raise unusable("ML_ASSETS_HOME", settings.home, error) from None
    if is_new:
        logger.info(
            "%s is a new home, without any model yet: set ML_ASSETS_HOME if you expected some", settings.home
        )
    os.environ["DAGSTER_HOME"] = str(settings.dagster_home)
    os.environ["ML_ASSETS_HOME"] = str(settings.home)
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ["DO_NOT_TRACK"] = "true"


def _see_library() -> None:
    if find_spec("dagster_postgres") is None:
        raise SettingsError(
            "Dagster's storage in PostgreSQL needs dagster-postgres: run `pip install 'ml_assets[postgres]'`, then the "
            "same command again"
        )


def _see_kind(settings: Settings, place: Path) -> None:
    """Refuse a home whose history is in another kind of database: half of it would be missing."""
    if settings.database is not None and settings.ledger_file.exists():
        found = f"its history is in SQLite ({settings.ledger_file.name}), not in {settings.database.place}"
    elif (
        settings.database is None
        and place.is_file()
        and f"\n{STORAGE}:\n  postgres:" in place.read_text("utf-8")
    ):
        found = "its history is in PostgreSQL, and no database is set"
    else:
        return
    raise SettingsError(
        f"ML_ASSETS_HOME: {settings.home}: {found}. Set ML_ASSETS_HOME to another folder, or APP_ENV as it was"
    )


@contextmanager
def open_instance(settings: Settings) -> Iterator[DagsterInstance]:
    """Open the Dagster instance of the home; runs whose process was killed are reported as failed first."""
    prepare_home(settings)
    with dg.DagsterInstance.get() as instance:
        reap(instance, settings)
        yield instance


def execute(
    instance: DagsterInstance,
    repository: RepositoryDefinition,
    job: str,
    *,
    partition: str | None = None,
    tags: Mapping[str, str] | None = None,
    assets: Sequence[dg.AssetKey] | None = None,
) -> ExecuteInProcessResult:
    """Run a job in this process; Dagster's event stream stays off the terminal: the web UI shows it.

    Raises
    ------
    RunFailedError
        If a step failed, with that step's message.
    KeyboardInterrupt
        If a person interrupted it: Dagster ends the run, and tells it as a failure.
    """
    run_id, definition = make_new_run_id(), repository.get_job(job)
    given = {**definition.run_tags, **(tags or {}), **({PARTITION_NAME_TAG: partition} if partition else {})}
    with redirect_stderr(cast(TextIO, _Told(sys.stderr))):
        result = definition.execute_in_process(
            run_id=run_id,
            run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
            instance=instance,
            partition_key=partition,
            tags={**(tags or {}), PROCESS_TAG: process_tag(run_id), **seal(run_id, job, given)},
            asset_selection=assets,
            raise_on_error=False,
        )
    if not result.success:
        if _was_interrupted(result.all_events):
            raise KeyboardInterrupt
        raise failure(result.all_events)
    return result


class _Told:
    """A stream without what Dagster writes to it of a full disk before it raises that, too."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream

    def write(self, text: str) -> int:
        if text.startswith(UNWRITTEN):
            logger.debug("%s", text.strip())
            return len(text)
        return self.stream.write(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)


def _was_interrupted(events: Sequence[dg.DagsterEvent]) -> bool:
    """Whether the run was ended by Ctrl-C."""
    for event in events:
        data = event.event_specific_data
        if event.event_type_value == "PIPELINE_CANCELED" or INTERRUPTION in repr(
            getattr(data, "error", None)
        ):
            return True
    return False


def failure(events: Sequence[dg.DagsterEvent]) -> RunFailedError:
    """Say why a run failed: what its first failed step or check said, else the innermost cause."""
    for event in events:
        if event.event_type_value == "STEP_FAILURE":
            data = event.step_failure_data
            if data.user_failure_data is not None and data.user_failure_data.description:
                return RefusedError(str(data.user_failure_data.description))
            failed = [
                e.asset_check_evaluation_data
                for e in events
                if e.event_type_value == "ASSET_CHECK_EVALUATION"
                and not e.asset_check_evaluation_data.passed
                and e.step_key == event.step_key
            ]
            if failed:
                return RefusedError("\n".join(check.description or check.check_name for check in failed))
            said = _innermost(data.error)
            home = Path(os.environ.get("ML_ASSETS_HOME", ""))
            return RunFailedError(of_database(said, home) or f"{event.step_key}: {said or 'failed'}")
        if event.event_type_value == "RESOURCE_INIT_FAILURE":
            return RunFailedError(_said(event.engine_event_data.error))
        if event.event_type_value == "RUN_FAILURE" and event.job_failure_data.error is not None:
            return RunFailedError(_innermost(event.job_failure_data.error))
    return RunFailedError("the run failed before its first step; its log is in the web UI")


def _said(error: SerializableErrorInfo | None) -> str:
    """What a resource said when it failed, in its own words."""
    while error is not None and error.cause is not None and "Failure" not in str(error.cls_name):
        error = error.cause
    return error.message.strip().partition("Failure: ")[2] or error.message.strip() if error else ""


def _innermost(error: SerializableErrorInfo | None) -> str:
    while error is not None and error.cause is not None:
        error = error.cause
    return error.message.strip() if error is not None else ""
