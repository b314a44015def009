"""Alert rules, dashboard and their page name metrics that the library gives, under the names that Prometheus has for them."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from modeldata import Archive
from modeldata.metrics import observe, prometheus_text

ROOT = Path(__file__).parents[2]
FILES = ROOT / "examples" / "monitoring"
METRIC = re.compile(r"\bmodeldata_\w+")
AGGREGATED = re.compile(r"by \(([^)]*)\)")


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> dict[str, set[str]]:
    """Each metric and its labels, as OpenTelemetry's exporter for Prometheus shows them."""
    from opentelemetry.exporter.prometheus import PrometheusMetricReader
    from opentelemetry.sdk.metrics import MeterProvider
    from prometheus_client import CollectorRegistry, generate_latest
    from prometheus_client.parser import text_string_to_metric_families as families

    archive = Archive(tmp_path_factory.mktemp("watched"), ship="off", min_free_bytes=0)
    registry = CollectorRegistry()
    observe(archive, MeterProvider(metric_readers=[PrometheusMetricReader(registry=registry)]))
    collector = archive.collector("churn", "inputs")
    assert collector.collect([1]) and not collector.collect(object())
    shown = generate_latest(registry).decode()
    own = {sample.name for family in families(prometheus_text(archive.stats())) for sample in family.samples}
    archive.close(0)
    assert own == {sample.name for family in families(shown) for sample in family.samples if sample.name.startswith("modeldata")}
    return {sample.name: set(sample.labels) for family in families(shown) for sample in family.samples}


def expressions() -> Iterator[str]:
    for rule in rules():
        yield rule["expr"]
    for panel in json.loads((FILES / "dashboard.json").read_text(encoding="utf-8"))["panels"]:
        yield from (target["expr"] for target in panel["targets"])


def rules() -> list[dict[str, Any]]:
    groups = yaml.safe_load((FILES / "rules.yaml").read_text(encoding="utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"]]


def test_every_expression_asks_for_metrics_and_labels_that_there_are(given: dict[str, set[str]]) -> None:
    for expression in expressions():
        metrics = METRIC.findall(expression)
        assert metrics and set(metrics) <= set(given), expression
        labels = {label.strip() for text in AGGREGATED.findall(expression) for label in text.split(",")}
        assert labels <= {"job", *given[metrics[0]]}, expression


def test_the_page_has_every_metric_and_every_alert(given: dict[str, set[str]]) -> None:
    page = (ROOT / "docs" / "monitor.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^\| `(modeldata_\w+)`", page, re.MULTILINE)) == {
        name for name in given if name.startswith("modeldata")
    }
    assert re.findall(r"^\| `(Modeldata\w+)`", page, re.MULTILINE) == [rule["alert"] for rule in rules()]


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed (Debian: prometheus)")
def test_the_rules_fire_when_they_should_and_only_then() -> None:
    for command in (["check", "rules", "rules.yaml"], ["test", "rules", "rules_test.yaml"]):
        done = subprocess.run(["promtool", *command], cwd=FILES, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
