"""What does one `collect()` cost beside what else one could use, and what is left of it after SIGKILL?

Every peer runs in a process of its own in `.venv-bench`. They take turns, block by block in random order, so that a drift of the
machine hits all alike: read ratios within one run. Hot: a loop. Paced: one call per 4 ms, as in a service, with cold caches.
BENCH_QUICK=1 takes a minute. Results: benchmarks/results/; `python -m benchmarks page` draws the page from reference.json there.
"""

from __future__ import annotations

import contextlib
import json
import os
import platform
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from statistics import quantiles
from typing import Any

from tests.oracle.original import REQUIREMENT, wheel

from benchmarks import peer_env, peer_page
from benchmarks.peer_env import PYTHON, ROOT
from benchmarks.peer_page import HUGE

RESULTS = Path(__file__).with_name("results")
REFERENCE = RESULTS / "reference.json"
PEERS = (
    "peer_modeldata:Modeldata", "peer_modeldata:Shipping", "peer_original:Original", "peer_azureml_ai:AzuremlAi",
    "peer_bentoml:Bentoml", "peer_logging:QueueLogging", "peer_orjson:Orjson", "peer_orjson:OrjsonWhole",
    "peer_parquet:ToParquet",
)  # fmt: skip
FLOORS = ("peer_floors:OsWrite", "peer_floors:MmapStore", "peer_floors:ArrowCsv", "peer_floors:ArrowParquet")
QUICK = os.environ.get("BENCH_QUICK", "") not in ("", "0")
ROUNDS, HOT_SECONDS, PACED_SECONDS = (1, 0.06, 0.2) if QUICK else (3, 0.25, 0.75)
END_CASE, END_CALLS = "DataFrame 1x4", 500 if QUICK else 2_000
ENDS = {"burst, SIGKILL": (False, "SIGKILL"), "1,000/s, SIGKILL": (True, "SIGKILL"), "burst, exit": (False, "exit")}
if QUICK:
    del ENDS["1,000/s, SIGKILL"]


def main() -> None:
    began = time.monotonic()
    missing = peer_env.prepare() | _original()
    with tempfile.TemporaryDirectory(prefix="modeldata-bench-") as name, _sink(Path(name)) as port:
        folder = Path(name)
        os.environ["BENCH_FRAME_BYTES"] = _frame_bytes(folder)
        result = _measure(folder, port)
        result["ends"] = {}
        for path in [path for path, about in result["peers"].items() if about["stores"]]:
            try:
                result["ends"][path] = _ends(folder, port, path)
            except (OSError, RuntimeError, subprocess.SubprocessError) as error:
                result["failed"][path] = f"at its end: {error}"
    result |= {"not_installed": missing, "seconds": round(time.monotonic() - began), **_where()}
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{result['at'].replace(':', '')}.json"
    path.write_text(json.dumps(result, indent=1) + "\n")
    print(peer_page.tables(result))
    print(f"\n{path.relative_to(ROOT)}: {result['seconds']} s in all")


def page() -> None:
    """Writes the section of docs/performance.md, and its plot, from the reference run."""
    peer_env.prepare()
    again = [json.loads(path.read_text()) for path in sorted(RESULTS.glob("reference-again*.json"))]
    peer_page.write(json.loads(REFERENCE.read_text()), again)
    subprocess.run([PYTHON, "-m", "benchmarks.peer_plot", str(REFERENCE)], cwd=ROOT, check=True)


def _original() -> dict[str, str]:
    """Fetches the wheel of 2017 with our own pip; the peers' environment has none. Why, if it can't be had."""
    try:
        wheel()
    except RuntimeError as error:
        return {REQUIREMENT: str(error)}
    return {}


def _where() -> dict[str, Any]:
    asked = "import json, importlib.metadata as m; print(json.dumps({d.name.lower(): d.version for d in m.distributions()}))"
    versions = json.loads(subprocess.run([PYTHON, "-c", asked], capture_output=True, text=True, check=True).stdout)
    wanted = [line for line in peer_env.WANTED.read_text().splitlines() if not line.startswith("#")]
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds")[:19],
        "quick": QUICK,
        "python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        "versions": {name: versions.get(name) for name in wanted},
        "end_case": END_CASE,
        "end_calls": END_CALLS,
    }


def _measure(folder: Path, port: int) -> dict[str, Any]:
    """Titles and figures of every peer that starts; why, of the others."""
    peers: dict[str, Any] = {}
    failed: dict[str, str] = {}
    dice = random.Random(17)
    with contextlib.ExitStack() as stack:
        workers: dict[str, Worker] = {}
        for path in PEERS + FLOORS:
            try:
                workers[path] = stack.enter_context(Worker(path, folder / path.partition(":")[2], port))
                peers[path] = workers[path].ask(do="about") | {"times": {}}
            except (OSError, RuntimeError) as error:
                failed[path] = str(error)
        cases = next(iter(peers.values()))["cases"]
        blocks = [(case, True) for case in cases] + [(case, False) for case in cases if case != HUGE]
        for _ in range(ROUNDS):
            for case, hot in blocks:
                for path in dice.sample(sorted(workers), len(workers)):
                    if case in peers[path]["cases"]:
                        try:
                            _block(peers[path]["times"], workers[path], case, hot)
                        except (OSError, RuntimeError) as error:
                            failed[path] = f"{case}: {error}"
                            del workers[path]
    for about in peers.values():
        about["times"] = {key: _figures(found) for key, found in about["times"].items()}
    return {"peers": peers, "failed": failed}


def _block(times: dict[str, Any], worker: Worker, case: str, hot: bool) -> None:
    found = times.setdefault(f"{case}, {'hot' if hot else 'paced'}", {"us": [], "refused": 0})
    more = worker.ask(do="time", case=case, hot=hot, seconds=HOT_SECONDS if hot else PACED_SECONDS)
    found["us"] += more["us"]
    found["refused"] += more["refused"]


def _figures(found: dict[str, Any]) -> dict[str, float]:
    cuts = quantiles(found["us"], n=1000, method="inclusive")
    return {
        "median": round(cuts[499], 2),
        "p99": round(cuts[989], 2),
        "p99.9": round(cuts[998], 2),
        "calls": len(found["us"]),
        "refused": found["refused"],
    }


def _ends(folder: Path, port: int, path: str) -> dict[str, Any]:
    """Calls made, accepted, and rows found, after each way to end."""
    places = [folder / f"end-{path.partition(':')[2]}-{number}" for number in range(len(ENDS))]
    ends = {name: _end(place, port, path, name) for name, place in zip(ENDS, places, strict=True)}
    count = (
        "import json, sys; from pathlib import Path; from benchmarks.peer_worker import load; peer = load(sys.argv[1]); "
        "print(json.dumps([peer.rows(Path(place)) for place in sys.argv[2:]]))"
    )
    command = [PYTHON, "-c", count, path, *map(str, places)]
    done = subprocess.run(command, env=_env(path, port), cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
    for end, found in zip(ends.values(), json.loads(done.stdout.splitlines()[-1]), strict=True):
        end["found"] = found
    return ends


def _end(place: Path, port: int, path: str, name: str) -> dict[str, int]:
    steady, how = ENDS[name]
    with Worker(path, place, port) as worker:
        worker.send(do="end", case=END_CASE, calls=END_CALLS, steady=steady, how=how)
        code = worker.process.wait(120)
    if code != (-signal.SIGKILL if how == "SIGKILL" else 0):
        raise RuntimeError(f"{path} ended with {code}: {worker.said()}")
    tally = (place / "tally").read_bytes()
    return {"accepted": int.from_bytes(tally[:8], "little"), "calls": int.from_bytes(tally[8:], "little")}


def _env(path: str, port: int) -> dict[str, str]:
    ours = [str(ROOT), str(ROOT / "src")] if "modeldata" in path else [str(ROOT)]
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("MODELDATA_", "AML_", "PYTHON"))}
    return {
        **kept,
        "PYTHONPATH": os.pathsep.join(ours),
        "AZUREML_MDC_ENABLED": "true",
        "AZUREML_MDC_PORT": str(port),
        "BENTOML_DO_NOT_TRACK": "true",
    }


class Worker:
    """One peer's process: asked one thing at a time."""

    def __init__(self, path: str, folder: Path, port: int) -> None:
        folder.mkdir(parents=True)
        self._said = folder.with_suffix(".stderr")
        command = [PYTHON, "-m", "benchmarks.peer_worker", path, str(folder)]
        with self._said.open("wb") as said:
            self.process = subprocess.Popen(
                command, env=_env(path, port), cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=said, text=True
            )

    def __enter__(self) -> Worker:
        self._answer()
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(BrokenPipeError):
            self._pipes()[0].close()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
        self._pipes()[1].close()

    def said(self) -> str:
        lines = self._said.read_text(errors="replace").strip().splitlines()
        return lines[-1] if lines else "it said nothing"

    def ask(self, **request: object) -> dict[str, Any]:
        self.send(**request)
        return self._answer()

    def send(self, **request: object) -> None:
        into = self._pipes()[0]
        into.write(json.dumps(request) + "\n")
        into.flush()

    def _answer(self) -> dict[str, Any]:
        line = self._pipes()[1].readline()
        if not line:
            self.process.wait(30)
            raise RuntimeError(f"it ended with {self.process.returncode}: {self.said()}")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _pipes(self) -> tuple[Any, Any]:
        assert self.process.stdin is not None and self.process.stdout is not None
        return self.process.stdin, self.process.stdout


def _frame_bytes(folder: Path) -> str:
    command = [PYTHON, "-m", "benchmarks.peer_modeldata", str(folder / "bytes")]
    done = subprocess.run(command, env=_env("modeldata", 0), cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
    return done.stdout


@contextlib.contextmanager
def _sink(folder: Path) -> Iterator[int]:
    command = [sys.executable, "-m", "benchmarks.peer_sink"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield int(process.stdout.readline())
        finally:
            process.kill()


if __name__ == "__main__":
    main()
