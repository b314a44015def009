"""The counts of `Archive.stats()` as OpenTelemetry metrics, where its API is installed, and as text for Prometheus.

modeldata.rows.accepted   counter, rows                 modeldata.rows.pending      gauge, rows
modeldata.rows.dropped    counter, rows, by `reason`    modeldata.spool.bytes       gauge, bytes
modeldata.rows.archived   counter, rows                 modeldata.spool.lag         gauge, seconds
modeldata.rows.damaged, .gaps, .quarantined, modeldata.spool.torn: counters
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from opentelemetry.metrics import CallbackOptions, MeterProvider, Observation

    from modeldata.archive import Archive
    from modeldata.stats import Stats

COUNTERS = (
    ("modeldata.rows.accepted", "{row}", "accepted"),
    ("modeldata.rows.archived", "{row}", "archived"),
    ("modeldata.rows.damaged", "{frame}", "damaged"),
    ("modeldata.rows.gaps", "{row}", "gaps"),
    ("modeldata.rows.quarantined", "{row}", "quarantined"),
    ("modeldata.spool.torn", "{segment}", "torn"),
)
GAUGES = (
    ("modeldata.rows.pending", "{row}", "pending"),
    ("modeldata.spool.bytes", "By", "bytes"),
    ("modeldata.spool.lag", "s", "lag_seconds"),
)


def observe(archive: Archive, provider: MeterProvider | None = None) -> None:
    """Offer the counts of `archive` to OpenTelemetry; they are read when a reader of metrics asks, never by `collect()`.

    `provider`: the one that is set for the process, without. Raises ImportError where opentelemetry-api is not installed.
    """
    from opentelemetry import metrics

    meter = (provider or metrics.get_meter_provider()).get_meter("modeldata")
    attributes = {"archive": archive.settings.sink_key()}

    def observed(field: str) -> Callable[[CallbackOptions], Iterable[Observation]]:
        return lambda options: [metrics.Observation(getattr(archive.stats(), field), attributes)]

    def dropped(options: CallbackOptions) -> Iterable[Observation]:
        return [metrics.Observation(rows, {**attributes, "reason": reason}) for reason, rows in archive.stats().dropped.items()]

    for name, unit, field in COUNTERS:
        meter.create_observable_counter(name, [observed(field)], unit=unit)
    for name, unit, field in GAUGES:
        meter.create_observable_gauge(name, [observed(field)], unit=unit)
    meter.create_observable_counter("modeldata.rows.dropped", [dropped], unit="{row}")


def prometheus_text(stats: Stats) -> str:
    """The same counts as text that Prometheus reads, under the names that a collector of OpenTelemetry gives them:
    `modeldata_rows_accepted_total`, `modeldata_rows_pending`, `modeldata_spool_lag_seconds`, ..."""
    text = "".join(sample_lines(f"{_name(name)}_total", "counter", {"": getattr(stats, field)}) for name, _, field in COUNTERS)
    for name, unit, field in GAUGES:
        text += sample_lines(_name(name) + ("_seconds" if unit == "s" else ""), "gauge", {"": getattr(stats, field)})
    reasons = {f'reason="{reason}"': rows for reason, rows in sorted(stats.dropped.items())}
    return text + sample_lines("modeldata_rows_dropped_total", "counter", reasons)


def sample_lines(name: str, kind: str, values: Mapping[str, float]) -> str:
    """One metric as text. values: by labels (`reason="too_large"`), empty where there are none."""
    lines = [f"{name}{{{labels}}} {value}" if labels else f"{name} {value}" for labels, value in values.items()]
    return "\n".join([f"# TYPE {name} {kind}", *lines, ""])


def _name(name: str) -> str:
    return name.replace(".", "_")
