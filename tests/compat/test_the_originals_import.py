"""`from azureml.datacollector import ModelDataCollector`: off as in the original, and beside other packages named `azureml`."""

from __future__ import annotations

import ast
import inspect
import os
import shutil
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest

import azureml.datacollector
import modeldata
from tests.oracle.original import wheel
from tests.support.scripts import SOURCE, run

EXTENDING = "__path__ = __import__('pkgutil').extend_path(__path__, __name__)\n"
"""What azureml-core 1.61 and the original bring, comments aside (compared with the original's below)."""
PLAIN = "version = '1'\n"
BOTH = """
    import sys
    sys.path[:] = {paths!r} + [place for place in sys.path if not __import__("os").path.isdir(place + "/azureml")]
    import azureml.core.run
    from azureml.datacollector import ModelDataCollector
    import azure.storage.thing
    print(azureml.core.run.VALUE, ModelDataCollector("m").collect([1]), azure.storage.thing.VALUE)
"""


def put(path: Path, text: str = "") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def theirs(site: Path, init: str | None) -> Path:
    """A folder with an installed package of that name: `azureml.core`, and one that lives in the namespace `azure`."""
    if init is not None:
        put(site / "azureml/__init__.py", init)
    put(site / "azureml/core/__init__.py")
    put(site / "azureml/core/run.py", "VALUE = 'theirs'")
    put(site / "azure/storage/__init__.py")
    put(site / "azure/storage/thing.py", "VALUE = 'azure'")
    return site


def ours(site: Path) -> Path:
    """A folder with this package as pip would install it."""
    shutil.copytree(Path(SOURCE, "azureml"), site / "azureml", dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
    os.symlink(Path(SOURCE, "modeldata"), site / "modeldata")
    return site


def imports_both(tmp_path: Path, *sites: Path) -> str:
    env = {"MODELDATA_ENABLED": "false", "MODELDATA_ARCHIVE": str(tmp_path / "archive")}
    return run(BOTH.format(paths=[str(site) for site in sites]), tmp_path, env).stdout.splitlines()[-1]


def init_of_the_original() -> str:
    with zipfile.ZipFile(wheel()) as archive:
        return archive.read("azureml/__init__.py").decode()


def test_we_bring_no_init_of_the_shared_name() -> None:
    assert not Path(SOURCE, "azureml", "__init__.py").exists()


def test_the_init_that_other_packages_bring_is_the_one_we_test_with() -> None:
    assert ast.dump(ast.parse(init_of_the_original())) == ast.dump(ast.parse(EXTENDING))


@pytest.mark.parametrize(
    "init", [None, EXTENDING, PLAIN, "from azureml.core import run\n"], ids=["none", "extending", "plain", "importing"]
)
def test_installed_in_one_place_with_any_other_both_are_imported(tmp_path: Path, init: str | None) -> None:
    site = ours(theirs(tmp_path / "site", init))
    assert imports_both(tmp_path, site) == "theirs False azure"


@pytest.mark.parametrize("ours_first", [True, False])
@pytest.mark.parametrize("init", [None, EXTENDING], ids=["none", "extending"])
def test_installed_apart_both_are_imported_in_either_order(tmp_path: Path, init: str | None, ours_first: bool) -> None:
    sites = [ours(tmp_path / "ours"), theirs(tmp_path / "theirs", init)]
    assert imports_both(tmp_path, *(sites if ours_first else sites[::-1])) == "theirs False azure"


def test_the_real_init_of_the_original_works_apart_and_together(tmp_path: Path) -> None:
    init = init_of_the_original()
    assert imports_both(tmp_path, theirs(tmp_path / "theirs", init), ours(tmp_path / "ours")) == "theirs False azure"
    assert imports_both(tmp_path, ours(theirs(tmp_path / "one", init))) == "theirs False azure"


def test_apart_from_a_package_that_keeps_the_name_to_itself_the_other_import_works(tmp_path: Path) -> None:
    """Python then looks for `azureml.datacollector` in that package alone; nobody can change that from outside."""
    sites = [str(ours(tmp_path / "ours")), str(theirs(tmp_path / "theirs", PLAIN))]
    done = run(
        f"""
    import sys
    sys.path[:] = {sites!r} + [place for place in sys.path if not __import__("os").path.isdir(place + "/azureml")]
    import azureml.core.run
    try:
        import azureml.datacollector
    except ModuleNotFoundError as error:
        print(error.name)
    from modeldata import ModelDataCollector
    print(azureml.core.run.VALUE, ModelDataCollector("m").collect([1]))
    """,
        tmp_path,
        {"MODELDATA_ENABLED": "false"},
    )
    assert done.stdout.split() == ["azureml.datacollector", "theirs", "False"]


SCORING = """
    from azureml.datacollector import ModelDataCollector
    dc = ModelDataCollector("model.pkl", identifier="inputs")
    print(dc.collect([1, 2]))
"""


def scoring(tmp_path: Path, env: Mapping[str, str]) -> list[str]:
    return run(
        SCORING, tmp_path, {"MODELDATA_ARCHIVE": str(tmp_path / "archive"), "MODELDATA_SHIP": "off", **env}
    ).stdout.splitlines()


@pytest.mark.parametrize(
    "env", [{}, {"AML_MODEL_DC_STORAGE_ENABLED": "false"}, {"MODELDATA_ENABLED": "no", "AML_MODEL_DC_STORAGE_ENABLED": "true"}]
)
def test_it_is_off_with_a_hint_unless_switched_on_and_then_writes_nothing(tmp_path: Path, env: Mapping[str, str]) -> None:
    hint, taken = scoring(tmp_path, env)
    assert "not enabled" in hint and "AML_MODEL_DC_STORAGE_ENABLED" in hint
    assert taken == "False" and not (tmp_path / "archive").exists()


@pytest.mark.parametrize("variable", ["AML_MODEL_DC_STORAGE_ENABLED", "MODELDATA_ENABLED"])
def test_either_variable_switches_it_on_without_a_word(tmp_path: Path, variable: str) -> None:
    assert scoring(tmp_path, {variable: "true"}) == ["True"]


def test_off_it_does_not_mind_a_store_of_a_later_version(tmp_path: Path) -> None:
    env = {"AML_MODEL_DC_STORAGE": "AccountName=a;AccountKey=b", "MODELDATA_ARCHIVE": ""}
    assert scoring(tmp_path, env)[-1] == "False"


def test_both_imports_share_the_signature_of_the_seed() -> None:
    seed = [
        "self", "model_name", "identifier", "feature_names", "model_management_account_id", "webservice_name", "model_id", "model_version",
    ]  # fmt: skip
    for kind in (modeldata.ModelDataCollector, azureml.datacollector.ModelDataCollector):
        parameters = inspect.signature(kind.__init__).parameters
        positional = [name for name, one in parameters.items() if one.kind is one.POSITIONAL_OR_KEYWORD]
        assert positional == seed
        assert [parameters[name].default for name in seed[2:]] == ["default", None, *["unknown"] * 4]
        takes = inspect.signature(kind.collect).parameters
        positional = [name for name, one in takes.items() if one.kind is one.POSITIONAL_OR_KEYWORD]
        assert positional == ["self", "input_data", "user_correlation_id"]
        assert all(takes[name].default is None for name in takes.keys() - set(positional))
    assert issubclass(azureml.datacollector.ModelDataCollector, modeldata.ModelDataCollector)
