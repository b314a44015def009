"""Inputs, predictions and labels side by side, held against a join that pandas makes of the rows by the same rule."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from modeldata import request
from modeldata.errors import SettingsError
from modeldata.read import match as matching
from modeldata.read.match import MATCHES
from tests.read.kit import FORMATS, Shipped


@pytest.fixture(params=FORMATS)
def shipped(request: pytest.FixtureRequest, tmp_path: Path) -> Shipped:
    return Shipped(str(tmp_path / "archive"), tmp_path / "spool", request.param)


def _frame(name: str, values: list[int]) -> pd.DataFrame:
    return pd.DataFrame({name: np.array(values, "int64")})


def test_row_three_of_the_inputs_is_beside_row_three_of_the_predictions(shipped: Shipped) -> None:
    for number in range(4):
        values = [10 * number + row for row in range(5)]
        shipped.collect("inputs", _frame("x", values), ids=f"id{number}")
        shipped.collect("predictions", _frame("y", [-value for value in values]), ids=f"id{number}")
    shipped.ship()
    joined = shipped.archive.join("m", "inputs", "predictions")
    found = joined.to_pandas()
    assert sorted(found["inputs.x"]) == sorted(10 * number + row for number in range(4) for row in range(5))
    assert (found["inputs.x"] == -found["predictions.y"]).all()
    assert (found["$CorrelationId"] == "id" + (found["inputs.x"] // 10).astype(str)).all()
    assert (found["$Row"] == found["inputs.x"] % 10).all()
    assert str(joined.coverage) == "100 % of inputs have predictions"


def test_the_coverage_counts_both_sides_and_rows_without_an_id(shipped: Shipped) -> None:
    for number in range(10):
        shipped.collect("inputs", _frame("x", [number]), ids=f"id{number}")
    for number in range(3, 15):
        shipped.collect("predictions", _frame("y", [number]), ids=f"id{number}")
    shipped.collect("labels", _frame("z", [3]), ids="id3")
    shipped.collect("inputs", _frame("x", [100]), ids="")
    shipped.ship()
    joined = shipped.archive.join("m", "predictions", "inputs", "labels")
    assert str(joined.coverage) == (
        "58.3 % of predictions have inputs, 8.3 % labels; 3 inputs without predictions; 1 inputs without an id"
    )
    assert joined.table.num_rows == 12
    for how, rows in (("inner", 1), ("left", 12), ("outer", 12 + 4)):
        assert shipped.archive.join("m", "predictions", "inputs", "labels", how=how).table.num_rows == rows  # type: ignore[arg-type]


@pytest.mark.parametrize("dense", [0, 8])
def test_every_row_of_an_outer_join_is_there_once_and_beside_its_own(
    shipped: Shipped, dense: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(matching, "DENSE", dense)  # by a hash table, and by an array
    there = {"a": [1, 2, 3, 4], "b": [3, 4, 5, 6], "c": [1, 4, 6, 7]}
    for identifier, numbers in there.items():
        for number in numbers:
            shipped.collect(identifier, _frame("v", [number]), ids=f"id{number}")
    shipped.ship()
    found = shipped.archive.join("m", "a", "b", "c", how="outer").to_pandas().set_index("$CorrelationId").sort_index()
    frames = [pd.DataFrame({f"{name}.v": numbers}, index=[f"id{one}" for one in numbers]) for name, numbers in there.items()]
    expected = pd.concat(frames, axis=1).sort_index()
    pd.testing.assert_frame_equal(found[expected.columns], expected, check_dtype=False, check_names=False)


def test_the_second_call_of_an_id_goes_with_the_second(shipped: Shipped) -> None:
    for second, sizes in ((1, 2), (2, 3)):
        at = f"2026-11-23T10:00:0{second}"
        shipped.collect("inputs", _frame("x", [10 * second + row for row in range(sizes)]), ids="same", at=at)
        shipped.collect("predictions", _frame("y", [10 * second + row for row in range(sizes)]), ids="same", at=at)
    shipped.ship()
    found = shipped.archive.join("m", "inputs", "predictions").to_pandas()
    assert sorted(found["inputs.x"]) == [10, 11, 20, 21, 22]
    assert (found["inputs.x"] == found["predictions.y"]).all()


def test_the_second_call_stays_the_second_where_the_range_begins_after_the_first(shipped: Shipped) -> None:
    for minute in (0, 10):
        for identifier, name in (("inputs", "x"), ("predictions", "y")):
            shipped.collect(identifier, _frame(name, [minute]), ids="same", at=f"2026-11-23T10:{minute:02d}:00")
    shipped.ship()
    found = shipped.archive.join("m", "inputs", "predictions", start="2026-11-23T10:05").to_pandas()
    assert found[["inputs.x", "predictions.y"]].values.tolist() == [[10, 10]]


def test_labels_of_later_days_are_found_as_far_as_one_looks(shipped: Shipped) -> None:
    shipped.collect("predictions", _frame("y", [1]), ids="a", at="2026-11-20T10:00:00")
    shipped.collect("labels", _frame("z", [1]), ids="a", at="2026-11-25T10:00:00")
    shipped.ship()
    day = {"start": dt.date(2026, 11, 20), "end": dt.date(2026, 11, 21)}
    near = shipped.archive.join("m", "predictions", "labels", **day)  # type: ignore[arg-type]
    assert near.table["labels.z"].to_pylist() == [None] and near.coverage.others[0].matched == 0
    far = shipped.archive.join("m", "predictions", "labels", look_ahead=dt.timedelta(days=7), **day)  # type: ignore[arg-type]
    assert far.table["labels.z"].to_pylist() == [1]
    assert str(far.coverage) == "100 % of predictions have labels"


def test_rows_of_one_request_belong_together(shipped: Shipped) -> None:
    for number in range(3):
        with request(f"r{number}"):
            shipped.collect("inputs", _frame("x", [number]))
            shipped.collect("predictions", _frame("y", [number]))
    shipped.collect("inputs", _frame("x", [9]))
    shipped.ship()
    joined = shipped.archive.join("m", "inputs", "predictions", on="request")
    found = joined.to_pandas().sort_values("inputs.x")
    assert found["$RequestId"].tolist()[:3] == ["r0", "r1", "r2"]
    assert found["predictions.y"].tolist()[:3] == [0, 1, 2] and found["predictions.y"].isna().tolist()[3:] == [True]
    assert str(joined.coverage) == "75 % of inputs have predictions; 1 inputs without an id"


def test_champion_and_challenger_of_one_id_are_not_mixed(shipped: Shipped) -> None:
    for version, service in (("1", "web"), ("2", "web"), ("1", "batch")):
        number = 10 * int(version) + len(service)
        shipped.collect("inputs", _frame("x", [number]), ids="a", model_version=version, webservice_name=service)
    for version, service in (("1", "batch"), ("2", "web"), ("1", "web"), ("3", "web")):
        number = 10 * int(version) + len(service)
        shipped.collect("predictions", _frame("y", [number]), ids="a", model_version=version, webservice_name=service)
    shipped.ship()
    joined = shipped.archive.join("m", "predictions", "inputs")
    pairs = joined.to_pandas()[["predictions.y", "inputs.x"]].astype(object)
    assert sorted(pairs.dropna().values.tolist()) == [[13, 13], [15, 15], [23, 23]]
    assert pairs["predictions.y"][pairs["inputs.x"].isna()].tolist() == [33]
    assert not any(joined.coverage.reused.values()), "one call of each id, version and service"


def test_labels_of_another_service_are_said_to_be_elsewhere_and_joined_across(shipped: Shipped) -> None:
    for version in ("1", "2"):
        shipped.collect("inputs", _frame("x", [int(version)]), ids="a", model_version=version)
        shipped.collect("predictions", _frame("y", [int(version)]), ids="a", model_version=version)
    shipped.collect("labels", _frame("z", [7]), ids="a")
    shipped.ship()
    apart = shipped.archive.join("m", "predictions", "inputs", "labels")
    assert apart.table["labels.z"].to_pylist() == [None, None] and apart.coverage.others[1].elsewhere == 1
    assert "1 labels with an id of predictions in another version or service (see across)" in str(apart.coverage)
    for question in ({}, {"version": "2"}):
        joined = shipped.archive.join("m", "predictions", "inputs", "labels", across=["labels"], **question)  # type: ignore[arg-type]
        rows = sorted(joined.to_pandas()[["predictions.y", "inputs.x", "labels.z"]].values.tolist())
        assert rows == [[1, 1, 7], [2, 2, 7]][-joined.coverage.rows :] and joined.coverage.rows == 2 - len(question)
        assert joined.coverage.others[1].elsewhere == 0
    assert shipped.archive.join("m", "labels", "inputs", across=["labels"]).table["inputs.x"].to_pylist() == [1]


@pytest.mark.parametrize(
    ("match", "expected"),
    [
        ("order", [(4, 1), (6, 5), (8, 7)]),
        ("first", [(4, 1), (6, 1), (8, 1)]),
        ("last", [(4, 9), (6, 9), (8, 9)]),
        ("asof", [(4, 1), (6, 5), (8, 7)]),
        ({"inputs": "last"}, [(4, 9), (6, 9), (8, 9)]),
        ({}, [(4, 1), (6, 5), (8, 7)]),
    ],
)
def test_the_call_that_is_meant_is_the_one_beside(shipped: Shipped, match: Any, expected: list[tuple[int, int]]) -> None:
    for minute in (1, 5, 7, 9):
        shipped.collect("inputs", _frame("x", [minute]), ids="a", at=f"2026-11-23T10:0{minute}:00")
    for minute in (4, 6, 8):
        shipped.collect("predictions", _frame("y", [minute]), ids="a", at=f"2026-11-23T10:0{minute}:00")
    shipped.ship()
    joined = shipped.archive.join("m", "predictions", "inputs", match=match)
    assert sorted(zip(*(joined.table[name].to_pylist() for name in ("predictions.y", "inputs.x")), strict=True)) == expected
    assert joined.coverage.reused == {"predictions": 1, "inputs": 1}
    assert str(joined.coverage).endswith("1 ids of predictions used more than once; 1 ids of inputs used more than once")


def test_what_is_too_old_does_not_stand_in(shipped: Shipped) -> None:
    for at, identifier, name in (("10:00:00", "inputs", "x"), ("10:00:30", "predictions", "y"), ("10:01:01", "predictions", "y")):
        shipped.collect(identifier, _frame(name, [int(at[3:5])]), ids="a", at=f"2026-11-23T{at}")
    shipped.ship()
    joined = shipped.archive.join("m", "predictions", "inputs", match="asof", tolerance=dt.timedelta(minutes=1))
    assert sorted(map(str, joined.table["inputs.x"].to_pylist())) == ["0", "None"]


def test_one_row_of_a_request_stands_beside_every_row_of_its_batch_on_either_side(shipped: Shipped) -> None:
    for number in (1, 2):
        shipped.collect("context", {"user": number}, ids=f"id{number}")
        shipped.collect("predictions", _frame("y", [10 * number + row for row in range(3)]), ids=f"id{number}")
        shipped.collect("labels", _frame("z", [10 * number + row for row in range(2)]), ids=f"id{number}")
    shipped.ship()
    rows = [[number, 10 * number + row] for number in (1, 2) for row in range(3)]
    for identifiers in (("predictions", "context"), ("context", "predictions")):
        joined = shipped.archive.join("m", *identifiers)
        found = joined.to_pandas().sort_values("predictions.y")
        assert found[["context.user", "predictions.y"]].values.tolist() == rows
        assert found["$Row"].tolist() == [0, 1, 2] * 2
        assert str(joined.coverage).startswith(f"100 % of {identifiers[0]} have {identifiers[1]}")
    labelled = shipped.archive.join("m", "context", "predictions", "labels").to_pandas()
    assert labelled[labelled["labels.z"].notna()].shape[0] == 4 and labelled.shape[0] == 6
    assert (labelled["labels.z"].dropna() == labelled["predictions.y"][labelled["labels.z"].notna()]).all()


def test_rows_that_were_collected_one_by_one_stand_beside_those_of_one_call(shipped: Shipped) -> None:
    for row in range(3):
        shipped.collect("inputs", {"x": row}, ids="a", at=f"2026-11-23T10:00:0{row}")
    shipped.collect("predictions", _frame("y", [0, 1, 2]), ids="a", at="2026-11-23T10:00:05")
    shipped.ship()
    for first, second in (("inputs.x", "predictions.y"), ("predictions.y", "inputs.x")):
        found = shipped.archive.join("m", first.split(".")[0], second.split(".")[0]).to_pandas()
        assert sorted(found[[first, second]].values.tolist()) == [[0, 0], [1, 1], [2, 2]]


def test_where_counts_say_nothing_a_row_is_not_repeated(shipped: Shipped) -> None:
    for row in range(2):
        shipped.collect("inputs", {"x": row}, ids="a", at=f"2026-11-23T10:00:0{row}")
    shipped.collect("predictions", _frame("y", [0, 1, 2]), ids="a", at="2026-11-23T10:00:05")
    shipped.ship()
    found = shipped.archive.join("m", "predictions", "inputs").to_pandas().sort_values("predictions.y")
    assert found["inputs.x"].isna().tolist() == [False, True, True]


def test_rows_without_an_id_belong_to_nobody_however_they_are_matched(shipped: Shipped) -> None:
    for missing in ("", None, float("nan"), pd.NA, pd.NaT):
        shipped.collect("inputs", {"x": 1}, ids=missing)  # type: ignore[arg-type]
        shipped.collect("predictions", {"y": 1}, ids=missing)  # type: ignore[arg-type]
    shipped.ship()
    for match in MATCHES:
        for on in ("correlation", "request"):
            joined = shipped.archive.join("m", "predictions", "inputs", match=match, on=on, how="outer")  # type: ignore[arg-type]
            assert joined.coverage.others[0].matched == 0 and joined.table.num_rows == 10
            assert joined.coverage.without_id == {"predictions": 5, "inputs": 5}


def test_columns_are_named_by_identifier_and_may_be_chosen(shipped: Shipped) -> None:
    shipped.collect("inputs", pd.DataFrame({"age": [1], "income": [2]}), ids="a")
    shipped.collect("predictions", _frame("score", [1]), ids="a")
    shipped.ship()
    joined = shipped.archive.join("m", "inputs", "predictions")
    stamps = ["inputs.$Timestamp", "predictions.$Timestamp"]
    assert sorted(joined.table.column_names) == sorted(
        ["$CorrelationId", "$Row", *stamps, "inputs.age", "inputs.income", "predictions.score"]
    )
    chosen = shipped.archive.join("m", "inputs", "predictions", columns=["inputs.income", "score"])
    assert sorted(chosen.table.column_names) == sorted(["$CorrelationId", "$Row", *stamps, "inputs.income", "predictions.score"])


def test_a_join_that_can_not_be_meant_says_what_it_takes(shipped: Shipped) -> None:
    shipped.collect("inputs", _frame("x", [1]))
    shipped.ship()
    with pytest.raises(SettingsError, match="two or more different identifiers"):
        shipped.archive.join("m", "inputs")
    with pytest.raises(SettingsError, match="correlation"):
        shipped.archive.join("m", "inputs", "predictions", on="id")  # type: ignore[arg-type]
    for wrong in ({"match": "newest"}, {"match": {"labels": "last"}}, {"across": ["labels"]}, {"tolerance": dt.timedelta(1)}):
        with pytest.raises(SettingsError, match=next(iter(wrong))):
            shipped.archive.join("m", "inputs", "predictions", **wrong)  # type: ignore[arg-type]
