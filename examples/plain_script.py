"""Archive the inputs and predictions of a batch job.

    python plain_script.py

Then look below ./modeldata. The job does not wait for the archive: rows are safe when `collect` returns, and a small process
archives them after the job has ended. `flush` is for those who want to be sure before they go on.
"""

from sklearn.datasets import load_diabetes
from sklearn.linear_model import LinearRegression

from modeldata import Archive

archive = Archive("modeldata")
patients = load_diabetes(as_frame=True)
model = LinearRegression().fit(patients.data, patients.target)

inputs = archive.collector("diabetes", identifier="inputs")
predictions = archive.collector("diabetes", identifier="predictions", feature_names=["progression"])

inputs.collect(patients.data, user_correlation_id="night-1")
predictions.collect(model.predict(patients.data).reshape(-1, 1), user_correlation_id="night-1")

print("archived" if archive.flush(timeout=30) else "still on its way")
print(archive.stats())
