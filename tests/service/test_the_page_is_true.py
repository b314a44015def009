"""docs/services.md and docs/sidecar.md: their examples are run as they stand there. docs/frameworks: its versions are those that run."""

from __future__ import annotations

import os
import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from modeldata import default_archive
from modeldata.service.paths import DEFAULT_PATHS
from modeldata.service.recorder import COLUMNS
from tests.service.kit import features, read
from tests.service.servers import ask, uvicorn_of, werkzeug_of
from tests.service.sidecars import archived, sidecar, values
from tests.service.unmodified import table_of_frameworks

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "services.md").read_text(encoding="utf-8")
SIDECAR = (ROOT / "docs" / "sidecar.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture
def archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, value in {"ARCHIVE": str(tmp_path), "FORMAT": "jsonl", "SHIP": "off"}.items():
        monkeypatch.setitem(os.environ, f"MODELDATA_{name}", value)
    return tmp_path


def _run(example: str) -> dict[str, Any]:
    names: dict[str, Any] = {"__name__": "service"}
    exec(compile(example, "services.md", "exec", dont_inherit=True), names)
    return names


@pytest.mark.parametrize(("example", "serve"), [(0, uvicorn_of), (1, werkzeug_of)])
def test_an_example_of_a_service_is_archived(archive: Path, example: int, serve: Any) -> None:
    with serve(_run(EXAMPLES[example])["app"]) as port:
        assert ask(port, "/predict", [{"income": 2.5}])[0] == 200
    default_archive().close(0)
    rows = read(archive)
    assert features(rows["inputs"]) == [(2.5,)] and features(rows["predictions"]) == [(5.0,)]


def test_the_example_without_http_is_archived(archive: Path) -> None:
    _run(EXAMPLES[2])
    default_archive().close(0)
    assert len(read(archive)["inputs"]) == 3


def test_each_column_and_path_that_it_names_is_one() -> None:
    named = set(re.findall(r"`(\w+)`", next(line for line in PAGE.splitlines() if line.startswith("| `requests`"))))
    assert set(COLUMNS) <= named
    paths = next(line for line in PAGE.splitlines() if line.startswith("| paths"))
    assert set(re.findall(r"`(/[^`]+)`", paths)) <= set(DEFAULT_PATHS)


def test_the_versions_of_the_frameworks_are_those_that_make_services_installs() -> None:
    locks = "\n".join(path.read_text(encoding="utf-8") for path in ROOT.glob("requirements-service*.txt"))
    rows = table_of_frameworks()
    assert len(rows) >= 12
    for page, (package, version, *_) in rows.items():
        assert f"\n{package}=={version}" in "\n" + locks, page


def _sent(line: str) -> tuple[str, dict[str, str], bytes]:
    """What curl would send: path, headers, body."""
    _, url, *options = shlex.split(line)
    assert url.startswith("http://127.0.0.1:50011/") and set(options[::2]) == {"-H", "-d"}
    headers = dict(value.split(": ", 1) for option, value in zip(options[::2], options[1::2], strict=True) if option == "-H")
    return url.removeprefix("http://127.0.0.1:50011"), headers, options[-1].encode()


def test_what_the_page_of_the_sidecar_posts_is_archived(tmp_path: Path) -> None:
    lines = re.findall(r"^curl .*$", SIDECAR, re.MULTILINE)
    with sidecar(tmp_path) as port:
        for path, headers, body in map(_sent, lines):
            assert ask(port, path, body, **headers)[0] == 200
        counts = ask(port, "/metrics", None, "GET")[2].decode()
    rows = {Path(row["@path"]).parts[4]: values([row])[0] for row in archived(tmp_path)}
    assert rows == {"inputs": {"age": 34, "income": 51000.0}, "predictions": {"score": 0.5}, "labels": {"left": True}}
    assert set(re.findall(r"`(modeldata_\w+)`", SIDECAR)) <= set(re.findall(r"^# TYPE (\w+)", counts, re.MULTILINE))
