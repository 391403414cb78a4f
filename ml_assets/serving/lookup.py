"""Features that the rows of a request lack, looked up by the keys of the rows.

What a row says itself counts, a `null` too; a namespace is not asked where the rows have all of its features. Keys and
values have the types of the offline join: a row that is filled is the row that a batch of now would have.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

from ml_assets.recipe.faults import did_you_mean
from ml_assets.serving.body import LONGEST_TEXT, RequestError
from ml_assets.shown import listed, shown
from ml_assets.sources.feature_store.namespaces import Namespace, wanted

if TYPE_CHECKING:
    import pyarrow as pa

    from ml_assets.serving.live import Served
    from ml_assets.sources.feature_store.repository import Repository

Row = Mapping[str, Any]


class Asked(NamedTuple):
    """What one namespace is asked for: columns that a model takes, each with its feature."""

    namespace: Namespace
    features: Mapping[str, str]


class Lookup:
    """Fills what rows lack of the features that some versions of a model take.

    Parameters
    ----------
    within : callable
        Gives a function the repository, and what it returns back; raises RequestError where the store is away.
    versions : sequence of Served
        No two of them join different features as one column.
    """

    def __init__(
        self, within: Callable[[Callable[[Repository], Any]], Any], versions: Sequence[Served]
    ) -> None:
        self._within = within
        self._takes = [(served.way.recipe, served.known.columns) for served in versions]
        self.columns = tuple(
            dict.fromkeys(
                each.column
                for recipe, columns in self._takes
                for each in recipe.model.augmenter.joined
                if each.column in columns
            )
        )
        """Columns that may be looked up."""
        self._asks: tuple[Repository, tuple[Asked, ...]] | None = None
        """What this repository is asked for; another one is asked anew."""

    def __call__(self, rows: Sequence[Row]) -> Sequence[Row]:
        """Fill rows as JSON has them.

        Raises
        ------
        RequestError
            422 with the field where a key is absent or is none, 503 where the store does not answer.
        """
        if all(column in row for row in rows for column in self.columns):
            return rows
        filled: Sequence[Row] = self._within(lambda repository: self._filled(repository, rows))
        return filled

    def table(self, table: pa.Table) -> pa.Table:
        """Fill rows that came as columns with the columns that they lack; raises as a call."""
        import pyarrow as pa

        from ml_assets.sources.feature_store.joined import ARROW

        lacking = [column for column in self.columns if column not in table.column_names]
        if not lacking or not table.num_rows:
            return table

        def look(repository: Repository) -> tuple[dict[str, str], Sequence[Row]]:
            asks = self._asked(repository)
            names = {*self.columns, *(key for each in asks for key in each.namespace.keys)}
            there = [name for name in table.column_names if name in names]
            rows = table.select(there).to_pylist() if there else [{}] * table.num_rows
            kinds = {
                column: ARROW[each.namespace.features[feature] or "text"]
                for each in asks
                for column, feature in each.features.items()
            }
            return kinds, self._filled(repository, rows)

        kinds, rows = self._within(look)
        for column in lacking:
            values = [row[column] for row in rows]
            if kinds[column].startswith("timestamp"):
                values = [value and datetime.fromisoformat(value) for value in values]
            table = table.append_column(column, pa.array(values, kinds[column]))
        return table

    def keys(self, repository: Repository) -> dict[tuple[str, ...], tuple[str, ...]]:
        """Say which columns are looked up by which keys; raises SourceError where the store does not have them."""
        found: dict[tuple[str, ...], tuple[str, ...]] = {}
        for each in self._asked(repository):
            keys = tuple(each.namespace.keys)
            found[keys] = (*found.get(keys, ()), *each.features)
        return found

    def _asked(self, repository: Repository) -> tuple[Asked, ...]:
        if self._asks is None or self._asks[0] is not repository:
            found: dict[str, Asked] = {}
            for recipe, columns in self._takes:
                for each in wanted(recipe, repository.namespaces, repository.functions):
                    taken = {column: feature for feature, column in each.columns.items() if column in columns}
                    before = found.get(each.namespace.name, Asked(each.namespace, {})).features
                    found[each.namespace.name] = Asked(each.namespace, {**before, **taken})
            self._asks = repository, tuple(each for each in found.values() if each.features)
        return self._asks[1]

    def _filled(self, repository: Repository, rows: Sequence[Row]) -> Sequence[Row]:
        """Ask each namespace once, for each entity once."""
        from ml_assets.sources.feature_store.joined import typed

        filled, now = [dict(row) for row in rows], datetime.now(UTC).replace(tzinfo=None)
        for each in self._asked(repository):
            keys = {
                place: tuple(_key(row, name, each, place) for name in each.namespace.keys)
                for place, row in enumerate(filled)
                if not all(column in row for column in each.features)
            }
            known = list(dict.fromkeys(key for key in keys.values() if None not in key))
            asked = [dict(zip(each.namespace.keys, key, strict=True)) for key in known]
            found = (
                repository.kept(each.namespace.name, [*each.features.values()], asked, now) if known else {}
            )
            at = {key: number for number, key in enumerate(known)}
            for column, feature in each.features.items():
                values = [typed(value, each.namespace.features[feature]) for value in found.get(feature, ())]
                for place, key in keys.items():
                    filled[place].setdefault(column, values[at[key]] if key in at else None)
        return filled


def _key(row: Row, name: str, asked: Asked, place: int) -> Any:
    """Value of a key as the store has it: a whole number, or text; None where the row has none."""
    from ml_assets.sources.feature_store.joined import WHOLE, key_text

    field = f"rows[{place}].{name}"
    if name not in row:
        _wrong(
            field,
            f"{listed(asked.features, 5)} {'is' if len(asked.features) == 1 else 'are'} looked up by this key, which "
            f"is missing; null stands for nobody.{did_you_mean(name, list(map(str, row)))}",
        )
    value = row[name]
    if value is None or value != value:
        return None
    if isinstance(value, (list, dict)):
        _wrong(field, "one value is wanted")
    text = key_text(value)
    if len(text) > LONGEST_TEXT:
        _wrong(field, f"a text of at most {LONGEST_TEXT:,} characters is wanted")
    if asked.namespace.keys[name] != "number":
        return text
    if not re.fullmatch(WHOLE, text):
        _wrong(field, f"a whole number is wanted, found {shown(text, 60)!r}")
    return int(text)


def _wrong(field: str, message: str) -> NoReturn:
    raise RequestError(422, "invalid", message, field)
