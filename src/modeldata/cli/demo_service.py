"""The service of the demo and its clients. The service itself is examples/fastapi_service, which the wheel carries along."""

from __future__ import annotations

import os
import random
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from modeldata.errors import ModelDataError

if TYPE_CHECKING:
    from types import TracebackType

    import pandas as pd

START_SECONDS = 90.0
PACKAGED = Path(__file__).with_name("demo_files")
IN_CLONE = Path(__file__).parents[3] / "examples" / "fastapi_service"


class Sent(NamedTuple):
    """What the clients sent: `ids` has the correlation id of every row."""

    rows: int
    requests: int
    ids: list[str]


class Service:
    """Trains and serves in a process of its own, for the time of a `with`."""

    def __init__(self, place: Path, archive: Path) -> None:
        """Raises `ModelDataError` where a part of the `demo` extra is missing or the service does not come up."""
        self._place = place
        self._archive = archive
        self._process: subprocess.Popen[bytes] | None = None
        self.accuracy = 0.0
        self.url = ""

    def __enter__(self) -> Service:
        source = PACKAGED if PACKAGED.is_dir() else IN_CLONE
        model = self._place / "model.pkl"
        trained = subprocess.run(
            [sys.executable, str(source / "train.py"), str(model)], capture_output=True, text=True, check=False
        )
        if trained.returncode:
            reason = trained.stderr.strip().rpartition("\n")[2]
            raise ModelDataError("train the demo's model", cause=reason, hint="pip install 'modeldata[demo]'")
        self.accuracy = float(trained.stdout.split()[-1])
        port = _free_port()
        self.url = f"http://127.0.0.1:{port}"
        environment = {**os.environ, "MODEL": str(model), "MODELDATA_ARCHIVE": str(self._archive)}
        log = (self._place / "service.log").open("wb")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "uvicorn", "app:app", "--app-dir", str(source), "--port", str(port), "--log-level", "warning"],
            env=environment,
            cwd=self._place,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        log.close()
        try:
            self._wait_until_up(port)
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    def stop(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _wait_until_up(self, port: int) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            assert self._process is not None
            if self._process.poll() is not None:
                break
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                return
            except OSError:
                time.sleep(0.05)
        said = (self._place / "service.log").read_text(errors="replace").strip().rpartition("\n")[2]
        raise ModelDataError("start the demo's service", self.url, cause=said, hint="pip install 'modeldata[demo]'")

    def timings(self) -> dict[str, list[int]]:
        """Nanoseconds of each `collect()` call and of each request, as the service measured them."""
        import httpx

        found: dict[str, list[int]] = httpx.get(f"{self.url}/timings", timeout=30).raise_for_status().json()
        return found


def patients() -> pd.DataFrame:
    """569 real rows of 30 features."""
    from sklearn.datasets import load_breast_cancer

    frame: pd.DataFrame = load_breast_cancer(as_frame=True).data
    return frame


def send(url: str, rows: pd.DataFrame, clients: int) -> Sent:
    """Every row once, half of them single, half in batches of up to 16, from `clients` threads."""
    import httpx

    records = rows.to_dict("records")
    dice = random.Random(17)
    half = len(records) // 2
    requests = [(f"single-{number}", [record]) for number, record in enumerate(records[:half])]
    at = half
    while at < len(records):
        size = dice.randint(2, 16)
        requests.append((f"batch-{at}", records[at : at + size]))
        at += size
    dice.shuffle(requests)

    def client(own: list[tuple[str, list[dict[str, float]]]]) -> list[str]:
        ids: list[str] = []
        with httpx.Client(base_url=url, timeout=60) as http:
            for order, batch in own:
                http.post("/score", json=batch, headers={"X-Order-Id": order}).raise_for_status()
                ids += [order] * len(batch)
        return ids

    with ThreadPoolExecutor(clients) as pool:
        done = list(pool.map(client, [requests[number::clients] for number in range(clients)]))
    ids = [one for part in done for one in part]
    return Sent(len(ids), len(requests), ids)


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])
