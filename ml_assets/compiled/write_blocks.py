"""From a fitted transformer to blocks of plain data."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.compose import ColumnTransformer
from sklearn.impute import MissingIndicator
from sklearn.preprocessing import MinMaxScaler, Normalizer, RobustScaler, StandardScaler

from ml_assets.compiled.inputs import Inputs
from ml_assets.compiled.refusal import NotCompiledError
from ml_assets.compiled.spec import (
    Block,
    Flagged,
    Indicated,
    Multiplied,
    Numbers,
    Paired,
    Scaling,
    Tabled,
)
from ml_assets.features.categories import TypedColumns
from ml_assets.features.outliers import Outliers
from ml_assets.features.preprocessing import encoded_counts, output_columns
from ml_assets.features.treatment import carrier
from ml_assets.features.values import MISSING

Arrays = dict[str, NDArray[Any]]
UNSEEN = "\x00 a level that was not seen \x00"


def blocks(transformer: Any, inputs: Inputs) -> tuple[list[Block], Arrays]:
    """Write down a transformer from `features.preprocessing.build`.

    Raises
    ------
    NotCompiledError
        If a part of it is of another kind.
    """
    if isinstance(transformer, TypedColumns):
        return _typed(transformer, inputs)
    if not isinstance(transformer, ColumnTransformer):
        raise NotCompiledError(f"the preprocessing is a {type(transformer).__name__}")
    _collect_levels(transformer, inputs)
    found: list[Block] = []
    arrays: Arrays = {}
    for branch, steps, columns in transformer.transformers_:
        if branch == "remainder":
            continue
        kind = branch.rstrip("_0123456789")
        if kind not in BRANCHES:
            raise NotCompiledError(f"the preprocessing has a part '{branch}'")
        spec, own = BRANCHES[kind](steps, [str(name) for name in columns], inputs)
        arrays |= {f"block{len(found)}.{name}": values for name, values in own.items()}
        found.append(spec)
    return found, arrays


def _collect_levels(transformer: ColumnTransformer, inputs: Inputs) -> None:
    """Number all levels first: a table has a row for each, whichever part knows it."""
    for branch, steps, columns in transformer.transformers_:
        if branch.startswith("categorical"):
            for name, levels in zip(columns, steps[-1].categories_, strict=True):
                inputs.category(str(name), [*map(str, levels), MISSING])
        elif branch == "pairs":
            crossed = steps.named_steps["several"].pairs
            for (a, b), levels in zip(crossed, steps[-1].categories_, strict=True):
                for name, part in ((a, 0), (b, 1)):
                    halves = [str(level).split(" & ") for level in levels]
                    if any(len(half) != 2 for half in halves):
                        raise NotCompiledError(f"levels of '{a}' or '{b}' hold ' & '")
                    inputs.category(name, [*(half[part] for half in halves), MISSING])


def _numbers(steps: Any, columns: list[str], inputs: Inputs) -> tuple[Block, Arrays]:
    known, arrays = steps.named_steps, Arrays()
    own = list(known["carry"].columns) if "carry" in known else columns
    carried: tuple[int, ...] = ()
    if "carry" in known:
        carried = tuple(inputs.number(carrier(name)) if carrier(name) in columns else -1 for name in own)
    if "clip" in known:
        arrays |= {"low": known["clip"].low_, "high": known["clip"].high_}
    imputer = known["impute"]
    if np.isnan(imputer.statistics_).any():
        raise NotCompiledError("a column of numbers had no value at all")
    arrays["fill"] = imputer.statistics_.astype(np.float64)
    indicated = tuple(map(int, imputer.indicator_.features_)) if imputer.add_indicator else ()
    scaling, more = _scaling(known["scale"]) if "scale" in known else ("none", Arrays())
    places = tuple(inputs.number(name) for name in own)
    block = Numbers(columns=places, carried=carried, indicated=indicated, scaling=scaling)
    return block, arrays | more


def _scaling(scaler: Any) -> tuple[Scaling, Arrays]:
    if isinstance(scaler, StandardScaler):
        return "standard", {"shift": scaler.mean_, "scale": scaler.scale_}
    if isinstance(scaler, MinMaxScaler):
        return "minmax", {"shift": scaler.min_, "scale": scaler.scale_}
    if isinstance(scaler, RobustScaler):
        return "standard", {"shift": scaler.center_, "scale": scaler.scale_}
    if isinstance(scaler, Normalizer):
        return "unit", {}
    raise NotCompiledError(f"numbers are scaled by {type(scaler).__name__}")


def _tabled(steps: Any, columns: list[str], inputs: Inputs) -> tuple[Block, Arrays]:
    """Let the fitted part itself say what becomes of each level, and of one that it never saw."""
    places = tuple(inputs.category(name, ()) for name in columns)
    levels = [[*inputs.levels(place), UNSEEN] for place in places]
    rows = max(map(len, levels))
    frame = pd.DataFrame(
        {name: [*own, *[UNSEEN] * (rows - len(own))] for name, own in zip(columns, levels, strict=True)}
    )
    encoded = np.asarray(steps.transform(frame), dtype=np.float64)
    single = ColumnTransformer([("categorical", steps, columns)])
    single.transformers_, single.output_indices_ = (
        [("categorical", steps, columns)],
        {"categorical": slice(0, encoded.shape[1])},
    )
    own_columns = output_columns(single)
    assert own_columns is not None
    tables = {
        str(k): encoded[: len(levels[k])][:, own_columns.get(name, [])] for k, name in enumerate(columns)
    }
    return Tabled(columns=places), tables


def _paired(steps: Any, columns: list[str], inputs: Inputs) -> tuple[Block, Arrays]:
    crossed, encoder = steps.named_steps["several"].pairs, steps[-1]
    pairs, arrays, first = [], Arrays(), 0
    texts = [[*map(str, levels), UNSEEN] for levels in encoder.categories_]
    rows = max(map(len, texts))
    frame = pd.DataFrame({k: [*own, *[UNSEEN] * (rows - len(own))] for k, own in enumerate(texts)})
    names = getattr(encoder, "feature_names_in_", None)
    frame.columns = pd.Index(names if names is not None else frame.columns)
    encoded = np.asarray(encoder.transform(frame if names is not None else frame.to_numpy()), np.float64)
    widths = [part.stop - part.start for part in _slices(encoder, len(texts))]
    for k, (a, b) in enumerate(crossed):
        places = inputs.category(a, ()), inputs.category(b, ())
        one, two = (inputs.levels(place) for place in places)
        row_of = {text: row for row, text in enumerate(texts[k])}
        codes = np.full((len(one) + 1, len(two) + 1), row_of[UNSEEN], dtype=np.int64)
        for i, left in enumerate(one):
            for j, right in enumerate(two):
                codes[i, j] = row_of.get(f"{left} & {right}", row_of[UNSEEN])
        arrays |= {f"codes{k}": codes, str(k): encoded[: len(texts[k]), first : first + widths[k]]}
        first += widths[k]
        pairs.append(places)
    return Paired(pairs=tuple(pairs)), arrays


def _slices(encoder: Any, features: int) -> list[slice]:
    found: list[slice] = []
    for count in encoded_counts(encoder, features):
        start = found[-1].stop if found else 0
        found.append(slice(start, start + count))
    return found


def _multiplied(steps: Any, columns: list[str], inputs: Inputs) -> tuple[Block, Arrays]:
    known, arrays, order = steps.named_steps, Arrays(), []
    values: list[Numbers] = []
    for name, part, names in known["values"].transformers_:
        if name == "remainder":
            continue
        spec, own = _numbers(part, [str(each) for each in names], inputs)
        assert isinstance(spec, Numbers)
        arrays |= {f"{len(values)}.{key}": array for key, array in own.items()}
        values.append(spec)
        order += list(part.named_steps["carry"].columns) if "carry" in part.named_steps else list(names)
    products = known["several"]
    powers = []
    for a, b in products.pairs:
        power = np.zeros(len(order))
        power[order.index(a)] += 1
        power[order.index(b)] += 1
        powers.append(power)
    if products.powers:
        for own_powers in products.polynomials_.powers_[len(products.powers) :]:
            power = np.zeros(len(order))
            for name, exponent in zip(products.powers, own_powers, strict=True):
                power[order.index(name)] += exponent
            powers.append(power)
    scaling, more = _scaling(known["scale"])
    arrays |= {"powers": np.array(powers), **more}
    return Multiplied(values=tuple(values), scaling=scaling), arrays


def _indicated(steps: Any, columns: list[str], inputs: Inputs) -> tuple[Block, Arrays]:
    indicator = steps[-1]
    assert isinstance(indicator, MissingIndicator)
    return Indicated(columns=tuple(inputs.number(columns[k]) for k in indicator.features_)), {}


def _flagged(steps: Any, columns: list[str], inputs: Inputs) -> tuple[Block, Arrays]:
    flags: Outliers = steps[-1]
    if flags.forest_ is not None:
        raise NotCompiledError("outliers are told by an isolation forest")
    return Flagged(columns=tuple(map(inputs.number, columns))), {"low": flags.low_, "high": flags.high_}


def _typed(transformer: TypedColumns, inputs: Inputs) -> tuple[list[Block], Arrays]:
    """Numbers as they are, and each level as its number."""
    places, arrays = [], Arrays()
    for k, name in enumerate(transformer.categorical):
        known = {level: code for code, level in enumerate(transformer.levels_[name], start=1)}
        place = inputs.category(name, [*known, MISSING])
        codes = [float(known.get(level, 0)) for level in inputs.levels(place)]
        arrays[f"block1.{k}"] = np.array([*codes, 0.0])[:, None]
        places.append(place)
    numbers = Numbers(columns=tuple(map(inputs.number, transformer.numeric)))
    return [numbers, *([Tabled(columns=tuple(places))] if places else [])], arrays


BRANCHES: dict[str, Callable[[Any, list[str], Inputs], tuple[Block, Arrays]]] = {
    "numeric": _numbers,
    "categorical": _tabled,
    "missing": _indicated,
    "outliers": _flagged,
    "products": _multiplied,
    "pairs": _paired,
}
"""By the name of the branch in `features.preprocessing.build`."""
