"""What an operator is told of: each event with its title, and with what to do about it."""

from __future__ import annotations

from typing import Final, Literal

Event = Literal[
    "drift",
    "fault",
    "breach",
    "concept",
    "gap",
    "retrain",
    "not_staleness",
    "budget",
    "failed_run",
    "promotion_refused",
    "promotion_forced",
    "rollback",
    "rollback_failed",
    "broken_recipe",
    "alias_moved",
    "ledger_rebuilt",
    "missing_batch",
    "unreadable",
    "approval",
    "approval_lapsed",
    "suggested",
    "experiment",
]

TITLES: Final[dict[Event, str]] = {
    "drift": "the data have drifted",
    "fault": "the data are faulty",
    "breach": "the live metric is in breach",
    "concept": "its predictions are worse than on the hold-out",
    "gap": "it treats groups of people unequally",
    "retrain": "is trained again",
    "not_staleness": "this is not staleness",
    "budget": "its budget for trainings is spent",
    "failed_run": "a run failed",
    "promotion_refused": "a challenger was refused",
    "promotion_forced": "a version was promoted without the gate",
    "rollback": "rolled back",
    "rollback_failed": "the rollback failed",
    "broken_recipe": "the recipe is broken",
    "alias_moved": "others moved its alias in MLflow",
    "ledger_rebuilt": "its ledger was lost and is made anew",
    "missing_batch": "a batch has not come",
    "unreadable": "the source cannot be read",
    "approval": "a challenger waits for an approval",
    "approval_lapsed": "a challenger waits no more",
    "suggested": "a training is suggested",
    "experiment": "an experiment on live traffic has ended",
}

REMEDIES: Final[dict[Event, str]] = {
    "drift": "ask the owner of these columns what changed{lasts}",
    "fault": "mend the feed and send the batch again; or, if it is meant, `ml-assets accept {model} {batch} REASON`; "
    "training waits",
    "breach": "look at the batch and its labels{lasts}",
    "concept": "if no input has drifted, ask the owner of the labels what changed",
    "gap": "look at the groups in the report of the batch, and at what tells them (`ml-assets validate`): nothing is "
    "trained for it. `ml-assets rollback {model}` takes an earlier version back",
    "retrain": "nothing; the gate decides, and tells only if it refuses the challenger",
    "budget": "nothing: it trains again when batches have passed; `ml-assets costs {model}` says what took how much, "
    "and `ml-assets retrain {model} REASON` trains at once",
    "not_staleness": "look where the reason says; training pauses meanwhile",
    "failed_run": "nothing where the run of a batch was killed: it is begun again, twice at most; else mend what it "
    "says: a batch that is sent again is taken in by itself, any other run is begun again in the web UI",
    "promotion_refused": "nothing where a version is in charge: it stays; else do what `ml-assets status` says",
    "promotion_forced": "nothing, if you know of it; `ml-assets rollback` undoes it",
    "rollback": "nothing; the champion before serves again. `ml-assets explain` has the reason",
    "rollback_failed": "restore the files of the earlier version from a backup, then `ml-assets rollback`",
    "broken_recipe": "mend the file and line that are named; `ml-assets validate` checks it",
    "alias_moved": "accept the version by `ml-assets promote --force`, or set the alias back by `ml-assets rollback`",
    "ledger_rebuilt": "compare it with a backup; decisions before today are lost without one",
    "missing_batch": "ask the owner of the source where it is; it is taken in when it comes",
    "unreadable": "see that the source is there and may be read; nothing is taken in until then",
    "approval": "look at its report, then `ml-assets approve` or `ml-assets refuse`, with the reason",
    "approval_lapsed": "nothing; who is in charge does not change. `ml-assets retrain {model} REASON` makes "
    "another challenger",
    "suggested": "look at the reason, then `ml-assets retrain {model} REASON`, or `ml-assets pause {model} REASON` to "
    "hear no more of it",
    "experiment": "look at its arms: `ml-assets ab status`; who is in charge changes only as the gate or a person says",
}
"""What a person does about each; `remedy` fills it in."""


def remedy(event: Event, model: str, batch: str | None = None, lasts: str = "") -> str:
    """Say what a person does about an event of a model.

    Parameters
    ----------
    event : str
        One of `REMEDIES`.
    model : str
        Its name.
    batch : str, optional
        At which batch.
    lasts : str
        What comes of a drift or a breach that lasts, see `retraining.said.if_it_lasts`.
    """
    return REMEDIES[event].format(model=model, batch=batch or "BATCH", lasts=f"; {lasts}" if lasts else "")


ERRORS: Final[frozenset[Event]] = frozenset({"failed_run", "rollback_failed", "broken_recipe", "unreadable"})
"""Told as errors, at once even where the others come as a digest."""

LASTING: Final[frozenset[Event]] = frozenset(
    {
        "drift",
        "fault",
        "breach",
        "concept",
        "gap",
        "not_staleness",
        "broken_recipe",
        "alias_moved",
        "missing_batch",
        "unreadable",
        "approval",
        "suggested",
    }
)
"""States rather than events: told again while they last."""
