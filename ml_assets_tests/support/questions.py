"""Law of the ten questions: each is answered within two clicks, and the answer is what ledger and records hold."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from html import unescape
from typing import Any

from ml_assets.monitoring.wording import faults_told
from ml_assets.pages.decision import OTHERWISE
from ml_assets.pages.render import marked
from ml_assets.pages.words import scored
from ml_assets.records import DriftReport, PerformanceReport, Quarantine
from ml_assets.registry import champions
from ml_assets.registry.ledger import Entry, Ledger
from ml_assets.settings import Settings
from ml_assets.shown import figure
from ml_assets.store.snapshots import Store
from ml_assets_tests.support.pages import client_of, section, within, words_of

CLICKS = 2


@dataclass(frozen=True)
class Asked:
    """A home with its pages within two clicks, and the model that is asked about."""

    pages: dict[str, str]
    ledger: Ledger
    store: Store
    name: str
    wrong: Collection[str]
    """Models that need a person."""

    @property
    def model(self) -> str:
        """Its page."""
        return self.pages[f"/models/{self.name}"]

    @property
    def row(self) -> str:
        """What the first page says of it."""
        (row,) = (row for row in rows_of(self.pages["/"]) if f'href="/models/{self.name}"' in row)
        return words_of(row)

    @property
    def champion(self) -> champions.VersionInfo:
        found = champions.champion(self.ledger, self.name)
        assert found is not None
        return found

    def entry(self, entry: Entry) -> str:
        """Words of the page of an entry, to which a link of the model's page leads."""
        return words_of(self.pages[f"/models/{self.name}/decisions/{entry.id}"])

    def decided(self, *actions: str) -> list[Entry]:
        """Decisions to train or not, oldest first."""
        found = self.ledger.find(self.name, ["retrain_decision"], state="done")
        return sorted((e for e in found if e.record["action"] in actions), key=lambda e: e.id)

    def reports(self, asset: str, kind: Any) -> list[Any]:
        """Records of a kind, oldest first."""
        return [self.store.read_record(asset, batch, kind) for batch in self.store.batches(asset)]


def rows_of(first: str) -> list[str]:
    """Rows of the table of all models."""
    return first.split('<div class="row" role="row">')[1:]


def is_anything_wrong(home: Asked) -> None:
    first, count = home.pages["/"], len(home.wrong)
    (headline,) = re.findall(r"<h1>(.*?)</h1>", first)
    rows = rows_of(first)
    total = f"{len(rows)} model{'s' * (len(rows) > 1)}"
    expected = f"{count} of {total} need{'s' * (count == 1)} you." if count else "Nothing needs you."
    assert unescape(headline).startswith(expected)
    assert {re.findall(r'href="/models/(\w+)"', row)[0] for row in rows[:count]} == set(home.wrong)
    for place, row in enumerate(rows):
        assert ("▲" in row) == (place < count)


def what_must_i_do_now(home: Asked) -> None:
    for row in rows_of(home.pages["/"]):
        assert ("What to do:" in row) == ("▲" in row or "◆" in row)
    drift = _of_champion(home, "drift_report", DriftReport)
    if drift and drift[-1].status == "fault":
        assert f"{drift[-1].batch}: {faults_told(drift[-1].faults)}" in home.row
        assert "What to do: mend the feed" in home.row


def how_good_is_it_today(home: Asked) -> None:
    live = [r for r in _of_champion(home, "performance_report", PerformanceReport) if r.score is not None]
    assert f"{scored(live[-1].score)} {home.champion.metric}, {live[-1].scored_batch}" in home.row
    assert f"hold-out {scored(home.champion.holdout)}" in home.row
    told = section(home.model, "batches")
    for report in home.reports("performance_report", PerformanceReport):
        if report.score is not None:
            assert f"{report.scored_batch} {scored(report.score)}" in told
    assert f'aria-label="{home.champion.metric} of the newest' in home.model


def otherwise(entry: Entry) -> str:
    """What would have decided otherwise, in the words of a page."""
    return words_of(marked(OTHERWISE[entry.record["rule"]]))


def why_was_it_trained(home: Asked) -> None:
    (*_, entry) = home.decided("retrain", "first")
    text = home.entry(entry)
    assert entry.reason in text and otherwise(entry) in text
    for kind in ("drift", "performance"):
        seen = (entry.record.get("evidence") or {}).get(kind) or {"batches": [], "values": []}
        for batch, value in zip(seen["batches"], seen["values"], strict=True):
            assert f"{batch} {figure(value, 3)}" in text


def why_was_it_not_trained(home: Asked) -> None:
    (*_, entry) = home.decided("none", "blocked", "suggest")
    text = home.entry(entry)
    assert entry.reason in text and otherwise(entry) in text
    assert entry.reason[:60] in section(home.model, "decisions")


def why_was_it_promoted_or_kept_out(home: Asked) -> None:
    gate = home.ledger.find(home.name, champions.GATE, state="done")
    assert {entry.to_version for entry in gate} >= {home.champion.version}
    for entry in gate:
        text, record = home.entry(entry), entry.record
        assert entry.reason in text and f"version {entry.to_version}" in text
        for key in ("gain", "gain_low", "gain_high"):
            assert record[key] is None or figure(record[key], 3) in text
        for check in record["checks"]:
            assert (
                f"{check['name'].replace('_', ' ')} {'passed' if check['passed'] else '✕ failed'} {check['text']}"
                in text
            )


def which_customers_got_worse(home: Asked) -> None:
    told, evaluation = section(home.model, "parts"), home.champion.evaluation
    assert evaluation is not None and evaluation.parts
    for part in evaluation.parts:
        assert part.name in told and f"{part.rows:,} {scored(part.score)} {figure(part.loss, 3)}" in told
        assert ("▼ " + part.told in told) or not part.worse
    for entry in home.ledger.find(home.name, champions.GATE, state="done"):
        for one in entry.record["segments"]:
            scores = f"{figure(one['champion_score'], 3)} {figure(one['challenger_score'], 3)}"
            said = f"{one['segment']} {one['rows']:,} {scores}" + " ▼ surely worse" * one["worse"]
            assert said in home.entry(entry)


def can_i_undo_it(home: Asked) -> None:
    line = champions.champions(home.ledger, home.name)
    forms = re.findall(rf'<form[^>]*action="/models/{home.name}/rollback".*?</form>', home.model, re.S)
    assert len(forms) == (len(line) > 1)
    for form in forms:
        assert f'name="to" value="{line[-2]}"' in form and f'name="from" value="{line[-1]}"' in form
        assert f"Go back to version {line[-2]}" in form and 'name="reason" required' in form


def what_data_did_a_version_learn(home: Asked) -> None:
    told = section(home.model, "versions")
    known = champions.versions(home.ledger, home.name)
    for info in known:
        first, last = info.trained.batches[0], info.trained.batches[-1]
        stretch = first if first == last else f"{first} to {last}"
        assert f"{info.trained.training.learned:,} {stretch} {scored(info.holdout)}" in told
        assert f"/models/{home.name}/versions/{info.version}/report" in home.pages
    learned = section(home.model, "data")
    assert f"{home.champion.version} learned {home.champion.trained.training.learned:,} rows" in learned
    assert f"/models/{home.name}/versions/{home.champion.version}/data" in home.pages


def what_came_in_that_batch(home: Asked) -> None:
    taken = home.store.batches("cleaned_features")
    aside = {each.batch: each for each in home.reports("quarantine", Quarantine) if each.rows}
    for batch in taken:
        page = home.pages[f"/models/{home.name}/batches/{batch}"]
        assert f"{home.store.rows('cleaned_features', batch):,} rows were taken in" in words_of(page)
        if batch in aside:
            assert aside[batch].words in section(page, "aside")
        else:
            assert 'id="aside"' not in page
        if home.store.has("drift_report", batch):
            for column in home.store.read_record("drift_report", batch, DriftReport).columns:
                assert f"{column.column} {'≈ drifted' if column.drifted else column.trend}" in words_of(page)


QUESTIONS: dict[str, Callable[[Asked], None]] = {
    "Is anything wrong?": is_anything_wrong,
    "What must I do now?": what_must_i_do_now,
    "How good is it today, and is that worse than it was?": how_good_is_it_today,
    "Why was it trained again last week?": why_was_it_trained,
    "Why was it *not* trained again?": why_was_it_not_trained,
    "Why was this version promoted, or kept out?": why_was_it_promoted_or_kept_out,
    "Which customers got worse?": which_customers_got_worse,
    "Can I undo it?": can_i_undo_it,
    "What data did version 3 learn?": what_data_did_a_version_learn,
    "What came in that batch, and what was left out?": what_came_in_that_batch,
}
"""As docs/dashboard.md has them, each with what proves its answer."""


def ask_all(settings: Settings, name: str, wrong: Collection[str]) -> None:
    """Ask a home all ten questions about one of its models."""
    with client_of(settings) as client:
        pages = within(client, CLICKS)
    home = Asked(pages, Ledger(settings.ledger), Store(settings.store / name), name, wrong)
    for question, answered in QUESTIONS.items():
        try:
            answered(home)
        except (AssertionError, KeyError, ValueError) as error:
            raise AssertionError(f"{question} {error}") from error


def _of_champion(home: Asked, asset: str, kind: Any) -> list[Any]:
    return [r for r in home.reports(asset, kind) if r.champion_version == home.champion.version]
