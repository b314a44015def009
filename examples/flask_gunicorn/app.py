"""A Flask service behind gunicorn, whose four forked workers archive into the same files.

    pip install 'modeldata[cli]' flask gunicorn pandas scikit-learn
    MODELDATA_ARCHIVE=./archive gunicorn app:app                # settings: gunicorn.conf.py
    MODELDATA_ARCHIVE=./archive gunicorn --preload app:app      # the model is loaded once, before the fork

    curl -s localhost:8000/score -H 'content-type: application/json' -d '[13.2, 1.78, 2.14, 11.2, 100, 2.65, 2.76, 0.26, 1.28, 4.38, 1.05, 3.4, 1050]'

Nothing starts and nothing is opened before a worker's first `collect()`, so `--preload` is as safe as none.
"""  # noqa: E501 - the curl line is to be copied

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from flask import Flask, Response, jsonify, request
from sklearn.datasets import load_wine
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from modeldata import ModelDataCollector

wine = load_wine()
model = make_pipeline(StandardScaler(), LogisticRegression()).fit(wine.data, wine.target)
inputs_dc = ModelDataCollector("wine", identifier="inputs", feature_names=wine.feature_names)
prediction_dc = ModelDataCollector("wine", identifier="prediction", feature_names=["cultivar"])

app = Flask(__name__)
serve = app.wsgi_app


def with_request_id(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """The platform of 2017 gave each request this id; collectors find it there and write it as `$RequestId`."""
    environ["REQUEST_ID"] = environ.get("HTTP_X_REQUEST_ID") or str(uuid.uuid4())
    return serve(environ, start_response)


app.wsgi_app = with_request_id  # type: ignore[method-assign]


@app.post("/score")
def score() -> tuple[Response, int] | Response:
    """Body: a row of 13 numbers, or a list of such rows. Answer: the cultivar (0, 1, 2) of each."""
    rows = np.atleast_2d(np.asarray(request.get_json(), dtype=float))
    if rows.ndim != 2 or rows.shape[1] != len(wine.feature_names):
        return jsonify(error=f"a row has {len(wine.feature_names)} numbers: {wine.feature_names}"), 422
    correlation_id = request.headers.get("X-Correlation-Id", "")
    inputs_dc.collect(rows, user_correlation_id=correlation_id)
    cultivars = model.predict(rows)
    prediction_dc.collect(cultivars.reshape(-1, 1), user_correlation_id=correlation_id)
    return jsonify(cultivars.tolist())
