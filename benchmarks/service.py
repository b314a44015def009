"""What does collection add to the processor time of a request?

FastAPI on uvicorn, one worker, a data frame of 20 columns and a small model. Every variant is a server process of its own; all
are alive. One client with a kept connection drives them in short blocks, in random order, in several sets of processes, so that
neither a drift of the machine nor the luck of one process decides. A second server without collection shows what the runs can't
tell apart. BENCH_QUICK=1 takes less than a minute, and has four of the variants.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import random
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks import peer_env, peers, sections
from benchmarks.draining import rows_in
from benchmarks.figures import Ratio, number, paired, shown, table, verdict
from benchmarks.peer_env import PYTHON, ROOT
from benchmarks.turns import QUICK, cpu_seconds, environment, in_turn, shippers

BASE, CONTROL = "no collection", "no collection, a second process"
VARIANTS = {
    BASE: "nothing",
    CONTROL: "nothing",
    "modeldata, inputs": "modeldata",
    "modeldata, inputs and predictions": "modeldata both",
    "azureml-datacollector (2017)": "peer_original:Original",
    "azureml-ai-monitoring": "peer_azureml_ai:AzuremlAi",
    "bentoml.monitor": "peer_bentoml:Bentoml",
    "logging, QueueHandler": "peer_logging:QueueLogging",
    "orjson line + os.write": "peer_orjson:Orjson",
    "orjson line with names, dtypes, time, id, sequence + os.write": "peer_orjson:OrjsonWhole",
}
if QUICK:
    VARIANTS = {title: VARIANTS[title] for title in (BASE, CONTROL, "modeldata, inputs", "orjson line + os.write")}
SETS, ROUNDS, REQUESTS = (1, 3, 30) if QUICK else (5, 6, 80)
WARM_UP = 10 if QUICK else 50
MOST = 1.03
"""What was aimed at: processor time per request, in times of the same service without collection."""
START_SECONDS = 120


class Server:
    """One variant in a process of its own, and the kept connection to it."""

    def __init__(self, variant: str, folder: Path, env: dict[str, str]) -> None:
        folder.mkdir(parents=True)
        self.folder = folder
        command = [PYTHON, "-m", "benchmarks.service_app", variant, str(folder)]
        with (folder / "stderr").open("wb") as said:
            self.process = subprocess.Popen(command, env=env, cwd=ROOT, stdout=subprocess.PIPE, stderr=said, text=True)

    def connect(self) -> None:
        """Waits until it listens. Raises RuntimeError, with its last words, for one that does not come up."""
        assert self.process.stdout is not None
        port = self.process.stdout.readline()
        if not port:
            lines = (self.folder / "stderr").read_text(errors="replace").strip().splitlines() or ["it said nothing"]
            raise RuntimeError(f"it ended with {self.process.wait(30)}: {lines[-1]}")
        self._line = http.client.HTTPConnection("127.0.0.1", int(port), timeout=START_SECONDS)
        self._line.connect()

    def post(self, path: str, body: bytes = b"") -> None:
        self._line.request("POST", path, body, {"Content-Type": "application/json"})
        answer = self._line.getresponse()
        said = answer.read()
        if answer.status != 200:
            raise RuntimeError(f"{path} answered {answer.status}: {said[:200]!r}")

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait(30)
        assert self.process.stdout is not None
        self.process.stdout.close()


def main() -> None:
    began = time.monotonic()
    missing = peer_env.prepare() | peers._original()
    found: dict[str, list[list[float]]] = {title: [[] for _ in range(SETS)] for title in VARIANTS}
    shipping: dict[str, list[float]] = {}
    failed: dict[str, str] = {}
    with tempfile.TemporaryDirectory(prefix="modeldata-bench-") as scratch, peers._sink(Path(scratch)) as port:
        env = environment(AZUREML_MDC_ENABLED="true", AZUREML_MDC_PORT=str(port))
        for at in range(SETS):
            with _servers(Path(scratch) / str(at), env, failed) as servers:
                _measure(servers, found, shipping, at)
                _counted(servers)
    result = {
        "us": {title: sets for title, sets in found.items() if title not in failed},
        "shipper": {title: [round(us, 1) for us in each] for title, each in shipping.items()},
        "requests": REQUESTS,
        "not_installed": missing,
        "failed": failed,
    }
    sections.keep("service", result, time.monotonic() - began, QUICK)
    print(tables(result))


def page() -> None:
    sections.draw("service", section)


@contextlib.contextmanager
def _servers(folder: Path, env: dict[str, str], failed: dict[str, str]) -> Iterator[dict[str, Server]]:
    """One server for each variant that comes up; why not, of the others."""
    with contextlib.ExitStack() as stack:
        servers = {
            title: stack.enter_context(Server(variant, folder / f"v{at}", env))
            for at, (title, variant) in enumerate(VARIANTS.items())
        }
        for title, server in list(servers.items()):
            try:
                server.connect()
            except RuntimeError as error:
                failed[title] = str(error)
                del servers[title]
        yield servers


def _measure(servers: dict[str, Server], found: dict[str, Any], shipping: dict[str, list[float]], at: int) -> None:
    """All rounds of one set of processes. Adds µs of processor time per request of each block."""
    dice, bodies = random.Random(at), _bodies(random.Random(17))

    def block(title: str, requests: int = REQUESTS, *, counts: bool = True) -> None:
        server = servers[title]
        pid = server.process.pid
        before, shipped = cpu_seconds(pid), _shipper_seconds(server)
        for request in range(requests):
            server.post("/score", bodies[request % len(bodies)])
        used = cpu_seconds(pid) - before
        server.post("/settle")
        if counts:
            found[title][at].append(round(used / requests * 1e6, 1))
            if "modeldata" in title:
                shipping.setdefault(title, []).append((_shipper_seconds(server) - shipped) / requests * 1e6)

    for title in servers:
        block(title, WARM_UP, counts=False)
    in_turn(servers, ROUNDS, block, dice)


def _counted(servers: dict[str, Server]) -> None:
    """Raises RuntimeError where modeldata's archive has not a row for every request and collector: then it was not measured."""
    for title, server in servers.items():
        if "modeldata" in title:
            expected = (WARM_UP + ROUNDS * REQUESTS) * (2 if "predictions" in title else 1)
            if (found := rows_in(server.folder)) != expected:
                raise RuntimeError(f"{title}: {found} rows in the archive of {expected}")


def _shipper_seconds(server: Server) -> float:
    return sum(map(cpu_seconds, shippers(server.folder)))


def _bodies(dice: random.Random) -> list[bytes]:
    """Requests: a row of 14 floats, 3 whole numbers and 3 texts, by column."""
    texts = ("north", "south", "east", "west, by sea", 'the "centre"')
    rows = [
        {f"f{n}": [dice.random()] for n in range(14)}
        | {f"i{n}": [dice.randrange(10_000)] for n in range(3)}
        | {f"s{n}": [dice.choice(texts)] for n in range(3)}
        for _ in range(64)
    ]
    return [json.dumps(row).encode() for row in rows]


def beside_none(result: dict[str, Any], title: str) -> Ratio:
    """Processor time in times of the service without collection, paired by round."""
    pairs = zip(result["us"][title], result["us"][BASE], strict=True)
    return paired([list(zip(own, base, strict=True)) for own, base in pairs])


def tables(result: dict[str, Any]) -> str:
    """Everything that a run found, as Markdown."""
    rows = []
    for title, sets in result["us"].items():
        each = sorted(us for one in sets for us in one)
        ratio = None if title == BASE else beside_none(result, title)
        beside = [shown(ratio), verdict(ratio, MOST) if "modeldata" in title else "-"] if ratio else ["-", "-"]
        shipper = result["shipper"].get(title)
        aside = number(sorted(shipper)[len(shipper) // 2]) if shipper else "-"
        rows.append([title, number(each[len(each) // 2]), *beside, aside, str(len(each))])
    head = ["", "µs of processor a request", "times no collection", f"at most {MOST}", "its shipper, µs a request", "pairs"]
    lost = [f"- {title} did not run: {why}" for title, why in result["failed"].items()]
    lost += [f"- {name} could not be installed: {why}" for name, why in result["not_installed"].items()]
    return "\n\n".join([table(head, rows), *(["\n".join(["Not measured:\n", *lost])] if lost else [])])


def section(result: dict[str, Any]) -> str:
    """What the page says of a run: of the same run always the same."""
    return f"""## In a service

{sections.source("service", result)} FastAPI on uvicorn, one worker; each request is JSON of 20 columns (14 floats,
3 whole numbers, 3 texts). It is made a data frame, collected, and scored by scikit-learn (fifty boosted trees on the numbers).
Processor time is of the server process, user and system, all its threads, over blocks of {result["requests"]} requests.
Each stands in a pair
with the block of the service without collection in the same round. In brackets is the 95 % interval of the median ratio, which
counts the luck of a process, too. A ratio is ≈ where 1 lies within it, and "not resolved" where the runs can't say whether the
aim is met. The second process without collection is the same program: a smaller difference than its own means nothing. Shippers
are processes of their own, and their time stands beside. It is mostly the cost of a round, however few rows it has: each block
is brought away in rounds of its own.

![In a service](img/service.svg)

{tables(result)}"""


if __name__ == "__main__":
    main()
