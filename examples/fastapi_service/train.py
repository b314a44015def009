"""Train the model that the service serves: is a tumour malignant? On real data that scikit-learn ships.

    python train.py model.pkl
"""

import sys

import joblib
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler


def train(path: str) -> float:
    """Write the model to `path`; its accuracy on rows it has not seen."""
    data = load_breast_cancer(as_frame=True)
    seen, unseen, seen_labels, unseen_labels = train_test_split(data.data, data.target, random_state=17)
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)).fit(seen, seen_labels)
    joblib.dump(model, path)
    return float(model.score(unseen, unseen_labels))


if __name__ == "__main__":
    print(f"accuracy {train(sys.argv[1]):.3f}")
