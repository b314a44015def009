"""What does a row cost in the shipper: stage by stage, and against pyarrow writing the same table?

A spool of one shape of call is filled once, then read again and again in one process: the walk over its frames, their decoding to
columns, their encoding, and the whole pipeline from a fresh copy of the spool to a local archive, with a checkpoint each round.
Floors: `pyarrow.csv.write_csv` and `pyarrow.parquet.write_table` of the same columns as one table, on the same disk. CPU time of
the process (`wall` beside it has fsyncs and whoever shares the machine); medians of rounds in which all take turns, after
one that warms up. Both ways take turns, too: compiled code (`modeldata.native.shipper`), and Python's.
"""

from __future__ import annotations

import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from benchmarks import sections
from benchmarks.figures import met, number, table
from modeldata import Archive
from modeldata.columns import Column, Payloads, decode
from modeldata.encode import csv_rows, format_of
from modeldata.format import names
from modeldata.native import find
from modeldata.settings import Settings
from modeldata.ship.batch import own_columns
from modeldata.ship.calls import portions
from modeldata.ship.checkpoint import Progress
from modeldata.ship.definitions import ArchiveLayout
from modeldata.ship.gather import Gatherer
from modeldata.ship.gathered import FrameGroup
from modeldata.ship.pipeline import Pipeline
from modeldata.spool import bulk
from modeldata.spool.files import Files
from modeldata.spool.folder import SpoolFolder, open_place
from modeldata.spool.reader import Damage, OpenSegment, segment_names
from modeldata.store import open_store

shipper = find("shipper")[0]
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "5"))
SCALE = float(os.environ.get("BENCH_SCALE", "1"))
FORMATS = ("csv", "parquet")
CRUMBS = 100
STAGES = ("walk", "decode", "encode", "whole", "whole, wall", "floor")
WAYS = {"compiled": shipper, "Python": None}
BOTH_WAYS = ("walk", "encode", "whole")


class Shape(NamedTuple):
    """Calls of one kind: how many, and what is collected by the n-th."""

    calls: int
    make: Callable[[], Callable[[int], object]]


def main() -> None:
    began = time.monotonic()
    kept = []
    if shipper is None:
        raise SystemExit("this installation has no compiled part with which Python's way could be compared")
    print(f"{'µs a row (CPU)':26}{'way':10}" + "".join(f"{stage:>13}" for stage in STAGES))
    for name in os.environ.get("BENCH_SHAPES", ",".join(_SHAPES)).split(","):
        with tempfile.TemporaryDirectory(prefix="modeldata-bench-") as folder:
            rows, measured = _measure(Path(folder), _SHAPES[name])
            spooled = sum(path.stat().st_size for path in (Path(folder) / "filled-csv").rglob("*.seg"))
        for file_format in FORMATS:
            figures, python = (measured[file_format, way] for way in WAYS)
            kept.append({"shape": name, "format": file_format, "us_a_row": figures, "python_us_a_row": python})
            kept[-1] |= {"rows_per_s": 1e6 / figures["whole"], "of_floor": figures["whole"] / figures["floor"]}
            kept[-1] |= {"of_python": figures.pop("of Python"), "spool_bytes_a_row": round(spooled / rows)}
            for way in WAYS:
                costs = "".join(f"{measured[file_format, way][stage]:13.2f}" for stage in STAGES)
                print(f"{name + ' ' + file_format:26}{way:10}{costs}", flush=True)
    crumb = _crumb_ms()
    print(f"a batch of one row, CSV: {crumb:.2f} ms (CPU)")
    sections.keep(
        "shipper", {"rounds": ROUNDS, "figures": kept, "crumb_ms": crumb}, time.monotonic() - began, quick=ROUNDS < 5 or SCALE < 1
    )


def page() -> None:
    sections.draw("shipper", section, plotted=False)


def _measure(folder: Path, shape: Shape) -> tuple[int, dict[tuple[str, str], dict[str, float]]]:
    """By format, way and stage: median µs a row; how many rows there were."""
    (rows,) = {_fill(folder, shape, file_format) for file_format in FORMATS}
    table = _table(folder / "filled-csv")
    assert table.num_rows == rows
    taken: dict[tuple[str, str], dict[str, list[float]]] = {}
    for round_number in range(ROUNDS + 1):
        for file_format in FORMATS:
            for way in WAYS:
                bulk.compiled = csv_rows.compiled = WAYS[way]
                for stage, cost in _one_round(folder, table, file_format).items():
                    if round_number:
                        taken.setdefault((file_format, way), {}).setdefault(stage, []).append(cost / rows * 1e6)
    for file_format in FORMATS:
        both = zip(*(taken[file_format, way]["whole"] for way in WAYS), strict=True)
        taken[file_format, "compiled"]["of Python"] = [mine / python for mine, python in both]
    return rows, {one: {stage: statistics.median(each) for stage, each in costs.items()} for one, costs in taken.items()}


def _one_round(folder: Path, table: pa.Table, file_format: str) -> dict[str, float]:
    """Seconds of each stage over the whole spool."""
    encoding = format_of(file_format)
    filled = folder / f"filled-{file_format}"
    cost: dict[str, float] = dict.fromkeys(STAGES, 0.0)
    with _timed(cost, "walk"):
        walked = sum(_walk(_place(filled)))
    assert walked >= 1
    for group in _groups(_place(filled)):
        for calls in portions(group.frames, encoding.portions[0]):
            with _timed(cost, "decode"):
                columns = decode(group.definition, Payloads(calls.content, calls.starts, calls.sizes, calls.rows))
                columns = [*own_columns(calls, encoding.own_columns), *columns]
            with _timed(cost, "encode"):
                encoding.encode(columns, excel_safe=False, metadata={})
    pipeline = _pipeline(folder, file_format)
    began = time.perf_counter()
    with _timed(cost, "whole"):
        while pipeline.step().more:
            pass
    cost["whole, wall"] = time.perf_counter() - began
    shutil.rmtree(folder / "run")
    path = str(folder / f"floor.{file_format}")
    with _timed(cost, "floor"):
        if file_format == "csv":
            pyarrow.csv.write_csv(table.select([*encoding.own_columns, *_features(table)]), path)
        else:
            pyarrow.parquet.write_table(table, path, compression="zstd")
    return cost


@contextmanager
def _timed(cost: dict[str, float], stage: str) -> Iterator[None]:
    began = time.process_time()
    yield
    cost[stage] += time.process_time() - began


def _walk(place: SpoolFolder) -> Iterator[int]:
    for name in segment_names(place, Files()):
        segment = OpenSegment(place, name, Files())
        for found in bulk.runs(segment, 0):
            assert not isinstance(found, Damage)
            yield len(found)
        segment.close()


def _groups(place: SpoolFolder) -> Iterator[FrameGroup]:
    layout = ArchiveLayout("csv", hour_folders=False, excel_safe=False)
    gatherer = Gatherer(place, Files(), layout=layout, spool_max_bytes=16 << 30, warn=print)
    state = Progress()
    while True:
        found = gatherer.gather(state)
        yield from found.groups.values()
        if not found.more:
            return
        state = found.after


def _table(filled: Path) -> pa.Table:
    """All that is archived, as Arrow has it: what the floors write."""
    pieces = []
    for group in _groups(_place(filled)):
        for calls in portions(group.frames, 4 << 20):
            columns = decode(group.definition, Payloads(calls.content, calls.starts, calls.sizes, calls.rows))
            pieces.append(_as_table([*own_columns(calls, names.OWN_COLUMNS), *columns]))
    return pa.concat_tables(pieces).combine_chunks()


def _as_table(columns: list[Column]) -> pa.Table:
    return pa.table({column.name: pa.array(column.values) for column in columns})


def _features(table: pa.Table) -> list[str]:
    return [name for name in table.column_names if name not in names.OWN_COLUMNS]


def _fill(folder: Path, shape: Shape, file_format: str) -> int:
    """The rows that are then in a spool in `folder`. The format is a matter of the service that collects."""
    spools = folder / f"spools-{file_format}"
    archive = Archive(folder / "nowhere", spool=spools, ship="off", format=file_format, spool_max_bytes="16G", min_free_bytes=0)
    collector = archive.collector("bench", "inputs")
    make = shape.make()
    for call in range(max(1, int(shape.calls * SCALE))):
        assert collector.collect(make(call))
    rows = archive.stats().accepted
    archive.close(0)
    (only,) = spools.iterdir()
    only.rename(folder / f"filled-{file_format}")
    return rows


def _pipeline(folder: Path, file_format: str) -> Pipeline:
    url = str(folder / "run" / "archive")
    settings = Settings.build({}, archive=url, spool=str(folder / "run" / "spools"), format=file_format)
    files = Files()
    shutil.copytree(folder / f"filled-{file_format}", settings.spool_folder())
    store = open_store(url, files)
    return Pipeline(_place(Path(settings.spool_folder())), store, settings, files=files, warn=print, may_commit=lambda: True)


def _crumb_ms() -> float:
    """Processor time of a round that brings one row: what a host pays for a batch, however small."""
    with tempfile.TemporaryDirectory(prefix="modeldata-bench-") as name:
        archive = Archive(Path(name) / "archive", ship="off", min_free_bytes=0)
        collector = archive.collector("bench", "inputs")
        assert collector.collect([0.5, 1.5])
        place, store = _place(Path(archive.settings.spool_folder())), open_store(archive.settings.archive, Files())
        pipeline = Pipeline(place, store, archive.settings, files=Files(), warn=print, may_commit=lambda: True)
        assert pipeline.step().rows == 1
        spent = []
        for _ in range(CRUMBS):
            assert collector.collect([0.5, 1.5])
            began = time.process_time()
            assert pipeline.step().rows == 1
            spent.append((time.process_time() - began) * 1e3)
        archive.close(0)
    return statistics.median(spent)


def _place(folder: Path) -> SpoolFolder:
    return open_place(str(folder), Files(), os.urandom(16), time.time_ns())


def _lists() -> Callable[[int], object]:
    rows = np.random.default_rng(17).normal(size=(1000, 4)).tolist()
    return lambda number: rows[number % len(rows)]


def _frames(rows: int) -> Callable[[], Callable[[int], object]]:
    def make() -> Callable[[int], object]:
        frames = [_frame(rows, seed) for seed in range(50)]
        return lambda number: frames[number % len(frames)]

    return make


def _frame(rows: int, seed: int) -> pd.DataFrame:
    dice = np.random.default_rng(seed)
    words = np.array(["north", "south", "east", "west", "up"])
    return pd.DataFrame(
        {f"x{n}": dice.normal(size=rows) for n in range(14)}
        | {f"n{n}": dice.integers(0, 10_000, rows) for n in range(3)}
        | {f"s{n}": words[dice.integers(0, 5, rows)] for n in range(3)}
    )


def _images() -> Callable[[int], object]:
    pixels = np.random.default_rng(17).random((50, 1, 784)).astype(np.float32)
    return lambda number: pixels[number % len(pixels)]


_SHAPES = {
    "list of 4": Shape(200_000, _lists),
    "DataFrame 1x20": Shape(100_000, _frames(1)),
    "DataFrame 1000x20": Shape(100, _frames(1000)),
    "numpy 1x784": Shape(1_000, _images),
}


AIMS = {("list of 4", "csv"): 400_000, ("DataFrame 1x20", "csv"): 150_000}
"""Rows a second on one core."""
FLOOR_AIM = 1.3
"""Times Arrow's own writer, of calls of many rows."""


def section(result: dict[str, Any]) -> str:
    """What the page says of a run: of the same run always the same."""
    rows = []
    for one in result["figures"]:
        costs = [f"{one['us_a_row'][stage]:.2f}" for stage in STAGES]
        rows.append([one["shape"], one["format"], *costs, number(one["rows_per_s"]), f"{one['of_floor']:.2f}x", _aim(one)])
    ways = []
    for one in result["figures"]:
        pairs = [f"{one['python_us_a_row'][stage]:.2f} → {one['us_a_row'][stage]:.2f}" for stage in BOTH_WAYS]
        ways.append([one["shape"], one["format"], *pairs, f"{one['of_python']:.2f}"])
    return f"""## The shipper, stage by stage

{sections.source("shipper", result)} One process, one core, into a local folder; medians of {result["rounds"]} rounds.
Processor time is in µs a row. "Walk" goes over the spool's frames and proves both checksums of each. "Decode" makes
columns of frames, and
"encode" makes bytes of columns. "Whole" is the pipeline with its staging, checkpoint, manifest and archive, and "whole,
wall" its elapsed time, with
the fsyncs. "Floor" is `pyarrow.csv.write_csv` or `pyarrow.parquet.write_table` for the same columns, from one table that
is already in memory.

{table(["call", "format", *STAGES, "rows/s", "of floor", "aim met"], rows)}

Compiled code walks over frames and makes CSV, where there is some ([the compiled part](#the-compiled-part)). Python's way and
the compiled one took turns in this run. The ratio is the median of those of the rounds:

{table(["call", "format", *BOTH_WAYS, "ratio of the whole"], ways)}

What bounds it? A row is checked twice and parsed before there is anything to encode. The floor begins after that. Its bytes are
written three times: a round is frozen in two copies before the first of them leaves. So it is there exactly once, and a damaged
byte stops nothing. The bytes pass through SHA-256, CRC-32 and XXH3. A fifth to a third of the time is the kernel's, which
copies them."""


def _aim(one: dict[str, Any]) -> str:
    rate = AIMS.get((one["shape"], one["format"]))
    if rate is not None:
        return f"{rate:,} rows/s: {met(-one['rows_per_s'], -rate)}"
    return f"{FLOOR_AIM}x: {met(one['of_floor'], FLOOR_AIM)}" if one["shape"] == "DataFrame 1000x20" else ""


if __name__ == "__main__":
    main()
