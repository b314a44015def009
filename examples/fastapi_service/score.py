"""The scoring file: `init()` once, `run()` for each request, as in the guide of the 2017 collector.

    python score.py        # scores three rows without a server; then look into ./modeldata

One line makes a collector, one line archives what went in, one what came out.
"""

from __future__ import annotations

import pandas as pd
from train import held_out, train

from modeldata import ModelDataCollector


def init() -> None:
    global model, inputs_dc, prediction_dc
    model = train()  # a service of yours loads its model file here
    about = {"webservice_name": "biopsies", "model_version": "1"}
    inputs_dc = ModelDataCollector("breast_cancer", identifier="inputs", **about)
    prediction_dc = ModelDataCollector("breast_cancer", identifier="prediction", feature_names=["malignant", "benign"], **about)


def run(input_df: pd.DataFrame, correlation_id: str = "") -> list[float]:
    """For each row the probability that it is malignant."""
    inputs_dc.collect(input_df, user_correlation_id=correlation_id)
    pred = model.predict_proba(input_df)
    prediction_dc.collect(pred, user_correlation_id=correlation_id)
    return pred[:, 0].tolist()


if __name__ == "__main__":
    init()
    print(run(held_out()[0].head(3), correlation_id="by hand"))
