"""A scoring file written for the 2017 original runs unchanged, and its rows read back as the original wrote them."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest

from azureml.datacollector import ModelDataCollector
from modeldata import Archive
from tests.oracle.original import original
from tests.support.archive import assert_complete, data_files, features, rows
from tests.support.scripts import drain, modeldata, run, wait_until

OURS = ["$Timestamp", "$CorrelationId", "$RequestId"]
NAN, INF = float("nan"), float("inf")
AWKWARD = [
    "plain",
    "a,b",
    'say "x"',
    '"',
    "two\nlines",
    "CR\r\nLF",
    "ünïcode ☃ \U0001f600",
    " spaced ",
    "tab\there",
    "'",
    "#no",
    "=1+1",
]


class Case(NamedTuple):
    """The calls that one collector gets. Made again for each side: the original changes what it is given."""

    make: Callable[[], list[object]]
    names: list[str] | None = None


def frame_of_everything() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "whole": np.array([1, -(2**62), 3]),
            "small": np.array([1, 2, 250], dtype="uint8"),
            "fraction": [1.5, NAN, 1e-7],
            "single": np.array([0.1, 2.5, NAN], dtype="float32"),
            "huge": [INF, -INF, 1e300],
            "flag": [True, False, True],
            "text": ['a,b "c"', None, "zwei\nZeilen ☃"],
            "mixed": [1, "two", None],
            "maybe": pd.array([1, None, 3], dtype="Int64"),
            "kind": pd.Categorical(["u", "v", None]),
            "with, comma": ["x", "y", ""],
            'with "quote"': [1, 2, 3],
            "Größe": [1.0, 2.0, 3.0],
        }
    )


CASES = {
    "list of numbers": Case(lambda: [[1, 2.5, -3, 10**20, 0.1, 1e16, 1e-7, INF]]),
    "list with names": Case(lambda: [[1, 2.5, "x"], [2, 3.5, "y,z"]], ["first", "second, with a comma", 'third "quoted"']),
    "list of text": Case(lambda: [list(AWKWARD), list(reversed(AWKWARD))]),
    "list of everything": Case(lambda: [[True, False, None, NAN, "", "None", "nan", "0012", 7]]),
    "array 1-D of floats": Case(lambda: [np.array([1.5, NAN, 1e16, 1e22, 1e-7, 3.0, -0.0])]),
    "array 1-D of float32": Case(lambda: [np.array([0.1, NAN, 1e10], dtype="float32")]),
    "array 1-D of ints": Case(lambda: [np.array([1, 2**62, -5]), np.array([4, 5, 6])], ["a", "b", "c"]),
    "array 1-D of bools": Case(lambda: [np.array([True, False])]),
    "array 1-D of text": Case(lambda: [np.array(AWKWARD)]),
    "array 1-D of objects": Case(lambda: [np.array([1, "x", None, 2.5], dtype=object)]),
    "array 2-D of floats": Case(lambda: [np.array([[1.0, NAN], [0.1, 1e300], [-INF, 5e-324]])] * 2, ["a", "b"]),
    "array 2-D of ints": Case(lambda: [np.arange(12).reshape(4, 3)]),
    "array 2-D of bools": Case(lambda: [np.array([[True, False], [False, False]])]),
    "array 2-D of text": Case(lambda: [np.array(AWKWARD).reshape(-1, 2)], ["a", "b"]),
    "array 2-D in another order": Case(lambda: [np.asfortranarray(np.arange(6.0).reshape(3, 2))[::-1]]),
    "frame of everything": Case(lambda: [frame_of_everything(), frame_of_everything()]),
    "frame of text": Case(lambda: [pd.DataFrame({"t": AWKWARD, "u": list(reversed(AWKWARD))})]),
    "frame with gaps": Case(lambda: [pd.DataFrame({"n": [None, 2.0, NAN], "s": ["a", None, NAN], "b": [True, None, False]})]),
    "frame with another index": Case(
        lambda: [pd.DataFrame({"n": [1, 2]}, index=["x", "y"]), pd.DataFrame({"n": [3]}, index=[9])]
    ),
    "frame of times": Case(
        lambda: [
            pd.DataFrame(
                {
                    "at": [pd.Timestamp("2020-01-01"), pd.Timestamp("2020-01-02 03:04:05.678901")],
                    "zoned": pd.to_datetime(["2020-01-01", "2020-07-02"]).tz_localize("Europe/Berlin"),
                    "long": pd.to_timedelta(["1D", "2h"]),
                }
            )
        ]
    ),
}
TIMES: dict[str, Callable[[pd.Series], pd.Series]] = {
    "at": pd.to_datetime,
    "zoned": lambda column: pd.to_datetime(column, utc=True),
    "long": pd.to_timedelta,
}


@pytest.fixture(scope="module")
def archived(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """All cases, collected through the original's import, shipped by the command line."""
    folder = tmp_path_factory.mktemp("drop-in")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AML_MODEL_DC_STORAGE_ENABLED", "true")
        archive = Archive(folder, ship="off", min_free_bytes=0)
        for number, case in enumerate(CASES.values()):
            collector = ModelDataCollector("m", f"case{number}", case.names, archive=archive)
            for call, data in enumerate(case.make()):
                assert collector.collect(data, f'order, "{call}"')
        archive.close(0)
    drain(folder)
    yield folder


def file_of(archived: Path, name: str) -> bytes:
    (path,) = data_files(archived, f"case{list(CASES).index(name)}")
    return path.read_bytes()


def theirs_of(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> tuple[bytes, bool]:
    """The original's file, and whether it has a header."""
    for variable in ("AML_MODEL_DC_DEBUG", "SERVICE_NAME"):
        monkeypatch.delenv(variable, raising=False)
    case = CASES[name]
    theirs = original(tmp_path, "m", feature_names=case.names)
    for call, data in enumerate(case.make()):
        theirs.collect(data, f'order, "{call}"')
    return theirs.file(), theirs.file().startswith(b"$Timestamp")


def same(ours: str, theirs: str) -> bool:
    """One cell and another: the same text, the same number with an exponent, or both the form of a missing value."""
    if ours == theirs:
        return True
    if ours in ("", "NaN") and theirs in ("", "nan", "NaN"):
        return True
    written_otherwise = "e" in theirs or theirs in ("inf", "-inf")  # 1e-07 and 1e-7
    try:
        return written_otherwise and float(ours) == float(theirs)
    except ValueError:
        return False


@pytest.mark.parametrize("name", [name for name in CASES if name != "frame of times"])
def test_each_cell_is_the_text_or_number_that_the_original_wrote(
    archived: Path, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs, has_header = theirs_of(tmp_path, name, monkeypatch)

    ours_table = pd.read_csv(io.BytesIO(file_of(archived, name)), dtype=str, keep_default_na=False)
    theirs_table = pd.read_csv(io.BytesIO(theirs), dtype=str, keep_default_na=False, header=0 if has_header else None)

    assert ours_table.shape == theirs_table.shape
    assert list(ours_table.columns[:3]) == OURS
    if has_header:
        assert list(ours_table.columns) == list(theirs_table.columns)
    else:
        assert list(ours_table.columns[3:]) == [str(position) for position in range(ours_table.shape[1] - 3)]
    for column in range(1, ours_table.shape[1]):
        for ours_cell, theirs_cell in zip(ours_table.iloc[:, column], theirs_table.iloc[:, column], strict=True):
            assert same(ours_cell, theirs_cell), f"{ours_table.columns[column]}: {ours_cell!r}, the original: {theirs_cell!r}"


@pytest.mark.parametrize("name", CASES)
def test_pandas_infers_the_same_columns_as_from_the_originals_file(
    archived: Path, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs, has_header = theirs_of(tmp_path, name, monkeypatch)

    ours_table = pd.read_csv(io.BytesIO(file_of(archived, name)))
    theirs_table = pd.read_csv(io.BytesIO(theirs), header=0 if has_header else None)
    theirs_table.columns = ours_table.columns
    for column, parse in TIMES.items():
        for table in (ours_table, theirs_table):
            if column in table.columns:
                table[column] = parse(table[column])
    assert pd.to_datetime(ours_table["$Timestamp"]).dt.tz is None
    assert (ours_table["$Timestamp"].str.len() == len("2026-11-23T07:26:04.593551")).all()

    unlike = ["$Timestamp"]
    pd.testing.assert_frame_equal(ours_table.drop(columns=unlike), theirs_table.drop(columns=unlike), check_exact=True)


def test_rows_come_in_the_order_of_the_calls_with_one_timestamp_a_call(archived: Path) -> None:
    table = pd.read_csv(io.BytesIO(file_of(archived, "frame of everything")))
    assert list(table["$CorrelationId"]) == ['order, "0"'] * 3 + ['order, "1"'] * 3
    assert table["$Timestamp"][:3].nunique() == table["$Timestamp"][3:].nunique() == 1
    assert table["$Timestamp"].is_monotonic_increasing


def test_unlike_the_original_we_leave_the_callers_frame_alone(tmp_path: Path) -> None:
    archive = Archive(tmp_path, ship="off", min_free_bytes=0)
    frame, twin = frame_of_everything(), frame_of_everything()
    collector = ModelDataCollector("m", archive=archive)
    assert collector.collect(frame) and collector.collect(frame)
    pd.testing.assert_frame_equal(frame, twin)


SCORING_FILE = """
    from azureml.datacollector import ModelDataCollector
    import numpy as np
    import pandas as pd

    class Model:
        def predict(self, input_df):
            assert list(input_df.columns) == ["age", "city"], "nobody put columns into the caller's frame"
            return np.array([0.25, 0.75])

    def init():
        global inputs_dc, prediction_dc, model
        model = Model()
        inputs_dc = ModelDataCollector('model.pkl', identifier="inputs")
        prediction_dc = ModelDataCollector('model.pkl', identifier="prediction")

    def run(input_df):
        inputs_dc.collect(input_df)
        pred = model.predict(input_df)
        prediction_dc.collect(pred)
        import json
        return json.dumps(pred.tolist())

    init()
    for _ in range(3):
        df = pd.DataFrame([[30, 'Köln, "Altstadt"'], [41, None]], columns=["age", "city"])
        print(run(df))
    """


def today(root: Path, *parts: str) -> Path:
    """The one folder of a day below `parts`, whichever day it is."""
    (day,) = [path for path in root.joinpath(*parts).glob("[0-9]*/[0-9]*/[0-9]*") if path.is_dir()]
    return day


def test_the_scoring_file_of_the_guide_runs_with_two_variables_set(tmp_path: Path) -> None:
    archive = tmp_path / "somewhere"

    done = run(SCORING_FILE, tmp_path, {"AML_MODEL_DC_STORAGE_ENABLED": "true", "MODELDATA_ARCHIVE": str(archive)})

    assert done.stdout.splitlines() == ["[0.25, 0.75]"] * 3 and done.stderr == ""
    wait_until(lambda: len(data_files(archive)) == 2 and len(rows(archive)) == 9, what="archived by the shipper itself")
    assert features(archive, "inputs") == [("30", 'Köln, "Altstadt"'), ("41", "")] * 3
    assert features(archive, "prediction") == [("0.25", "0.75")] * 3
    assert {row["$RequestId"] for row in rows(archive)} == {"00000000-0000-0000-0000-000000000000"}
    for identifier in ("inputs", "prediction"):
        day = today(archive, "unknown", "unknown", "unknown-model.pkl-unknown", identifier)
        assert [path.name for path in day.iterdir() if not path.name.startswith("_")] == ["data.csv"]
    wait_until(lambda: assert_complete(archive) == 9)


def test_the_scoring_file_runs_and_collects_nothing_when_it_is_not_enabled(tmp_path: Path) -> None:
    done = run(SCORING_FILE, tmp_path, {"MODELDATA_ARCHIVE": str(tmp_path / "somewhere")})

    *hints, first, second, third = done.stdout.splitlines()
    assert [first, second, third] == ["[0.25, 0.75]"] * 3
    assert len(hints) == 2 and all("AML_MODEL_DC_STORAGE_ENABLED" in hint and "not enabled" in hint for hint in hints)
    assert not (tmp_path / "somewhere").exists()


@pytest.mark.parametrize("enabled", ["true", ""])
def test_debug_prints_header_and_rows_of_each_call_as_the_original_did(
    tmp_path: Path, enabled: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = """[[1, 'x,y'], np.array([1.5, 2.0]), np.array([[1, 2], [3, 4]]), pd.DataFrame({"u": [1, 2], "v": ["a", "b"]})]"""
    done = run(
        f"""
    import numpy as np, pandas as pd
    from azureml.datacollector import ModelDataCollector
    dc = ModelDataCollector("m", feature_names=["a", "b"])
    print([dc.collect(data, "c") for data in {calls}])
    """,
        tmp_path,
        {"AML_MODEL_DC_DEBUG": "true", "AML_MODEL_DC_STORAGE_ENABLED": enabled, "MODELDATA_SHIP": "off"},
    )
    monkeypatch.setenv("AML_MODEL_DC_DEBUG", "true")
    monkeypatch.delenv("SERVICE_NAME", raising=False)
    theirs = original(tmp_path, "m", feature_names=["a", "b"], enabled=bool(enabled))
    for data in eval(calls, {"np": np, "pd": pd}):
        theirs.collect(data, "c")

    def said(text: str) -> list[list[str]]:
        return [row[1:] for row in csv.reader(io.StringIO(text, newline="")) if row]

    ours_said, theirs_said = done.stdout.splitlines(keepends=True), capsys.readouterr().out.splitlines(keepends=True)
    assert "debug mode" in ours_said[0] and "debug mode" in theirs_said[0]
    assert said("".join(ours_said[1:-1])) == said("".join(theirs_said[1:]))
    assert ours_said[-1] == f"{[bool(enabled)] * 4}\n"
    assert (tmp_path / "modeldata").exists() == bool(enabled), "shown is not archived unless it is enabled"


def test_service_name_and_the_model_config_map_make_the_path(tmp_path: Path) -> None:
    config_map = tmp_path / "map.json"
    account = {"subscriptionId": "sub-1", "resourceGroupName": "group", "accountName": "acc"}
    config_map.write_text(json.dumps({"models": {"m.pkl": {"id": "abc", "version": 7}}, "accountContext": account}))

    run(
        """
    from azureml.datacollector import ModelDataCollector
    dc = ModelDataCollector("m.pkl", "inputs", ["x"], "my/own/account", "my-service", "my-id", "my-version")
    other = ModelDataCollector("other.pkl", "inputs", ["x"], "my/own/account", "my-service", "my", "1")
    assert dc.collect([1]) and other.collect([2])
    """,
        tmp_path,
        {
            "AML_MODEL_DC_STORAGE_ENABLED": "true",
            "MODELDATA_ARCHIVE": str(tmp_path / "a"),
            "MODELDATA_SHIP": "off",
            "SERVICE_NAME": "the-service",
            "MODELDATA_CONFIG_MAP": str(config_map),
        },
    )
    drain(tmp_path / "a")

    known = today(tmp_path / "a", "sub-1", "group", "acc", "the-service", "abc-m.pkl-7", "inputs")
    unknown = today(tmp_path / "a", "sub-1", "group", "acc", "the-service", "my-other.pkl-1", "inputs")
    assert features(known) == [("1",)] and features(unknown) == [("2",)]
    assert len(data_files(tmp_path / "a")) == 2


def test_the_boundary_hour_makes_a_folder_for_each_hour(tmp_path: Path) -> None:
    run(
        """
    from azureml.datacollector import ModelDataCollector
    dc = ModelDataCollector("m", "inputs", ["x"])
    import modeldata.collector
    for number, seconds in enumerate((1795391999, 1795392000, 1795395600 - 1, 1795395600)):  # around 2026-11-23 00:00 UTC
        modeldata.collector.time_ns = lambda: seconds * 10**9
        assert dc.collect([number])
    """,
        tmp_path,
        {"AML_MODEL_DC_STORAGE_ENABLED": "true", "AML_MODEL_DC_BOUNDARY": "hour", "MODELDATA_SHIP": "off"},
    )
    hourly = {"AML_MODEL_DC_BOUNDARY": "hour"}  # a setting of who ships
    done = modeldata("ship", "--drain", "--archive", str(tmp_path / "modeldata"), env=hourly)
    assert done.returncode == 0, done.stderr

    found = {str(path.parent)[-13:]: [cell for (cell,) in features(path.parent)] for path in data_files(tmp_path / "modeldata")}
    assert found == {"2026/11/22/23": ["0"], "2026/11/23/00": ["1", "2"], "2026/11/23/01": ["3"]}
