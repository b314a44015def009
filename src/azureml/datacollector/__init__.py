"""`from azureml.datacollector import ModelDataCollector`, as scoring files of 2017 have it.

The same class as `modeldata.ModelDataCollector`, but, as in the original, off unless `AML_MODEL_DC_STORAGE_ENABLED` (or
`MODELDATA_ENABLED`) is true. There is no `azureml/__init__.py` here, so other `azureml` packages work beside this one.
"""

from __future__ import annotations

from modeldata.collector import ModelDataCollector as _ModelDataCollector

__all__ = ["ModelDataCollector"]


class ModelDataCollector(_ModelDataCollector):
    __doc__ = _ModelDataCollector.__doc__

    _enabled_default = False
    _hint = "Data collection is not enabled. Set the environment variable AML_MODEL_DC_STORAGE_ENABLED to 'true' to enable it."
    _debug_hint = (
        "Data collection is in debug mode. Set the environment variable AML_MODEL_DC_STORAGE_ENABLED to 'true' to archive data."
    )
