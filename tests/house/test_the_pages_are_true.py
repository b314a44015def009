"""README and CONTRIBUTING, held against the code: what they show runs, what they name exists."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from typer.main import get_command

from modeldata.cli.app import app
from modeldata.settings.table import SETTINGS
from tests.support import archive, scripts

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "examples").rglob("*.md")])
README = (ROOT / "README.md").read_text(encoding="utf-8")


def named(page: Path) -> str:
    return str(page.relative_to(ROOT))


def test_the_first_call_is_within_thirty_lines_and_runs(tmp_path: Path) -> None:
    head = "\n".join(README.splitlines()[:30])
    block = re.search(r"```python\n(.*?)```", head, re.DOTALL)
    assert block, "no whole block of Python in the first 30 lines"
    scripts.run(block[1], tmp_path)
    scripts.drain(tmp_path / "modeldata")
    assert archive.features(tmp_path / "modeldata", "inputs") == [("34", "51000.0"), ("52", "38000.0")]
    assert archive.features(tmp_path / "modeldata", "predictions") == [("0.17",)] * 2


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_block_of_python_runs(page: Path, tmp_path: Path) -> None:
    for block in re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL):
        scripts.run(block, tmp_path)


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_make_target_exists(page: Path) -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    typed = re.findall(r"(?:^ {4}|`)make((?: [a-z]+)+)", page.read_text(encoding="utf-8"), re.MULTILINE)
    assert {target for line in typed for target in line.split()} <= targets


def test_the_demo_installs_the_demo_and_nothing_else() -> None:
    done = subprocess.run(
        ["make", "--dry-run", "--always-make", "demo"], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    )
    installs = [line for line in done.stdout.splitlines() if "pip install" in line]
    assert len(installs) == 2, "uv, and the demo"
    assert "'^uv=='" in installs[0]
    assert installs[1].endswith("--constraints requirements-dev.txt --editable '.[demo]'")
    assert "azurite" not in done.stdout
    assert "java" not in done.stdout


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_link_into_the_tree_leads_somewhere(page: Path) -> None:
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)[^)]*\)", page.read_text(encoding="utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_every_setting_is_in_the_table() -> None:
    variables = {variable for field in SETTINGS.values() for variable in field.variables}
    assert {variable for variable in variables if variable not in README} == set()


def test_no_setting_is_in_the_table_that_is_not_there() -> None:
    variables = {variable for field in SETTINGS.values() for variable in field.variables}
    names = {field.name for field in SETTINGS.values()}
    table = README.partition("## Settings")[2].partition("\n## ")[0]
    assert set(re.findall(r"\b(?:MODELDATA|AML)_[A-Z_]+", table)) <= variables | {"AML_MODEL_DC_STORAGE"}
    assert {name for row in re.findall(r"^\| (`[^|]+) \|", table, re.MULTILINE) for name in re.findall(r"`(\w+)`", row)} <= names


def test_every_command_is_told_and_none_else() -> None:
    told = set(re.findall(r"^ {4}modeldata ([a-z]+)", README.partition("## Command line")[2].partition("\n## ")[0], re.MULTILINE))
    assert told == set(get_command(app).commands)  # type: ignore[attr-defined] # a group, as there are several
