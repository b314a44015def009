"""How the values of a column are counted: into the same bins on each day, so that days can be compared. Pure.

The bins come from reference days: ten parts with as many values each for numbers and times, one for each frequent value of a
column with few different ones. A value that is none of these, a null, a NaN and a value of another type have bins of their own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as types

from modeldata.read.profile import is_number, is_text, is_time

if TYPE_CHECKING:
    from collections.abc import Sequence

NUMBER, TIME, CATEGORY, UNIQUE, OTHER = "number", "time", "category", "near-unique", "other"
TENTHS = tuple(part / 10 for part in range(1, 10))
BARS = 20
"""Bars of a histogram between the ends of the reference; one more on each side has what lies beyond."""
FEW = 20
"""Numbers with at most so many different values are counted value by value."""
MOST_VALUES = 50
"""Values of text that have a bin of their own: the most frequent ones."""
NEAR_UNIQUE = 0.5
"""From this share of different values on, text is not compared, and none of it is shown or kept."""
LONGEST = 200
"""Characters of text that are compared."""
_UNITS = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}

Floats = np.ndarray[Any, np.dtype[np.float64]]


class Plain(NamedTuple):
    """The values of a column in the one form in which they are counted: without nulls, numbers without NaN and infinities.

    kind: NUMBER, TIME (seconds since 1970), CATEGORY (text) or OTHER (only counted).
    """

    kind: str
    rows: int
    nulls: int
    odd: int = 0
    numbers: Floats = np.empty(0)
    texts: pa.Array = None


def plain(column: pa.Array | pa.ChunkedArray) -> Plain:
    """A column of any type."""
    rows, nulls, kind = len(column), column.null_count, column.type
    if is_number(kind):
        return _numbers(NUMBER, rows, nulls, np.asarray(column.drop_null().cast(pa.float64(), safe=False), np.float64))
    if is_time(kind):
        stamps = column.drop_null()
        if types.is_date(kind):
            stamps = stamps.cast(pa.timestamp("ms"), safe=False)
        return _numbers(TIME, rows, nulls, np.asarray(stamps.cast(pa.int64()), np.float64) / _UNITS[stamps.type.unit])
    if is_text(kind):
        texts = column.drop_null().cast(pa.large_string())
        return Plain(CATEGORY, rows, nulls, texts=pc.utf8_slice_codeunits(texts, 0, LONGEST))
    return Plain(OTHER, rows, rows if types.is_null(kind) else nulls)


def _numbers(kind: str, rows: int, nulls: int, values: Floats) -> Plain:
    finite = values[np.isfinite(values)]
    return Plain(kind, rows, nulls, len(values) - len(finite), finite)


class Scale(NamedTuple):
    """The bins of a column. edges: upper ends of tenths, each included. low, high: of the bars. values, numbers: those that are
    counted one by one, as text and (of numbers, sorted) as numbers."""

    kind: str
    edges: tuple[float, ...] = ()
    low: float = 0.0
    high: float = 0.0
    values: tuple[str, ...] = ()
    numbers: tuple[float, ...] = ()

    @property
    def bins(self) -> list[str]:
        """The name of each bin of `Counted.bins`, in order."""
        own = ["null", "not a finite number", "another type"]
        if self.kind in (UNIQUE, OTHER):
            return [*own, "any value"]
        if self.values:
            return [*own, *self.values, "other values"]
        names = [f"≤ {edge:.6g}" for edge in self.edges]
        return [*own, *names, f"> {self.edges[-1]:.6g}"] if names else own


def scale_of(sample: Sequence[Plain]) -> Scale:
    """The scale of the values of reference days, or of a sample of them."""
    kinds = [each.kind for each in sample if each.rows > each.nulls]
    kind = max(sorted(set(kinds)), key=kinds.count, default=OTHER)
    if kind in (NUMBER, TIME):
        return _numeric(kind, np.concatenate([each.numbers for each in sample if each.kind == kind]))
    return _categories([each.texts for each in sample if each.kind == kind]) if kind == CATEGORY else Scale(OTHER)


def _numeric(kind: str, values: Floats) -> Scale:
    if not len(values):
        return Scale(kind)
    different = np.unique(values)
    if kind == NUMBER and len(different) <= FEW:
        return Scale(kind, values=tuple(_text(value) for value in different), numbers=tuple(different.tolist()))
    edges = np.unique(np.quantile(values, TENTHS, method="inverted_cdf"))
    return Scale(kind, tuple(edges.tolist()), float(different[0]), float(different[-1]))


def _categories(texts: Sequence[pa.Array]) -> Scale:
    counted = pa.chunked_array(texts).value_counts()
    rows = sum(map(len, texts))
    if len(counted) > MOST_VALUES and len(counted) > NEAR_UNIQUE * rows:
        return Scale(UNIQUE)
    pairs = sorted(counted.to_pylist(), key=lambda pair: (-pair["counts"], pair["values"]))
    return Scale(CATEGORY, values=tuple(pair["values"] for pair in pairs[:MOST_VALUES]))


def _text(value: float) -> str:
    return str(int(value)) if value.is_integer() and abs(value) < 2**53 else repr(float(value))


class Counted(NamedTuple):
    """Some rows of a column, counted by a scale. bins: as `Scale.bins` names them. bars: below, `BARS` equal parts, above.

    low, high, total: of finite numbers (of times: in seconds since 1970); None without any.
    """

    rows: int = 0
    nulls: int = 0
    odd: int = 0
    low: float | None = None
    high: float | None = None
    total: float = 0.0
    bins: tuple[int, ...] = ()
    bars: tuple[int, ...] = ()

    def __add__(self, other: object) -> Counted:  # of sums, not of tuples
        assert isinstance(other, Counted)
        return Counted(
            self.rows + other.rows, self.nulls + other.nulls, self.odd + other.odd,
            min((end for end in (self.low, other.low) if end is not None), default=None),
            max((end for end in (self.high, other.high) if end is not None), default=None),
            self.total + other.total, _added(self.bins, other.bins), _added(self.bars, other.bars),
        )  # fmt: skip


def _added(left: tuple[int, ...], right: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(a + b for a, b in zip(left, right, strict=True)) if left and right else left or right


def counted(values: Plain, scale: Scale) -> Counted:
    """The values of a column by its scale."""
    numbers = values.numbers
    low, high = (float(numbers.min()), float(numbers.max())) if len(numbers) else (None, None)
    basis = Counted(values.rows, values.nulls, values.odd, low, high, float(numbers.sum()))
    there = values.rows - values.nulls - values.odd
    if scale.kind == OTHER or (scale.kind == UNIQUE and values.kind == CATEGORY):
        return basis._replace(bins=(values.nulls, values.odd, 0, there))
    if scale.kind != values.kind:
        return basis._replace(bins=(values.nulls, values.odd, there, *[0] * (len(scale.bins) - 3)))
    if values.kind == CATEGORY:
        return basis._replace(
            bins=(values.nulls, 0, 0, *_by_value(pc.index_in(values.texts, pa.array(scale.values, pa.large_string())), scale))
        )
    if scale.numbers:
        exact = np.asarray(scale.numbers)
        at = np.minimum(np.searchsorted(exact, numbers), len(exact) - 1)
        places = np.where(exact[at] == numbers, at, len(exact))
        return basis._replace(bins=(values.nulls, values.odd, 0, *_counts(places, len(exact) + 1)))
    tenths = _counts(np.searchsorted(np.asarray(scale.edges), numbers), len(scale.edges) + 1) if scale.edges else ()
    return basis._replace(bins=(values.nulls, values.odd, 0, *tenths), bars=_bars(numbers, scale) if scale.edges else ())


def _by_value(places: pa.Array, scale: Scale) -> tuple[int, ...]:
    return _counts(np.asarray(places.fill_null(len(scale.values))), len(scale.values) + 1)


def _bars(numbers: Floats, scale: Scale) -> tuple[int, ...]:
    width = (scale.high - scale.low) / BARS
    inside = np.floor((numbers - scale.low) / width) if 0 < width < np.inf else np.zeros(len(numbers))
    places = np.clip(inside, 0, BARS - 1) + 1
    places = np.where(numbers < scale.low, 0, np.where(numbers > scale.high, BARS + 1, places))
    return _counts(places.astype(np.int64), BARS + 2)


def _counts(places: np.ndarray[Any, Any], bins: int) -> tuple[int, ...]:
    return tuple(np.bincount(places, minlength=bins).tolist())


# How far apart


def psi(reference: Sequence[int], other: Sequence[int]) -> float | None:
    """The population stability index of two counts in the same bins: 0 for equal shares; None where one has no row.

    Each bin that any row is in gets half a row more, so that an empty one is not infinitely far away.
    """
    pairs = [(a, b) for a, b in zip(reference, other, strict=True) if a or b]
    rows = [sum(pair[side] for pair in pairs) for side in (0, 1)]
    if not all(rows):
        return None
    shares = [((a + 0.5) / (rows[0] + len(pairs) / 2), (b + 0.5) / (rows[1] + len(pairs) / 2)) for a, b in pairs]
    return float(sum((b - a) * np.log(b / a) for a, b in shares))


def by_chance(reference: Sequence[int], other: Sequence[int]) -> float:
    """The index that two samples of one distribution have on average: with few rows, it is not small."""
    bins = sum(1 for a, b in zip(reference, other, strict=True) if a or b)
    return (bins - 1) * (1 / max(sum(reference), 1) + 1 / max(sum(other), 1))
