"""Scores a table in a plain script: no server, an archive said in code, and a wait until all of it is there.

    pip install 'modeldata[cli]' pandas scikit-learn
    python plain_script.py [folder]

`collect()` alone would do: rows are safe when it returns, and are archived whether this script goes on or not.
"""

from __future__ import annotations

import sys

from sklearn.datasets import load_iris
from sklearn.tree import DecisionTreeClassifier

from modeldata import Archive


def main(folder: str) -> int:
    flowers = load_iris(as_frame=True)
    model = DecisionTreeClassifier(random_state=0).fit(flowers.data[::2], flowers.target[::2])

    archive = Archive(folder)
    inputs = archive.collector("iris", identifier="inputs")
    predictions = archive.collector("iris", identifier="predictions", feature_names=["species"])

    rows = flowers.data[1::2]
    inputs.collect(rows, user_correlation_id="nightly")
    predictions.collect(model.predict(rows).reshape(-1, 1), user_correlation_id="nightly")

    if not archive.close(timeout=30):
        print(f"not archived yet, and not lost: modeldata ship --drain --archive {folder}", file=sys.stderr)
        return 1
    print(f"{len(rows)} rows and as many predictions are in {folder}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else "modeldata"))
