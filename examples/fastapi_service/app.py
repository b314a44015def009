"""The scoring file behind HTTP: FastAPI on uvicorn, one row or many in a request.

    pip install 'modeldata[demo]'
    MODELDATA_ARCHIVE=./archive uvicorn app:app

    curl -s localhost:8000/example > row.json
    curl -s localhost:8000/score -H 'content-type: application/json' -H 'x-correlation-id: biopsy-17' -d @row.json

What was asked and answered is in ./archive a second later. `modeldata demo` runs this very service.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

import pandas as pd
import score
from fastapi import FastAPI, Header, HTTPException
from train import FEATURES, held_out

import modeldata

Row = dict[str, float]
CorrelationId = Annotated[str, Header(alias="x-correlation-id", description="Yours, to find the call again.")]


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    score.init()
    yield


app = FastAPI(title="Is a tumour malignant?", lifespan=lifespan)


@app.get("/example")
def example() -> Row:
    """A row to try it with."""
    return held_out()[0].iloc[0].to_dict()


@app.post("/score")
def score_one(row: Row, correlation_id: CorrelationId = "") -> float:
    """The probability that the row is malignant."""
    return answer([row], correlation_id)[0]


@app.post("/score/batch")
def score_many(rows: list[Row], correlation_id: CorrelationId = "") -> list[float]:
    """The same for many rows: one request, one collect() each for the inputs and the predictions."""
    return answer(rows, correlation_id)


def answer(rows: list[Row], correlation_id: str) -> list[float]:
    if not rows or any(row.keys() != set(FEATURES) for row in rows):
        raise HTTPException(422, f"give one number for each of: {', '.join(FEATURES)}")
    with modeldata.request():  # the rows of this request share one $RequestId
        return score.run(pd.DataFrame(rows, columns=FEATURES), correlation_id)
