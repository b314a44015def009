"""`modeldata demo`: a real model service, real requests, and the archive they leave behind."""

from __future__ import annotations

import csv
import os
import time
from pathlib import Path
from statistics import median, quantiles
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.tree import Tree

from modeldata.cli.demo_service import Service, patients, send
from modeldata.settings import SPOOL_PREFIX

WAIT_SECONDS = 60.0
SHOWN_ROWS = 5


def demo(
    folder: Annotated[Path, typer.Option(help="Where the demo keeps its model and its archive.")] = Path("demo-archive"),
    clients: Annotated[int, typer.Option(min=1, help="How many clients send at once.")] = 4,
) -> None:
    """Train a model, serve it, send it real rows over HTTP, and show what was archived.

    Exits with 1 when the archive does not hold exactly what was sent.
    """
    out = Console(highlight=False)
    place = (folder / time.strftime("%Y%m%d-%H%M%S")).absolute()
    archive = place / "archive"
    place.mkdir(parents=True)
    with Service(place, archive) as service:
        out.print(f"[bold]1.[/] trained a classifier on scikit-learn's breast cancer data: accuracy {service.accuracy:.3f}")
        out.print(f"[bold]2.[/] serving it with uvicorn and FastAPI at {service.url}")
        sent = send(service.url, patients(), clients)
        out.print(f"[bold]3.[/] sent {sent.rows} rows in {sent.requests} requests from {clients} clients, single and in batches")
        timings = service.timings()
        inputs, predictions = _wait(archive, sent.rows)
    out.print("[bold]4.[/] the archive:\n")
    out.print(_tree(archive))
    out.print("\n   the first inputs (the first of 30 features):")
    out.print(_first_rows(inputs))
    out.print("   inputs beside predictions, by correlation id:")
    out.print(_side_by_side(inputs, predictions))
    agreed = _counts(out, sent.ids, inputs, predictions)
    _cost(out, timings)
    out.print(f"\nThe files are plain CSV: open them with anything, or\n   modeldata audit {_short(archive)}", soft_wrap=True)
    raise typer.Exit(0 if agreed else 1)


Rows = list[dict[str, str]]


def _wait(archive: Path, rows: int) -> tuple[Rows, Rows]:
    """Until the archive has what was sent; or what it has after a minute."""
    deadline = time.monotonic() + WAIT_SECONDS
    while True:
        inputs, predictions = _read(archive, "inputs"), _read(archive, "prediction")
        if len(inputs) >= rows and len(predictions) >= rows or time.monotonic() > deadline:
            return inputs, predictions
        time.sleep(0.1)


def _read(archive: Path, identifier: str) -> Rows:
    rows: Rows = []
    for path in sorted(archive.glob(f"*/*/*/{identifier}/*/*/*/data*.csv")):
        with path.open(newline="", encoding="utf-8") as file:
            rows.extend(csv.DictReader(file))
    return rows


def _tree(archive: Path) -> Tree:
    tree = Tree(f"[bold]{_short(archive)}[/]", guide_style="dim")
    _grow(tree, archive)
    return tree


def _grow(tree: Tree, folder: Path) -> None:
    for path in sorted(folder.iterdir()):
        if path.name.startswith(SPOOL_PREFIX):
            continue
        inner = path
        while inner.is_dir() and len(list(inner.iterdir())) == 1:
            inner = next(inner.iterdir())  # one line for folders that hold nothing but a folder
        name = inner.relative_to(folder).as_posix()
        if inner.is_dir():
            _grow(tree.add(name + "/"), inner)
        else:
            tree.add(f"{name}  [dim]{inner.stat().st_size:,} bytes[/]")


def _table(*columns: str) -> Table:
    table = Table(*columns, box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for column in table.columns:
        column.no_wrap = True
    return table


def _first_rows(rows: Rows) -> Table:
    names = [name for name in (rows[0] if rows else {}) if name != "$RequestId"][:4]
    table = _table(*names)
    for row in rows[:SHOWN_ROWS]:
        table.add_row(*(row[name] for name in names))
    return table


def _side_by_side(inputs: Rows, predictions: Rows) -> Table:
    answers = {row["$CorrelationId"]: row for row in predictions}
    table = _table("$CorrelationId", "mean radius", "mean texture", "→", "malignant", "benign")
    singles = [row for row in inputs if row["$CorrelationId"].startswith("single")]
    for row in singles[:SHOWN_ROWS]:
        answer = answers[row["$CorrelationId"]]
        likely = [f"{float(answer[name]):.4f}" for name in ("malignant", "benign")]
        table.add_row(row["$CorrelationId"], row["mean radius"], row["mean texture"], "→", *likely)
    return table


def _counts(out: Console, ids: list[str], inputs: Rows, predictions: Rows) -> bool:
    """Sent = archived, row by row, told in one line."""
    expected = sorted(ids)
    good = all(sorted(row["$CorrelationId"] for row in rows) == expected for rows in (inputs, predictions))
    verdict = "[green]they agree[/]" if good else "[red]they do not agree[/]"
    out.print(f"\n[bold]5.[/] {len(ids)} rows sent = {len(inputs)} inputs = {len(predictions)} predictions archived: {verdict}")
    return good


def _cost(out: Console, timings: dict[str, list[int]]) -> None:
    collect = [nanoseconds / 1000 for nanoseconds in timings["collect"]]
    request = [nanoseconds / 1000 for nanoseconds in timings["request"]]
    share = sum(collect) / sum(request)
    out.print(
        f"[bold]6.[/] collect() took {median(collect):.0f} µs (median; 99 % under {quantiles(collect, n=100)[98]:.0f} µs), twice a "
        f"request; scoring one took {median(request):.0f} µs: {share:.1%} of it is collecting",
        soft_wrap=True,
    )


def _short(path: Path) -> str:
    return os.path.relpath(path)
