"""docs/frameworks: the service of each page runs by the command of its page, with `modeldata run` and without (make services)."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from tests.service.kit import features, read
from tests.service.servers import ask
from tests.service.unmodified import BIN, GOOD, OURS, PAGES, Service, compared, running, table_of_frameworks

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
    more: dict[str, Any] = field(default_factory=dict)
    """Of its `Service`."""


def own(server: str) -> Path:
    """Programs of an environment of its own: its requirements exclude those of the others."""
    return Path(f"{BIN.parent}-{server}", "bin")


def records(income: float) -> Any:
    return [{"income": income}]


def tensors(income: float) -> Any:
    return {"id": f"of {income}", "inputs": [{"name": "income", "shape": [1], "datatype": "FP64", "data": [income]}]}


HEALTH = "/v2/health/ready"
OF_KSERVE = ("--http_port", "{port}", "--enable_grpc", "false", "--event-loop", "asyncio")
OF_RAY = {
    "bin": own("ray"), "ready": "/docs", "of_each": {"x-request-id"},
    "variables": {"HOME": "{folder}", "RAY_ADDRESS": "local", "RAY_USAGE_STATS_ENABLED": "0"},
}  # fmt: skip
EXAMPLES = {
    "fastapi": Example(("--port", "{port}"), records, [{"income": "no"}], lambda n: (n,), lambda n: (2 * n,)),
    "flask": Example(("-b", "127.0.0.1:{port}"), records, [{}], lambda n: (n,), lambda n: (2 * n,)),
    "django": Example(("-b", "127.0.0.1:{port}"), records, [{}], lambda n: (n,), lambda n: (2 * n,)),
    "mlflow": Example(
        ("--port", "{port}"), lambda n: {"dataframe_records": records(n)}, {"dataframe_records": [{"no": 1}]},
        lambda n: (n,), lambda n: (2 * n,), "/invocations", {"variables": {"MLFLOW_TRACKING_URI": "file:./mlruns"}},
    ),
    "litserve": Example(("{port}",), lambda n: {"income": n}, {}, lambda n: (n,), lambda n: (2 * n,)),
    "bentoml": Example(
        ("--port", "{port}"), lambda n: {"rows": records(n)}, {"rows": 1}, lambda n: (records(n),), lambda n: (2 * n,),
        more={"of_each": {"x-bentoml-request-id"}},
    ),
    "chat": Example(
        ("--port", "{port}"), lambda n: {"messages": [{"role": "user", "content": f"say {n}"}]}, {},
        lambda n: ([{"role": "user", "content": f"say {n}"}],), lambda n: (f"say {n} ", "stop", None, 3),
        "/v1/chat/completions",
    ),
    "sagemaker": Example(
        ("--port", "{port}"), lambda n: f"{n}\n".encode(), b"no", lambda n: (n,), lambda n: (2 * n,), "/invocations",
        {"headers": {"content-type": "text/csv"}, "id_header": "x-amzn-sagemaker-inference-id"},
    ),
    "azureml": Example(
        ("--port", "{port}", "--health_port", "{another}"), records, [{}], lambda n: (n,), lambda n: (2 * n,), "/score",
        {"bin": own("azureml"), "id_header": "x-ms-client-request-id", "anywhere": True, "of_each": {"x-request-id", "x-ms-run-fn-exec-ms"}},
    ),
    "kserve": Example(
        OF_KSERVE, lambda n: {"instances": records(n)}, {"instances": [{}]}, lambda n: (n,), lambda n: (2 * n,),
        "/v1/models/churn:predict", {"bin": own("kserve"), "anywhere": True, "ready": HEALTH},
    ),
    "kserve v2": Example(
        OF_KSERVE, tensors, {"inputs": 1}, lambda n: (n,), lambda n: (2 * n,),
        "/v2/models/churn/infer", {"bin": own("kserve"), "anywhere": True, "ready": HEALTH},
    ),
    "mlserver": Example(
        (), tensors, {"inputs": []}, lambda n: (n,), lambda n: ([2 * n],), "/v2/models/churn/infer",
        {"bin": own("mlserver"), "ready": HEALTH, "variables": {"MLSERVER_HTTP_PORT": "{port}", "MLSERVER_GRPC_PORT": "{another}"}},
    ),
    "ray": Example(("{port}",), records, [{}], lambda n: (n,), lambda n: (2 * n,), more=OF_RAY),
}  # fmt: skip
WITHOUT_PORT = {"litserve": ["8000"], "ray": ["8000"]}


def text_of(page: str) -> str:
    return (PAGES / f"{page}.md").read_text(encoding="utf-8")


def blocks(page: str, opening: str) -> list[str]:
    return re.findall(rf"```{opening}\n(.*?)```", text_of(page), re.DOTALL)


def service_of(name: str, folder: Path) -> Service:
    """That of the page, with its other files, and with what its command needs done before."""
    page, example = name.split()[0], EXAMPLES[name]
    (code,) = blocks(page, 'python title="service.py"')
    *before, run = blocks(page, "sh")[0].splitlines()
    for file, content in re.findall(r'```\w+ title="([^"]+)"\n(.*?)```', text_of(page), re.DOTALL):
        (folder / file).write_text(content)
    for line in before:
        subprocess.run([sys.executable, *line.split()[1:]], cwd=folder, check=True, timeout=600)
    command = run.partition(" -- ")[2].split()
    command = command[: len(command) - len(WITHOUT_PORT.get(page, []))]
    program = "{python}" if command[0] == "python" else "{bin}/" + command[0]
    return Service(
        [program, *command[1:], *example.port], code, example.path, example.path, lambda number: example.body(float(number)),
        example.bad_body, **example.more,
    )  # fmt: skip


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_service_of_the_page_is_archived_and_answers_the_same(tmp_path: Path, name: str) -> None:
    example = EXAMPLES[name]
    found = compared(service_of(name, tmp_path), tmp_path)
    by_id = {side: {row["$CorrelationId"]: row for row in rows} for side, rows in found.rows.items()}
    for side, expected in (("inputs", example.inputs), ("predictions", example.predictions)):
        for number in range(GOOD):
            values = expected(float(number))
            assert features([by_id[side][f"c-{number}"]])[0][: len(values)] == values, found.said
    assert {row["integration"] for row in found.rows["requests"]} == {table_of_frameworks()[name.split()[0]][-1]}


def test_the_table_of_frameworks_has_each_that_is_run() -> None:
    assert set(table_of_frameworks()) == {name.split()[0] for name in EXAMPLES}


def test_a_layer_in_the_replicas_of_ray_archives_each_call(tmp_path: Path) -> None:
    archive = tmp_path / "archive"
    service = service_of("ray", tmp_path)
    around = {**service.variables, "MODELDATA_ARCHIVE": str(archive)}
    service = replace(service, command=["{python}", "layered.py", "{port}"], variables=around)
    with running(service, tmp_path, None) as (port, said):
        answers = [ask(port, "/predict", records(float(number))) for number in range(GOOD)]
        assert ask(port, "/predict", [{}])[0] == 500
        assert all(status == 200 and OURS in headers for status, headers, _ in answers), said()
    rows = read(archive)
    assert sorted(features(rows["inputs"])) == [(float(number),) for number in range(GOOD)], said()
    assert sorted(features(rows["predictions"])) == [(2.0 * number,) for number in range(GOOD)]
    assert [row["status"] for row in rows["requests"]].count(500) == 1


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
    service = replace(service_of("bentoml", tmp_path), variables=around)
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
