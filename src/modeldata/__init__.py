"""modeldata archives what a model was asked and what it answered.

    from modeldata import ModelDataCollector

    inputs = ModelDataCollector("churn", identifier="inputs", feature_names=["age", "income"])
    inputs.collect([34, 51_000.0], user_correlation_id="order-17")

Nothing is started, opened or written by importing this package, or by making a collector.
"""

from modeldata.archive import Archive, default_archive
from modeldata.collector import ModelDataCollector
from modeldata.errors import ModelDataError, SettingsError, SpoolError, StoreError
from modeldata.intake import flush
from modeldata.request_id import request
from modeldata.stats import Stats, Status

TYPE_CHECKING = False
if TYPE_CHECKING:
    from modeldata.catalog.errors import Damaged, DoesNotFit, MissingExtra, NotThere, SkippedWarning, Unreadable
    from modeldata.service.recorder import Recorder

__version__ = "0.1.0"

__all__ = [
    "Archive",
    "Damaged",
    "DoesNotFit",
    "MissingExtra",
    "ModelDataCollector",
    "ModelDataError",
    "NotThere",
    "Recorder",
    "SettingsError",
    "SkippedWarning",
    "SpoolError",
    "Stats",
    "Status",
    "StoreError",
    "Unreadable",
    "__version__",
    "default_archive",
    "flush",
    "request",
]

_OF_THE_READER = ("Damaged", "DoesNotFit", "MissingExtra", "NotThere", "SkippedWarning", "Unreadable")


def __getattr__(name: str) -> object:
    """A service that collects never loads what only a reader raises, or what records a service from outside."""
    if name in _OF_THE_READER:
        from modeldata.catalog import errors

        return getattr(errors, name)
    if name == "Recorder":
        from modeldata.service.recorder import Recorder

        return Recorder
    raise AttributeError(f"module 'modeldata' has no attribute {name!r}")
