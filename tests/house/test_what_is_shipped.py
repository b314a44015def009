"""The wheel, built from this tree and looked into."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import hatch_build
import pytest
from hatch_build import long_description

from tests.house.release import trouble
from tests.platforms import extras

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=120)
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel's files, as they lie in site-packages."""
    folder = tmp_path_factory.mktemp("site")
    with zipfile.ZipFile(wheel) as content:
        content.extractall(folder)
    return folder


def test_every_module_and_the_type_marker_are_in_it(installed: Path) -> None:
    tracked = {path.relative_to(ROOT / "src") for path in (ROOT / "src").rglob("*.py")} | {Path("modeldata/py.typed")}
    assert {path for path in tracked if not (installed / path).exists()} == set()


def test_the_page_and_the_licence_of_its_charts_are_in_it(installed: Path) -> None:
    static = Path("modeldata/ui/static")
    assert {path.name for path in (installed / static).iterdir()} == {path.name for path in (ROOT / "src" / static).iterdir()}
    assert "MIT" in (installed / static / "uPlot.LICENSE.txt").read_text(encoding="utf-8")


def test_other_azureml_packages_can_live_beside_it(installed: Path) -> None:
    assert (installed / "azureml/datacollector/__init__.py").exists()
    assert not (installed / "azureml/__init__.py").exists()
    assert not (ROOT / "src/azureml/__init__.py").exists()


def test_the_demo_is_served_from_the_same_files_as_the_example(installed: Path) -> None:
    example = ROOT / "examples/fastapi_service"
    shipped = installed / "modeldata/cli/demo/files"
    expected = {path.name: path.read_text() for path in example.glob("*.py")}
    assert {path.name: path.read_text() for path in shipped.glob("*.py")} == expected


def test_nothing_else_is_in_it(installed: Path) -> None:
    tops = {path.name for path in installed.iterdir() if not path.name.endswith(".dist-info")}
    assert tops == {"modeldata", "azureml"}


def test_the_installed_package_finds_the_demos_files(installed: Path, tmp_path: Path) -> None:
    code = "from modeldata.cli.demo.service import example_folder; print(example_folder())"
    environment = {**os.environ, "PYTHONPATH": str(installed)}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True, timeout=120
    )
    assert Path(done.stdout.strip()) == installed / "modeldata/cli/demo/files"


def test_licence_and_readme_are_in_its_metadata(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as content:
        name = next(name for name in content.namelist() if name.endswith(".dist-info/METADATA"))
        metadata = content.read(name).decode()
        assert "License-Expression: Apache-2.0" in metadata
        assert (ROOT / "README.md").read_text(encoding="utf-8").splitlines()[0] in metadata
        assert any(name.endswith("licenses/LICENSE") for name in content.namelist())


def test_no_link_of_its_description_leads_nowhere(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as content:
        name = next(name for name in content.namelist() if name.endswith(".dist-info/METADATA"))
        targets = re.findall(r"\]\(([^)]*)\)", content.read(name).decode())
    assert [target for target in targets if not target.startswith(("https://", "#"))] == []
    readme = "![a page](docs/img/a.png)\n\n[The guide](docs/a.md#top), [a site](https://example.org)\n"
    assert long_description(readme, "") == "The guide, [a site](https://example.org)\n"
    at_home = long_description(readme, "https://example.org/m/blob/v1")
    assert (
        "](https://example.org/m/blob/v1/docs/a.md#top)" in at_home
        and "](https://example.org/m/blob/v1/docs/img/a.png)" in at_home
    )


def test_a_build_asks_for_numpy_only_where_it_compiles_something(monkeypatch: pytest.MonkeyPatch) -> None:
    hook = hatch_build.AcceleratorHook(str(ROOT), {}, None, None, "", "wheel")  # type: ignore[arg-type] # it looks at neither
    monkeypatch.delenv("MODELDATA_BUILD", raising=False)
    monkeypatch.setattr(hatch_build, "hindrance", lambda: "")
    assert hook.dependencies() == [hatch_build.HEADERS]
    monkeypatch.setenv("MODELDATA_BUILD", "pure")
    assert hook.dependencies() == []
    monkeypatch.delenv("MODELDATA_BUILD")
    monkeypatch.setattr(hatch_build, "hindrance", lambda: "it is for Pythons with a GIL")
    assert hook.dependencies() == []


def test_each_extra_is_tried_before_a_release() -> None:
    assert set(extras.TRIED) == set(extras.extras())


def test_a_tag_has_the_version_of_the_package() -> None:
    assert trouble([], "1.2.0") == trouble(["v1.2.0", "nightly"], "1.2.0") == ""
    assert "tagged v1.3.0, but __version__ is 1.2.0" in trouble(["v1.3.0"], "1.2.0")
