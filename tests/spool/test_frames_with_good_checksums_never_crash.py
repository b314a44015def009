"""The spool is not code: whatever a definition or a payload says, its reader answers with columns or an error, and lives.

Definitions and payloads of every kind are mutated as values and packed again, as somebody would who can write good checksums.
They are decoded and encoded in a process of its own, so that its death is seen, and the last one it took is known.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import msgpack
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from modeldata.columns.arrow import build
from modeldata.columns.arrow_types import type_of
from modeldata.snapshot import SchemaCache, capture_of
from modeldata.snapshot.packing import new_packer
from tests.support.service import identity

Frame = tuple[bytes, int, bytes]
"""Definition, rows, data."""

LAYOUT = {"format": "csv", "hour_folders": False, "excel_safe": False}
SHORT, LONG = 3_000, 1_000_000


def _kinds() -> list[object]:
    nested = pa.array([[{"a": 1, "b": "x"}], None, []])
    return [
        [1, "a", None, 2.5, b"x"],
        [{"a": 1, "b": [1, {"c": 2}]}, {"a": 2, "b": None}],
        np.arange(12.0).reshape(4, 3),
        np.arange(24, dtype="<i2").reshape(2, 3, 4),
        pd.DataFrame({"n": [1, 2], "t": ["a", None], "x": [1.5, None], "o": [{"a": 1}, 3]}),
        pd.DataFrame({"c": pd.Categorical(["a", "b"]), "z": pd.to_datetime(["2026-01-01", None]).tz_localize("UTC")}),
        pa.table({"i": [1, None], "s": ["a", "b"], "l": [[1], None], "d": pa.array(["x", "y"]).dictionary_encode()}),
        pa.table({"n": nested, "m": pa.array([[("a", 1)], [], None], pa.map_(pa.string(), pa.int8()))}),
        pa.table({"v": pa.array(["long enough to lie outside", None], pa.string_view()), "u": pa.array([b"1", None], pa.binary(1))}),
        pa.table({"r": pa.RunEndEncodedArray.from_arrays(pa.array([1, 3], pa.int32()), pa.array(["a", "b"]))}),
        pa.table({"lv": pa.array([[1], None, [2, 3]], pa.list_view(pa.int8())), "f": pa.array([[1, 2], None, [3, 4]], pa.list_(pa.int8(), 2))}),
        pa.table({"e": pa.array([True, None]).cast(pa.bool_()), "t": pa.array([1, 2], pa.timestamp("ns", "Europe/Berlin"))}),
    ]  # fmt: skip


def _frames() -> list[Frame]:
    made: list[Frame] = []
    for data in _kinds():
        plan, rows, taken = capture_of(data)(data, SchemaCache(identity("inputs"), None, LAYOUT), new_packer())
        made.append((plan.definition, rows, bytes(taken) if isinstance(taken, (bytes, bytearray)) else b"".join(taken)))
    return made


_ODD = (0, 1, -1, 7, 255, 1 << 31, (1 << 63) - 1, -(1 << 63), 1e300, "", "a", "\0", "O", "<f8", "V0", "i4,O", "+l", "+vl", "w:9",
        "+w:4", "vu", "U", "+r", b"", b"\1\0\0\0\xff\xff\xff\x7f", b"x" * 40, None, True, [], {}, [[]], {"a": 1})  # fmt: skip


def _mutated(value: object, dice: random.Random) -> object:
    """The same with one part of it replaced, removed, repeated or exchanged."""
    if isinstance(value, dict) and value and dice.random() < 0.9:
        key = dice.choice(list(value))
        return {**value, key: _mutated(value[key], dice)}
    if isinstance(value, (list, tuple)) and value and dice.random() < 0.9:
        at, made = dice.randrange(len(value)), list(value)
        step = dice.random()
        if step < 0.8:
            made[at] = _mutated(made[at], dice)
        elif step < 0.9:
            del made[at]
        else:
            made.insert(at, made[dice.randrange(len(made))])
        return made
    if isinstance(value, bytes) and value and dice.random() < 0.7:
        raw = bytearray(value)
        raw[dice.randrange(len(raw))] ^= 1 << dice.randrange(8)
        return bytes(raw[: dice.choice((len(raw), dice.randrange(len(raw) + 1)))])
    if type(value) is int and dice.random() < 0.5:
        return value + dice.choice((-1, 1, 8, -8, 1 << 16))
    return dice.choice(_ODD)


def mutants(seed: int, count: int) -> Iterator[Frame]:
    dice = random.Random(seed)
    frames = _frames()
    for _ in range(count):
        packed, rows, data = dice.choice(frames)
        which = dice.random()
        if which < 0.6:
            packed = _packed(_mutated(msgpack.unpackb(packed, strict_map_key=False), dice), packed)
        if which > 0.4:
            data = _mutated_data(data, dice)
        if dice.random() < 0.1:
            rows = max(0, rows + dice.choice((-1, 1, 1000)))
        yield packed, rows, data


def _mutated_data(data: bytes, dice: random.Random) -> bytes:
    try:
        whole = msgpack.unpackb(data, strict_map_key=False)
    except ValueError:
        whole = None
    if isinstance(whole, list) and dice.random() < 0.8:
        return _packed(_mutated(whole, dice), data)
    made = _mutated(data, dice)
    return made if isinstance(made, bytes) else data


def _packed(value: object, else_: bytes) -> bytes:
    try:
        packed: bytes = msgpack.packb(value)
    except (ValueError, OverflowError, TypeError):
        return else_
    return packed


def take(packed: bytes, rows: int, data: bytes) -> None:
    """As the shipper does it. Whatever it raises is an answer."""
    from modeldata.columns import Payloads, decode
    from modeldata.encode import format_of
    from modeldata.ship.definitions import ArchiveLayout, Definitions

    known = Definitions(ArchiveLayout("csv", False, False)).parsed(packed)
    if known is None:
        return
    for name in ("csv", "parquet"):
        try:
            format_of(name).encode(decode(known[0], Payloads.of([(rows, data)])), excel_safe=False, metadata={})
        except Exception:  # an answer: it lives
            continue


def _run(tmp_path: Path, seed: int, count: int) -> None:
    note = tmp_path / "last"
    code = (
        "import sys, tests.spool.test_frames_with_good_checksums_never_crash as fuzz\n"
        "seed, count, note = int(sys.argv[1]), int(sys.argv[2]), open(sys.argv[3], 'wb', 0)\n"
        "if sys.platform != 'win32': import resource; resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))\n"
        "for number, frame in enumerate(fuzz.mutants(seed, count)):\n"
        "    note.seek(0); note.write(b'%d ' % number)\n"
        "    fuzz.take(*frame)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(seed), str(count), str(note)],
        capture_output=True,
        text=True,
        cwd=Path.cwd(),
        timeout=3000,
    )
    assert done.returncode == 0, f"seed {seed}, frame {note.read_text()}: {done.returncode}\n{done.stderr[-2000:]}"


def test_some_thousand_mutated_frames_leave_the_reader_alive(tmp_path: Path) -> None:
    _run(tmp_path, 1, SHORT)


@pytest.mark.faults
@pytest.mark.timeout(3600)
def test_a_million_mutated_frames_leave_the_reader_alive(tmp_path: Path) -> None:
    _run(tmp_path, int(os.environ.get("FUZZ_SEED", "2")), int(os.environ.get("FUZZ_FRAMES", str(LONG))))


@pytest.mark.parametrize("kind", [pa.list_view(pa.int8()), pa.string_view()], ids=str)
def test_a_few_bytes_that_claim_very_many_rows_cost_no_memory(kind: pa.DataType) -> None:
    """Mutant 410,390 of seed 20261128: 92 bytes cost 4 GiB and a minute."""
    children = [[3, [None, b"\1\2\3"], [], None, 0, 0]] if kind == pa.list_view(pa.int8()) else []
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match="more rows than bits"):
            build(kind, [1 << 26, [b"\5", bytes(12), bytes(12)], children, None, 0, 0])
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()


TREE = ["l", "", 2, None, [], None]


@pytest.mark.parametrize(
    "tree",
    [
        ["l", "", 2, 1, [], None],
        ["l", "", 2, 1 << 40, [], None],
        ["l", "", 2, b"\1\0\0\0\xff\xff\0\0", [], None],
        ["l", "", 2, b"\xff\xff\xff\x7f", [], None],
        ["l", "", 2, "text", [], None],
        [1, "", 2, None, [], None],
        ["l", 7, 2, None, [], None],
        ["l", "", "2", None, [], None],
        ["l", "", True, None, [], None],
        ["l", "", 1 << 62, None, [], None],
        ["l", "", 2, None, 5, None],
        ["l", "", 2, None, [3], None],
        ["l", "", 2, None, [], 3],
        ["+s", "", 2, None, [["l", "", 2, 4096, [], None]], None],
        ["i", "", 2, None, [], ["l", "", 2, 4096, [], None]],
        ["l\0", "", 2, None, [], None],
        [],
        3,
    ],
    ids=repr,
)
def test_a_schema_whose_parts_are_of_another_type_is_refused(tree: list[object]) -> None:
    with pytest.raises(ValueError, match="Arrow schema"):
        type_of(tree)


def test_a_schema_nested_without_end_is_refused() -> None:
    tree: list[object] = TREE
    for _ in range(500):
        tree = ["+l", "", 2, None, [tree], None]
    with pytest.raises(ValueError, match="without end"):
        type_of(tree)


def test_a_schema_as_it_is_written_is_taken() -> None:
    assert type_of(TREE) == pa.int64()
    extension = b"\1\0\0\0\x14\0\0\0ARROW:extension:name\x0a\0\0\0arrow.uuid"
    assert str(type_of(["w:16", "", 2, extension, [], None])).startswith("extension<arrow.uuid")
