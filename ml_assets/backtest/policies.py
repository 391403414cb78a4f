"""Policies to compare: each is a `retraining` section, the evidence it may see, or a list of dates.

All but the calendars with given dates are decided by the very `decide_retrain` that the sensor calls.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from ml_assets.recipe.schema import Breaches, Budget, PromotionSection, Recipe, Retraining
from ml_assets.records.policies import NEVER, RECIPE

When = Literal["auto", "better", "not_worse"]
OTHER: dict[When, When] = {"auto": "not_worse", "better": "not_worse", "not_worse": "better"}
WORDS: dict[When, str] = {"better": "only if better", "not_worse": "unless worse"}
Evidence = Literal["drift", "performance"]
BOTH: tuple[Evidence, ...] = ("drift", "performance")
CALENDARS = (1, 2, 4, 8)
AGES = (3, 6)
"""Ages in batches at which a policy that waits for evidence may be told to train at the latest."""

DEFAULTS, PROMOTION = Retraining(), PromotionSection()
AT_ONCE = DEFAULTS.model_copy(
    update={
        "cooldown": 0,
        "budget": Budget(retrains=10**6, batches=1),
        "circuit_breaker": 10**6,
        "growth": None,
        "max_age": "off",
        "wait_for_labels": False,
    }
)
"""The defaults without anything that holds a retrain back."""


@dataclass(frozen=True)
class Policy:
    """When to train again, and what a challenger must show.

    Parameters
    ----------
    name : str
    retraining : Retraining
        The section that `decide_retrain` reads.
    sees : tuple of {"drift", "performance"}
        Reports that it may look at.
    dates : tuple of str, optional
        Batches at which to train; given, nothing else counts.
    when : {"auto", "better", "not_worse"} or None
        `promotion.when`; None: every challenger is promoted, without gate and probation.
    """

    name: str
    retraining: Retraining = DEFAULTS
    sees: tuple[Evidence, ...] = BOTH
    dates: tuple[str, ...] | None = None
    when: When | None = "auto"

    @property
    def learns(self) -> bool:
        """Whether it goes by how fast the model ages."""
        by_age = self.dates is None and self.retraining.on and self.retraining.max_age == "auto"
        return by_age or self.when == "auto"

    def promotion_of(self, recipe: Recipe) -> PromotionSection | None:
        """What a challenger must show, as the recipe's `promotion` section."""
        return None if self.when is None else with_when(recipe.promotion, self.when)


def with_when(promotion: PromotionSection, when: When) -> PromotionSection:
    """Return the section with another burden of proof; `not_worse` asks for no least gain."""
    least = 0.0 if when == "not_worse" else promotion.min_gain
    return promotion.model_copy(update={"when": when, "min_gain": least})


def calendar(every: int) -> Policy:
    """Train every so many batches and promote what comes out, as a scheduler does."""
    name = "every batch" if every == 1 else f"every {every} batches"
    return Policy(name, AT_ONCE.model_copy(update={"max_age": every}), (), when=None)


def standard_policies(recipe: Recipe) -> list[Policy]:
    """All that are compared: never, calendars, the literal thresholds, and less or more evidence.

    The recipe's own section is tried as it is, bolder (one breach is enough) and calmer (twice the cooldown),
    each also with an upper limit to the champion's age: where a model ages faster than evidence of it can
    gather, only age helps. All that again with the other `promotion.when`.
    """
    when = recipe.promotion.when
    literal = {
        "performance_threshold": 0.8,
        "drift_threshold": 0.1,
        "drift_importance": 1.0,
        "breaches": Breaches(k=1, n=1),
    }
    return [
        Policy(NEVER, DEFAULTS.model_copy(update={"enabled": False}), (), when=None),
        *map(calendar, CALENDARS),
        Policy("literal thresholds", AT_ONCE.model_copy(update=literal), when=None),
        Policy("drift only", AT_ONCE, ("drift",), when=None),
        Policy("performance only", AT_ONCE, ("performance",), when=None),
        Policy("k of n", AT_ONCE, when=None),
        *own_policies(recipe.retraining, when),
        *(
            replace(policy, name=f"{policy.name}, {WORDS[OTHER[when]]}")
            for policy in own_policies(recipe.retraining, OTHER[when])
        ),
    ]


def own_policies(section: Retraining, when: When = "auto") -> list[Policy]:
    """The recipe's section, bolder and calmer, without and with a limit of age."""
    bases = {
        RECIPE: section,
        "one breach": section.model_copy(update={"breaches": Breaches(k=1, n=1)}),
        "calm": section.model_copy(update={"cooldown": 2 * max(section.cooldown, 1)}),
    }
    policies = [Policy(name, base, when=when) for name, base in bases.items()]
    for age in AGES:
        policies += [
            Policy(f"{name}, {age} batches old at most", base.model_copy(update={"max_age": age}), when=when)
            for name, base in bases.items()
            if isinstance(base.max_age, str) or age < base.max_age
        ]
    return policies


def same_number(of: str, retrains: int, batches: Sequence[str]) -> Policy:
    """Space a calendar evenly over the batches, with as many retrains as another policy made.

    >>> same_number("k of n", 2, ["a", "b", "c", "d", "e", "f"]).dates
    ('b', 'd')
    """
    count = len(batches)
    places = sorted({round((place + 1) * count / (retrains + 1)) - 1 for place in range(retrains)})
    dates = tuple(batches[max(place, 0)] for place in places)
    return Policy(f"calendar with the retrains of {of}", dates=dates, when=None)


def section_of(policy: Policy, promotion: PromotionSection = PROMOTION) -> str | None:
    """The policy as sections of a recipe, in YAML; None for one that no section says exactly.

    `retraining`, and `promotion` where the policy has another `when` than the recipe's section given.

    >>> section_of(Policy("bold", Retraining(breaches=Breaches(k=1, n=1), max_age=3)))
    'retraining: {breaches: {k: 1, n: 1}, max_age: 3}'
    >>> print(section_of(Policy("lenient", Retraining(max_age=3), when="not_worse")))
    retraining: {max_age: 3}
    promotion: {when: not_worse}
    """
    if policy.retraining.on and policy.when is None:
        return None
    lines = [_line("retraining", policy.retraining)]
    if policy.when is not None and policy.when != promotion.when:
        lines.append(_line("promotion", with_when(promotion, policy.when)))
    return "\n".join(lines)


def _line(name: str, section: Retraining | PromotionSection) -> str:
    import yaml

    given = section.model_dump(mode="json", exclude_defaults=True)
    return f"{name}: {yaml.safe_dump(given, default_flow_style=True, sort_keys=False, width=10**6).strip()}"
