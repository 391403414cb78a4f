"""Columns of numbers that are not written as 1234.5: thousands, decimal commas, currency, cells without a value."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from ml_assets.sources.signs import SIGNS, bare, with_latin_digits

NUMBER_LIKE = 0.8
"""A text column with this share of numbers is a number column with wrong cells in it."""
FIRST_LOOK = 200
"""Values, spread over the column, that tell text from numbers."""

MISSING = ("", "NA", "N/A", "n/a", "#N/A", "NaN", "nan", "null", "NULL", "?")
"""Cells that mean in every column: no value. "unknown" and "None" are values."""
MISSING_NUMBERS = frozenset({
    "", "-", "--", "---", ".", "..", "–", "—", "?", "na", "n/a", "n.a.", "n.a", "#n/a", "<na>", "nan", "-nan", "null",
    "(null)", "\\n", "none", "nil", "nat", "missing", "#value!", "#div/0!", "#num!", "#ref!", "#name?",
})  # fmt: skip
"""Cells, in small letters and without space around, that mean in a column of numbers: no value."""

PLAIN = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$"
GROUPED = {
    "thousands separated by commas": (
        r"^[+-]?[1-9](\d{0,2}(,\d{3})+|\d?(,\d{2})+,\d{3})(\.\d+)?$", r",", None,
    ),
    "decimal comma": (
        r"^[+-]?(\d+|\d{1,3}([.'’ \x{a0}\x{202f}]\d{3})+),\d+([eE][+-]?\d+)?$", r"[.'’ \x{a0}\x{202f}]", ",",
    ),
    "thousands separated by points": (r"^[+-]?[1-9]\d{0,2}(\.\d{3}){2,}$", r"\.", None),
    "thousands separated by spaces or apostrophes": (
        r"^[+-]?[1-9]\d{0,2}(['’ \x{a0}\x{202f}]\d{3})+(\.\d+)?$", r"['’ \x{a0}\x{202f}]", None,
    ),
}  # fmt: skip
"""Ways to write numbers: pattern of one, what stands between its digits, and its decimal mark."""
THOUSANDS, DECIMAL_COMMA, POINTS = list(GROUPED)[:3]
"""The first two can read one number, 1,234, in two ways."""
MAY_STAND_BESIDE = {
    "thousands separated by commas": PLAIN,
    "decimal comma": r"^[+-]?(\d+([eE][+-]?\d+)?|[1-9]\d{0,2}([.'’ \x{a0}\x{202f}]\d{3})+)$",
    "thousands separated by points": r"^[+-]?[1-9]\d{0,2}(\.\d{3})*$",
    "thousands separated by spaces or apostrophes": PLAIN,
}
"""Numbers below a thousand, or without a fraction, are written alike everywhere."""
POINTED = r"^[+-]?[1-9]\d{0,2}(\.\d{3})+$"
BELOW_THOUSAND = r"^[+-]?\d{1,3}$"
MANY = 60
"""Numbers, all with three digits behind a point, which of fractions would have lost a last zero."""


class Form(NamedTuple):
    """How the numbers of a column are written."""

    name: str
    """`plain`, or a key of `GROUPED`."""
    beside: tuple[str, ...] = ()
    """Words for what stands with the numbers, and is left out: a currency, parentheses."""
    share: float = 1.0
    """Share of the values that are numbers in this form."""
    row: int = 0
    """Place of the first cell that no other form fits."""
    cell: str = ""
    """What is written there."""
    sign: str = ""
    """The currency of the numbers, or %."""


class Mended(NamedTuple):
    """A column, and what was read otherwise than it is written."""

    column: pa.ChunkedArray
    missing: dict[str, int]
    """Cells that were taken as missing, how often."""
    form: Form | None
    """How its numbers are written; None for text."""


def form_of(column: pa.ChunkedArray, *, commas: bool = False) -> Form | None:
    """How the numbers of a text column are written; None where fewer than 80 % are numbers, or all have a plus.

    Parameters
    ----------
    column : ChunkedArray of string
    commas : bool
        Whether 1,234 is 1.234 rather than 1234 where nothing else tells.

    >>> form_of(pa.chunked_array([["1,5", "12,25", "-"]])).name
    'decimal comma'
    """
    known = column.drop_null()
    if not len(known) or not _may_be_numbers(known):
        return None
    counted = pc.value_counts(known.combine_chunks())
    values, counts = pc.utf8_trim_whitespace(counted.field("values")), counted.field("counts")
    there = pc.invert(pc.is_in(pc.utf8_lower(values), value_set=pa.array(sorted(MISSING_NUMBERS))))
    values, counts = values.filter(there), counts.filter(there)
    total = pc.sum(counts).as_py()
    if not total or pc.all(pc.starts_with(values, "+")).as_py():  # +49 171 123 is a telephone
        return None
    values, beside, sign = bare(values)

    def share(pattern: str) -> float:
        fits = pc.match_substring_regex(values, pattern)
        return float((pc.sum(counts.filter(fits)).as_py() or 0) / total)

    plain = share(PLAIN)
    best = Form("plain", beside, plain, sign=sign)
    if plain < 1:
        order = sorted(GROUPED, key=lambda name: name != DECIMAL_COMMA) if commas else GROUPED
        for name in order:
            own = share(GROUPED[name][0])
            if own and (both := share(f"{GROUPED[name][0]}|{MAY_STAND_BESIDE[name]}")) > best.share:
                best = Form(name, beside, both, sign=sign)
    return best if best.share >= NUMBER_LIKE else None


def forms_of(table: pa.Table, *, commas: bool = False) -> dict[str, Form]:
    """How the numbers of a file's text columns are written; see `form_of`.

    One file is written in one country: where a column has decimal commas, 1,234 in another is 1.234.
    """
    forms = {
        name: form for name in table.column_names if (form := form_of(table[name], commas=commas)) is not None
    }
    if not commas and any(form.name == DECIMAL_COMMA for form in forms.values()):
        forms = {
            name: form_of(table[name], commas=True) or form if _is_ambiguous(table[name]) else form
            for name, form in forms.items()
        }
    return {name: _placed(form, table[name]) for name, form in forms.items()}


def may_hide_thousands(column: pa.ChunkedArray) -> bool:
    """Whether fractions could be thousands: none has more than three digits, and none lies between 0 and 1.

    >>> may_hide_thousands(pa.chunked_array([[1.234, 987.0]])), may_hide_thousands(pa.chunked_array([[0.5, 2.0]]))
    (True, False)
    """
    known = column.drop_null()
    thousandths = pc.multiply(known, 1000.0)
    fractions = pc.not_equal(pc.floor(known), known)
    whole = pc.less(pc.abs(pc.subtract(thousandths, pc.round(thousandths))), 1e-6)
    small = pc.and_(fractions, pc.less(pc.abs(known), 1.0))
    return bool(pc.any(fractions).as_py() and pc.all(whole).as_py() and not pc.any(small).as_py())


def thousands_by_points(column: pa.ChunkedArray, *, decimal_commas: bool) -> Form | None:
    """Form of a text column in which 1.234 is 1234: each point stands before three digits, below there is none.

    Parameters
    ----------
    column : ChunkedArray of string
    decimal_commas : bool
        Whether other columns of the file have decimal commas, so that no point is one; else many numbers
        must say so, some of them below a thousand.
    """
    known = bare(pc.utf8_trim_whitespace(column.drop_null().combine_chunks())).values
    gone = pc.is_in(pc.utf8_lower(known), value_set=pa.array(sorted(MISSING_NUMBERS)))
    known = known.filter(pc.invert(gone))
    pointed = pc.match_substring_regex(known, POINTED)
    below = pc.match_substring_regex(known, BELOW_THOUSAND)
    times = pc.sum(pointed).as_py() or 0
    if not times or not pc.all(pc.or_(pointed, below)).as_py():
        return None
    sure = decimal_commas or (times >= MANY and pc.any(below).as_py())
    return Form(POINTS) if sure else None


def unspoiled(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Take a column of numbers as numbers again where its wrong cells lie outside the window."""
    if not pa.types.is_string(column.type):
        return column
    mended = mend(column, Form("plain")).column
    return column if pa.types.is_string(mended.type) else mended.cast(pa.float64())


def _placed(form: Form, column: pa.ChunkedArray) -> Form:
    if form.name == "plain":
        return form
    values = bare(pc.utf8_trim_whitespace(column.combine_chunks())).values
    row = pc.index(pc.match_substring_regex(values, GROUPED[form.name][0]), True).as_py()
    return form._replace(row=row, cell=column[row].as_py())


def _is_ambiguous(column: pa.ChunkedArray) -> bool:
    """Whether all numbers with a comma could be thousands as well as fractions, as 1,234."""
    known = pc.utf8_trim_whitespace(column.drop_null())
    with_comma = known.filter(pc.match_substring(known, ","))
    return bool(pc.all(pc.match_substring_regex(with_comma, r"^\D?[1-9]\d{0,2},\d{3}\D?$")).as_py())


def mend(column: pa.ChunkedArray, form: Form) -> Mended:
    """Numbers of a text column; text with plainly written numbers where some values are none.

    >>> mend(pa.chunked_array([["1,5", "-", "2"]]), Form("decimal comma")).column.to_pylist()
    [1.5, None, 2.0]
    """
    coded = column.combine_chunks().dictionary_encode()
    values = pc.utf8_trim_whitespace(coded.dictionary)
    gone = pc.is_in(pc.utf8_lower(values), value_set=pa.array(sorted(MISSING_NUMBERS)))
    numbers = bare(values).values
    if form.name != "plain":
        between, decimal = GROUPED[form.name][1:]
        fits = pc.match_substring_regex(numbers, GROUPED[form.name][0] + "|" + MAY_STAND_BESIDE[form.name])
        written = pc.replace_substring_regex(numbers, between, "")
        written = pc.replace_substring(written, decimal, ".") if decimal else written
        numbers = pc.if_else(fits, written, numbers)
    is_number = pc.match_substring_regex(numbers, f"{PLAIN}|(?i)^[+-]?inf(inity)?$")
    wrong = pc.invert(pc.or_(is_number, gone))
    counts = _counts(coded.indices)
    texts = coded.dictionary.to_pylist()
    missing = {
        texts[place]: counts[place] for place in pc.indices_nonzero(gone).to_pylist() if counts.get(place)
    }
    if any(counts.get(place) for place in pc.indices_nonzero(wrong).to_pylist()):
        kept = pc.if_else(is_number, numbers, coded.dictionary)
        kept = pc.if_else(gone, pa.scalar(None, pa.string()), kept)
        return Mended(pa.chunked_array([kept.take(coded.indices)]), missing, form)
    plain = pc.if_else(is_number, numbers, pa.scalar(None, pa.string()))
    return Mended(pa.chunked_array([_numbers(plain).take(coded.indices)]), missing, form)


def mend_columns(table: pa.Table, forms: Mapping[str, Form]) -> tuple[pa.Table, list[str]]:
    """Text columns that are numbers as numbers, text where cells are wrong; words for what was done."""
    if not forms:
        return table, []
    mended = {name: mend(table[name], form) for name, form in forms.items()}
    columns = {name: mended[name].column if name in mended else table[name] for name in table.column_names}
    return pa.table(columns), [note for name, result in mended.items() for note in told(name, result)]


def told(name: str, mended: Mended) -> Iterable[str]:
    """Words for what was read otherwise than it is written."""
    form = mended.form
    if form is not None and form.name != "plain":
        yield f"column '{name}': {form.name} read as numbers"
    for words in form.beside if form is not None else ():
        yield f"column '{name}': {words}"
    if mended.missing:
        yield missing_words(name, mended.missing)


def missing_words(name: str, missing: dict[str, int]) -> str:
    """Words for cells that were taken as missing.

    >>> missing_words("x", {" ": 11, "-": 1})
    "column 'x': 12 cells read as missing (blank 11, '-' 1)"
    """
    blank = sum(times for text, times in missing.items() if not text.strip())
    rest = sorted(
        ((text, times) for text, times in missing.items() if text.strip()), key=lambda pair: -pair[1]
    )
    named = [f"blank {blank:,}"] * bool(blank) + [f"'{text.strip()}' {times:,}" for text, times in rest[:5]]
    count = sum(missing.values())
    return f"column '{name}': {count:,} cell{'s' * (count > 1)} read as missing ({', '.join(named)})"


def _may_be_numbers(known: pa.ChunkedArray) -> bool:
    step = max(1, len(known) // FIRST_LOOK)
    sample = known.take(pa.array(range(0, len(known), step)))
    values = pc.utf8_lower(pc.utf8_trim_whitespace(with_latin_digits(sample)))
    digits = pc.match_substring_regex(
        values, rf"^'?\(?[+\x{{2212}}\x{{2013}}-]?{SIGNS}? ?[+-]?[.,]?\d[^a-df-z:/]*{SIGNS}?\)?$"
    )
    none = pc.is_in(values, value_set=pa.array(sorted(MISSING_NUMBERS)))
    return bool(pc.mean(pc.or_(digits, none).cast(pa.int8())).as_py() >= NUMBER_LIKE / 2) and bool(
        pc.any(digits).as_py()
    )


def _numbers(texts: pa.Array) -> pa.Array:
    whole = pc.all(pc.match_substring_regex(texts.drop_null(), r"^[+-]?\d{1,18}$")).as_py()
    unsigned = pc.replace_substring_regex(texts, r"^\+", "")
    return unsigned.cast(pa.int64() if whole else pa.float64())


def _counts(indices: pa.Array) -> dict[int, int]:
    counted = pc.value_counts(indices.drop_null())
    return dict(zip(counted.field("values").to_pylist(), counted.field("counts").to_pylist(), strict=True))
