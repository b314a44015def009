"""Benchmarks: the service that is measured does collect, and one without collection does not."""

from __future__ import annotations

import csv
import json
import random
from pathlib import Path

import pytest

pytest.importorskip("sklearn")
from benchmarks.draining import data_files, drain
from benchmarks.service import _bodies
from benchmarks.service_app import made
from fastapi.testclient import TestClient

REQUESTS = 3


@pytest.mark.parametrize(("variant", "identifiers"), [("nothing", ()), ("modeldata both", ("inputs", "predictions"))])
def test_each_request_is_a_row_of_each_collector(variant: str, identifiers: tuple[str, ...], tmp_path: Path) -> None:
    bodies = _bodies(random.Random(1))[:REQUESTS]
    client = TestClient(made(variant, tmp_path))
    scores = [client.post("/score", content=body).raise_for_status().json()["scores"][0] for body in bodies]
    client.post("/settle").raise_for_status()
    if not identifiers:
        assert not list(tmp_path.iterdir())
        return
    drain(tmp_path)
    found: dict[str, list[dict[str, str]]] = {}
    for path in data_files(tmp_path):
        with path.open(newline="") as file:
            found.setdefault(path.relative_to(tmp_path / "archive").parts[3], []).extend(csv.DictReader(file))
    assert set(found) == set(identifiers)
    assert [float(row["score"]) for row in found["predictions"]] == pytest.approx(scores)
    assert [row["s0"] for row in found["inputs"]] == [json.loads(body)["s0"][0] for body in bodies]
