"""docs/frameworks: the service of each page runs by the command of its page, with `modeldata run` and without (make services)."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from tests.service.kit import features, read
from tests.service.servers import ask
from tests.service.unmodified import GOOD, OURS, Service, compared, running

PAGES = Path(__file__).parents[2] / "docs" / "frameworks"
pytestmark = [pytest.mark.services, pytest.mark.timeout(900), pytest.mark.posix("signals of a service")]


@dataclass(frozen=True)
class Example:
    """What a page leaves open: where it listens, what it is asked, what it refuses, and what is archived of one request."""

    port: tuple[str, ...]
    body: Callable[[float], Any]
    bad_body: Any
    inputs: Callable[[float], tuple[Any, ...]]
    predictions: Callable[[float], tuple[Any, ...]]
    path: str = "/predict"


def records(income: float) -> Any:
    return [{"income": income}]


EXAMPLES = {
    "fastapi": Example(("--port", "{port}"), records, [{"income": "no"}], lambda n: (n,), lambda n: (2 * n,)),
    "flask": Example(("-b", "127.0.0.1:{port}"), records, [{}], lambda n: (n,), lambda n: (2 * n,)),
    "django": Example(("-b", "127.0.0.1:{port}"), records, [{}], lambda n: (n,), lambda n: (2 * n,)),
    "mlflow": Example(
        ("--port", "{port}"), lambda n: {"dataframe_records": records(n)}, {"dataframe_records": [{"no": 1}]},
        lambda n: (n,), lambda n: (2 * n,), "/invocations",
    ),
    "litserve": Example(("{port}",), lambda n: {"income": n}, {}, lambda n: (n,), lambda n: (2 * n,)),
    "bentoml": Example(
        ("--port", "{port}"), lambda n: {"rows": records(n)}, {"rows": 1}, lambda n: (records(n),), lambda n: (2 * n,),
    ),
    "chat": Example(
        ("--port", "{port}"), lambda n: {"messages": [{"role": "user", "content": f"say {n}"}]}, {},
        lambda n: ([{"role": "user", "content": f"say {n}"}],), lambda n: (f"say {n} ", "stop", None, 3),
        "/v1/chat/completions",
    ),
}  # fmt: skip
OF_EACH = {"bentoml": frozenset({"x-bentoml-request-id"})}
WITHOUT_PORT = {"litserve": ["8000"]}
VARIABLES = {"BENTOML_DO_NOT_TRACK": "true", "MLFLOW_TRACKING_URI": "file:./mlruns", "DO_NOT_TRACK": "1"}


def blocks(page: str, opening: str) -> list[str]:
    text = (PAGES / f"{page}.md").read_text(encoding="utf-8")
    return re.findall(rf"```{opening}\n(.*?)```", text, re.DOTALL)


def service_of(page: str, folder: Path) -> Service:
    """That of the page, with what its command needs done before."""
    (code,) = blocks(page, 'python title="service.py"')
    *before, run = blocks(page, "sh")[0].splitlines()
    example = EXAMPLES[page]
    (folder / "service.py").write_text(code)
    for line in before:
        subprocess.run([sys.executable, *line.split()[1:]], cwd=folder, check=True, timeout=600)
    command = run.partition(" -- ")[2].split()
    command = command[: len(command) - len(WITHOUT_PORT.get(page, []))]
    program = "{python}" if command[0] == "python" else "{bin}/" + command[0]
    return Service(
        [program, *command[1:], *example.port], code, example.path, example.path, lambda number: example.body(float(number)),
        example.bad_body, variables=VARIABLES, of_each=OF_EACH.get(page, frozenset()),
    )  # fmt: skip


@pytest.mark.parametrize("page", EXAMPLES)
def test_a_service_of_the_page_is_archived_and_answers_the_same(tmp_path: Path, page: str) -> None:
    example = EXAMPLES[page]
    found = compared(service_of(page, tmp_path), tmp_path)
    by_id = {name: {row["$CorrelationId"]: row for row in rows} for name, rows in found.rows.items()}
    for name, expected in (("inputs", example.inputs), ("predictions", example.predictions)):
        for number in range(GOOD):
            values = expected(float(number))
            assert features([by_id[name][f"c-{number}"]])[0][: len(values)] == values, found.said


def test_the_client_of_openai_gets_its_stream_and_its_key_is_nowhere(tmp_path: Path) -> None:
    from openai import OpenAI

    archive = tmp_path / "archive"
    with running(service_of("chat", tmp_path), tmp_path, archive) as (port, said):
        client = OpenAI(base_url=f"http://127.0.0.1:{port}/v1", api_key="sk-secret-of-a-user")
        stream = client.chat.completions.create(model="m", messages=[{"role": "user", "content": "a b"}], stream=True)
        assert "".join(chunk.choices[0].delta.content or "" for chunk in stream) == "a b ", said()
    rows = read(archive)
    assert [row["text"] for row in rows["predictions"]] == ["a b "]
    kept = [path for path in archive.parent.rglob("*") if path.is_file() and "archive" in str(path.relative_to(tmp_path))]
    assert kept and not any(b"sk-secret" in path.read_bytes() for path in kept)


def test_what_bentoml_monitors_is_archived_without_a_launcher(tmp_path: Path) -> None:
    (configuration,) = blocks("bentoml", 'yaml title="bentoml.yaml"')
    (tmp_path / "bentoml.yaml").write_text(configuration)
    archive = tmp_path / "archive"
    around = {"BENTOML_CONFIG": "bentoml.yaml", "MODELDATA_ARCHIVE": str(archive)}
    service = replace(service_of("bentoml", tmp_path), variables=VARIABLES | around)
    with running(service, tmp_path, None) as (port, said):
        answers = [ask(port, "/predict", {"rows": [{"income": 1.5}, {"income": number}]}) for number in range(3)]
        assert ask(port, "/predict", {"rows": [{}]})[0] == 500  # inside of the monitor
        answers.append(ask(port, "/predict", {"rows": [{"income": 9.0}]}))
        assert [status for status, _, _ in answers] == [200] * 4 and OURS not in answers[0][1], said()
    rows = read(archive)
    assert sorted(row["income"] for row in rows["inputs"]) == [0, 1, 1.5, 1.5, 1.5, 2, 9], said()
    assert sorted(row["score"] for row in rows["predictions"]) == [0, 2, 3, 3, 3, 4, 18]
    assert {row["$RequestId"] for row in rows["inputs"]} == {row["$RequestId"] for row in rows["predictions"]}
    assert len({row["$CorrelationId"] for row in rows["requests"]}) == 4 == len(rows["requests"])
