"""`Recorder`: what of each call goes to which collector."""

from __future__ import annotations

from time import time_ns
from typing import TYPE_CHECKING, Literal

from modeldata.collector import ModelDataCollector
from modeldata.errors import said
from modeldata.intake.messages import warn
from modeldata.interrupts import spare
from modeldata.service.call import NANOSECONDS_PER_MS, Call
from modeldata.service.decode import decode_body
from modeldata.service.ids import BODY_ID, DEFAULT_IDS
from modeldata.service.redact import Redaction

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any, TypeVar

    from modeldata.archive import Archive
    from modeldata.snapshot.held import Held

    Decoder = Callable[[bytes, Mapping[str, str]], object]
    """A body and its headers (names in lower case) → what `collect()` takes."""
    Function = TypeVar("Function", bound=Callable[..., Any])

COLUMNS = (
    "status", "error", "latency_ms", "first_byte_ms", "method", "route", "bytes_in", "bytes_out", "content_type", "rows",
    "complete", "note", "trace_id", "sample_rate", "integration", "headers", "body",
)  # fmt: skip
"""Of a row in `requests`."""
MOST_NOTES = 8


class Recorder:
    """Archives a model service from outside of its scoring code, in three collectors of the model.

    `inputs` and `predictions` have the rows of calls that succeeded; `requests` has one row a call, also of one that failed. All
    rows of a call share a `$RequestId` that is made here, so two calls of one correlation id stay two.

    Promise: it never raises into the service, whatever the data, the archive or its `on_error`; what can't be kept is counted.

    Parameters
        model: the model's name.
        archive: an `Archive`; without it the one that the environment describes.
        feature_names, prediction_names: column names for rows that bring none.
        model_version, webservice_name: where the model belongs, as for `ModelDataCollector`.
        sample: the share of correlation ids that is kept, from 0 to 1. A call that failed always has its row in `requests`.
        decode: "auto", or a function from a body and its headers to rows.
        failed: what is kept of a call that failed: its row and 4 KiB of its body ("body"), its row ("status"), nothing ("none").
        max_body: bytes of a body that are looked at; a longer one is passed on, and not kept.
        headers: names of request headers that are kept in `requests`. None by default: they hold secrets.
        correlation: where the caller's id is looked for, in this order: header names, "body:id", "traceparent".
        redact: names of fields that are replaced by `***` before anything is kept, at any depth.

    Raises TypeError or ValueError for arguments that are not valid, `SettingsError` for an archive that can't be used.
    """

    def __init__(
        self,
        model: str,
        *,
        archive: Archive | None = None,
        feature_names: Sequence[str] | None = None,
        prediction_names: Sequence[str] | None = None,
        model_version: str = "unknown",
        webservice_name: str = "unknown",
        sample: float = 1.0,
        decode: Literal["auto"] | Decoder = "auto",
        failed: Literal["body", "status", "none"] = "body",
        max_body: int = 1 << 20,
        headers: Sequence[str] = (),
        correlation: Sequence[str] = DEFAULT_IDS,
        redact: Sequence[str] = (),
    ) -> None:
        if not 0.0 <= sample <= 1.0:
            raise ValueError(f"sample must be from 0 to 1, not {sample!r}")
        if failed not in ("body", "status", "none"):
            raise ValueError(f'failed must be "body", "status" or "none", not {failed!r}')
        if decode != "auto" and not callable(decode):
            raise TypeError('decode must be "auto" or a function from a body and its headers to rows')

        def collector(identifier: str, names: Sequence[str] | None) -> ModelDataCollector:
            where = {"model_version": model_version, "webservice_name": webservice_name}
            return ModelDataCollector(model, identifier, names, archive=archive, **where)

        self.inputs = collector("inputs", feature_names)
        self.predictions = collector("predictions", prediction_names)
        self.requests = collector("requests", None)
        self.sample = float(sample)
        self.failed = failed
        self.max_body = max_body
        self.headers = tuple(name.lower() for name in headers)
        self.correlation = tuple(name.lower() for name in correlation)
        self.id_headers = frozenset(self.correlation) - {BODY_ID}
        """Most requests have none of them."""
        self.redaction = Redaction(redact)
        self._decode = decode

    def call(self, correlation_id: str = "", trace_id: str = "", *, integration: str = "call") -> Call:
        """One call: `with recorder.call() as call: call.inputs(rows); call.predictions(model.predict(rows))`.

        Without a correlation id, the trace id is taken, else one is made: `call.correlation_id`.
        """
        return Call(self, correlation_id, trace_id, integration)

    def record(
        self,
        inputs: str | Callable[..., object] | None = None,
        predictions: Callable[[Any], object] | None = None,
        correlation: str | Callable[..., str] | None = None,
    ) -> Callable[[Function], Function]:
        """A decorator: each call of the function is recorded. For functions, methods, coroutines and both kinds of generator.

        inputs: the name of the parameter that has them, or a function of all arguments; else the only argument, or all by name.
        predictions: what is kept of the result, of a generator of the list of its items; else the result. Items that are text
        are joined. correlation: the name of a parameter, or a function of all arguments.
        """
        from modeldata.service.wrapped import wrapper

        return wrapper(self, inputs, predictions, correlation)

    def decode(self, body: bytes, headers: Mapping[str, str]) -> object:
        """Rows of a body. Raises `Undecodable`, or whatever a decoder of the user's raises."""
        if self._decode == "auto":
            return decode_body(body, headers, self.max_body)
        return self._decode(body, headers)

    def keep(self, call: Call, inputs: Sequence[Held], predictions: Sequence[Held]) -> None:
        """Collect one call that has ended. Never raises."""
        try:
            self._keep(call, inputs, predictions)
        except Exception as error:
            spare(error)
            warn(f"a call of {self.requests.identity.model_name} was not recorded: {said(error)}")

    def _keep(self, call: Call, inputs: Sequence[Held], predictions: Sequence[Held]) -> None:
        ids = {"request_id": call.request_id, "timestamp": time_ns() - call.latency_ns}
        if not call.sampled and not call.failed:
            self.inputs.count_left_out(1, self.predictions, self.requests)
            return
        if not call.failed:
            for copy in inputs:
                _collect(self.inputs, copy, call, ids)
            for copy in predictions:
                _collect(self.predictions, copy, call, ids)
        if not call.failed or self.failed != "none":
            _collect(self.requests, self._row(call, inputs), call, ids)

    def _row(self, call: Call, inputs: Sequence[Held]) -> dict[str, object]:
        row = dict.fromkeys(COLUMNS) | call.facts
        row["status"] = call.status
        row["error"] = call.error or None
        row["latency_ms"] = call.latency_ns / NANOSECONDS_PER_MS
        row["first_byte_ms"] = call.first_byte_ns / NANOSECONDS_PER_MS if call.first_byte_ns else None
        row["rows"] = sum(copy.shape[0] for copy in inputs)
        row["complete"] = call.complete
        row["note"] = "; ".join(call.notes[:MOST_NOTES]) or None
        row["sample_rate"] = self.sample
        return row


def _collect(collector: ModelDataCollector, data: object, call: Call, ids: dict[str, Any]) -> None:
    """One that is refused is counted, and with `on_error="raise"` stops no other of the call."""
    try:
        accepted = collector.collect(data, call.correlation_id, **ids)
    except Exception as error:
        spare(error)
        accepted = False
    if not accepted and collector.last_refusal:
        call.notes.append(f"{collector.identity.identifier}: {collector.last_refusal}")
