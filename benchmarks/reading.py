"""What does it take to read an archive: a day of 30, joined and aggregated, beside DuckDB on the same files?

An archive of BENCH_ROWS inputs (ten columns) and as many predictions is made once for each format, by the library itself, in
BENCH_CACHE (else a temporary folder). Each figure is the fastest of three, in a process of its own; memory is its peak.
DuckDB gets the names of the files of the day, and where a format has no `$Row` (CSV) it numbers the rows of an id itself.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pandas as pd

from benchmarks import sections
from benchmarks.figures import exponent, met, table

FULL = 10_000_000
ROWS = int(os.environ.get("BENCH_ROWS", str(FULL)))
FORMATS = tuple(os.environ.get("BENCH_FORMATS", "csv jsonl parquet").split())
DAYS, CALL, TRIES = 30, 100, 3
AIM = 1.3
FIRST_NS = 1_793_491_200_000_000_000  # 2026-11-01
DAY_NS = 86_400_000_000_000
DAY = 10
AGGREGATE = "count(*) n, avg(x0) a, sum(n0) b, count(distinct s0) c"
JOINED = "count(*) n, avg(x0) a, sum(score) b, max(n0) c"


def main() -> None:
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="modeldata-bench-") as scratch:
        cache = Path(os.environ.get("BENCH_CACHE") or scratch)
        print(f"{ROWS:,} rows in {DAYS} days, calls of {CALL}\n")
        print(f"{'':26}{'seconds':>9}{'MiB':>7}{'DuckDB':>9}{'MiB':>7}{'ratio':>7}")
        kept = []
        for form in FORMATS:
            folder = cache / f"reading-{ROWS}-{form}"
            if not (folder / "made").exists():
                make(folder, form)
            for case in [case for case in CASES if form == "parquet" or case not in IN_SQL]:
                ours, theirs = (_measured(case, who, folder, form) for who in ("ours", "duckdb"))
                assert np.allclose(ours["answer"], theirs["answer"]), (case, ours, theirs)
                ratio = ours["seconds"] / theirs["seconds"]
                kept.append({"format": form, "case": case, "ours": ours, "duckdb": theirs, "ratio": ratio})
                print(
                    f"{form + ' ' + case:26}{ours['seconds']:9.2f}{ours['mib']:7.0f}"
                    f"{theirs['seconds']:9.2f}{theirs['mib']:7.0f}{ratio:7.2f}",
                    flush=True,
                )
    sections.keep("reading", {"rows": ROWS, "figures": kept}, time.monotonic() - began, quick=ROWS < FULL)


def page() -> None:
    sections.draw("reading", section, plotted=False)


def section(result: dict[str, Any]) -> str:
    """What the page says of a run: of the same run always the same."""
    rows = []
    for one in result["figures"]:
        ours, theirs = one["ours"], one["duckdb"]
        cells = [f"{ours['seconds']:.2f}", f"{ours['mib']:,.0f}", f"{theirs['seconds']:.2f}", f"{theirs['mib']:,.0f}"]
        rows.append([one["format"], one["case"], *cells, f"{one['ratio']:.2f}", met(one["ratio"], AIM)])
    head = ["format", "question", "s", "peak MiB", "DuckDB, s", "peak MiB", "times DuckDB", f"at most {AIM}"]
    growth = "; ".join(
        f"{form}: {exponent([1, 10, 30], [_seconds(result, form, days) for days in ('1 day', '10 days', '30 days')]):.2f}"
        for form in dict.fromkeys(one["format"] for one in result["figures"])
    )
    return f"""## Reading an archive

{sections.source("reading", result)}
{result["rows"]:,} inputs of ten columns and as many predictions over {DAYS} days, in calls of {CALL} rows. Beside it is DuckDB
on the same files. It is given the files of the days, and believes them. We list the archive, read the
manifests, and check every batch of text against its checksum. We also give our six columns and the declared types.
"Joined" is predictions beside inputs by correlation id and row. CSV has no row number, so there DuckDB numbers the rows of an id.
The exponent of time over 1, 10 and 30 days (0 constant, 1 proportional) is, by format: {growth}.

{table(head, rows)}

Text meets the aim. Parquet meets it where whole tables are read. Where DuckDB aggregates, planning a day takes 3 ms and
reading it 14, which is as long as DuckDB takes for everything. The rest is DuckDB's own work on a stream of Arrow batches.
It does that in one thread and without the dictionaries that it finds in Parquet itself. `Archive.sql` and `modeldata query` go
without that stream ("SQL"): DuckDB reads the files of a local archive itself where all are Parquet of one shape.

A smaller archive has 1.5 million inputs and as many predictions, one Parquet file a day. Both ran in turns in one process. These
are medians of 9, in times DuckDB on the same files:

| question | CPU, before | CPU, now | elapsed, before | elapsed, now |
| --- | --- | --- | --- | --- |
| 1 day of 30, SQL | 1.9 | 2.2 | 2.1 | 2.3 |
| 10 days of 30, SQL | 2.3 | 1.6 | 2.5 | 1.6 |
| 30 days, SQL | 2.0 | 1.25 | 1.4 | 1.07 |
| all 30 days joined, SQL | 1.6 | 1.14 | 1.5 | 1.20 |

Planning is the fixed part. It lists the archive, and reads 30 manifests and 30 footers, for some 20 ms of CPU. DuckDB gets the
files of the day. One day has 50,000 rows, which take as long. DuckDB opens each file to skip it, for 0.35 ms. So a question with
`$Timestamp` in it takes this way up to 64 files, another up to 256. Files of several shapes, other stores, other systems than
Linux and DuckDB before 2.0 go the way of the stream."""


def _seconds(result: dict[str, Any], form: str, days: str) -> float:
    (found,) = (one for one in result["figures"] if (one["format"], one["case"]) == (form, f"{days}, 3 columns"))
    seconds: float = found["ours"]["seconds"]
    return seconds


def make(folder: Path, form: str, rows: int = ROWS) -> None:
    """Day by day: collected under the clock of that day, then shipped."""
    from modeldata import Archive
    from modeldata.ship.pipeline import Pipeline
    from modeldata.spool.files import Files
    from modeldata.spool.folder import open_place
    from modeldata.store import open_store

    archive = Archive(folder / "archive", format=form, ship="off", fsync="never", batch_seconds=0, min_free_bytes=0)
    settings = archive.settings
    place = open_place(settings.spool_folder(), Files(), os.urandom(16), 0)
    pipeline = Pipeline(
        place, open_store(settings.archive, Files()), settings, files=Files(), warn=print, may_commit=lambda: True
    )
    inputs, predictions = archive.collector("m", "inputs"), archive.collector("m", "predictions")
    dice = np.random.default_rng(17)
    words = np.array(["north", "south", "east", "west, by sea"])
    calls = rows // CALL // DAYS
    for day in range(DAYS):
        for call in range(calls):
            now = FIRST_NS + day * DAY_NS + call * (DAY_NS // calls)
            columns = {f"x{n}": dice.normal(size=CALL) for n in range(5)}
            columns |= {f"n{n}": dice.integers(0, 10_000, CALL) for n in range(3)}
            columns |= {f"s{n}": words[dice.integers(0, 4, CALL)] for n in range(2)}
            with mock.patch("modeldata.collector.time_ns", lambda now=now: now):
                assert inputs.collect(pd.DataFrame(columns), user_correlation_id=f"order-{day:02d}-{call:08d}")
                assert predictions.collect(
                    pd.DataFrame({"score": dice.random(CALL)}), user_correlation_id=f"order-{day:02d}-{call:08d}"
                )
            if call % 500 == 499 or call == calls - 1:
                while pipeline.step().rows:
                    continue
    archive.close(0)
    (folder / "made").touch()


def _measured(case: str, who: str, folder: Path, form: str) -> dict[str, object]:
    command = [sys.executable, "-m", "benchmarks.reading", case, who, str(folder), form]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=Path(__file__).parents[1])
    if done.returncode:
        raise RuntimeError(done.stderr)
    made: dict[str, object] = json.loads(done.stdout.splitlines()[-1])
    return made


def _bounds(days: int) -> dict[str, str]:
    start = np.datetime64(FIRST_NS + DAY * DAY_NS * (days < 20), "ns")
    return {"start": str(start)[:19], "end": str(start + np.timedelta64(days, "D"))[:19]}


def _aggregate(days: int) -> tuple[Callable[[Path, str], object], Callable[[Path, str], object]]:
    def ours(folder: Path, form: str) -> object:
        import duckdb

        from modeldata import Archive

        rows = Archive(folder / "archive").scan("m", "inputs", columns=["x0", "n0", "s0"], **_bounds(days)).to_reader()
        return duckdb.connect().from_arrow(rows).aggregate(AGGREGATE).fetchall()

    def theirs(folder: Path, form: str) -> object:
        import duckdb

        return duckdb.sql(f"select {AGGREGATE} from {_files(folder, form, 'inputs', days)}").fetchall()

    return ours, theirs


def _all_columns(days: int) -> tuple[Callable[[Path, str], object], Callable[[Path, str], object]]:
    """The whole table, as one takes it into memory."""

    def ours(folder: Path, form: str) -> object:
        from modeldata import Archive

        return [(Archive(folder / "archive").read("m", "inputs", **_bounds(days)).num_rows,)]

    def theirs(folder: Path, form: str) -> object:
        import duckdb

        return [(duckdb.sql(f"select * from {_files(folder, form, 'inputs', days)}").to_arrow_table().num_rows,)]

    return ours, theirs


def _join() -> tuple[Callable[[Path, str], object], Callable[[Path, str], object]]:
    def ours(folder: Path, form: str) -> object:
        import duckdb

        from modeldata import Archive

        zero = pd.Timedelta(0).to_pytimedelta()
        question = {"columns": ["x0", "n0", "score"], "look_ahead": zero, "look_back": zero, **_bounds(1)}
        joined = Archive(folder / "archive").join("m", "inputs", "predictions", **question).to_arrow()
        found = joined.rename_columns([name.rpartition(".")[2] for name in joined.column_names])
        return duckdb.connect().from_arrow(found).aggregate(JOINED).fetchall()

    def theirs(folder: Path, form: str) -> object:
        import duckdb

        row = '"$Row"' if form != "csv" else 'row_number() over (partition by "$CorrelationId") "$Row"'
        sides = [
            f'(select "$CorrelationId", {row}, {columns} from {_files(folder, form, identifier, 1)})'
            for identifier, columns in (("inputs", "x0, n0"), ("predictions", "score"))
        ]
        return duckdb.sql(f'select {JOINED} from {sides[0]} left join {sides[1]} using ("$CorrelationId", "$Row")').fetchall()

    return ours, theirs


def _files(folder: Path, form: str, identifier: str, days: int) -> str:
    start = np.datetime64(_bounds(days)["start"][:10])
    folders = [str(start + day).replace("-", "/") for day in range(days)]
    paths = [f"{folder}/archive/unknown/unknown/unknown-m-unknown/{identifier}/{day}/data*.{form}" for day in folders]
    return {
        "csv": "read_csv({}, header=true)",
        "jsonl": "read_json({}, format='newline_delimited')",
        "parquet": "read_parquet({})",
    }[form].format(paths)


def _sql(days: int) -> tuple[Callable[[Path, str], object], Callable[[Path, str], object]]:
    """The same aggregate through the views of `Archive.sql`."""

    def ours(folder: Path, form: str) -> object:
        from modeldata import Archive

        start, end = _bounds(days).values()
        condition = f"\"$Timestamp\" >= '{start}' and \"$Timestamp\" < '{end}'" if days < DAYS else "true"
        return Archive(folder / "archive").sql(f"select {AGGREGATE} from m_inputs where {condition}").fetchall()

    return ours, _aggregate(days)[1]


def _sql_join() -> tuple[Callable[[Path, str], object], Callable[[Path, str], object]]:
    question = f'select {JOINED} from {{}} left join {{}} using ("$CorrelationId", "$Row")'

    def ours(folder: Path, form: str) -> object:
        from modeldata import Archive

        return Archive(folder / "archive").sql(question.format("m_inputs", "m_predictions")).fetchall()

    def theirs(folder: Path, form: str) -> object:
        import duckdb

        return duckdb.sql(question.format(*(_files(folder, form, side, DAYS) for side in ("inputs", "predictions")))).fetchall()

    return ours, theirs


IN_SQL = {f"{days} day{'s' * (days > 1)}, SQL": _sql(days) for days in (1, 10, DAYS)} | {"all joined, SQL": _sql_join()}
CASES = {
    "1 day, 3 columns": _aggregate(1),
    "1 day, table": _all_columns(1),
    "1 day, joined": _join(),
    "10 days, 3 columns": _aggregate(10),
    "30 days, 3 columns": _aggregate(30),
    **IN_SQL,
}


def _worker(case: str, who: str, folder: str, form: str) -> None:
    work = CASES[case][who == "duckdb"]
    times = []
    for _ in range(TRIES):
        started = time.perf_counter()
        answer = work(Path(folder), form)
        times.append(time.perf_counter() - started)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"seconds": min(times), "mib": peak, "answer": [float(one) for one in answer[0]]}))


if __name__ == "__main__":
    _worker(*sys.argv[1:])
