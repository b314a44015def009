"""One peer in a process of its own: `python -m benchmarks.peer_worker MODULE:CLASS FOLDER`.

Takes one request a line from stdin, answers with one line of JSON: so the suite can give every peer its turn, and all others
sleep meanwhile. What a peer itself prints goes to stderr.
"""

from __future__ import annotations

import importlib
import json
import mmap
import os
import signal
import struct
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.peer import HUGE, LARGE, Peer, inputs

PAUSE = 0.004
FEWEST_CALLS, MOST_LARGE_CALLS, MOST_HUGE_CALLS = 2, 130, 6
STEADY = 0.001
TALLY = struct.Struct("<QQ")

Call = Callable[[object], object]


def main() -> None:
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    made = Peers(sys.argv[1], Path(sys.argv[2]))
    answers.write(json.dumps({"ready": True}) + "\n")
    for line in sys.stdin:
        request = json.loads(line)
        answers.write(json.dumps(getattr(made, request.pop("do"))(**request)) + "\n")


def load(path: str) -> type[Peer]:
    module, _, name = path.partition(":")
    found: type[Peer] = getattr(importlib.import_module(f"benchmarks.{module}"), name)
    return found


class Peers:
    """What the suite may ask of the one peer in this process."""

    def __init__(self, path: str, folder: Path) -> None:
        self._peer = load(path)(folder)
        self._inputs: dict[str, list[object]] = {}

    def about(self) -> dict[str, Any]:
        """What is said of the peer beside its figures."""
        return {name: getattr(self._peer, name) for name in ("title", "carries", "note", "cases", "stores")}

    def time(self, case: str, hot: bool, seconds: float) -> dict[str, Any]:
        """Microseconds of each accepted call, and how many were refused."""
        call, most = self._peer.caller(case), self._peer.most_hot_calls
        if case not in self._inputs:
            self._inputs[case] = inputs(case)
            _timed(self._peer, call, self._inputs[case], {LARGE: 2, HUGE: 1}.get(case, 20), 0, 2)
        calls = min(most, {LARGE: MOST_LARGE_CALLS, HUGE: MOST_HUGE_CALLS}.get(case, most))
        found, refused = _timed(self._peer, call, self._inputs[case], calls, 0 if hot else PAUSE, seconds)
        self._peer.settle()
        return {"us": found, "refused": refused}

    def end(self, case: str, calls: int, steady: bool, how: str) -> None:
        """Makes the calls, as fast as can be or 1,000 a second, and ends the process right behind the last one.

        What was accepted is counted in a mapped file: telling it would give background threads time.
        """
        call, data = self._peer.caller(case), inputs(case)
        with (self._peer.folder / "tally").open("wb+") as file:
            file.truncate(TALLY.size)
            tally = mmap.mmap(file.fileno(), TALLY.size)
        accepted, began = 0, time.perf_counter()
        for number in range(calls):
            accepted += _accepts(call, self._peer.fresh(data[number % len(data)]))
            TALLY.pack_into(tally, 0, accepted, number + 1)
            if steady and number + 1 < calls:
                time.sleep(max(0.0, began + (number + 1) * STEADY - time.perf_counter()))
        if how == "SIGKILL":
            os.kill(os.getpid(), signal.SIGKILL)
        sys.exit(0)


def _accepts(call: Call, data: object) -> bool:
    try:
        return call(data) is not False
    except Exception:
        return False


def _timed(peer: Peer, call: Call, data: list[object], calls: int, pause: float, seconds: float) -> tuple[list[float], int]:
    found: list[float] = []
    refused, clock, fresh = 0, time.perf_counter_ns, peer.fresh
    until = clock() + seconds * 1e9
    for number in range(calls):
        given = fresh(data[number % len(data)])
        if pause:
            time.sleep(pause)
        began = clock()
        try:
            taken = call(given)
        except Exception:
            taken = False
        ended = clock()
        if taken is False:
            refused += 1
        else:
            found.append((ended - began) / 1e3)
        if ended > until and number >= FEWEST_CALLS:
            break
    return found, refused


if __name__ == "__main__":
    main()
