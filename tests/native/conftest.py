"""What another test of this process imported must not choose the way: beside Flask, request ids are looked up by Python."""

from __future__ import annotations

import sys

import pytest


@pytest.fixture(autouse=True)
def no_flask(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "flask", raising=False)
