"""Benchmarks: sections of docs/performance.md are what the runs kept beside them say."""

from __future__ import annotations

import json
import os
import time
from types import ModuleType

import pytest
from benchmarks import scale, service, shipper, shipping, sustained, threads
from benchmarks.peer_page import PAGE
from benchmarks.sections import RESULTS, with_section
from benchmarks.turns import cpu_seconds

SECTIONS = {
    "threads": threads,
    "service": service,
    "sustained": sustained,
    "scale": scale,
    "shipper": shipper,
    "shipping": shipping,
}


@pytest.mark.parametrize("name", SECTIONS)
def test_a_section_is_what_its_reference_run_says(name: str) -> None:
    module: ModuleType = SECTIONS[name]
    page, result = PAGE.read_text(), json.loads((RESULTS / f"reference-{name}.json").read_text())
    assert with_section(page, name, module.section(result)) == page, "run `python -m benchmarks page`"


def test_a_section_is_drawn_in_its_place_and_the_rest_stays() -> None:
    page = with_section(with_section("# Title\n", "one", "first"), "two", "second")
    again = with_section(page, "one", "anew")
    assert again == page.replace("first", "anew")
    assert again.index("anew") < again.index("second")


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
    told = dict(zip(head, cells, strict=True))
    assert (told["refused"], told["accepted and lost"], told["twice"]) == ("1", "1", "1")
