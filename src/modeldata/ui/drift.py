"""What the columns of a collector hold, and how far each day lies from the reference and from the day before."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from modeldata.errors import SettingsError, mask
from modeldata.ui.days import days_of
from modeldata.ui.scales import BARS, TIME, Counted, by_chance, psi
from modeldata.ui.values import day_of, moment

if TYPE_CHECKING:
    from collections.abc import Sequence

    from modeldata.ui.days import Basis, Day, Days
    from modeldata.ui.facts import FolderFacts
    from modeldata.ui.scales import Scale
    from modeldata.ui.source import Clock, Look, Source

MOVED, SHIFTED = 0.1, 0.25
"""From these on, a day is called so: what is usual for this index."""
UNSURE = 0.05
"""An index that chance alone makes as large, on average, says little: too few rows."""
COMPARED = 7
"""The first and the last days that are shown beside each other, at most."""


def columns(
    source: Source, view: str, clock: Clock, version: str | None = None, start: str = "", end: str = ""
) -> dict[str, Any]:
    """Each column of a collector: type, nulls, ends, mean, distribution; of all days, and of the first and the last days.

    start, end: days (2026-11-23), both included. Raises `NotThere`, `SettingsError`, `StoreError`.
    """
    look = source.look()
    folders = _inside(look.of(view, source.archive, version), start, end)
    counted = days_of(source, look, folders, (), clock)
    edge = min(COMPARED, max(1, len(counted.days) // 2))
    first, last = counted.days[:edge], counted.days[-edge:] if len(counted.days) > 1 else []
    types = _types(source, look, folders)
    return {
        **_about(source, folders, counted),
        "first": [day.day for day in first],
        "last": [day.day for day in last],
        "columns": [
            {
                "name": name,
                "type": types.get(name, "unknown"),
                **_described(scale, _sum(counted.days, name)),
                "first": _described(scale, _sum(first, name)),
                "last": _described(scale, _sum(last, name)),
            }
            for name, scale in counted.basis.scales.items()
        ],
    }


def drift(
    source: Source,
    view: str,
    clock: Clock,
    version: str | None = None,
    reference: tuple[str, str] | None = None,
    start: str = "",
    end: str = "",
) -> dict[str, Any]:
    """The population stability index of each column and day, against the reference days and against the day before.

    reference: first and last day; without, the first days that have rows. Raises as `columns`.
    """
    look = source.look()
    folders = look.of(view, source.archive, version)
    there = list(dict.fromkeys(day_of(each.start_ns) for each in folders if each.rows))
    named = [day for day in there if reference and reference[0] <= day <= reference[1]]
    if reference and not named:
        cause = f"no rows from {reference[0]} to {reference[1]}"
        raise SettingsError("compare days", mask(source.archive), cause=cause, hint="take days that have rows")
    counted = days_of(source, look, folders, named, clock)
    shown = [day for day in counted.days if (start or day.day) <= day.day <= (end or day.day)]
    return {
        **_about(source, folders, counted),
        "reference": {
            "days": named or there[: len(_first_days(counted.basis))],
            "chosen": bool(named),
            "rows": counted.basis.rows,
            "sampled": counted.basis.sampled < counted.basis.rows,
            "sample_rows": counted.basis.sampled,
        },
        "thresholds": {"moved": MOVED, "shifted": SHIFTED},
        "days": [{"day": day.day, "rows": day.rows} for day in shown],
        "columns": [_drifted(name, scale, counted, shown) for name, scale in counted.basis.scales.items()],
    }


def _first_days(basis: Basis) -> list[str]:
    return max(basis.days.values(), key=len, default=[])


def _inside(folders: Sequence[FolderFacts], start: str, end: str) -> list[FolderFacts]:
    return [
        each for each in folders if (start or day_of(each.start_ns)) <= day_of(each.start_ns) <= (end or day_of(each.start_ns))
    ]


def _about(source: Source, folders: Sequence[FolderFacts], counted: Days) -> dict[str, Any]:
    days = {day.day for day in counted.days}
    return {
        "archive": mask(source.archive),
        "view": folders[0].view if folders else "",
        "versions": list(dict.fromkeys(each.version for each in folders)),
        "rows": sum(day.rows for day in counted.days),
        "rows_not_read": sum(each.rows for each in folders if day_of(each.start_ns) in days)
        - sum(day.rows for day in counted.days),
        "days_left": counted.left,
    }


def _types(source: Source, look: Look, folders: Sequence[FolderFacts]) -> dict[str, str]:
    """Of each column, its type in the newest and in the oldest folder."""
    kinds: dict[str, dict[str, None]] = {}
    for folder in [*folders[-1:], *folders[:1]]:
        for field in source.scan(look, folder).schema:
            kinds.setdefault(field.name, {})[str(field.type)] = None
    return {name: ", before ".join(each) for name, each in kinds.items()}


def _sum(days: Sequence[Day], name: str) -> Counted:
    return sum((day.columns[name] for day in days if name in day.columns), Counted())


def _described(scale: Scale, values: Counted) -> dict[str, Any]:
    there = values.rows - values.nulls - values.odd
    return {
        "kind": scale.kind,
        "rows": values.rows,
        "nulls": values.nulls,
        "not_finite": values.odd,
        "low": _end(scale, values.low),
        "high": _end(scale, values.high),
        "mean": _end(scale, values.total / there) if there and values.low is not None else None,
        "bars": _bars(scale, values),
        "values": _values(scale, values),
    }


def _end(scale: Scale, number: float | None) -> float | str | None:
    return moment(int(number * 1e6) * 1000) if number is not None and scale.kind == TIME else number


def _bars(scale: Scale, values: Counted) -> dict[str, Any] | None:
    """The histogram between the ends of the reference, and what lies beyond."""
    if not values.bars:
        return None
    below, *inside, above = values.bars
    low, high = _end(scale, scale.low), _end(scale, scale.high)
    return {"low": low, "high": high, "parts": BARS, "rows": inside, "below": below, "above": above}


def _values(scale: Scale, values: Counted) -> list[dict[str, Any]] | None:
    if not scale.values or not values.bins:
        return None
    *rows, others = values.bins[3:]
    pairs = (
        sorted(zip(scale.values, rows, strict=True), key=lambda pair: -pair[1])
        if not scale.numbers
        else zip(scale.values, rows, strict=True)
    )
    found = [{"value": value, "rows": count} for value, count in pairs if count]
    return [*found, {"value": None, "rows": others}] if others else found


def _drifted(name: str, scale: Scale, counted: Days, shown: Sequence[Day]) -> dict[str, Any]:
    days = counted.basis.days[name]
    basis = _sum([day for day in counted.days if day.day in days], name)
    before: dict[str, Counted] = {}
    previous = Counted()
    for day in counted.days:
        before[day.day] = previous
        previous = day.columns.get(name, Counted())
    return {
        "name": name,
        "kind": scale.kind,
        "reference": days,
        "bins": scale.bins,
        "reference_rows": list(basis.bins),
        "days": [_compared(day, day.columns.get(name, Counted()), basis, before[day.day]) for day in shown],
    }


def _compared(day: Day, values: Counted, basis: Counted, before: Counted) -> dict[str, Any]:
    index = _index(basis, values)
    chance = by_chance(basis.bins, values.bins) if index is not None else None
    return {
        "day": day.day,
        "rows": list(values.bins),
        "psi": index,
        "by_chance": chance,
        "day_before": _index(before, values),
        "level": _level(index, chance),
    }


def _index(left: Counted, right: Counted) -> float | None:
    return psi(left.bins, right.bins) if left.bins and right.bins else None


def _level(index: float | None, chance: float | None) -> str:
    if index is None or chance is None:
        return "no rows"
    if index < MOVED:
        return "steady"
    if chance > UNSURE and index < SHIFTED + chance:
        return "few rows"
    return "shifted" if index >= SHIFTED else "moved"
