"""modeldata archives what a model was asked and what it answered.

    from modeldata import ModelDataCollector

    inputs = ModelDataCollector("churn", identifier="inputs", feature_names=["age", "income"])
    inputs.collect([34, 51_000.0], user_correlation_id="order-17")

Nothing is started, opened or written by importing this package, or by making a collector.
"""

from modeldata.archive import Archive
from modeldata.collector import ModelDataCollector
from modeldata.errors import ModelDataError, SettingsError, SpoolError, StoreError
from modeldata.request import request
from modeldata.stats import Stats

__version__ = "0.1.0"

__all__ = [
    "Archive",
    "ModelDataCollector",
    "ModelDataError",
    "SettingsError",
    "SpoolError",
    "Stats",
    "StoreError",
    "__version__",
    "request",
]
