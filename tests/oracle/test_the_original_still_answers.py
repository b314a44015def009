"""The oracle itself: what the 2017 original makes of the four kinds, read by others."""

from __future__ import annotations

import csv
import io
import signal
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.oracle import original as oracle
from tests.oracle.original import original

OURS = ["$Timestamp", "$CorrelationId", "$RequestId"]
NO_REQUEST = "00000000-0000-0000-0000-000000000000"


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AML_MODEL_DC_DEBUG", "SERVICE_NAME"):
        monkeypatch.delenv(name, raising=False)


def table(data: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(data.decode("utf-8"), newline="")))


def test_a_list_is_one_row(tmp_path: Path) -> None:
    made = table(original(tmp_path, feature_names=["a", "b"]).collect([1, "x,y"], "order-1"))
    assert made[0] == [*OURS, "a", "b"]
    assert made[1][1:] == ["order-1", NO_REQUEST, "1", "x,y"]
    assert pd.Timestamp(made[1][0]).tz is None


def test_a_flat_array_is_one_row_and_a_matrix_its_rows(tmp_path: Path) -> None:
    theirs = original(tmp_path, feature_names=["a", "b"])
    theirs.collect(np.array([1.5, 2.5]))
    made = table(theirs.collect(np.array([[1, 2], [3, 4]])))
    assert [row[3:] for row in made] == [["a", "b"], ["1.5", "2.5"], ["1", "2"], ["3", "4"]]


def test_a_frame_brings_its_header_and_is_changed_by_it(tmp_path: Path) -> None:
    frame = pd.DataFrame({"x": [1, 2], "y": ["a", None]})
    made = table(original(tmp_path).collect(frame, "c"))
    assert made[0] == [*OURS, "x", "y"]
    assert [row[3:] for row in made[1:]] == [["1", "a"], ["2", ""]]
    assert list(frame.columns) == [*OURS, "x", "y"]


def test_the_header_is_there_once_for_many_calls(tmp_path: Path) -> None:
    theirs = original(tmp_path)
    for _ in range(3):
        made = theirs.collect(pd.DataFrame({"x": [1]}))
    assert made.count(b"$Timestamp") == 1
    assert len(table(made)) == 4


def test_switched_off_it_writes_nothing_and_says_which_variable(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert original(tmp_path, enabled=False).collect([1]) == b""
    assert "AML_MODEL_DC_STORAGE_ENABLED" in capsys.readouterr().out


def test_the_folder_is_made_of_what_the_library_was_given(tmp_path: Path) -> None:
    theirs = original(tmp_path, "m.pkl", "inputs", model_id="7", model_version="2", webservice_name="s")
    assert theirs.folder() == "unknown/s/7-m.pkl-2/inputs"


def test_it_leaves_the_signal_handlers_of_the_test_alone(tmp_path: Path) -> None:
    before = signal.getsignal(signal.SIGTERM)
    original(tmp_path)
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_wheel_that_is_not_the_known_one_is_never_run(tmp_path: Path) -> None:
    (tmp_path / "azureml.datacollector-0.1.0a13-py2.py3-none-any.whl").write_bytes(b"something else")
    with pytest.raises(RuntimeError, match="was not run"):
        oracle.wheel(tmp_path)


def test_without_wheel_and_registry_it_fails_with_the_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    with pytest.raises(RuntimeError, match="pip can't fetch it"):
        oracle.wheel(tmp_path / "cache")
