"""Trains the model of this service: is a tumour malignant? Data: 569 real biopsies that scikit-learn ships.

    python train.py        # trains, and prints how often it is right on rows that it has not seen

Half of the rows are for training; `held_out()` gives the others, which the service is asked about.
"""

from __future__ import annotations

import pandas as pd
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

FEATURES: list[str] = load_breast_cancer().feature_names.tolist()


def train() -> Pipeline:
    """A classifier, fitted on every second row. Classes: 0 malignant, 1 benign."""
    rows, labels = load_breast_cancer(return_X_y=True, as_frame=True)
    return make_pipeline(StandardScaler(), LogisticRegression()).fit(rows[::2], labels[::2])


def held_out() -> tuple[pd.DataFrame, pd.Series]:
    """The rows that `train` does not see, and their labels."""
    rows, labels = load_breast_cancer(return_X_y=True, as_frame=True)
    return rows[1::2].reset_index(drop=True), labels[1::2].reset_index(drop=True)


if __name__ == "__main__":
    rows, labels = held_out()
    print(f"right on {train().score(rows, labels):.1%} of {len(rows)} rows that it has not seen")
