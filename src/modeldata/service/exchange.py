"""One HTTP request and its answer: what was seen of both as it passed by, and what is collected of it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from modeldata.errors import said
from modeldata.interrupts import spare
from modeldata.service.decode import Undecodable, content_type_of
from modeldata.service.decode.inflate import inflated
from modeldata.service.decode.json_rows import body_id
from modeldata.service.ids import ANSWER_HEADER, BODY_ID, correlation_of, trace_id_of
from modeldata.service.streams import EVENTS, assembled, is_stream
from modeldata.service.tee import Tee

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from modeldata.service.recorder import Recorder

MARK = "modeldata.exchange"
"""Where a request has it, an outer layer records it already."""
DONE = b"[DONE]"
NO_BODY = (204, 304)


class Exchange:
    """Fed by the layer that stands around the application."""

    route: Callable[[], object] | None = None
    """Asked when the answer begins: the application knows the template of the path by then, and Flask forgets it soon after."""

    def __init__(self, recorder: Recorder, integration: str, method: str, pattern: str, headers: Mapping[str, str]) -> None:
        """headers: of the request, names in lower case."""
        self._recorder = recorder
        self._headers = headers
        self._answer_headers: Mapping[str, str] = {}
        self._length: int | None = None
        self._pattern = pattern
        found = "" if recorder.id_headers.isdisjoint(headers) else correlation_of(headers, recorder.correlation)
        self.call = recorder.call(found, trace_id_of(headers), integration=integration)
        self.call.facts |= {"method": method, "route": pattern}
        most = recorder.max_body if self.call.sampled else 0
        self._request, self._answer = Tee(most), Tee(most)
        self.call.complete = False
        self.over = False

    def request_chunk(self, data: bytes) -> None:
        self._request.add(data)

    def answer_begins(self, status: int, headers: Mapping[str, str]) -> str | None:
        """The correlation id that goes to the caller; None where the application gives one itself.

        headers: of the answer, names in lower case.
        """
        self.call.status = status
        self.call.first_byte()
        raised = sys.exc_info()[1] if status >= 500 else None
        if isinstance(raised, Exception):
            self.call.fail(raised)  # who answers 500 does so while the exception of the application is handled
        self._answer_headers = headers
        length = headers.get("content-length", "")
        self._length = 0 if status in NO_BODY else int(length) if length.isdecimal() else None
        self._take_route()
        self._take_body_id()
        return None if ANSWER_HEADER in headers else self.call.correlation_id

    def answer_chunk(self, data: bytes, *, last: bool) -> None:
        """To be called before the chunk goes on. After the last byte the exchange is archived."""
        self._answer.add(data)
        whole = self._length is not None and self._answer.size >= self._length and self._length > 0
        said_done = DONE in data[-2 * len(DONE) :] and content_type_of(self._answer_headers) == EVENTS
        if last or whole or said_done:
            self.call.complete = True
            self.finish()

    def finish(self, error: BaseException | None = None) -> None:
        """The application is done. error: what it raised, before it had answered or in the middle of the answer."""
        if self.over:
            return
        self.over = True
        try:
            self._note(error)
        except Exception as trouble:
            spare(trouble)
            self.call.notes.append(f"not looked into: {said(trouble)}")
        self.call.finish()
        self.route = None  # it may know the request, which knows us
        self._request.drop()
        self._answer.drop()

    def _note(self, error: BaseException | None) -> None:
        call = self.call
        if isinstance(error, Exception):
            call.fail(error)
            call.status = call.status or 500
        elif call.status is None:
            call.fail("there was no answer")
        call.facts |= {
            "bytes_in": self._request.size,
            "bytes_out": self._answer.size,
            "content_type": content_type_of(self._headers) or None,
            "headers": {name: self._headers[name] for name in self._recorder.headers if name in self._headers} or None,
        }
        if not call.sampled:
            call.notes.append("not in the sample: its bodies were not looked at")
        elif call.failed:
            self._keep_failed()
        else:
            self._keep_rows()

    def _take_route(self) -> None:
        template = self.route() if self.route is not None else None
        if isinstance(template, str) and template:
            self.call.facts["route"] = template

    def _take_body_id(self) -> None:
        """The id of a v2 body, where no header that goes before it has one."""
        names = self._recorder.correlation
        if "/v2/" not in self._pattern or BODY_ID not in names or self._request.cut:
            return
        before = names[: names.index(BODY_ID)]
        found = "" if correlation_of(self._headers, before) else body_id(self._request.content())
        self.call.correlation_id = found or self.call.correlation_id

    def _keep_failed(self) -> None:
        if self._recorder.failed == "body" and self._request.size:
            self.call.facts["body"] = self._text(self._request, self._headers)
        if not self.call.error and self._answer.size:
            self.call.fail(self._text(self._answer, self._answer_headers))

    def _text(self, tee: Tee, headers: Mapping[str, str]) -> str | None:
        if content_type_of(headers).startswith("multipart/"):
            return None  # the bytes of files
        try:
            body = inflated(tee.content(), headers.get("content-encoding", ""), self._recorder.max_body)
        except Undecodable as error:
            return str(error)
        return self._recorder.redaction.text(body) or None

    def _keep_rows(self) -> None:
        asked = self._decoded("request", self._request, self._headers)
        if asked is not None:
            self.call.inputs(asked)
        answered = self._decoded("answer", self._answer, self._answer_headers)
        if answered is not None:
            self.call.predictions(beside(asked, answered))

    def _decoded(self, what: str, tee: Tee, headers: Mapping[str, str]) -> object:
        if tee.cut and tee.size:
            self.call.notes.append(f"{what} of {tee.size:,} bytes: over max_body")
            return None
        try:
            kind = content_type_of(headers)
            if what == "answer" and is_stream(kind):
                return assembled(inflated(tee.content(), headers.get("content-encoding", ""), self._recorder.max_body), kind)
            return self._recorder.decode(tee.content(), headers)
        except Exception as error:
            spare(error)
            self.call.notes.append(f"{what}: {said(error)}")
            if what == "request" and self._recorder.failed == "body":
                self.call.facts["body"] = self._text(tee, headers)
            return None


def beside(asked: Any, answered: Any) -> object:
    """Answers as rows where the request had as many: a flat list of results is one for each row."""
    count = len(asked) if isinstance(asked, list) and asked and isinstance(asked[0], (list, dict)) else 0
    name, results = None, answered
    if isinstance(answered, dict) and len(answered) == 1:
        name, results = next(iter(answered.items()))
    if not count or not isinstance(results, list) or len(results) != count:
        return answered
    if name is not None:
        return [{name: result} for result in results]
    return [[result] for result in results] if any(not isinstance(result, (list, dict)) for result in results) else results
