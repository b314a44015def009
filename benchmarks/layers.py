"""What does a recorder around a service add to the processor time of a request, and to the times of a stream's chunks?

FastAPI on uvicorn, a row of four numbers a request. Each way is a process of its own; all are alive, and one client drives them
in short blocks, in random order. Needs `.venv-services` (make services) for OpenTelemetry's layer; without it the others run.
BENCH_QUICK=1 takes a fifth of the rounds.
"""

from __future__ import annotations

import contextlib
import http.client
import itertools
import json
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.figures import number, paired, shown, table
from benchmarks.layers_app import GAP_SECONDS, WAYS
from benchmarks.turns import QUICK, ROOT, cpu_seconds, environment, in_turn

SERVICES = ROOT / ".venv-services" / "bin" / "python"
PYTHON = str(SERVICES) if SERVICES.exists() else sys.executable
BARE, LAYER = "nothing", "a recorder around it"
ROUNDS, REQUESTS, STREAMS = (5, 60, 5) if QUICK else (25, 100, 20)
BODY = json.dumps([{"a": 1.5, "b": 2.5, "c": 3.5, "d": 4.5}]).encode()


class Server:
    def __init__(self, way: str, folder: Path) -> None:
        folder.mkdir()
        command = [PYTHON, "-m", "benchmarks.layers_app", way, str(folder)]
        with (folder / "stderr").open("wb") as said:
            self.process = subprocess.Popen(command, env=environment(), cwd=ROOT, stdout=subprocess.PIPE, stderr=said, text=True)

    def connect(self) -> bool:
        assert self.process.stdout is not None
        port = self.process.stdout.readline().strip()
        if port:
            self._line = http.client.HTTPConnection("127.0.0.1", int(port), timeout=60)
        return bool(port)

    def ask(self, path: str) -> http.client.HTTPResponse:
        self._line.request("POST", path, BODY, {"Content-Type": "application/json"})
        return self._line.getresponse()

    def microseconds(self, requests: int) -> float:
        """Processor time of one request."""
        before = cpu_seconds(self.process.pid)
        for _ in range(requests):
            self.ask("/predict").read()
        return (cpu_seconds(self.process.pid) - before) / requests * 1e6

    def gaps(self) -> list[float]:
        """Milliseconds between the chunks of one stream, as they come."""
        answer, times = self.ask("/v1/completions"), []
        while answer.readline():
            answer.readline()
            times.append(time.perf_counter())
        return [(after - before) * 1e3 for before, after in itertools.pairwise(times)][:-1]


@contextlib.contextmanager
def _servers() -> Iterator[dict[str, Server]]:
    with tempfile.TemporaryDirectory(prefix="modeldata-bench-") as scratch:
        servers = {way: Server(way, Path(scratch) / str(at)) for at, way in enumerate(WAYS)}
        try:
            yield {way: server for way, server in servers.items() if server.connect()}
        finally:
            for server in servers.values():
                server.process.kill()
                server.process.wait(30)


def main() -> None:
    used: dict[str, list[float]] = {way: [] for way in WAYS}
    gaps: dict[str, list[float]] = {BARE: [], LAYER: []}
    with _servers() as servers:
        for server in servers.values():
            server.microseconds(REQUESTS)
        in_turn(servers, ROUNDS, lambda way: used[way].append(servers[way].microseconds(REQUESTS)), random.Random(1))
        in_turn(gaps, STREAMS, lambda way: gaps[way].extend(servers[way].gaps()), random.Random(2))
    print(_costs({way: each for way, each in used.items() if each}))
    print(_streams(gaps))


def _costs(used: dict[str, list[float]]) -> str:
    rows = []
    for way, each in used.items():
        ratio = "-" if way == BARE else shown(paired([list(zip(each, used[BARE], strict=True))]))
        rows.append([way, number(statistics.median(each)), ratio])
    missing = [f"\n- {way} did not start" for way in WAYS if way not in used]
    return table(["", "µs of processor a request", "times nothing"], rows) + "".join(missing) + "\n"


def _streams(gaps: dict[str, list[float]]) -> str:
    rows = []
    for way, each in gaps.items():
        ordered = sorted(each)
        rows.append(
            [way, *(number(ordered[int(len(ordered) * share)]) for share in (0.5, 0.99)), number(ordered[-1]), str(len(ordered))]
        )
    return table([f"a chunk each {GAP_SECONDS * 1e3:.0f} ms", "ms between, p50", "p99", "most", "chunks"], rows)


if __name__ == "__main__":
    main()
