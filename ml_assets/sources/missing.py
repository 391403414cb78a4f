"""Values that the recipe calls missing (`loader.na_values`), taken out of typed columns."""

from __future__ import annotations

from collections.abc import Collection
from decimal import Decimal, InvalidOperation

import pyarrow as pa
import pyarrow.compute as pc


def without_values(table: pa.Table, na_values: Collection[str]) -> pa.Table:
    """Table without the values that the recipe calls missing."""
    if not na_values:
        return table
    for place, field in enumerate(table.schema):
        column = table[field.name]
        if pa.types.is_string(field.type):
            gone = pc.is_in(column, value_set=pa.array(list(na_values), pa.string()))
        elif pa.types.is_integer(field.type) or pa.types.is_floating(field.type):
            gone = pc.is_in(column, value_set=_numbers(na_values, field.type))
        else:
            continue
        table = table.set_column(place, field.name, pc.if_else(gone, pa.scalar(None, field.type), column))
    return table


def _numbers(words: Collection[str], kind: pa.DataType) -> pa.Array:
    """Those of the words that are values of a type; whole numbers never pass through a float."""
    numbers = [Decimal(word) for word in words if _is_number(word)]
    if pa.types.is_floating(kind):
        return pa.array([float(number) for number in numbers], kind)
    bits = kind.bit_width
    least, beyond = (
        (0, 2**bits) if pa.types.is_unsigned_integer(kind) else (-(2 ** (bits - 1)), 2 ** (bits - 1))
    )
    return pa.array(
        [int(number) for number in numbers if least <= number < beyond and number == int(number)], kind
    )


def _is_number(word: str) -> bool:
    try:
        return not Decimal(word).is_nan()
    except InvalidOperation:
        return False
