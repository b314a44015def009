"""What clients and loggers post is archived as if it had been collected: identity, ids, time, values."""

from __future__ import annotations

import base64
import gzip
import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

from modeldata import Archive
from tests.service.sidecars import archived, post, sidecar, values
from tests.support.scripts import environment

CLIENT = Path(sys.prefix) / "azureml"
"""The real azureml-ai-monitoring, made by `make setup`. By itself: its `azureml/__init__.py` hides ours."""

FRAME = pd.DataFrame(
    {"age": [34, 51, -7], "income": [51_000.5, 0.25, None], "plan": ["basic", None, "köln ✓"], "active": [True, False, True]}
)
SERVICE = """
import sys
import pandas as pd
from azureml.ai.monitoring import Collector
from azureml.ai.monitoring.context import BasicCorrelationContext
from azureml.ai.monitoring.init import teardown

inputs, outputs = Collector(name="model_inputs"), Collector(name="model_outputs")
frame = pd.read_json(sys.stdin, orient="records")
context = BasicCorrelationContext(id="order-17", timestamp=1_790_000_000)
inputs.collect(frame, context)
outputs.collect(pd.DataFrame({"score": [0.5, 0.25, 0.125]}), context)
teardown(wait_for_flush=True)
"""


def test_rows_of_the_real_client_for_azure_are_those_of_collect(tmp_path: Path) -> None:
    assert CLIENT.is_dir(), f"{CLIENT} is missing: `make setup` installs it"
    with sidecar(tmp_path / "posted") as port:
        env = environment(PYTHONPATH=str(CLIENT), AZUREML_MDC_ENABLED="true", AZUREML_MDC_PORT=str(port))
        sent = subprocess.run(
            [sys.executable, "-c", SERVICE],
            env=env,
            input=FRAME.to_json(orient="records"),
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert sent.returncode == 0 and "failed" not in sent.stderr, sent.stderr
    direct = Archive(tmp_path / "direct", format="jsonl", ship="thread")
    inputs = direct.collector("service", "model_inputs", model_version="default")
    outputs = direct.collector("service", "model_outputs", model_version="default")
    when = {"timestamp": 1_790_000_000 * 10**9}
    assert inputs.collect(FRAME, "order-17", **when)  # type: ignore[arg-type] # by name
    assert outputs.collect(pd.DataFrame({"score": [0.5, 0.25, 0.125]}), "order-17", **when)  # type: ignore[arg-type] # by name
    assert direct.close(60)

    posted, expected = archived(tmp_path / "posted"), archived(tmp_path / "direct")

    def report(row: dict[str, Any]) -> tuple[Any, ...]:
        cells = [
            None if row.get(name) == "NaN" else row.get(name) for name in (*FRAME, "score")
        ]  # JSON, which it sends, has no NaN
        return str(Path(row["@path"]).parent), row["$CorrelationId"], row["$Timestamp"], row["$Row"], *cells

    assert sorted(map(report, posted), key=repr) == sorted(map(report, expected), key=repr)
    assert len(posted) == 6 and len({row["$RequestId"] for row in posted}) == 2


KSERVE = {
    "ce-specversion": "1.0", "ce-source": "http://localhost:9081/", "ce-id": "0b7d", "ce-inferenceservicename": "iris",
    "ce-namespace": "prod", "ce-component": "predictor", "ce-endpoint": "", "ce-metadata": '{"Authorization":["Bearer secret-of-a-user"]}',
    "ce-time": "2026-11-20T10:00:00.123456789Z",
}  # fmt: skip


def kserve(kind: str, **headers: str) -> dict[str, str]:
    return {**KSERVE, "ce-type": f"org.kubeflow.serving.inference.{kind}", "content-type": "application/json", **headers}


def test_both_halves_of_a_call_that_kserve_logs_are_a_pair(tmp_path: Path) -> None:
    asked = {"instances": [[5.1, 3.5], [6.2, 2.9]]}
    with sidecar(tmp_path) as port:
        assert post(port, "/", asked, **kserve("request")) == (200, {"events": 1, "repeats": 0})
        wrong = {"content-type": "text/csv"}  # that of the request, as the logger says it of both
        assert post(port, "/", json.dumps({"predictions": [0, 2]}).encode(), **kserve("response", **wrong))[0] == 200
    rows = archived(tmp_path)
    found = {Path(row["@path"]).parts[1:5] for row in rows}
    assert found == {("prod", "iris", "unknown-iris-unknown", name) for name in ("inputs", "predictions")}
    assert {row["$RequestId"] for row in rows} == {row["$CorrelationId"] for row in rows} == {"0b7d"}
    assert {row["$Timestamp"] for row in rows} == {"2026-11-20T10:00:00.123456"}
    assert sorted(map(list, map(dict.values, values(rows)))) == [[0], [2], [5.1, 3.5], [6.2, 2.9]]
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and b"secret-of-a-user" in path.read_bytes()]


def test_a_logger_of_seldon_and_events_of_others_are_taken(tmp_path: Path) -> None:
    message = {"data": {"names": ["a", "b"], "ndarray": [[1, 2], [3, 4]]}}
    seldon = {"ce-specversion": "0.2", "ce-source": "x", "ce-id": "1", "ce-requestid": "pair", "ce-modelid": "classifier",
              "ce-type": "io.seldon.serving.inference.request", "ce-inferenceservicename": "shop"}  # fmt: skip
    common = {"specversion": "1.0", "source": "/shop", "type": "com.shop.labels"}
    batch = [
        {**common, "id": "2", "data": {"left": True}},
        {**common, "id": "3", "datacontenttype": "text/csv", "data": "left\n0\n"},
        {**common, "id": "4", "data_base64": base64.b64encode(b'{"left": false}').decode()},
    ]
    with sidecar(tmp_path) as port:
        assert post(port, "/v1/events", message, **seldon)[0] == 200
        assert post(port, "/v1/events", batch, **{"content-type": "application/cloudevents-batch+json"}) == (
            200,
            {"events": 3, "repeats": 0},
        )
        assert (
            post(
                port,
                "/v1/events",
                {**common, "id": "5", "data": {"left": None}},
                **{"content-type": "application/cloudevents+json"},
            )[0]
            == 200
        )
    rows = archived(tmp_path)
    of = {name: [row for row in rows if Path(row["@path"]).parts[4] == name] for name in ("inputs", "labels")}
    assert values(of["inputs"]) == [{"a": 1, "b": 2}, {"a": 3, "b": 4}]
    assert {(row["$CorrelationId"], Path(row["@path"]).parts[3]) for row in of["inputs"]} == {
        ("pair", "unknown-classifier-unknown")
    }
    assert {row["$RequestId"]: row["left"] for row in of["labels"]} == {"2": True, "3": 0, "4": False, "5": None}


def test_the_compact_form_of_the_client_for_azure_is_kept_as_text(tmp_path: Path) -> None:
    sent = {"ce-type": "azureml.inference.model_inputs", "content-type": "application/octet-stream"}
    with sidecar(tmp_path) as port:
        assert post(port, "/modeldata/log", FRAME.to_string().encode(), **sent)[0] == 200
    assert values(archived(tmp_path)) == [{"text": FRAME.to_string()}]


def arrow(table: pa.Table, compression: str | None = None) -> bytes:
    made = io.BytesIO()
    with pa.ipc.new_stream(made, table.schema, options=pa.ipc.IpcWriteOptions(compression=compression)) as writer:
        writer.write_table(table)
    return made.getvalue()


ROWS = [{"a": 1, "b": "x"}, {"a": 2, "b": None}]
STREAM = "application/vnd.apache.arrow.stream"


def test_rows_are_posted_in_any_form(tmp_path: Path) -> None:
    lines = b"\n".join(json.dumps(row).encode() for row in ROWS)
    forms = {
        "json": (json.dumps(ROWS).encode(), {"content-type": "application/json"}),
        "gzip": (gzip.compress(json.dumps(ROWS).encode()), {"content-type": "application/json", "content-encoding": "gzip"}),
        "ndjson": (lines, {"content-type": "application/x-ndjson"}),
        "arrow": (arrow(pa.Table.from_pylist(ROWS)), {"content-type": STREAM}),
        "zstd": (arrow(pa.Table.from_pylist(ROWS), "zstd"), {"content-type": STREAM}),
    }
    marks = {"x-correlation-id": "order-1", "x-request-id": "call-1"}
    with sidecar(tmp_path) as port:
        for name, (body, headers) in forms.items():
            path = f"/v1/collect/team/churn/{name}?version=3&service=shop&time=2026-11-20T10:00:00Z"
            assert post(port, path, body, **headers, **marks)[0] == 200
    rows = archived(tmp_path)
    for name in forms:
        here = [row for row in rows if row["@path"].startswith(f"/unknown/shop/unknown-team~2Fchurn-3/{name}/2026/11/20/")]
        assert values(here) == ROWS
    assert {(row["$CorrelationId"], row["$RequestId"]) for row in rows} == {("order-1", "call-1")}


# What can't be kept


@pytest.fixture
def port(tmp_path: Path) -> Any:
    with sidecar(tmp_path, max_row_bytes=10_000) as port:
        yield port


JSON = {"content-type": "application/json"}
BOMB = gzip.compress(bytes(64 << 20))
NULLS = arrow(pa.table({"n": pa.nulls(100_000)}))


@pytest.mark.parametrize(
    ("path", "body", "headers", "status", "reason"),
    [
        ("/v1/collect/m/i", b"{", JSON, 422, "undecodable"),
        ("/v1/collect/m/i", b"", JSON, 422, "no_data"),
        ("/v1/collect/m/i", json.dumps({"a": "x" * 20_000}).encode(), JSON, 413, "too_large"),
        ("/v1/collect/m/i", bytes((8 << 20) + 1), JSON, 413, "too_large"),
        ("/v1/collect/m/i", BOMB, {**JSON, "content-encoding": "gzip"}, 413, "too_large"),
        ("/v1/collect/m/i", arrow(pa.table({"n": ["x" * 9_900] * 900}), "zstd"), {"content-type": STREAM}, 413, "too_large"),
        ("/v1/collect/m/i", NULLS, {"content-type": STREAM}, 413, "too_large"),
        ("/v1/collect/m/i", b"[1]", {**JSON, "content-encoding": "br"}, 415, "unsupported_encoding"),
        ("/v1/collect/m/i", b"x", {"content-type": "image/png"}, 415, "unsupported_type"),
        ("/v1/collect/m/i?time=soon", b"[1]", JSON, 422, "invalid_time"),
        ("/v1/collect/m/i?time=9999999999999", b"[1]", JSON, 422, "invalid_time"),
        ("/modeldata/log", b"[]", {**JSON, "ce-type": "other"}, 422, "no_type"),
        ("/v1/events", b"[]", JSON, 422, "invalid_event"),
        ("/v1/events", b"[]", kserve("request", **{"ce-specversion": "7"}), 422, "invalid_event"),
        ("/v1/events", b"{}", {"content-type": "application/cloudevents-batch+json"}, 422, "invalid_event"),
    ],
)  # fmt: skip
def test_what_can_not_be_kept_is_refused_with_a_reason(
    port: int, path: str, body: bytes, headers: dict[str, str], status: int, reason: str
) -> None:
    answer = post(port, path, body, **headers)
    assert (answer[0], answer[1]["reason"]) == (status, reason) and answer[1]["error"]


def test_a_body_without_a_length_is_cut_at_the_limit(port: int) -> None:
    import http.client

    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("POST", "/v1/collect/m/i", (bytes(1 << 20) for _ in range(9)), JSON, encode_chunked=True)
    assert connection.getresponse().status == 413
    connection.close()
