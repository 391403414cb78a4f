"""Who serves in a replay: challengers ask the gate, a new champion has its probation, as live.

A model without the newest rows asks, on those of them that the champion has not learned; the one fitted on the
whole window serves. Models are not kept, so the gate's limits to time and size are not replayed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import pandas as pd

from ml_assets.backtest.fits import Fit, Fits
from ml_assets.promotion.ageing import learned_part
from ml_assets.promotion.gate import decide_promotion
from ml_assets.promotion.judged import Past, judged
from ml_assets.promotion.probation import decide_probation
from ml_assets.records import Attempt, Champion, Comparison, Probation, Promotion
from ml_assets.search.candidates import by_time
from ml_assets.tasks.several import has_labels
from ml_assets.training.splits import judging_rows

if TYPE_CHECKING:
    from ml_assets.backtest.stream import Stream
    from ml_assets.recipe.schema import PromotionSection


@dataclass(frozen=True)
class Serving:
    """The model in charge: its fit, since which batch, under which version."""

    fit: Fit
    as_of: str
    version: int


def served_rows(stream: Stream, fit: Fit, batch: str) -> pd.DataFrame:
    """Predictions of a fit for a batch after its training window."""
    first, after = stream.spans[batch]
    return fit.live.loc[first : after - 1]


@dataclass
class Succession:
    """Champions one after another, and how each training ended.

    Parameters
    ----------
    fits : Fits
    first : Serving
        The first model, in charge without a gate.
    promotion : PromotionSection or None
        What a challenger must show; None: nothing, each that could be fitted is promoted.
    comparisons : list of Comparison
        What refits on history told of ageing at first; what each gate and probation tells is put behind.
    """

    fits: Fits
    first: Serving
    promotion: PromotionSection | None
    attempts: list[Attempt] = field(default_factory=list)
    promotions: list[Promotion] = field(default_factory=list)
    probations: list[Probation] = field(default_factory=list)
    comparisons: list[Comparison] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._line = [self.first]
        self._versions = self.first.version
        self._looks: dict[int, int] = {}
        self._undone: dict[int, list[Fit]] = {}
        self._place: dict[int, int] = {}
        self._watched = False

    @property
    def champion(self) -> Serving:
        """The model in charge."""
        return self._line[-1]

    @property
    def record(self) -> Champion:
        """It, as a decision sees it."""
        now, recipe = self.champion, self.fits.stream.recipe
        return Champion(
            version=now.version,
            as_of_index=self.fits.stream.index(now.as_of),
            trained_at=now.as_of,
            rows=0 if recipe.training.window == "auto" else now.fit.record.rows,
        )

    def ask(self, challenger: Fit, batch: str) -> None:
        """Put a challenger in charge if the gate lets it, and write down how the training ended."""
        missed = self.promotion is not None and challenger.record.targets_missed
        failed = challenger.record.failed is not None or missed
        self._versions += 1
        outcome: str = "failed" if failed else "promote"
        if self.promotion is not None and not failed:
            promotion = self._judged(challenger, self.promotion, batch)
            self.promotions.append(promotion)
            if promotion.comparison is not None:
                self.comparisons.append(promotion.comparison)
            outcome = promotion.outcome
        self.attempts.append(
            Attempt.model_validate(
                {"batch_index": self.fits.stream.index(batch), "outcome": outcome, "at": batch}
            )
        )
        if outcome == "promote":
            self._place[self._versions] = len(self.attempts) - 1
            self._line.append(Serving(challenger, batch, self._versions))
            self._watched = self.promotion is not None and self.promotion.probation > 0

    def _past(self, older: Fit, newer: Fit, batch: str, part: float = 1.0) -> Past:
        """What is known when two fits are compared at a batch; the newer learned a part of what is new to the older."""
        last, now = older.record.batches[-1], newer.record.batches[-1]
        batches = sum(last < each <= now for each in self.fits.stream.labels)
        return Past(tuple(self.comparisons), self.fits.stream.index(batch), part * batches)

    def _judged(self, challenger: Fit, section: PromotionSection, batch: str) -> Promotion:
        recipe, stream, champion = self.fits.stream.recipe, self.fits.stream, self.champion
        tested = challenger.tested
        window = stream.rows_of(challenger.record.batches)
        new = int(has_labels(window.loc[window.index.isin(champion.fit.live.index), recipe.target]).sum())
        if by_time(recipe):
            count = judging_rows(len(tested), new, section.min_rows)
            if count < len(tested):
                tested = self.fits.tested(challenger.record.batches, count)
        unseen = tested.index.intersection(champion.fit.live.index)
        for undone in self._undone.get(champion.version, ()):
            unseen = unseen.difference(undone.tested.index)
        looks = self._looks.get(champion.version, 0)
        assert challenger.record.evaluation is not None
        asked = judged(
            stream.rows.loc[unseen],
            champion.fit.live.loc[unseen],
            tested.loc[unseen],
            recipe,
            self.fits.roles(challenger.record.batches).features,
            champion_version=champion.version,
            looks=looks,
        )
        promotion = decide_promotion(
            replace(asked, past=self._past(champion.fit, challenger, batch, learned_part(new, len(tested)))),
            self.fits.measure,
            section,
            challenger.record.evaluation,
        )
        if promotion.champion_score is not None:
            self._looks[champion.version] = looks + 1
        return promotion

    def watch(self, batch: str, served: Mapping[str, Serving]) -> None:
        """Judge a new champion on its first live labels; one that is surely worse gives way to the one before."""
        if not self._watched or self.promotion is None:
            return
        stream, (previous, new) = self.fits.stream, self._line[-2:]
        recipe = stream.recipe
        known: list[str] = []
        rows = 0
        for label in served:
            enough = len(known) >= self.promotion.probation and rows >= self.promotion.min_rows
            if served[label] is not new or label > stream.labelled_until(batch) or enough:
                continue
            labelled = stream.labelled_rows.get(label, 0)
            if labelled:
                known.append(label)
                rows += labelled
        if not known:
            return
        frame = pd.concat([stream.rows.iloc[slice(*stream.spans[label])] for label in known])
        frame = frame[has_labels(frame[recipe.target])]
        asked = judged(frame, previous.fit.live.loc[frame.index], new.fit.live.loc[frame.index], recipe)
        decision = decide_probation(
            replace(asked, past=self._past(previous.fit, new.fit, batch)),
            self.fits.measure,
            self.promotion,
            known,
            new.version,
            previous.version,
        )
        self.probations.append(decision)
        if decision.comparison is not None:
            self.comparisons.append(decision.comparison)
        self._watched = decision.outcome == "watching"
        if decision.outcome == "rollback":
            self._line.pop()
            self._undone.setdefault(previous.version, []).append(new.fit)
            # It was beaten after all, when its labels came.
            undone = {"outcome": "keep", "batch_index": stream.index(batch)}
            place = self._place[new.version]
            self.attempts[place] = self.attempts[place].model_copy(update=undone)
