"""A scoring file: `init()` once, `run()` for each request. The lines with a collector are all that archiving needs."""

import os

import joblib
import pandas as pd

from modeldata import ModelDataCollector


def init() -> None:
    global model, inputs_dc, prediction_dc
    model = joblib.load(os.environ.get("MODEL", "model.pkl"))
    inputs_dc = ModelDataCollector("model.pkl", identifier="inputs")
    prediction_dc = ModelDataCollector("model.pkl", identifier="prediction", feature_names=["malignant", "benign"])


def run(input_df: pd.DataFrame, order_id: str = "") -> list[list[float]]:
    inputs_dc.collect(input_df, order_id)
    pred = model.predict_proba(input_df)
    prediction_dc.collect(pred, order_id)
    return pred.tolist()
