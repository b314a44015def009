"""A Flask service behind gunicorn: four forked workers, one archive, one file a day for each collector.

    gunicorn -c gunicorn.conf.py app:app             # also with --preload

    curl -X POST localhost:8000/score -H 'X-Request-Id: 7' -H 'Content-Type: application/json' -d '[5.1, 3.5, 1.4, 0.2]'
"""

from flask import Flask, jsonify, request
from sklearn.datasets import load_iris
from sklearn.tree import DecisionTreeClassifier

from modeldata import ModelDataCollector

iris = load_iris()
model = DecisionTreeClassifier(random_state=17).fit(iris.data, iris.target)
inputs = ModelDataCollector("iris", identifier="inputs", feature_names=iris.feature_names)
predictions = ModelDataCollector("iris", identifier="predictions", feature_names=["species"])

app = Flask(__name__)


@app.post("/score")
def score():
    request_id = request.headers.get("X-Request-Id", "")
    row = request.get_json()
    inputs.collect(row, request_id)
    species = str(iris.target_names[model.predict([row])[0]])
    predictions.collect([species], request_id)
    return jsonify(species=species)
