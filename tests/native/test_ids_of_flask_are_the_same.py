"""Promise 4 beside Flask: the compiled part stores the id of Flask's request that Python's way stores."""

from __future__ import annotations

import sys
import types
from collections.abc import Mapping
from typing import Any

import flask
import pytest

import modeldata
from modeldata.native import accelerator
from tests.native.place import Place, called

pytestmark = pytest.mark.skipif(accelerator is None, reason="this installation has no compiled part")


@pytest.fixture(autouse=True)
def flask_is_there(no_flask: None, monkeypatch: pytest.MonkeyPatch, place: Place) -> None:
    monkeypatch.setitem(sys.modules, "flask", flask)
    place.check([1])
    place.calm()


class Upper(dict[str, object]):
    """An environment that answers otherwise than it holds."""

    def get(self, key: str, default: object = None) -> object:
        return str(super().get(key, default)).upper()


class OwnRequest(flask.Request):
    """A service may have requests of its own."""

    @property
    def environ(self) -> Mapping[str, object]:
        return self._own  # type: ignore[no-any-return, attr-defined] # it is set below

    @environ.setter
    def environ(self, given: dict[str, object]) -> None:
        self._own = {**given, "REQUEST_ID": "of its own"}


APP = flask.Flask(__name__)
OWN = flask.Flask(__name__)
OWN.request_class = OwnRequest


@pytest.mark.parametrize("given", ["an id", "", "ä\ud800🦜", None, "x" * 300])
def test_an_id_of_text_is_stored_without_any_python(place: Place, given: str | None) -> None:
    with APP.test_request_context(environ_base={} if given is None else {"REQUEST_ID": given}):
        place.check([1], "an order")
        place.calm()
        assert called(lambda: place.collector.collect([1], "an order")) == []


def test_outside_of_a_request_no_python_runs(place: Place) -> None:
    assert called(lambda: place.collector.collect([1])) == []
    with APP.app_context():
        place.check([1])
        place.calm()
        assert called(lambda: place.collector.collect([1])) == []


@pytest.mark.parametrize("given", [b"bytes", 17, 1.5, float("nan"), "x" * 9_000, "x" * 70_000])
def test_other_ids_go_by_python(place: Place, given: object) -> None:
    with APP.test_request_context(environ_base={"REQUEST_ID": given}):
        assert "current_request" in called(lambda: place.collector.collect([1]))
        if len(str(given)) < 70_000:
            place.check([1])


def test_the_innermost_counts_and_our_own_before_flasks(place: Place) -> None:
    with APP.test_request_context(environ_base={"REQUEST_ID": "outer"}):
        with APP.test_request_context(environ_base={"REQUEST_ID": "inner"}):
            place.check([1])
            with modeldata.request("ours"):
                place.check([1])
        place.check([1])
    place.check([1])


def test_requests_and_environments_of_a_service_answer_as_they_like(place: Place) -> None:
    with OWN.test_request_context():
        before = place.segment.end
        place.check([1])
        assert b"of its own" in place.stored(before)
    with APP.test_request_context() as context:
        context.request.environ = Upper(context.request.environ, REQUEST_ID="an id")
        before = place.segment.end
        place.check([1])
        assert b"AN ID" in place.stored(before)


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("flask.has_request_context", lambda: False),
        ("flask.request", types.SimpleNamespace(environ={"REQUEST_ID": "of a test"})),
        ("flask.ctx._cv_request", types.SimpleNamespace(get=lambda default=None: None)),
    ],
)
def test_what_a_test_put_into_flasks_place_is_asked(place: Place, monkeypatch: pytest.MonkeyPatch, name: str, other: Any) -> None:
    with APP.test_request_context(environ_base={"REQUEST_ID": "flask's"}), monkeypatch.context() as patched:
        place.check([1])
        patched.setattr(name, other)
        before = place.segment.end
        place.check([1])
        assert (b"of a test" if name == "flask.request" else b"") in place.stored(before)
        assert b"flask's" not in place.stored(before)


@pytest.mark.parametrize("kind", [types.ModuleType, lambda name: types.SimpleNamespace()])
def test_another_flask_is_asked_by_python(place: Place, monkeypatch: pytest.MonkeyPatch, kind: Any) -> None:
    other = kind("flask")
    other.has_request_context = lambda: True  # a later version may say it in another way
    other.request = types.SimpleNamespace(environ={"REQUEST_ID": "another"})
    monkeypatch.setitem(sys.modules, "flask", other)
    for _ in range(2):
        before = place.segment.end
        place.check([1])
        assert b"another" in place.stored(before)
