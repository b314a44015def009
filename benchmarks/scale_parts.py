"""The four questions of `scale`, each answered as rows of figures, one for each size."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.draining import drain, rows_in
from benchmarks.figures import cuts
from benchmarks.peers import Worker
from benchmarks.turns import Seat, environment, in_turn

WIDTHS = {"list": (10, 100, 1_000), "numpy": (10, 100, 1_000), "DataFrame": (10, 100, 1_000)}
SINGLE = {"numpy float32": 784, "text of bytes": 65_536}

Figures = list[dict[str, Any]]


def widths(folder: Path, rounds: int, seconds: float) -> Figures:
    """µs of a call by what a row is and how wide, all in turn in one process."""
    cases = [(kind, size) for kind, sizes in WIDTHS.items() for size in sizes] + list(SINGLE.items())
    found: dict[str, list[float]] = {f"{kind}/{size}": [] for kind, size in cases}
    with _seat(folder) as seat:

        def block(name: str) -> None:
            kind, _, size = name.partition("/")
            found[name] += seat.ask(do="time", kind=kind, size=int(size), seconds=seconds)["us"]

        in_turn(found, rounds, block, random.Random(17))
    return [{"kind": kind, "size": size, **cuts(found[f"{kind}/{size}"])} for kind, size in cases]


def writers(folder: Path, numbers: tuple[int, ...], calls: int) -> Figures:
    """Processes that write to one spool at the same time, one call per 4 ms each."""
    rows = []
    for number in numbers:
        place = folder / f"writers-{number}"
        place.mkdir(parents=True)
        with contextlib.ExitStack() as stack:
            seats = [stack.enter_context(_seat(place, f"{at}.stderr")) for at in range(number)]
            for seat in seats:
                seat.send(do="paced", calls=calls)
            answers = [seat._answer() for seat in seats]
        drained = drain(place)
        rows.append(
            {
                "size": number,
                **cuts([us for answer in answers for us in answer["us"]]),
                "accepted": sum(answer["rows"] for answer in answers),
                "found": rows_in(place),
                "drain_s": drained.seconds,
            }
        )
    return rows


def collectors(folder: Path, numbers: tuple[int, ...], calls: int) -> Figures:
    """Collectors in one process, each with a path of its own in the archive."""
    rows = []
    for number in numbers:
        place = folder / f"collectors-{number}"
        place.mkdir(parents=True)
        with _seat(place) as seat:
            about = seat.ask(do="collectors", number=number, calls=calls)
        drained = drain(place)
        files = [path for path in (place / "archive").glob("unknown/**/*") if path.is_file()]
        about |= {
            "accepted": about.pop("rows"),
            "found": rows_in(place),
            "drain_s": drained.seconds,
            "peak_mib": drained.peak_mib,
        }
        rows.append({"size": number, **about, "files": len(files)})
    return rows


def backlogs(folder: Path, numbers: tuple[int, ...]) -> Figures:
    """Rows that a process left behind, one a call: what a shipper needs for them, and a newcomer for its first call."""
    rows = []
    for number in numbers:
        place = folder / f"backlog-{number}"
        place.mkdir(parents=True)
        with _seat(place) as seat:
            fill_us = seat.ask(do="fill", rows=number)
            seat.process.kill()
        with _seat(place, "newcomer.stderr") as seat:
            first_ms = seat.ask(do="first_call")
        drained = drain(place)
        about = {"accepted": number + 1, "found": rows_in(place), "first_ms": first_ms, "fill_us": fill_us}
        rows.append({"size": number, **about, "drain_s": drained.seconds, "peak_mib": drained.peak_mib})
    return rows


@contextlib.contextmanager
def _seat(folder: Path, said: str = "stderr") -> Iterator[Worker]:
    folder.mkdir(parents=True, exist_ok=True)
    with Seat("benchmarks.scale_worker", str(folder), said=folder / said, env=environment()) as seat:
        yield seat
