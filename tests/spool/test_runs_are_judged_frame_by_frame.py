"""A run of frames is archived, doubled or missed exactly as its frames would be, one after the other (fault matrix G1, G2)."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import NamedTuple

import msgpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modeldata.ship.calls import Calls, portions
from modeldata.ship.checkpoint import Progress
from modeldata.ship.definitions import ArchiveLayout
from modeldata.ship.gather import Gatherer
from modeldata.ship.gathered import joined
from modeldata.spool import frame
from modeldata.spool.files import Files
from modeldata.spool.folder import open_place
from modeldata.spool.segment import new_salt

from .conftest import IDENTITY

NOON = 1_795_435_200_000_000_000
HOUR = 3600 * 10**9
WRITER = bytes(range(16))


class Call(NamedTuple):
    """One DATA frame: `number` is its definition, of which 1 and 2 are one collector's, 3 another's, and 9 is nobody's."""

    number: int
    first: int
    rows: int
    hour: int

    @property
    def data(self) -> bytes:
        return repr(tuple(self)).encode()


COLLECTOR = {1: "inputs", 2: "inputs", 3: "predictions"}


@st.composite
def _calls(draw: st.DrawFn) -> list[Call]:
    """Mostly one behind the other, with numbers that come again and numbers that never come."""
    upto: Counter[str] = Counter()
    made = []
    steps = st.tuples(
        st.sampled_from([1, 1, 1, 2, 3, 3, 9]), st.sampled_from([0] * 12 + [-4, -1, 1, 5]), st.integers(1, 3), st.sampled_from([0, 0, 0, 1, 30])
    )  # fmt: skip
    for number, jump, rows, hour in draw(st.lists(steps, max_size=60)):
        name = COLLECTOR.get(number, "")
        first = max(0, upto[name] + jump)
        made.append(Call(number, first, rows, hour))
        upto[name] = first + rows
    return made


def _expected(calls: list[Call], known: bool) -> tuple[list[Call], list[tuple[str, int, int]], int]:
    """(archived, lost numbers by collector, repeats), by the rule: each frame against the number that is due."""
    due = dict.fromkeys(COLLECTOR.values(), 0) if known else {}
    kept, lost, repeats = [], [], 0
    for call in calls:
        name = COLLECTOR.get(call.number)
        if name is None:
            continue
        if not due:
            due = {
                name: call.first,
                **dict.fromkeys(set(COLLECTOR.values()) - {name}, 0),
            }  # by now something is known of its writer
        if call.first < due[name]:
            repeats += 1
            continue
        lost += [(name, one, one) for one in range(due[name], call.first)]
        due[name] = call.first + call.rows
        kept.append(call)
    return kept, lost, repeats


def _write(folder: Path, calls: list[Call], number: int) -> Gatherer:
    place = open_place(str(folder), Files(), bytes(16), NOON)
    salt = new_salt(WRITER, number)
    content = [frame.SegmentHeader(place.spool_id, WRITER, number, salt, NOON).pack()]
    for definition, name in COLLECTOR.items():
        fields = {"columns": ["x"], "types": [], "extra": {}, "layout": str(definition)}
        packed = msgpack.packb({"identity": {**IDENTITY, "identifier": name}, **fields})
        content.append(frame.pack_frame(salt, frame.DEFINE, 0, NOON, 0, definition, packed))
    for call in calls:
        time_ns = NOON + call.hour * HOUR
        content.append(frame.pack_frame(salt, frame.DATA, call.first, time_ns, call.rows, call.number, call.data, b"c", b""))
    Path(place.segments, f"{WRITER.hex()}-{number:06d}.seg").write_bytes(b"".join(content))
    return Gatherer(
        place, Files(), layout=ArchiveLayout("csv", hour_folders=True, excel_safe=False), spool_max_bytes=1 << 30, warn=print
    )


def _rows(calls: Calls) -> list[bytes]:
    return [calls.data(at) for at in range(len(calls))]


@settings(max_examples=200, deadline=None)
@given(calls=_calls(), number=st.sampled_from([1, 2]), room=st.sampled_from([1, 400, 5_000, 1 << 20]))
def test_what_is_new_is_kept_once_and_what_is_missing_is_reported(
    tmp_path_factory: pytest.TempPathFactory, calls: list[Call], number: int, room: int
) -> None:
    gatherer = _write(tmp_path_factory.mktemp("runs"), calls, number)
    kept, lost, repeats = _expected(calls, known=number == 1)
    state, found_kept, found_lost, found_repeats, undefined, more = Progress(), [], [], 0, 0, True
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gatherer, "_most", room)
        while more:
            found = gatherer.gather(state)
            for (_, folder), group in found.groups.items():
                for portion in portions(group.frames, 300):
                    found_kept += [(group.identity["identifier"], folder, data) for data in _rows(portion)]
            found_lost += [
                (one.identity["identifier"], at, at) for one in joined(found.lost) for at in range(one.first, one.last + 1)
            ]
            found_repeats += found.repeats
            undefined += len(found.bad)
            state, more = found.after, found.more

    assert Counter(data for _, _, data in found_kept) == Counter(call.data for call in kept)
    for hour, folder in ((0, "2026/11/23/12"), (1, "2026/11/23/13"), (30, "2026/11/24/18")):
        for definition, name in COLLECTOR.items():
            mine = [one.data for one in kept if (one.hour, one.number) == (hour, definition)]
            there = [data for stream, place, data in found_kept if stream == name and place.endswith(folder)]
            assert [data for data in there if data in set(mine)] == mine, "in the order of the spool"
    assert Counter(found_lost) == Counter(lost)
    assert (found_repeats, undefined) == (repeats, sum(call.number == 9 for call in calls))
    assert state.gaps == len(lost)


@given(calls=_calls(), most=st.integers(1, 2_000))
@settings(max_examples=60, deadline=None)
def test_a_portion_has_all_that_its_calls_have(tmp_path_factory: pytest.TempPathFactory, calls: list[Call], most: int) -> None:
    gatherer = _write(tmp_path_factory.mktemp("portions"), calls, 1)
    for group in gatherer.gather(Progress()).groups.values():
        whole = Calls.of(group.frames)
        rows = group.rows
        parts = list(portions(group.frames, most))

        assert [one for part in parts for one in _rows(part)] == _rows(whole)
        assert [one for part in parts for one in part.places.tolist()] == whole.places.tolist()
        assert sum(int(part.rows.sum()) for part in parts) == rows
        assert not group.frames
        for part in parts:
            starts, sizes = part.correlations
            assert {part.content[start : start + size] for start, size in zip(starts.tolist(), sizes.tolist(), strict=True)} == {
                b"c"
            }
