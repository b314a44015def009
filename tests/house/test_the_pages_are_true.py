"""README and CONTRIBUTING, held against the code: what they show runs, what they name exists."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from typer.main import get_command

from modeldata import native
from modeldata.cli.app import app
from modeldata.settings.table import SETTINGS
from modeldata.stats import Stats
from tests.support import archive, only, scripts

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "examples").rglob("*.md")])
README = (ROOT / "README.md").read_text(encoding="utf-8")
REFERENCE = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")


def named(page: Path) -> str:
    return str(page.relative_to(ROOT))


def test_the_first_call_is_within_thirty_lines_and_prints_what_the_page_says(tmp_path: Path) -> None:
    head = "\n".join(README.splitlines()[:30])
    block = re.search(r"```python\n(.*?)```.*?```text\n(.*?)```", head, re.DOTALL)
    assert block, "no whole block of Python with its output in the first 30 lines"
    assert scripts.run(block[1], tmp_path).stdout == block[2]
    assert archive.features(tmp_path / "modeldata", "inputs") == [("34", "51000.0"), ("52", "38000.0")]


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_block_of_python_runs(page: Path, tmp_path: Path) -> None:
    text = page.read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    env = only.environment(tmp_path, *asked_for(text)[0]) if blocks else {}
    for block in blocks:
        scripts.run(block, tmp_path, env)


def asked_for(text: str) -> list[list[str]]:
    """What the page asks its reader to install, a list for each `pip install`. After the first one, its Python must run."""
    lines = re.findall(r"pip install ([^\n`#;]+)", text)
    assert lines, "it does not say what to install"
    return [[re.sub(r"^(\.|/app)(?=\[|$)", "modeldata", each) for each in shlex.split(line)] for line in lines]


def test_commands_on_a_page_have_what_the_page_asked_for() -> None:
    needs_sql = {"query", "stats", "erase"}
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        typed = set(re.findall(r"^\$ modeldata (\w+)", text, re.MULTILINE))
        if typed:
            extras = {extra for line in asked_for(text) for each in line for extra in Requirement(each).extras}
            assert extras >= {"cli"} | ({"sql"} if typed & needs_sql else set()), page


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
    assert {variable for variable in variables if variable not in REFERENCE} == set()


def test_no_setting_is_in_the_table_that_is_not_there() -> None:
    variables = {variable for field in SETTINGS.values() for variable in field.variables}
    names = {field.name for field in SETTINGS.values()}
    table = section("Settings")
    assert set(re.findall(r"\b(?:MODELDATA|AML)_[A-Z_]+", table)) <= variables | {"AML_MODEL_DC_STORAGE", native.SWITCH}
    assert {name for row in re.findall(r"^\| (`[^|]+) \|", table, re.MULTILINE) for name in re.findall(r"`(\w+)`", row)} <= names


def test_every_key_of_status_and_stats_is_explained_and_none_else() -> None:
    rows = re.findall(r"^\| (`[^|]+) \|", section("Status"), re.MULTILINE)
    assert {name for row in rows for name in re.findall(r"`(\w+)`", row)} == set(Stats().as_dict())


def test_every_extra_is_explained_and_none_else() -> None:
    assert set(re.findall(r"^\| `modeldata\[(\w+)\]`", section("Extras"), re.MULTILINE)) == set(
        only.PROJECT["optional-dependencies"]
    )


def test_every_variable_of_a_store_is_explained() -> None:
    table = (ROOT / "docs" / "stores.md").read_text(encoding="utf-8").partition("## Variables")[2].partition("\n## ")[0]
    asked = set[str]()
    for name in ("azure_auth", "object_auth"):
        code = (ROOT / "src" / "modeldata" / "store" / f"{name}.py").read_text(encoding="utf-8")
        asked |= set(re.findall(r'"((?:AWS|AZURE|GOOGLE|STORAGE)_[A-Z0-9_]+)"', code))
    assert len(asked) > 25
    assert {variable for variable in asked if f"`{variable}`" not in table} == set()


def section(name: str) -> str:
    return REFERENCE.partition(f"## {name}\n")[2].partition("\n## ")[0]


def test_every_command_has_its_part_of_the_page() -> None:
    commands = set(get_command(app).commands)  # type: ignore[attr-defined] # a group, as there are several
    page = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^## modeldata (\w+)", page, re.MULTILINE)) == commands
