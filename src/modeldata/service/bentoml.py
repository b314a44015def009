"""`Monitor`: what `bentoml.monitor` logs is archived. In the configuration of BentoML:

services: {monitoring: {enabled: true, type: modeldata.service.bentoml.Monitor, options: {model: churn}}}
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from bentoml._internal.context import trace_context  # its own monitors take the ids of a request from there
from bentoml.monitoring import MonitorBase

from modeldata.service.decode.json_rows import transposed
from modeldata.service.guarded import guarded
from modeldata.service.recorder import Recorder

if TYPE_CHECKING:
    Columns = dict[str, list[Any]]

FEATURE = "feature"
OF_THE_DEFAULT = ("log_config_file", "log_path")
"""Options of BentoML's default monitor, which it gives to each other one, too."""
_logged: ContextVar[tuple[Columns, Columns] | None] = ContextVar("modeldata_bentoml", default=None)
"""Of the record that is open in this context: features, and the rest."""


class Monitor(MonitorBase[Any]):  # type: ignore[misc] # bentoml has no types here
    """Each `with bentoml.monitor(...)` is a call. Columns of the role "feature" are its inputs, all others its predictions.

    model: the model's name, else the monitor's. options: those of `Recorder`. Promise: it never raises into the service; with
    options that are not valid nothing is archived, and the log says why.
    """

    def __init__(self, name: str, model: str | None = None, **options: Any) -> None:
        super().__init__(name)
        ours = {option: value for option, value in options.items() if option not in OF_THE_DEFAULT}
        self._recorder = guarded(Recorder, model or name, **ours)

    def start_record(self) -> None:
        """Forgets an earlier record of this context: `bentoml.monitor` never stops one where the body raises."""
        _logged.set(({}, {}))

    def log(self, data: Any, name: str, role: str, data_type: str) -> None:
        logged = _logged.get()
        if logged is not None:
            guarded(_add, logged[role != FEATURE], name, data)

    def stop_record(self) -> None:
        logged = _logged.get()
        _logged.set(None)
        if logged is not None and self._recorder is not None:
            guarded(_keep, self._recorder, *logged)


def _add(columns: Columns, name: str, data: Any) -> None:
    columns.setdefault(name, []).append(data)


def _keep(recorder: Recorder, features: Columns, results: Columns) -> None:
    trace_id = trace_context.trace_id
    with recorder.call(
        str(trace_context.request_id or ""), f"{trace_id:032x}" if trace_id else "", integration="bentoml"
    ) as call:
        if features:
            call.inputs(transposed(features))
        if results:
            call.predictions(transposed(results))
