"""The web service around `score.py`: one patient or many in a request.

    python train.py model.pkl
    uvicorn app:app

    curl -X POST localhost:8000/score -H 'X-Order-Id: order-1' -H 'Content-Type: application/json' -d @patients.json
"""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pandas as pd
import score
from fastapi import FastAPI, Header

import modeldata

collect_ns: list[int] = []
request_ns: list[int] = []


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    score.init()
    for collector in (score.inputs_dc, score.prediction_dc):
        collector.collect = timed(collector.collect, collect_ns)
    yield


app = FastAPI(lifespan=lifespan)


@app.post("/score")
def score_patients(patients: list[dict[str, float]], x_order_id: str = Header("")) -> list[list[float]]:
    started = time.perf_counter_ns()
    with modeldata.request():
        answer = score.run(pd.DataFrame(patients), x_order_id)
    request_ns.append(time.perf_counter_ns() - started)
    return answer


@app.get("/timings")
def timings() -> dict[str, list[int]]:
    """What this example measures of itself, in nanoseconds: each call of `collect`, each scoring of a request."""
    return {"collect": collect_ns, "request": request_ns}


def timed(function, times: list[int]):
    """`function`, noting how long each call takes."""

    def call(*arguments):
        started = time.perf_counter_ns()
        taken = function(*arguments)
        times.append(time.perf_counter_ns() - started)
        return taken

    return call
