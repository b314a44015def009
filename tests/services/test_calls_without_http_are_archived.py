"""docs/frameworks/grpc.md and celery.md: their services run as they stand there (make services)."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.service.kit import Recording, features, read
from tests.service.unmodified import BIN, GOOD, Service, running
from tests.services.test_every_framework_is_archived import blocks, service_of
from tests.support.scripts import environment

pytestmark = [pytest.mark.services, pytest.mark.timeout(900), pytest.mark.posix("signals of a service")]


def _asked(port: int) -> list[Any]:
    import grpc
    from google.protobuf.struct_pb2 import Struct

    answers: list[Any] = []
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        call = channel.unary_unary("/churn.Model/Predict", Struct.SerializeToString, Struct.FromString)
        for number in range(GOOD + 1):
            asked = Struct()
            asked["income" if number < GOOD else "nothing"] = number
            try:
                answers.append(call(asked, metadata=[("x-correlation-id", f"c-{number}")]))
            except grpc.RpcError as error:
                answers.append((error.code(), error.details()))
    return answers


def test_a_grpc_service_of_the_page_is_archived_and_answers_the_same(tmp_path: Path) -> None:
    (code,) = blocks("grpc", 'python title="service.py"')
    service = Service(["{python}", "service.py", "{port}"], code, "/churn.Model/*", "/churn.Model/*")
    archive = tmp_path / "archive"
    with running(service, tmp_path, archive) as (port, said), running(service, tmp_path, None) as (bare, _):
        answers = _asked(port)
        assert answers == _asked(bare), said()
    rows = read(archive)
    by_id = {row["$CorrelationId"]: row for row in rows["predictions"]}
    assert [by_id[f"c-{number}"]["score"] for number in range(GOOD)] == [2 * number for number in range(GOOD)], said()
    assert {row["$RequestId"] for row in rows["inputs"]} == {row["$RequestId"] for row in rows["predictions"]}
    assert {row["$CorrelationId"]: row["status"] for row in rows["requests"]} == {
        f"c-{number}": 0 if number < GOOD else 3 for number in range(GOOD + 1)
    }


ASKING = """
import sys
import grpc
from mlserver.grpc.dataplane_pb2 import ModelInferRequest, ModelReadyRequest
from mlserver.grpc.dataplane_pb2_grpc import GRPCInferenceServiceStub

stub = GRPCInferenceServiceStub(grpc.insecure_channel(sys.argv[1]))
while not stub.ModelReady(ModelReadyRequest(name="churn"), wait_for_ready=True).ready:
    pass
for number in range(21):
    asked = ModelInferRequest(model_name="churn", id=f"of {number}")
    if number < 20:
        asked.inputs.add(name="income", datatype="FP64", shape=[1]).contents.fp64_contents.append(number)
    try:
        print(stub.ModelInfer(asked, metadata=[("x-correlation-id", f"c-{number}")]))
    except grpc.RpcError as error:
        print(error.code(), error.details())
"""


def test_mlserver_is_archived_over_grpc_too_and_answers_the_same(tmp_path: Path) -> None:
    ports = {"MLSERVER_HTTP_PORT": "{another}", "MLSERVER_GRPC_PORT": "{port}"}
    method = "/inference.GRPCInferenceService/ModelInfer"
    service = replace(service_of("mlserver", tmp_path), path=method, failing=method, variables=ports, ready="")
    archive = tmp_path / "archive"
    with running(service, tmp_path, archive) as (port, said), running(service, tmp_path, None) as (bare, _):
        answers, expected = (
            subprocess.run([service.python, "-c", ASKING, f"127.0.0.1:{at}"], capture_output=True, text=True, timeout=120)
            for at in (port, bare)
        )
    assert answers.stdout == expected.stdout and answers.stdout.count('id: "of ') == GOOD, said() + answers.stderr
    rows = read(archive)
    by_id = {row["$CorrelationId"]: row for row in rows["inputs"]}
    assert [by_id[f"c-{number}"]["income"] for number in range(GOOD)] == list(range(GOOD)), said()
    assert {row["$RequestId"] for row in rows["inputs"]} == {row["$RequestId"] for row in rows["predictions"]}
    assert {row["$CorrelationId"] for row in rows["requests"] if row["error"]} == {f"c-{GOOD}"}


def test_tasks_of_an_application_that_is_ready_are_archived_once_and_later_ones_by_the_worker(tmp_path: Path) -> None:
    from celery import Celery
    from celery.signals import worker_init

    from modeldata.service.celery import record_tasks

    recording = Recording(tmp_path)
    recorder = recording.recorder()
    app = Celery("ready", set_as_current=False)

    def predict(rows: Any) -> Any:
        return rows

    first = app.task(name="a.predict")(predict)
    app.finalize()
    record_tasks(app, recorder, ["*.predict"])
    record_tasks(app, recorder, ["a.*"])
    later = app.task(name="b.predict")(predict)
    worker_init.send(sender=None)
    assert first([[1]]) == [[1]] and later([[2]]) == [[2]]
    rows = recording.rows()
    assert features(rows["inputs"]) == features(rows["predictions"]) == [(1,), (2,)]
    assert [row["route"] for row in rows["requests"]] == ["a.predict", "b.predict"]


CONFIGURATION = """
broker_url = "filesystem://"
broker_transport_options = {{"data_folder_in": "{folder}/q", "data_folder_out": "{folder}/q", "control_folder": "{folder}/c"}}
result_backend = "file://{folder}/results"
worker_concurrency = 2
"""


def test_tasks_of_the_page_are_archived_before_their_result_is_there(tmp_path: Path) -> None:
    (code,) = blocks("celery", 'python title="service.py"')
    (tmp_path / "service.py").write_text(code)
    for name in ("q", "c", "results"):
        (tmp_path / name).mkdir()
    (tmp_path / "celeryconfig.py").write_text(CONFIGURATION.format(folder=tmp_path))
    archive = tmp_path / "archive"
    around = environment(MODELDATA_ARCHIVE=str(archive), MODELDATA_FORMAT="jsonl", MODELDATA_SHIP="off")
    log = (tmp_path / "log").open("wb")
    worker = subprocess.Popen(
        [BIN / "celery", "-A", "service", "worker", "-P", "prefork"], cwd=tmp_path, env=around, stdout=log, stderr=log, start_new_session=True,
    )  # fmt: skip
    asking = (
        "from service import predict\n"
        "tasks = [predict.delay([{'income': float(n)}]) for n in range(5)]\n"
        "print([task.get(timeout=60) for task in tasks], predict.delay([{}]).get(timeout=60, propagate=False), tasks[0].id)"
    )
    try:
        asked = subprocess.run(
            [sys.executable, "-c", asking], cwd=tmp_path, env=around, capture_output=True, text=True, timeout=120
        )
    finally:
        os.killpg(worker.pid, signal.SIGKILL)  # what has a result is in the spool, whatever becomes of the worker
        worker.wait(20)
        log.close()
    said = asked.stderr + (tmp_path / "log").read_text()
    assert asked.stdout.startswith(str([[[2.0 * n]] for n in range(5)]) + " 'income'"), said
    rows = read(archive)
    assert sorted(features(rows["inputs"])) == [(float(n),) for n in range(5)], said
    assert {row["$RequestId"] for row in rows["inputs"]} == {row["$RequestId"] for row in rows["predictions"]}
    assert asked.stdout.split()[-1] in {row["$CorrelationId"] for row in rows["inputs"]}
    assert [row["error"] for row in rows["requests"] if row["error"]] == ["KeyError: 'income'"]
    assert {row["route"] for row in rows["requests"]} == {"service.predict"}
