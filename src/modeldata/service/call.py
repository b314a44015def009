"""One call of a model, from its inputs to its answer."""

from __future__ import annotations

from time import perf_counter_ns
from typing import TYPE_CHECKING, Any

from modeldata.errors import said
from modeldata.interrupts import spare
from modeldata.service.ids import id_text, in_sample, new_id
from modeldata.service.redact import ERROR_CHARACTERS, error_text

if TYPE_CHECKING:
    from types import TracebackType

    from modeldata.collector import ModelDataCollector
    from modeldata.service.recorder import Recorder
    from modeldata.snapshot.held import Held

HANG_UPS = (GeneratorExit,)
"""Who wanted the answer left: what there is of it counts, as one that is not complete."""
NANOSECONDS_PER_MS = 1e6


class Call:
    """What is known of one call. `Recorder.call()` makes it; leaving its `with` collects it. No method raises.

    `inputs` and `predictions` copy what they are given. An exception inside the `with` is a call that failed, and goes on.
    """

    def __init__(self, recorder: Recorder, correlation_id: str, trace_id: str, integration: str) -> None:
        self.request_id = new_id()
        self.correlation_id = id_text(correlation_id) or trace_id or self.request_id
        self.sampled = in_sample(self.correlation_id, recorder.sample)
        self.status: int | None = None
        self.error = ""
        self.complete = True
        self.notes: list[str] = []
        self.facts: dict[str, object] = {"trace_id": trace_id or None, "integration": integration}
        """More columns of the row in `requests`."""
        self.first_byte_ns = 0
        self.latency_ns = 0
        self._recorder = recorder
        self._began = perf_counter_ns()
        self._inputs: list[Held] = []
        self._predictions: list[Held] = []
        self._done = False

    def inputs(self, data: object) -> None:
        """What the model is asked: anything that `collect()` takes. May be called several times."""
        self._hold(self._recorder.inputs, self._inputs, data)

    def predictions(self, data: object) -> None:
        """What it answered; likewise."""
        self._hold(self._recorder.predictions, self._predictions, data)

    def fail(self, error: object) -> None:
        """It gave no answer, for this reason."""
        try:
            text = said(error)[:ERROR_CHARACTERS] if isinstance(error, BaseException) else error_text(error)
            self.error = text or "failed"
        except Exception as trouble:
            spare(trouble)
            self.error = "failed"

    def first_byte(self) -> None:
        """The answer begins now."""
        self.first_byte_ns = self.first_byte_ns or perf_counter_ns() - self._began

    @property
    def failed(self) -> bool:
        return bool(self.error) or (self.status is not None and self.status >= 400)

    def __enter__(self) -> Call:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if isinstance(error, HANG_UPS):
            self.complete = False
        elif error is not None:
            self.fail(error)
        self.finish()

    def finish(self) -> None:
        """Collect what is known now. Later calls of it do nothing."""
        if self._done:
            return
        self._done = True
        self.latency_ns = perf_counter_ns() - self._began
        self._recorder.keep(self, self._inputs, self._predictions)

    def _hold(self, collector: ModelDataCollector, to: list[Held], data: Any) -> None:
        if not self.sampled or self._done:
            return
        try:
            to.append(collector.hold(self._recorder.redaction.of(data)))
        except Exception as error:
            spare(error)
            self.notes.append(f"not kept: {said(error)}")
