"""Whose data it is: arguments, `SERVICE_NAME`, the model config map. What the latter two say wins; nothing of them can raise."""

from __future__ import annotations

import enum
import json
import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from modeldata.format.names import IDENTITY
from modeldata.format.paths import day_folder
from modeldata.identity import Identity, feature_names_of
from modeldata.settings import Settings

CONTEXT = {"subscriptionId": "sub", "resourceGroupName": "group", "accountName": "account"}


def built(config_map: object = None, env: Mapping[str, str] | None = None, **arguments: object) -> tuple[Identity, list[str]]:
    """An identity and the warnings it gave."""
    given = {"account": "unknown", "service": "unknown", "model_id": "unknown", "model_version": "unknown", **arguments}
    model_name = given.pop("model_name", "churn")
    identifier = given.pop("identifier", "inputs")
    warnings: list[str] = []
    settings = Settings.build(env or {}, config_map=config_map or "/nowhere/at/all.json")
    made = Identity.build(model_name, identifier, **given, settings=settings, warn=warnings.append)
    return made, warnings


def written(tmp_path: Path, content: object) -> Path:
    path = tmp_path / "map.json"
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    return path


def test_without_file_and_variable_the_arguments_count_and_nothing_is_said() -> None:
    made, warnings = built(account="s/g/a", service="svc", model_id=7, model_version=2)
    assert made.as_dict() == {
        "account": "s/g/a", "service": "svc", "model_id": "7", "model_name": "churn", "model_version": "2", "identifier": "inputs",
    }  # fmt: skip
    assert warnings == []


def test_what_the_file_and_the_variable_say_wins(tmp_path: Path) -> None:
    path = written(tmp_path, {"models": {"churn": {"id": "17", "version": 3}}, "accountContext": CONTEXT})
    made, warnings = built(path, {"SERVICE_NAME": "live"}, service="x", model_id="x", model_version="x", account="x")
    assert (made.account, made.service, made.model_id, made.model_version) == ("sub/group/account", "live", "17", "3")
    assert warnings == []


def test_a_file_written_on_windows_is_read_too(tmp_path: Path) -> None:
    path = written(tmp_path, b"\xef\xbb\xbf" + json.dumps({"accountContext": CONTEXT}).encode())
    assert built(path)[0].account == "sub/group/account"


@pytest.mark.parametrize(
    "content", [{}, {"models": {}}, {"models": {"other": {"id": "1", "version": "1"}}}, {"accountContext": {"accountName": "a"}}]
)
def test_a_file_that_says_nothing_of_this_model_leaves_the_arguments(tmp_path: Path, content: object) -> None:
    made, warnings = built(written(tmp_path, content), model_id="mine", account="mine")
    assert (made.model_id, made.account, warnings) == ("mine", "mine", [])


BROKEN: list[object] = [
    b"", b"{", b"\xff\xfe", b"[" * 100_000, [], 5, None, "text", {"models": []}, {"models": {"churn": 5}},
    {"models": {"churn": {"id": "1"}}}, {"models": {"churn": {"id": None, "version": 1}}}, {"models": {"churn": {"id": "", "version": 1}}},
    {"models": {"churn": {"id": True, "version": 1}}}, {"models": {"churn": {"id": ["x"], "version": 1}}},
    {"accountContext": 7}, {"accountContext": {**CONTEXT, "accountName": None}}, {"accountContext": {**CONTEXT, "accountName": ""}},
]  # fmt: skip


@pytest.mark.parametrize("content", BROKEN, ids=range(len(BROKEN)))
def test_a_broken_file_gives_one_warning_and_the_arguments(tmp_path: Path, content: object) -> None:
    path = written(tmp_path, content)
    made, warnings = built(path, model_id="mine", account="mine")
    assert (made.model_id, made.account) == ("mine", "mine")
    assert len(warnings) == 1 and str(path) in warnings[0]
    assert built(path)[1] == []  # a scoring file's second collector does not say it again


def test_a_place_that_is_no_file_or_cannot_be_read_gives_a_warning_and_never_hangs(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    secret = written(tmp_path, {})
    secret.chmod(0)
    places = [tmp_path, fifo, *([secret] if os.getuid() else [])]  # root reads whatever the mode says
    for place in places:
        made, warnings = built(place, model_id="mine")
        assert made.model_id == "mine" and len(warnings) == 1
    assert built("/dev/null/x")[1] == []


@pytest.mark.parametrize("name", ["model_name", "identifier", "account", "service", "model_id", "model_version"])
@pytest.mark.parametrize("value", [None, b"x", 1.5, True, ["x"], object()])
def test_an_argument_of_the_wrong_type_is_named(name: str, value: object) -> None:
    with pytest.raises(TypeError, match=type(value).__name__):
        built(None, None, **{name: value})


@pytest.mark.parametrize("name", ["model_name", "identifier", "account", "service", "model_id", "model_version"])
def test_an_empty_argument_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="must not be empty"):
        built(None, None, **{name: ""})


@pytest.mark.parametrize("value", [3, np.int64(3)])
def test_ids_and_versions_may_be_whole_numbers_and_names_may_not(value: object) -> None:
    made, _ = built(model_id=value, model_version=value)
    assert (made.model_id, made.model_version) == ("3", "3")
    with pytest.raises(TypeError):
        built(model_name=value)


def test_a_text_of_another_class_counts_as_its_text() -> None:
    class Model(str, enum.Enum):  # noqa: UP042 - what users have
        CHURN = "churn"

    made, _ = built(model_name=Model.CHURN, identifier=np.str_("inputs"))
    assert (type(made.model_name), made.model_name, type(made.identifier)) == (str, "churn", str)


def test_path_tricks_of_the_file_and_the_variable_stay_inside_as_well(tmp_path: Path) -> None:
    trick = "../../../etc/\0x"
    content = {
        "models": {"churn": {"id": trick, "version": trick}},
        "accountContext": dict.fromkeys(CONTEXT, trick),
    }
    made, _ = built(written(tmp_path, content), {"SERVICE_NAME": trick})
    folder = os.path.realpath(os.path.join(tmp_path, day_folder(made.as_dict(), 0, hour_folders=False)))
    assert folder.startswith(os.path.realpath(tmp_path) + os.sep)


def test_identities_are_frozen_and_equal_by_value() -> None:
    one, other = built()[0], built()[0]
    assert one == other and hash(one) == hash(other) and one != built(identifier="x")[0]
    assert tuple(one.as_dict()) == IDENTITY
    with pytest.raises(AttributeError):
        one.service = "x"


@pytest.mark.parametrize(
    "value",
    [["a", "b"], ("a", "b"), np.array(["a", "b"]), np.array(["a", "b"], dtype=object), pd.Index(["a", "b"]),
     pd.DataFrame({"a": [1], "b": [2]}).columns, pd.Series(["a", "b"]), {"a": 1, "b": 2}.keys()],
    ids=lambda value: type(value).__name__,
)  # fmt: skip
def test_feature_names_may_come_in_any_ordered_form(value: object) -> None:
    made = feature_names_of(value)
    assert made == ("a", "b") and made is not None and {type(name) for name in made} == {str}


@pytest.mark.parametrize("value", [None, [], ()])
def test_no_feature_names_are_none(value: object) -> None:
    assert feature_names_of(value) is None


@pytest.mark.parametrize(
    "value",
    ["age", b"age", 5, 1.5, {"a", "b"}, {"a": 1}, (name for name in "ab"), iter(["a"]), [1, 2], ["a", None], [b"a"], np.array("age"),
     np.array([["a"], ["b"]]), np.array([1, 2]), pd.RangeIndex(2), pd.MultiIndex.from_tuples([("a", "b")]), object()],
    ids=lambda value: type(value).__name__,
)  # fmt: skip
def test_what_is_no_sequence_of_names_is_refused(value: object) -> None:
    with pytest.raises(TypeError, match="feature_names must"):
        feature_names_of(value)
