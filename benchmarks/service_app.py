"""The service that is measured: FastAPI, a data frame of 20 columns per request, a small model, and one way to collect.

`python -m benchmarks.service_app VARIANT FOLDER` prints its port when it listens. VARIANT: a peer (`peer_orjson:Orjson`),
"nothing", "modeldata" (inputs), "modeldata both" (inputs and predictions).
"""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd
import uvicorn
from fastapi import FastAPI, Request
from sklearn.ensemble import GradientBoostingClassifier

from benchmarks.peer import LARGE, inputs
from benchmarks.peer_worker import load
from modeldata import Archive

CASE = "DataFrame 1x20"

Call = Callable[[Any], object]


def trained() -> tuple[Any, list[str]]:
    """Fifty small trees, and the columns that they look at: all numbers."""
    rows = pd.concat([cast(pd.DataFrame, frame) for frame in inputs(LARGE)], ignore_index=True)
    numbers = [str(name) for name in rows if not str(name).startswith("s")]
    return GradientBoostingClassifier(n_estimators=50).fit(rows[numbers].to_numpy(), rows["f0"] + rows["f1"] > 1), numbers


def collecting(variant: str, folder: Path) -> tuple[Call, Call, Callable[[], None]]:
    """What takes a request's frame, what takes its scores, and what waits until all of it has been brought away."""
    if variant == "nothing":
        return _nothing, _nothing, lambda: None
    if variant.startswith("modeldata"):
        archive = Archive(folder / "archive", ship="process", min_free_bytes=0)

        def settle() -> None:
            if not archive.flush(60):
                raise RuntimeError(f"not shipped within a minute: {archive.stats()}")

        predictions = archive.collector("churn", "predictions", ["score"]).collect if variant.endswith("both") else _nothing
        return archive.collector("churn", "inputs").collect, predictions, settle
    peer = load(variant)(folder)
    return peer.caller(CASE), _nothing, peer.settle


def _nothing(_: object) -> None:
    pass


def made(variant: str, folder: Path) -> FastAPI:
    app, (model, numbers) = FastAPI(), trained()
    collect_inputs, collect_scores, settle = collecting(variant, folder)

    @app.post("/score")
    async def score(request: Request) -> dict[str, list[float]]:
        frame = pd.DataFrame(await request.json())
        collect_inputs(frame)
        scores: np.ndarray = model.predict_proba(frame[numbers].to_numpy())[:, 1]
        collect_scores(scores)
        return {"scores": scores.tolist()}

    @app.post("/settle")
    def settled() -> None:
        settle()

    return app


def main() -> None:
    answers, folder = os.fdopen(os.dup(1), "w", buffering=1), Path(sys.argv[2])
    os.dup2(2, 1)  # peers print, too
    app = made(sys.argv[1], folder)
    listening = socket.create_server(("127.0.0.1", 0))
    answers.write(f"{listening.getsockname()[1]}\n")
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False, timeout_keep_alive=3600))
    server.run(sockets=[listening])


if __name__ == "__main__":
    main()
