"""`decide_retrain` as a table, rule by rule, and as laws over random histories."""

from __future__ import annotations

import inspect
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml_assets.recipe.schema import Breaches, Budget, Monitoring, Retraining, Training
from ml_assets.records import (
    Attempt,
    BatchEvidence,
    Champion,
    DriftReport,
    Estimate,
    History,
    PerformanceReport,
    RetrainDecision,
    Score,
    SequentialTest,
)
from ml_assets.records.retraining import RULES_IN_WORDS
from ml_assets.retraining.breaches import drift_breach, performance_breach
from ml_assets.retraining.policy import RULES, decide_retrain
from ml_assets.retraining.together import pooled_p_value

NOW = "2025-06-01T00:00:00"
CHAMPION = Champion(version=1, as_of_index=0, trained_at=NOW)
TRAINING = Training()


def drift(index: int, share: float = 0.0, status: str | None = None, version: int = 1) -> DriftReport:
    status = status or ("drift" if share else "ok")
    faults = ("column 'x' is absent from the batch",) if status == "fault" else ()
    return DriftReport.model_validate(
        {
            "batch": f"b{index:02}",
            "champion_version": version,
            "status": status,
            "rows": 500,
            "reference_rows": 5000,
            "share": share,
            "faults": faults,
        }
    )


def performance(
    index: int, value: float = 0.8, status: str = "ok", version: int = 1, p_value: float = 0.5, **more: Any
) -> PerformanceReport:
    return PerformanceReport.model_validate(
        {
            "batch": f"b{index:02}",
            "scored_batch": f"b{index - 1:02}",
            "champion_version": version,
            "status": status,
            "metric": "roc_auc",
            "direction": "maximize",
            "rows": 500,
            "coverage": 1.0,
            "score": Score(value=value, low=value - 0.02, high=value + 0.02),
            "holdout": Score(value=0.8, low=0.78, high=0.82),
            "p_value": p_value,
        }
        | more
    )


def history(
    shares: list[float | str | None],
    scores: list[float | None] | None = None,
    attempts: tuple[Attempt, ...] = (),
    champion: Champion | None = CHAMPION,
    **more: Any,
) -> History:
    """Batches 4, 5, …: shares (or a status) of drift; scores below 0.7 are significantly worse."""
    batches = []
    for place, share in enumerate(shares):
        index = 4 + place
        score = scores[place] if scores else None
        batches.append(
            BatchEvidence(
                batch=f"b{index:02}",
                index=index,
                drift=None
                if share is None
                else drift(index, status=share)
                if isinstance(share, str)
                else drift(index, share),
                performance=None
                if score is None
                else performance(index, score, p_value=1e-6 if score < 0.7 else 0.5),
            )
        )
    return History(recipe="churn", batches=tuple(batches), attempts=attempts, champion=champion, **more)


def attempt(index: int, outcome: str, cpu_hours: float | None = None) -> Attempt:
    cost = None if cpu_hours is None else 3600 * cpu_hours
    return Attempt.model_validate({"batch_index": index, "outcome": outcome, "at": NOW, "cpu_seconds": cost})


def decide(given: History, training: Training = TRAINING, **policy: Any) -> RetrainDecision:
    """Decide by alarms alone, unless the policy says something about age."""
    section = Retraining(**{"max_age": "off"} | policy)
    return decide_retrain("churn", section, Monitoring(), training, given, NOW)


BREACHED: list[float | str | None] = [0.0, 0.4, 0.4]
OLD = History(
    recipe="churn",
    batches=tuple(BatchEvidence(batch=f"b{i:02}", index=i, drift=drift(i, 0.4, version=1)) for i in (4, 5)),
    attempts=(),
    champion=Champion(version=2, as_of_index=0, trained_at=NOW),
)


@pytest.mark.parametrize(
    ("given", "policy", "action", "rule", "words"),
    [
        (history(BREACHED), {"enabled": False}, "none", "disabled", "switched off"),
        (history([], champion=None), {}, "none", "first_model", "0 of 1 labelled batches"),
        (
            history([None], champion=None, labelled_batches=1, labelled_rows=99),
            {},
            "none",
            "first_model",
            "99 of",
        ),
        (
            history([None], champion=None, labelled_batches=1, labelled_rows=100),
            {},
            "first",
            "first_model",
            "100",
        ),
        (history([0.4, 0.4, "fault"]), {}, "blocked", "fault", "'x' is absent"),
        (history(["fault", 0.4, 0.4]), {}, "retrain", "retrain", "2 of the last 2"),
        (OLD, {}, "none", "older_champion", "champion 2"),
        (history([]), {}, "none", "minimum_rows", "300 rows"),
        (history(["insufficient_data"] * 3), {}, "none", "minimum_rows", "300 rows"),
        (history([], one_table=True), {}, "none", "one_table", "no batch comes"),
        (history([0.0, 0.4, 0.4], one_table=True), {}, "retrain", "retrain", "2 of the last 3"),
        (history([0.0, 0.0, 0.0]), {}, "none", "k_of_n", "within limits"),
        (
            history([0.0, 0.0, 0.4]),
            {},
            "none",
            "k_of_n",
            "2 of the last 3, the newest among them, are needed",
        ),
        (history([0.4, 0.4, 0.0]), {}, "none", "k_of_n", "2 of the last 3"),
        (history([0.1, 0.1, 0.1]), {}, "none", "k_of_n", "within limits"),
        (history([0.4, 0.0, 0.0, 0.4]), {}, "none", "k_of_n", "1 of the last 3"),
        (history([0.4, 0.0, 0.4]), {}, "retrain", "retrain", "> 0.1 in 2 of the last 3 batches (b04, b06)"),
        (
            history([0.4, "insufficient_data", 0.4]),
            {},
            "retrain",
            "retrain",
            "2 of the last 2 batches (b04, b06)",
        ),
        (history([0.4]), {"breaches": Breaches(k=1, n=1)}, "retrain", "retrain", "in the last batch (b04)"),
        (
            history([0.0] * 3, [0.8, 0.6, 0.6]),
            {},
            "retrain",
            "retrain",
            "live metric 0.6 surely worse than 0.8 on the hold-out (roc_auc) in 2 of",
        ),
        (history([0.0] * 3, [0.6, 0.6, 0.8]), {}, "none", "k_of_n", "needed"),
        (
            history([0.4, 0.0, 0.0], [0.8, 0.8, 0.6]),
            {},
            "none",
            "k_of_n",
            "needed",
        ),  # two kinds do not add up
        (
            history([0.0] * 3, [0.74] * 3),
            {"performance_threshold": 0.75},
            "retrain",
            "retrain",
            "< 0.75 (roc_auc)",
        ),
        (history([0.0] * 3, [0.6] * 3), {"performance_threshold": 0.5}, "none", "k_of_n", "within limits"),
        (history([0.0] * 3), {"max_age": 6}, "retrain", "retrain", "6 batches old"),
        (history([0.0] * 3), {"max_age": 7}, "none", "k_of_n", "within limits"),
        (history(["insufficient_data"]), {"max_age": 4}, "retrain", "retrain", "4 batches old"),
        (history([*BREACHED, "fault"]), {"max_age": 1}, "blocked", "fault", "faulty"),
        (history(BREACHED, attempts=(attempt(6, "in_flight"),)), {}, "none", "in_flight", "in flight"),
        (
            history(BREACHED, attempts=(attempt(4, "keep"),)),
            {"cooldown": 2},
            "none",
            "cooldown",
            "2 of 3 batches",
        ),
        (history(BREACHED, attempts=(attempt(3, "keep"),)), {}, "retrain", "retrain", "drift share"),
        (
            history(BREACHED, attempts=(attempt(6, "keep"),)),
            {"cooldown": 0},
            "none",
            "cooldown",
            "0 of 1 batches",
        ),
        (history(BREACHED, attempts=(attempt(5, "keep"),)), {"cooldown": 0}, "retrain", "retrain", "drift"),
        (
            history(BREACHED, champion=Champion(version=1, as_of_index=4, trained_at=NOW)),
            {"cooldown": 2},
            "none",
            "cooldown",
            "2 of 3 batches",
        ),
        (
            history(BREACHED, attempts=tuple(attempt(i, "promote") for i in (0, 1, 2, 3))),
            {"budget": Budget(retrains=4, batches=12)},
            "none",
            "budget",
            "4 of 4 training runs in the last 12 batches",
        ),
        (
            history(BREACHED, attempts=tuple(attempt(i, "promote") for i in (0, 1, 2, 3))),
            {"budget": Budget(retrains=4, batches=6)},
            "retrain",
            "retrain",
            "drift",
        ),
        (
            history(BREACHED, attempts=(attempt(0, "promote", 2.0), attempt(2, "failed", 0.5))),
            {"budget": Budget(cpu_hours=2.5)},
            "none",
            "cpu_budget",
            "(2) took 2.5 of 2.5 hours of CPU (retraining.budget.cpu_hours), and none is begun by itself until 6",
        ),
        (
            history(BREACHED, attempts=(attempt(0, "promote", 2.0), attempt(2, "failed", 0.5))),
            {"budget": Budget(cpu_hours=2.5, batches=6)},  # the first is no longer among them
            "retrain",
            "retrain",
            "drift",
        ),
        (
            history(BREACHED, attempts=(attempt(0, "promote", 2.0), attempt(2, "promote"))),  # not measured
            {"budget": Budget(cpu_hours=2.5)},
            "retrain",
            "retrain",
            "drift",
        ),
        (
            history(BREACHED, attempts=(attempt(1, "failed"), attempt(2, "keep"), attempt(3, "failed"))),
            {},
            "none",
            "circuit_breaker",
            "10 batches from now",
        ),
        (
            history(BREACHED, attempts=(attempt(1, "keep"), attempt(2, "failed"), attempt(3, "keep"))),
            {},
            "none",
            "not_staleness",
            "look at: ",
        ),
        (
            history(BREACHED, attempts=(attempt(1, "keep"), attempt(2, "promote"), attempt(3, "keep"))),
            {},
            "retrain",
            "retrain",
            "drift",
        ),
        (
            history(BREACHED, attempts=(attempt(2, "keep"), attempt(3, "inconclusive"))),
            {},
            "none",
            "not_staleness",
            "this is not staleness: the last 2 challengers",
        ),
        (
            history(BREACHED, attempts=(attempt(2, "keep"), attempt(3, "inconclusive"))),
            {"max_age": 3},
            "retrain",
            "retrain",
            "max_age",
        ),  # the calendar asks, not an alarm
        (
            history(BREACHED, attempts=tuple(attempt(i, "keep") for i in (0, 1, 2))),
            {"budget": Budget(retrains=4, batches=3)},
            "retrain",
            "retrain",
            "drift",
        ),  # a pause, not the end
    ],
)
def test_each_rule_decides_in_its_turn(
    given: History, policy: dict[str, Any], action: str, rule: str, words: str
) -> None:
    decision = decide(given, **policy)
    assert (decision.action, decision.rule) == (action, rule)
    assert words in "; ".join(decision.reasons)
    assert decision.evidence["now"] == NOW
    assert decision == decide(given.model_copy(update={"batches": given.batches[::-1]}), **policy)


RISEN = SequentialTest(
    loss="log loss", rows=60, total=90.0, mean=2.0, holdout_mean=0.5, allowance=0.1,
    statistic=90.0, threshold=50.0, since="b02", alarm=True, text="The log loss has risen.",
)  # fmt: skip


def small(
    *statuses: str, concept: SequentialTest | None = None, attempts: tuple[Attempt, ...] = ()
) -> History:
    """Batches 4, 5, …, most with too few rows; where a pool suffices its score is surely worse."""
    reports = [
        performance(index, 0.6, status=status, p_value=1e-9, concept=concept)
        for index, status in enumerate(statuses, start=4)
    ]
    batches = tuple(
        BatchEvidence(batch=report.batch, index=index, performance=report)
        for index, report in enumerate(reports, start=4)
    )
    return History(recipe="churn", batches=batches, attempts=attempts, champion=CHAMPION)


FEW, ONCE = "insufficient_data", {"breaches": Breaches(k=1, n=1)}


@pytest.mark.parametrize(
    ("given", "policy", "rule", "words"),
    [
        (small(FEW, FEW, FEW), {}, "minimum_rows", "300 rows"),
        (small(FEW, FEW, FEW, concept=RISEN), {}, "retrain", "The log loss has risen"),
        (small(FEW, "ok", FEW), ONCE, "retrain", "live metric 0.6"),
        (
            small(FEW, "ok", FEW, FEW, attempts=(attempt(5, "keep"),)),
            ONCE,
            "k_of_n",
            "has been tried on this evidence",
        ),
        (small(FEW, "ok", FEW, FEW, attempts=(attempt(5, "failed"),)), ONCE, "retrain", "live metric 0.6"),
        (
            small(FEW, "ok", FEW, FEW, "ok", attempts=(attempt(5, "keep"),)),
            ONCE,
            "retrain",
            "live metric 0.6",
        ),
        (
            small("ok", FEW, FEW, FEW, concept=RISEN, attempts=(attempt(4, "keep"),)),
            ONCE,
            "retrain",
            "has risen",
        ),
    ],
)
def test_small_batches_ask_when_a_pool_or_the_sum_of_losses_suffices_and_once(
    given: History, policy: dict[str, Any], rule: str, words: str
) -> None:
    decision = decide(given, **policy)
    assert decision.rule == rule and words in "; ".join(decision.reasons)


LABELS = tuple((index, 100) for index in range(7))
LEARNED_TWO = Champion(version=1, as_of_index=1, trained_at=NOW, rows=200)


@pytest.mark.parametrize(
    ("given", "training", "policy", "rule", "words"),
    [
        (
            history([0.0] * 3, champion=LEARNED_TWO, labels=LABELS),
            {},
            {},
            "retrain",
            "700 labelled rows are known, 3.5 times",
        ),
        (
            history([0.0] * 3, champion=LEARNED_TWO, labels=LABELS),
            {},
            {"growth": 3.6},
            "k_of_n",
            "within limits",
        ),
        (
            history([0.0] * 3, champion=LEARNED_TWO, labels=LABELS),
            {},
            {"growth": None},
            "k_of_n",
            "within limits",
        ),
        (history([0.0] * 3, champion=LEARNED_TWO, labels=LABELS[:5]), {}, {}, "k_of_n", "within limits"),
        (
            history([0.0] * 3, champion=LEARNED_TWO, labels=LABELS),
            {"window": 5},
            {},
            "k_of_n",
            "within limits",
        ),
        (
            history([0.0] * 3, champion=LEARNED_TWO, labels=LABELS),
            {"window": 6},
            {},
            "k_of_n",
            "within limits",
        ),
        (
            history([0.0] * 3, champion=LEARNED_TWO, labels=LABELS),
            {"window": 7},
            {},
            "retrain",
            "the 200 that were learned",
        ),
        (
            history([0.0] * 3, champion=LEARNED_TWO.model_copy(update={"rows": 0}), labels=LABELS),
            {},
            {},
            "retrain",
            "the 200",
        ),
        (
            history([0.0] * 3, champion=LEARNED_TWO, labels=LABELS, attempts=(attempt(3, "keep"),)),
            {},
            {},
            "k_of_n",
            "within",
        ),
        (
            history([0.0] * 3, champion=LEARNED_TWO, labels=LABELS, attempts=(attempt(3, "failed"),)),
            {},
            {},
            "retrain",
            "3.5",
        ),
        (
            history([0.0] * 3, champion=LEARNED_TWO, labels=LABELS, attempts=(attempt(6, "in_flight"),)),
            {},
            {},
            "in_flight",
            "3.5",
        ),
        (history([0.0, 0.0, "fault"], champion=LEARNED_TWO, labels=LABELS), {}, {}, "fault", "faulty"),
        (history([None] * 3, champion=LEARNED_TWO, labels=LABELS), {}, {}, "retrain", "3.5 times"),
    ],
)
def test_challenger_is_due_when_labelled_rows_have_multiplied(
    given: History, training: dict[str, Any], policy: dict[str, Any], rule: str, words: str
) -> None:
    decision = decide(given, Training(**training), **policy)
    assert decision.rule == rule and words in "; ".join(decision.reasons)


@given(
    st.lists(st.sampled_from(["promote", "keep", "inconclusive"]), min_size=5, max_size=5), st.integers(0, 3)
)
def test_growth_asks_ever_more_seldom(outcomes: list[str], delay: int) -> None:
    """A steady stream: each challenger knows more than three times what the last one knew, whatever becomes of it."""
    champion, attempts = Champion(version=1, as_of_index=delay, trained_at=NOW, rows=100), []
    labels = tuple((index, 100) for index in range(100))
    for index in range(delay + 1, 100):
        batches = (BatchEvidence(batch=f"b{index:02}", index=index, drift=drift(index)),)
        seen = History(
            recipe="churn", batches=batches, attempts=tuple(attempts), champion=champion, labels=labels
        )
        monitoring = Monitoring(label_delay=delay)
        if decide_retrain("churn", Retraining(max_age="off"), monitoring, TRAINING, seen, NOW).retrain:
            attempts.append(attempt(index, outcomes[len(attempts)]))
            if attempts[-1].outcome == "promote":
                champion = Champion(
                    version=2, as_of_index=index, trained_at=NOW, rows=100 * (index - delay + 1)
                )
    assert [each.batch_index + 1 - delay for each in attempts] == [4, 13, 40]


def test_each_rule_has_a_name_and_the_last_one_always_answers() -> None:
    names = [rule.__name__ for rule in RULES]
    assert len(set(names)) == len(names)
    answers = [inspect.signature(rule).return_annotation for rule in RULES]
    assert answers == ["RetrainDecision | None"] * (len(RULES) - 1) + ["RetrainDecision"]


def test_first_model_waits_for_training_first() -> None:
    waiting = history([None], champion=None, labelled_batches=5, labelled_rows=5000)
    assert decide(waiting, Training(first=6)).action == "none"
    assert decide(waiting, Training(first=5)).action == "first"
    refused = waiting.model_copy(update={"attempts": (attempt(4, "keep"),)})
    assert decide(refused).rule == "cooldown"


def test_key_changes_only_when_another_attempt_is_due() -> None:
    first = decide(history(BREACHED))
    again = decide(history(BREACHED))
    after_crash = decide(history(BREACHED, attempts=(attempt(6, "failed"),)))
    assert first.key == again.key == "churn:b06:v1:a0"
    assert after_crash.retrain and after_crash.key == "churn:b06:v1:a1"
    crashes = tuple(attempt(6, "failed") for _ in range(3))
    assert decide(history(BREACHED, attempts=crashes)).rule == "circuit_breaker"


def test_evidence_of_one_batch_counts_once() -> None:
    """Labels that come in two parts give two reports on the same batch: the newer one holds."""
    reports = [performance(5, 0.6, p_value=1e-6), performance(6, 0.6, p_value=1e-6, scored_batch="b04")]
    batches = tuple(
        BatchEvidence(batch=report.batch, index=index, performance=report)
        for index, report in zip((5, 6), reports, strict=True)
    )
    champion = Champion(version=1, as_of_index=0, trained_at=NOW)
    given = History(recipe="churn", batches=batches, attempts=(), champion=champion)
    assert decide(given).rule == "k_of_n"


def test_drift_breach_is_above_the_threshold() -> None:
    policy = Retraining(drift_threshold=0.1)
    assert [drift_breach(drift(1, share), policy) for share in (0.0, 0.1, 0.11)] == [False, False, True]
    assert not drift_breach(drift(1, 0.5, status="fault"), policy)


@pytest.mark.parametrize("columns", [10, 30, 100])
def test_one_column_that_is_the_model_is_a_breach_and_one_that_is_not_is_none(columns: int) -> None:
    """However many columns there are; the reason says by what."""

    def of(weight: float | None, share: float = 1 / columns) -> DriftReport:
        return drift(1, share).model_copy(update={"weight": weight})

    policy = Retraining()
    assert [drift_breach(of(weight), policy) for weight in (0.9, 0.31, 0.3, 0.0, None)] == [
        True,
        True,
        False,
        False,
        False,
    ]
    assert not drift_breach(of(0.9), policy.model_copy(update={"drift_importance": 1.0}))
    assert not drift_breach(of(0.04, share=0.5), policy)
    evidence = tuple(BatchEvidence(batch=f"b{k:02}", index=k, drift=of(0.9)) for k in (4, 5))
    known = history([]).model_copy(update={"batches": evidence})
    assert "with 90% of the importance, > 30%," in " ".join(decide(known).reasons)


@pytest.mark.parametrize(
    ("direction", "value", "p_value", "threshold", "breach"),
    [
        ("maximize", 0.74, 0.5, 0.75, True),
        ("maximize", 0.76, 1e-9, 0.75, False),
        ("minimize", 0.76, 0.5, 0.75, True),
        ("minimize", 0.74, 1e-9, 0.75, False),
        ("maximize", 0.78, 0.001, None, True),  # 2.5 % of 0.8
        ("maximize", 0.78, 0.02, None, False),
        ("maximize", 0.79, 0.001, None, False),
        ("minimize", 0.85, 0.001, None, True),  # 6.25 %
        ("minimize", 0.83, 0.001, None, False),
        ("minimize", 0.70, 0.001, None, False),
    ],
)
def test_performance_breach_follows_the_direction(
    direction: str, value: float, p_value: float, threshold: float | None, breach: bool
) -> None:
    report = performance(3, value, direction=direction, p_value=p_value)
    assert performance_breach(report, Retraining(performance_threshold=threshold)) is breach
    for status in ("waiting", "insufficient_data", "in_sample"):
        late = performance(3, value, status=status, direction=direction, p_value=p_value)
        assert not performance_breach(late, Retraining(performance_threshold=threshold))


evidence = st.lists(
    st.one_of(st.none(), st.sampled_from([0.0, 0.4]), st.sampled_from(["fault", "insufficient_data"])),
    min_size=1,
    max_size=6,
)
policies = st.fixed_dictionaries(
    {
        "cooldown": st.integers(0, 3),
        "max_age": st.one_of(st.sampled_from(["auto", "off"]), st.integers(1, 8)),
        "breaches": st.builds(Breaches, k=st.integers(1, 2), n=st.integers(2, 4)),
        "budget": st.builds(Budget, retrains=st.integers(1, 4), batches=st.integers(1, 12)),
        "circuit_breaker": st.integers(1, 4),
    }
)
outcomes = st.sampled_from(["failed", "promote", "keep", "inconclusive"])


@settings(max_examples=150, deadline=None)
@given(shares=evidence, policy=policies, past=st.lists(st.tuples(st.integers(0, 9), outcomes), max_size=5))
def test_never_when_disabled_in_flight_or_faulty(
    shares: list[Any], policy: dict[str, Any], past: list[tuple[int, str]]
) -> None:
    attempts = tuple(attempt(index, outcome) for index, outcome in past)
    given_history = history(shares, attempts=attempts)
    assert decide(given_history, **policy) == decide(given_history, **policy)
    assert decide(given_history, **policy).rule in {rule.__name__ for rule in RULES}
    assert not decide(given_history, **policy, enabled=False).retrain
    assert not decide(history(shares, attempts=(*attempts, attempt(3, "in_flight"))), **policy).retrain
    assert decide(history([*shares, "fault"], attempts=attempts), **policy).action == "blocked"


@settings(max_examples=60, deadline=None)
@given(
    steps=st.lists(st.tuples(st.sampled_from([0.0, 0.4, 0.4, "fault"]), outcomes), min_size=5, max_size=40),
    policy=policies,
)
def test_budget_and_cooldown_hold_on_every_walk(steps: list[tuple[Any, str]], policy: dict[str, Any]) -> None:
    """Batch by batch, the decision asked three times after each: a crash may be tried again, nothing else."""
    champion = Champion(version=1, as_of_index=0, trained_at=NOW)
    batches: list[BatchEvidence] = []
    attempts: list[Attempt] = []
    for index, (share, outcome) in enumerate(steps, start=1):
        status = share if isinstance(share, str) else None
        report = drift(index, 0.0 if status else share, status=status, version=champion.version)
        batches.append(BatchEvidence(batch=f"b{index:02}", index=index, drift=report))
        for _ in range(3):
            given_history = History(
                recipe="churn", batches=tuple(batches), attempts=tuple(attempts), champion=champion
            )
            if decide(given_history, **policy).retrain:
                attempts.append(attempt(index, outcome))
                if outcome == "promote":
                    champion = Champion(version=champion.version + 1, as_of_index=index, trained_at=NOW)
    budget, cooldown = policy["budget"], policy["cooldown"]
    for last in range(1, len(steps) + 1):
        stretch = range(last - budget.batches + 1, last + 1)
        assert sum(one.batch_index in stretch for one in attempts) <= budget.retrains
    settled = [one.batch_index for one in attempts if one.outcome != "failed"]
    assert all(later - earlier > cooldown for earlier, later in pairwise(settled))


FAILS: list[float | None] = [0.8, 0.6, 0.6]


def guessed(index: int, value: float | None, version: int = 1) -> Estimate:
    return Estimate(batch=f"b{index:02}", champion_version=version, metric="roc_auc", rows=500, value=value)


def live(index: int, value: float | None, guess: Estimate | None = None, **more: Any) -> PerformanceReport:
    """The report at a batch on its own labels; without a value they are still to come."""
    if value is None:
        more |= {"score": None, "p_value": None, "status": "waiting"}
    worse = value is not None and value < 0.76
    known = {"scored_batch": f"b{index:02}", "estimate": guess, "p_value": 1e-6 if worse else 0.5}
    return performance(index, value or 0.0, **known | more)


@pytest.mark.parametrize(
    ("values", "guesses", "rule", "words"),
    [
        ([0.8, 0.8], [None, None], "no_harm", "live roc_auc 0.8, 0.8 in b05, b06, not worse than 0.8"),
        ([0.85, 0.85], [None, None], "no_harm", "drift that does no harm asks for no training"),
        ([0.79, 0.79], [None, None], "no_harm", "not worse"),
        ([0.77, 0.77], [None, None], "retrain", "live roc_auc 0.77, 0.77 in b05, b06, worse than 0.8"),
        ([None, None], [0.8, 0.81], "no_harm", "estimated roc_auc 0.8, 0.81 in b05, b06, without labels"),
        ([None, None], [0.78, 0.78], "retrain", "worse than 0.8"),
        ([None, None], [None, None], "retrain", "neither labels nor an estimate"),
        (
            [0.8, None],
            [0.7, 0.81],
            "no_harm",
            "estimated roc_auc 0.81 in b06",
        ),  # labels over the estimate of b05
        ([0.8, None], [0.8, 0.7], "retrain", "estimated roc_auc 0.7 in b06"),
        ([0.8, None], [None, None], "retrain", "neither"),
        ([0.76, None], [None, 0.9], "retrain", "live roc_auc 0.76 in b05, worse"),
        ([0.8, 0.8], [0.6, 0.6], "no_harm", "live"),
    ],
)
def test_drift_asks_where_it_does_harm_or_nothing_tells(
    values: list[float | None], guesses: list[float | None], rule: str, words: str
) -> None:
    """Batches 5 and 6 drifted; the hold-out's score is 0.8 ± 0.01."""
    batches = tuple(
        BatchEvidence(
            batch=f"b{i:02}", index=i, drift=drift(i, 0.4), performance=live(i, value, guessed(i, guess))
        )
        for i, value, guess in zip((5, 6), values, guesses, strict=True)
    )
    given = History(recipe="churn", batches=batches, attempts=(), champion=CHAMPION)
    decision = decide(given)
    assert decision.rule == rule and words in "; ".join(decision.reasons), decision.reasons
    assert decision.evidence["harm"]["done"] in ((False,) if rule == "no_harm" else (True, None))
    by_age = decide(given, max_age=6)
    assert by_age.retrain and "lasting change" not in by_age.said  # age asks, not drift


def test_harm_of_another_champion_is_none_of_this_one() -> None:
    """Labels and estimates speak of the version that answered."""
    batches = tuple(
        BatchEvidence(
            batch=f"b{i:02}",
            index=i,
            drift=drift(i, 0.4),
            performance=live(i, 0.9, guessed(i, 0.9, version=2), version=2),
        )
        for i in (5, 6)
    )
    given = History(recipe="churn", batches=batches, attempts=(), champion=CHAMPION)
    assert decide(given).retrain


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from([0.0, 0.4]), st.floats(0.8, 0.99)), min_size=2, max_size=8),
    st.fixed_dictionaries({"breaches": st.builds(Breaches, k=st.integers(1, 2), n=st.integers(2, 4))}),
    st.integers(0, 2),
    st.booleans(),
)
def test_drift_that_does_no_harm_never_asks(
    told: list[tuple[float, float]], policy: dict[str, Any], delay: int, by_labels: bool
) -> None:
    """By labels as late as they are, or by estimates alone: unchanged or better is no harm, whatever drifts."""

    def known(labels: bool, guesses: bool) -> History:
        batches = tuple(
            BatchEvidence(
                batch=f"b{i:02}",
                index=i,
                drift=drift(i, share),
                performance=live(
                    i,
                    told[i - delay][1] if labels and i >= delay else None,
                    guessed(i, value if guesses else None),
                    scored_batch=f"b{i - delay:02}",
                ),
            )
            for i, (share, value) in enumerate(told)
        )
        champion = Champion(version=1, as_of_index=-9, trained_at=NOW)
        return History(recipe="churn", batches=batches, attempts=(), champion=champion)

    def rule(given: History) -> str:
        section = Retraining(max_age="off", growth=None, **policy)
        monitoring = Monitoring(label_delay=delay)
        return decide_retrain("churn", section, monitoring, TRAINING, given, NOW).rule

    blind = rule(known(False, False))
    assert blind in ("retrain", "labels_due", "k_of_n")
    expected = "no_harm" if blind == "retrain" else blind
    assert rule(known(by_labels, not by_labels)) == expected


def test_harmless_drift_is_no_trouble_that_unlucky_challengers_add_to() -> None:
    """Two challengers that age had asked for were no better; then the live score falls."""
    scores: list[float | None] = [0.8, 0.8, 0.8, 0.6, 0.6]
    batches = tuple(
        BatchEvidence(
            batch=f"b{i:02}", index=i, drift=drift(i, 0.4 if i < 7 else 0.0), performance=live(i, value)
        )
        for i, value in enumerate(scores, start=4)
    )
    tried = (attempt(4, "keep"), attempt(5, "keep"))
    given = History(recipe="churn", batches=batches, attempts=tried, champion=CHAMPION, metric="roc_auc")
    assert decide(given, max_age="auto").rule == "retrain"


def test_drift_alone_waits_for_labels_of_the_drifted_batches() -> None:
    """Batches 5 and 6 drifted; with labels one batch late those of 6 are not known when 6 has arrived."""
    late, later = Monitoring(label_delay=1), Monitoring(label_delay=2)

    def rule(given: History, monitoring: Monitoring, **policy: Any) -> str:
        section = Retraining(**{"max_age": "off"} | policy)
        return decide_retrain("churn", section, monitoring, TRAINING, given, NOW).rule

    assert rule(history(BREACHED), Monitoring()) == "retrain"
    assert rule(history(BREACHED), late) == "labels_due"
    assert rule(history(BREACHED), late, wait_for_labels=False) == "retrain"
    assert rule(history(BREACHED, FAILS), late) == "retrain"  # labels have spoken
    assert rule(history([*BREACHED, 0.4]), late) == "retrain"
    assert rule(history([*BREACHED, 0.4]), later) == "labels_due"
    assert rule(history([*BREACHED, 0.4, 0.4, 0.4]), later) == "retrain"


def test_a_lucky_holdout_is_one_witness_however_many_batches_look_bad() -> None:
    """Live .76 ± .02 against .80 ± .04: three batches are each p < .01 by themselves, together p is .03."""
    lucky = Score(value=0.8, low=0.76, high=0.84)
    unlucky = [performance(i, 0.76, p_value=0.001, holdout=lucky) for i in (4, 5, 6)]
    assert 0.02 < pooled_p_value(unlucky) < 0.05
    sure = [performance(i, 0.70, p_value=0.001) for i in (4, 5, 6)]
    assert pooled_p_value(sure) < 1e-6
    for reports, rule in ((unlucky, "k_of_n"), (sure, "retrain")):
        batches = tuple(
            BatchEvidence(batch=f"b{i:02}", index=i, performance=report)
            for i, report in enumerate(reports, start=4)
        )
        given = History(recipe="churn", batches=batches, attempts=(), champion=CHAMPION)
        assert decide(given).rule == rule


def test_every_rule_has_words() -> None:
    assert {rule.__name__ for rule in RULES} <= set(RULES_IN_WORDS)
    assert not any("_" in words for words in RULES_IN_WORDS.values())
