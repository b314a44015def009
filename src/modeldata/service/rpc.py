"""One call of gRPC: what was seen of its messages as they passed by, and what is collected of it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from modeldata.errors import said
from modeldata.interrupts import spare
from modeldata.service.exchange import beside
from modeldata.service.ids import BODY_ID, correlation_of, trace_id_of
from modeldata.service.messages import copy_of, id_of, joined, size_of
from modeldata.service.streams import one_row, text_of
from modeldata.service.wrapped import MOST_ITEMS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from modeldata.service.recorder import Recorder

OK, CANCELLED, UNKNOWN, INTERNAL = 0, 1, 2, 13
"""Status codes of gRPC."""
MOST_UNSIZED = 100
"""Messages of one side that are kept where nobody knows their size: they may be as large as the server takes."""


class Side:
    """The messages of one side, up to a limit in bytes and in number."""

    def __init__(self, name: str, most: int) -> None:
        self._name = name
        self._most = most
        self.size = 0
        self.copies: list[Any] = []
        self.trouble = ""
        """Why there are no rows of it."""

    def add(self, message: Any) -> None:
        if self._most == 0:  # not in the sample
            return
        size = size_of(message)
        self.size += size or 0
        most = MOST_ITEMS if size is not None else MOST_UNSIZED
        if self.size > self._most or len(self.copies) >= most:
            self.trouble = self.trouble or f"{self._name}: more than {self._most:,} bytes or {most:,} messages"
        if self.trouble:
            return
        try:
            self.copies.append(copy_of(message))
        except Exception as error:
            spare(error)
            self.trouble = f"{self._name}: {said(error)}"


class Rpc:
    """Fed by the interceptor. `finish` may be called by several threads; the first one counts."""

    def __init__(self, recorder: Recorder, method: str, kind: str, metadata: Iterable[tuple[str, str | bytes]]) -> None:
        """kind: whether requests and answers are streams, as "unary_stream"."""
        self._recorder = recorder
        self._headers = {name.lower(): value for name, value in metadata if isinstance(value, str)}
        found = correlation_of(self._headers, recorder.correlation)
        self.call = recorder.call(found, trace_id_of(self._headers), integration="grpc")
        self.call.facts |= {"method": kind, "route": method, "content_type": "application/grpc"}
        most = recorder.max_body if self.call.sampled else 0
        self._asked, self._answered = Side("request", most), Side("answer", most)
        self._streams_text = kind.endswith("stream")
        self._open = [True]

    def asked(self, message: Any) -> None:
        """To be called before the service sees the message."""
        self._asked.add(message)
        names = self._recorder.correlation
        if BODY_ID in names and not correlation_of(self._headers, names[: names.index(BODY_ID)]):
            self.call.correlation_id = id_of(message) or self.call.correlation_id

    def answered(self, message: Any) -> None:
        """To be called before the message goes on."""
        self.call.first_byte()
        self._answered.add(message)

    @property
    def has_answered(self) -> bool:
        return self.call.first_byte_ns > 0

    def finish(self, code: int = OK, reason: object = "", *, complete: bool = True) -> None:
        """The call is over. To be called before its status goes on. reason: what is said with a code that is not OK."""
        try:
            self._open.pop()
        except IndexError:
            return
        call = self.call
        call.status, call.complete = code, complete
        try:
            self._note(reason)
        except Exception as error:
            spare(error)
            call.notes.append(f"not looked into: {said(error)}")
        call.finish()

    def _note(self, reason: object) -> None:
        call, asked = self.call, self._asked
        if call.status != OK:
            call.fail(reason)
        call.facts["headers"] = _kept(self._headers, self._recorder.headers)
        if not call.sampled:
            call.notes.append("not in the sample: its messages were not looked at")
            return
        call.facts |= {"bytes_in": asked.size, "bytes_out": self._answered.size}
        call.notes += [side.trouble for side in (asked, self._answered) if side.trouble]
        if not call.failed:
            self._keep_rows()
        elif self._recorder.failed == "body" and asked.copies:
            call.facts["body"] = self._recorder.redaction.text(json.dumps(joined(asked.copies), default=str).encode())

    def _keep_rows(self) -> None:
        rows = None if self._asked.trouble or not self._asked.copies else joined(self._asked.copies)
        if rows is not None:
            self.call.inputs(rows)
        if not self._answered.trouble and self._answered.copies:
            self.call.predictions(self._answer(rows))

    def _answer(self, asked: Any) -> object:
        """A stream of text is one row, as over HTTP."""
        copies = self._answered.copies
        if self._streams_text and all(text_of(each) is not None for each in copies):
            return one_row(copies)
        return beside(asked, joined(copies))


def _kept(headers: Mapping[str, str], names: Iterable[str]) -> dict[str, str] | None:
    return {name: headers[name] for name in names if name in headers} or None
