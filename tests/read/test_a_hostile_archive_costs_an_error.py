"""An archive that anybody may have written to costs a clear error: bounded time and memory, nothing outside of it opened."""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any
from zlib import crc32

import pytest

from modeldata import ModelDataError, SkippedWarning
from tests.cli.kit import run
from tests.read.kit import FORMATS, Shipped

ROWS = 5
HUGE = 2_000_000_000


@pytest.fixture(params=FORMATS)
def shipped(request: pytest.FixtureRequest, tmp_path: Path) -> Shipped:
    made = Shipped(str(tmp_path / "archive"), tmp_path / "spool", request.param)
    made.collect("x", *[{"n": number, "t": "a"} for number in range(ROWS)], at="2026-11-20T10:00:00")
    made.ship()
    return made


def files_of(shipped: Shipped) -> tuple[Path, Path]:
    """The data file, and its manifest."""
    paths = [path for path in Path(shipped.archive.settings.archive).glob("*/*/*/x/**/data*") if path.suffix != ".owner"]
    data, manifest = sorted(paths, key=lambda path: "_manifest" in path.parts)
    return data, manifest


def change(shipped: Shipped, **fields: Any) -> None:
    """Fields of the manifest line."""
    _, manifest = files_of(shipped)
    manifest.write_text(json.dumps({**json.loads(manifest.read_text()), **fields}) + "\n")


def numbered(shipped: Shipped, rows: int) -> list[list[Any]]:
    writer = json.loads(files_of(shipped)[1].read_text())["sequences"][0][0]
    return [[writer, 0, rows - 1]]


def nested(depth: int) -> Any:
    kind: Any = "int"
    for _ in range(depth):
        kind = {"list": kind}
    return kind


LINES: dict[str, Callable[[Shipped], dict[str, Any]]] = {
    "petabytes": lambda shipped: {"bytes": 10**15, "row_bytes": 10**15 - 500},
    "rows": lambda shipped: {"rows": HUGE, "calls": [[HUGE, 1]], "sequences": numbered(shipped, HUGE)},
    "all the rows": lambda shipped: {"rows": 2**62, "calls": [[2**62, 1]], "sequences": numbered(shipped, 2**62)},
    "calls of no rows": lambda shipped: {"calls": [[0, HUGE]]},
    "calls of fewer rows than none": lambda shipped: {"calls": [[-5, 1], [10, 1]]},
    "more calls than rows": lambda shipped: {"calls": [[1, HUGE]]},
    "more numbers than rows": lambda shipped: {"sequences": numbered(shipped, HUGE)},
    "fewer types than columns": lambda shipped: {"types": ["any"]},
    "a column twice": lambda shipped: {"columns": ["n", "n"]},
    "columns of ours": lambda shipped: {"columns": ["$Row", "$Timestamp"]},
    "kinds of more rows": lambda shipped: {"kinds": {"n": [["int", HUGE]]}},
    "kinds of more items": lambda shipped: {"kinds": {"t": {"list": [["int", HUGE]]}}},
    "kinds that are none": lambda shipped: {"kinds": {"n": 7, "t": [[]]}},
    "kinds of unknown units": lambda shipped: {"kinds": {"n": "np:V1000000000", "t": "datetime64[zz, ../../etc]"}},
    "kinds that are deep": lambda shipped: {"kinds": {"n": nested(300)}},
    "an array of great shape": lambda shipped: {"kinds": {"n": {"array": "f8", "shape": [10**6, 10**6, 0]}}},
    "types of unknown units": lambda shipped: {"types": ["arrow:decimal128(999999999999, -5)", "datetime64[Y, " + "x" * 1000]},
    "a file elsewhere": lambda shipped: {"file": "../../../../../../../../../../etc/passwd"},
    "an end before its start": lambda shipped: {"first_ns": 2**62, "last_ns": -(2**62)},
}  # fmt: skip


@pytest.mark.parametrize("line", LINES)
def test_a_manifest_line_that_claims_anything_is_read_or_is_an_error_of_ours(shipped: Shipped, line: str) -> None:
    change(shipped, **LINES[line](shipped))
    archive, url = shipped.archive, shipped.archive.settings.archive
    for errors in ("raise", "skip"):
        for ask in (
            lambda: archive.read("m", "x", errors=errors).num_rows,  # noqa: B023 - called at once
            lambda: archive.read("m", "x", errors=errors, columns=["$Sequence"]).num_rows,  # noqa: B023 - called at once
            lambda: len(archive.scan("m", "x", errors=errors).to_pylist()),  # noqa: B023 - called at once
        ):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", SkippedWarning)
                try:
                    assert ask() in (0, ROWS)
                except ModelDataError as error:
                    assert "passwd" not in str(error) or "no name of a data file" in str(error)
    for command in ("head", "tail", "stats"):
        assert run(command, "m/x", "--archive", url).code in (0, 1)


def rewrite(shipped: Shipped, old: bytes, new: bytes) -> None:
    """The third row, with the right size and checksum in the manifest."""
    data, manifest = files_of(shipped)
    lines = data.read_bytes().splitlines(keepends=True)
    first = int(data.suffix == ".csv")
    assert old in lines[first + 2]
    lines[first + 2] = lines[first + 2].replace(old, new)
    data.write_bytes(b"".join(lines))
    rows = b"".join(lines[first:])
    entry = json.loads(manifest.read_text())
    change(shipped, bytes=entry["bytes"] - entry["row_bytes"] + len(rows), row_bytes=len(rows), crc32=crc32(rows))


DEEP = 100_000


@pytest.mark.parametrize("shipped", ["jsonl"], indirect=True)
@pytest.mark.parametrize("value", [b"[" * DEEP + b"]" * DEEP, b'{"a":' * DEEP + b"1" + b"}" * DEEP], ids=["lists", "dicts"])
def test_json_that_is_nested_too_deep_is_one_row_that_can_not_be_read(shipped: Shipped, value: bytes) -> None:
    rewrite(shipped, b'"a"', value)
    with pytest.raises(ModelDataError, match="line 3 can't be read"):
        shipped.archive.scan("m", "x").to_pylist()
    with pytest.warns(SkippedWarning, match="line 3 can't be read"):
        assert [row["n"] for row in shipped.archive.scan("m", "x", errors="skip").to_pylist()] == [0, 1, 3, 4]


@pytest.mark.parametrize("shipped", ["csv", "jsonl"], indirect=True)
def test_text_that_is_not_utf_8_is_no_bare_error(shipped: Shipped) -> None:
    csv = shipped.archive.settings.format == "csv"
    rewrite(shipped, b",a" if csv else b'"a"', b",\xff" if csv else b'"\xff"')
    with pytest.warns(SkippedWarning, match="can't be read"):
        assert shipped.archive.read("m", "x", errors="skip")["n"].to_pylist() == [0, 1, 3, 4]
    with pytest.raises(ModelDataError, match="can't be read"):
        shipped.archive.read("m", "x")


def test_names_and_values_never_reach_a_terminal_as_commands(tmp_path: Path) -> None:
    """Escapes, a C1 control, a bell, and what turns the direction of the line."""
    signs = "\x1b\x9b\x07\u202e"
    made = Shipped(str(tmp_path / "archive"), tmp_path / "spool")
    made.collect(f"x{signs}", {f"c{signs}": f"v{signs}"}, model=f"m{signs}")
    made.collect("x", {f"c{signs}": f"v{signs}"}, model="m")
    made.ship()
    url = made.archive.settings.archive
    for command in (["ls"], ["query"], ["head", "m/x"], ["tail", "m/x"], ["stats", "m/x"], ["head", f"m/q{signs}"], ["head", "x/q"],
                    ["query", "from m_x"], ["query", f'from "m{signs}"'], ["join", "m", "x", "q"],
                    ):  # fmt: skip
        done = run(*command, "--archive", url, tty=True, err_tty=True)
        said = done.out + re.sub(r"\x1b\[\??[0-9;]*[A-Za-z]", "", done.err)  # what is being done is shown by such codes of ours
        assert not set(signs) & set(said), (command, done)
