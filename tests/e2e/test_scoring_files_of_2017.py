"""A scoring file written for the 2017 original runs unchanged, and its CSV is cell for cell what the original made."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from modeldata import Archive
from modeldata.spool.files import Files
from tests.faults.scenario import ship_all
from tests.oracle.original import original
from tests.support.archive import data_files, features, rows
from tests.support.scripts import drain, run

OURS = ["$Timestamp", "$CorrelationId", "$RequestId"]

SCORING_FILE = """
    import numpy as np
    import pandas as pd
    from azureml.datacollector import ModelDataCollector

    def init():
        global inputs_dc, prediction_dc
        inputs_dc = ModelDataCollector('model.pkl', identifier="inputs")
        prediction_dc = ModelDataCollector('model.pkl', identifier="prediction")

    def run(input_df):
        global inputs_dc, prediction_dc
        inputs_dc.collect(input_df)
        pred = input_df["a"].to_numpy() * 2
        prediction_dc.collect(pred)
        return pred.tolist()

    init()
    print(run(pd.DataFrame({"a": [1.5], "b": ["x"]})))
"""


def test_the_guides_scoring_file_runs_with_only_its_own_variables(tmp_path: Path) -> None:
    archive = tmp_path / "archive"
    done = run(SCORING_FILE, tmp_path, {"AML_MODEL_DC_STORAGE_ENABLED": "true", "MODELDATA_ARCHIVE": str(archive)})

    assert done.stdout.splitlines() == ["[3.0]"]
    drain(archive)
    assert features(archive, "inputs") == [("1.5", "x")]
    assert features(archive, "prediction") == [("3.0",)]
    assert list(rows(archive, "inputs")[0]) == [*OURS, "a", "b"]


def test_without_its_variable_the_originals_import_collects_nothing_and_says_so(tmp_path: Path) -> None:
    done = run(SCORING_FILE, tmp_path)

    assert "AML_MODEL_DC_STORAGE_ENABLED" in done.stdout
    assert done.stdout.splitlines()[-1] == "[3.0]"
    assert not (tmp_path / "modeldata").exists()


def test_the_debug_mode_prints_header_and_rows(tmp_path: Path) -> None:
    done = run(SCORING_FILE, tmp_path, {"AML_MODEL_DC_DEBUG": "true"})

    assert "$Timestamp,$CorrelationId,$RequestId,a,b\n" in done.stdout
    assert ",00000000-0000-0000-0000-000000000000,1.5,x\n" in done.stdout
    assert not (tmp_path / "modeldata").exists()


def test_service_name_and_config_map_win_over_the_arguments_and_hours_are_folders(tmp_path: Path) -> None:
    config = tmp_path / "map.json"
    account = {"subscriptionId": "sub", "resourceGroupName": "group", "accountName": "acc"}
    config.write_text(json.dumps({"models": {"model.pkl": {"id": "id7", "version": 3}}, "accountContext": account}))
    env = {
        "AML_MODEL_DC_STORAGE_ENABLED": "true", "SERVICE_NAME": "svc", "MODELDATA_CONFIG_MAP": str(config),
        "AML_MODEL_DC_BOUNDARY": "hour",
    }  # fmt: skip
    run(SCORING_FILE, tmp_path, env)
    from tests.support.scripts import modeldata

    assert modeldata("ship", "--drain", "--archive", str(tmp_path / "modeldata"), env=env).returncode == 0
    (path,) = data_files(tmp_path / "modeldata", "inputs")
    parts = path.relative_to(tmp_path / "modeldata").parts
    assert parts[:6] == ("sub", "group", "acc", "svc", "id7-model.pkl-3", "inputs")
    assert len(parts) == 11 and parts[-1] == "data.csv"


FRAME = pd.DataFrame(
    {
        "number": [1, -2, 3],
        "fraction": [0.1, np.nan, 1e300],
        "flag": [True, False, True],
        "text": ['comma, "quote"', "line\nbreak", "ünï 🎉"],
        "maybe": ["a", None, ""],
    }
)
CALLS: dict[str, tuple[list[object], list[str] | None]] = {
    "list": ([[1, 2.5, "x", True], [0, -1e-7, 'a,"b"\n', False]], ["a", "b", "c", "d"]),
    "numpy 1-D float": ([np.array([1.5, np.nan, 1e16]), np.array([0.1, -0.0, 5e-324])], ["a", "b", "c"]),
    "numpy 1-D int": ([np.array([1, 2, 2**62])], ["a", "b", "c"]),
    "numpy 2-D float": ([np.arange(6.0).reshape(3, 2) / 3], ["a", "b"]),
    "numpy 2-D bool": ([np.array([[True, False], [False, True]])], ["a", "b"]),
    "numpy 2-D text": ([np.array([["x", "y,z"], ["", "ü"]])], ["a", "b"]),
    "numpy float32": ([np.array([[0.1, 2.5]], dtype=np.float32)], ["a", "b"]),
    "DataFrame": ([FRAME, FRAME.iloc[::-1]], None),
}


@pytest.mark.parametrize("kind", CALLS)
def test_our_csv_equals_the_originals_cell_for_cell(tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AML_MODEL_DC_DEBUG", "SERVICE_NAME"):
        monkeypatch.delenv(name, raising=False)
    calls, names = CALLS[kind]
    archive = Archive(tmp_path / "archive", ship="off")
    ours = archive.collector("model.pkl", "inputs", names)
    theirs = original(tmp_path, "model.pkl", "inputs", names)
    for number, data in enumerate(calls):
        assert ours.collect(data, f"order-{number}")
        made = theirs.collect(data.copy() if isinstance(data, pd.DataFrame) else data, f"order-{number}")
    archive.close(0)
    ship_all(Files(), str(tmp_path / "archive"))

    (path,) = data_files(tmp_path / "archive")
    mine, expected = pd.read_csv(path), pd.read_csv(io.BytesIO(made))

    assert list(mine.columns) == list(expected.columns)
    assert pd.to_datetime(mine["$Timestamp"]).notna().all()
    pd.testing.assert_frame_equal(mine.drop(columns="$Timestamp"), expected.drop(columns="$Timestamp"), check_exact=True)
    assert "/unknown/unknown/unknown-model.pkl-unknown/inputs/" in path.as_posix()


def test_what_we_collect_from_is_not_changed_where_the_originals_frame_was(tmp_path: Path) -> None:
    frame = FRAME.copy()
    archive = Archive(tmp_path / "archive", ship="off")
    collector = archive.collector("m")
    assert collector.collect(frame) and collector.collect(frame)
    pd.testing.assert_frame_equal(frame, FRAME)
