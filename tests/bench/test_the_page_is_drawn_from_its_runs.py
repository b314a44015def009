"""Benchmarks: sections of docs/performance.md are what the runs kept beside them say."""

from __future__ import annotations

import json
import os
import time
from types import ModuleType

import pytest
from benchmarks import first_minute, fleet, in_short, peer_page, reading, scale, service, shipper, shipping, sustained, threads
from benchmarks.peer_page import PAGE
from benchmarks.sections import RESULTS, with_section
from benchmarks.turns import cpu_seconds

SECTIONS = {
    "first-minute": first_minute,
    "threads": threads,
    "service": service,
    "sustained": sustained,
    "scale": scale,
    "shipper": shipper,
    "shipping": shipping,
    "reading": reading,
}


@pytest.mark.parametrize("name", SECTIONS)
def test_a_section_is_what_its_reference_run_says(name: str) -> None:
    module: ModuleType = SECTIONS[name]
    page, result = PAGE.read_text(), json.loads((RESULTS / f"reference-{name}.json").read_text())
    assert with_section(page, name, module.section(result)) == page, "run `python -m benchmarks page`"


def test_the_page_begins_with_the_table_and_the_picture_of_the_reference_run() -> None:
    page = PAGE.read_text()
    assert with_section(page, in_short.NAME, in_short.section()) == page, "run `python -m benchmarks page`"
    assert page.index("![") < page.index("## Beside")


def test_a_section_is_drawn_in_its_place_and_the_rest_stays() -> None:
    page = with_section(with_section("# Title\n", "one", "first"), "two", "second")
    again = with_section(page, "one", "again")
    assert again == page.replace("first", "again")
    assert again.index("again") < again.index("second")


def test_drawing_twice_changes_nothing() -> None:
    page = with_section(with_section("# Title\n\ntext\n", "one", "first"), "two", "second")
    assert with_section(page, "one", "first") == page
    assert with_section(page, "two", "second") == page


@pytest.mark.skipif(not hasattr(time, "clock_gettime_ns"), reason="no clocks of other processes here")
def test_processor_time_read_by_process_id_is_that_of_the_process() -> None:
    before = time.process_time()
    seen = cpu_seconds(os.getpid())
    assert before <= seen <= time.process_time()


def test_a_backlog_grows_tenfold_up_to_what_was_asked_for() -> None:
    assert scale.steps_to(10_000_000) == (10_000, 100_000, 1_000_000, 10_000_000)
    assert scale.steps_to(50_000) == (5_000, 50_000)


def test_a_run_that_lost_or_doubled_a_row_says_so() -> None:
    run = {"case": "c", "end": "e", "calls": 9, "accepted": 8, "found": 8, "twice": 1, "lost": 1, "late_ms": 0.1}
    cells = [cell.strip() for cell in sustained.tables({"runs": [run]}).splitlines()[-1].strip("|").split("|")]
    head = [cell.strip() for cell in sustained.tables({"runs": [run]}).splitlines()[0].strip("|").split("|")]
    report = dict(zip(head, cells, strict=True))
    assert (report["refused"], report["accepted and lost"], report["twice"]) == ("1", "1", "1")


def test_the_page_of_a_fleet_is_drawn_from_the_costs_that_were_measured() -> None:
    page = fleet.PAGE.read_text()
    assert with_section(page, "fleet", fleet.section(fleet.read_units())) == page, "run `python -m benchmarks page`"


def test_a_fleet_brings_no_more_batches_than_rows_and_no_fewer_than_its_clock() -> None:
    units = fleet.Units(50, 200, {"csv": 8.0, "parquet": 5.0}, 5.0, {"csv": 365, "parquet": 128})
    way = fleet.Way("S3, CSV", "csv", False, 5.0, 4 << 20)
    lone, busy, full = (fleet.day(units, way, rate, hosts) for rate, hosts in ((1, 10), (1_000, 10), (1_000_000, 1)))
    assert (lone.batches, lone.objects, lone.requests) == (pytest.approx(86_400), pytest.approx(172_800), pytest.approx(172_800))
    assert busy.batches == pytest.approx(10 * 86_400 / 5)
    assert full.batches == pytest.approx(86_400 * 1_000_000 * 200 / (4 << 20)) and full.core > 1


def test_an_aim_that_two_runs_disagree_about_is_not_claimed() -> None:
    def run(ours: float, theirs: float) -> dict[str, object]:
        call = "list of 4, hot"
        return {
            "peers": {
                "peer_modeldata:Modeldata": {"title": "ours", "times": {call: {"median": ours}}},
                peer_page.ORIGINAL: {"title": "theirs", "times": {call: {"median": theirs}}},
            }
        }

    assert "| 4 and 5 " in peer_page.aims([run(1, 4), run(1, 5)]) and "| yes" in peer_page.aims([run(1, 4), run(1, 5)])
    assert "the runs disagree" in peer_page.aims([run(1, 4), run(1, 2)])
    assert "**no**" in peer_page.aims([run(1, 2), run(1, 2.5)])
