"""The pages that `make docs` builds a site of: each has its place, and each link leads to one of them."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.main import get_command

import modeldata
from modeldata.cli.app import app
from modeldata.settings.table import SETTINGS
from tests.house import site

ROOT = Path(__file__).parents[2]


def named(entries: list[Any]) -> Iterator[str]:
    """The pages of a navigation."""
    for entry in entries:
        for value in entry.values():
            yield from [value] if isinstance(value, str) else named(value)


def test_every_page_of_the_navigation_is_there_once() -> None:
    project = tomllib.loads((ROOT / "zensical.toml").read_text(encoding="utf-8"))["project"]
    pages = list(named(project["nav"]))
    assert len(pages) == len(set(pages)) > 25
    assert set(pages) <= set(site.places().values())


def test_links_between_pages_lead_to_the_same_pages_in_the_site(tmp_path: Path) -> None:
    site.gather(tmp_path / "pages")
    home = (tmp_path / "pages" / "index.md").read_text(encoding="utf-8")
    assert "](getting-started.md)" in home and "](changelog.md)" in home and "](guarantees.md#private)" in home
    assert "](examples.md)" in (tmp_path / "pages" / "getting-started.md").read_text(encoding="utf-8")


def test_a_link_out_of_the_site_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "README.md").write_text("[code](src/x.py)", encoding="utf-8")
    monkeypatch.setattr(site, "ROOT", tmp_path)
    monkeypatch.setattr(site, "ABOVE", {"README.md": "index.md"})
    with pytest.raises(ValueError, match=r"README\.md: src/x\.py is no page of the site"):
        site.gather(tmp_path / "pages")


MANIFESTS = [
    part.partition("```")[0] for part in (ROOT / "docs" / "kubernetes.md").read_text(encoding="utf-8").split("```yaml\n")[1:]
]


def test_the_sidecar_for_rows_is_started_as_it_can_be_and_waits_where_it_listens() -> None:
    pod = yaml.safe_load(MANIFESTS[1])["spec"]["template"]["spec"]
    sidecar, service = pod["initContainers"][0], pod["containers"][0]
    command = get_command(app).commands["sidecar"]  # type: ignore[attr-defined] # a group
    parsed = command.make_context("sidecar", sidecar["command"][2:]).params
    assert parsed["host"] == "127.0.0.1"
    assert f"http://127.0.0.1:{parsed['port']}/healthz" in sidecar["startupProbe"]["exec"]["command"][2]
    compile(sidecar["startupProbe"]["exec"]["command"][2], "probe", "exec")
    variables = {variable for setting in SETTINGS.values() for variable in setting.variables}
    assert {entry["name"] for entry in sidecar["env"]} <= variables
    assert [entry["name"] for entry in service["env"]] == ["AZUREML_MDC_ENABLED"]
    assert sidecar["volumeMounts"][0]["name"] == pod["volumes"][0]["name"]


def test_the_manifest_for_kubernetes_is_one_and_sets_settings_that_exist() -> None:
    pod = yaml.safe_load(MANIFESTS[0])["spec"]["template"]["spec"]
    containers = [*pod["initContainers"], *pod["containers"]]
    variables = {variable for setting in SETTINGS.values() for variable in setting.variables}
    given = [{entry["name"]: entry["value"] for entry in each["env"]} for each in containers]
    assert set().union(*given) <= variables
    assert given[0].items() <= given[1].items(), "both use one spool and one archive"
    assert all(mount["name"] == pod["volumes"][0]["name"] for each in containers for mount in each["volumeMounts"])


def test_every_public_name_is_on_the_page_of_python() -> None:
    page = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    named_there = {line.rpartition(".")[2] for line in page.splitlines() if line.startswith("::: ")}
    assert set(modeldata.__all__) - named_there == {"__version__", "flush"}, "flush has a paragraph of its own"
