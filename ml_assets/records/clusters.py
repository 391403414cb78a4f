"""What the clusters of a clustering are like."""

from __future__ import annotations

from ml_assets.records.base import Record
from ml_assets.shown import figure, shown


class ClusterProfile(Record):
    """A column of a cluster: the mean of its rows beside that of all, or the share of a level."""

    column: str
    own: float
    all: float
    level: str | None = None
    """Level of a category that is more frequent in the cluster than elsewhere; None of a number."""


class ClusterPart(Record):
    """A cluster on the hold-out; `profile` are the columns in which it is most unlike all rows."""

    name: str
    rows: int
    share: float
    silhouette: float | None
    """Mean of its rows; None where all rows are of one cluster."""
    profile: tuple[ClusterProfile, ...] = ()

    @property
    def told(self) -> str:
        """What its rows are like, in words.

        >>> profile = (ClusterProfile(column="age", own=61, all=40.5),)
        >>> ClusterPart(name="0", rows=5, share=0.1, silhouette=0.3, profile=profile).told
        'age 61 (all rows 40.5)'
        """
        return ", ".join(
            f"{shown(each.column, 40)} {figure(each.own, 3)} (all rows {figure(each.all, 3)})"
            if each.level is None
            else f"{shown(each.column, 40)} {shown(each.level, 40)} {each.own:.0%} (all rows {each.all:.0%})"
            for each in self.profile
        )
