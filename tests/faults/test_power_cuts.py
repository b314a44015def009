"""Power cuts on a simulated disk: unsynced pages and names are dropped, reordered, zeroed (fault matrix C5, C10)."""

from __future__ import annotations

import errno
import random
from collections import Counter

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from modeldata.errors import ModelDataError
from modeldata.ship.checkpoint import Progress
from modeldata.ship.watch import sync_writers
from modeldata.testing import Died, Fault, FaultyFiles, SimulatedDisk
from tests.support.ledger import assert_exactly_once
from tests.support.service import ROOT, Service, delivered_on, ship_all

LONG = settings(deadline=None, suppress_health_check=list(HealthCheck))


def _recover(disk: SimulatedDisk) -> Counter[tuple[str, str]]:
    ship_all(disk, ROOT)
    return delivered_on(disk)


def _new_disk() -> SimulatedDisk:
    disk = SimulatedDisk()
    disk.mkdir(ROOT)
    disk.sync_folder("/")
    return disk


@LONG
@given(seed=st.integers(0, 2**32), rows=st.integers(1, 40), at=st.integers(1, 400))
def test_with_fsync_always_a_power_cut_takes_no_accepted_row(seed: int, rows: int, at: int) -> None:
    disk = _new_disk()
    service = Service(FaultyFiles(Fault(at), disk), sync=True)
    try:
        for number in range(rows):
            service.collect("inputs", number, pad=20 if number % 5 else 5_000)
            service.collect("predictions", number)
    except Died:
        pass
    disk.cut(random.Random(seed))

    found = _recover(disk)

    assert_exactly_once(service.attempted, service.accepted, found)


@LONG
@given(seed=st.integers(0, 2**32), before=st.integers(0, 30), after=st.integers(0, 30))
def test_with_fsync_interval_a_power_cut_takes_at_most_what_came_since_the_last_sync(seed: int, before: int, after: int) -> None:
    disk = _new_disk()
    service = Service(disk)
    for number in range(before):
        service.collect("inputs", number)
    place = service.writer.place
    if place is not None:
        assert sync_writers(place, Progress(), disk, set()) == 0
    safe = Counter(service.accepted)
    for number in range(before, before + after):
        service.collect("inputs", number, pad=3_000)
    disk.cut(random.Random(seed))

    found = _recover(disk)

    assert_exactly_once(service.attempted, safe, found)


@LONG
@given(seed=st.integers(0, 2**32), at=st.integers(1, 120), again=st.integers(1, 120))
def test_a_power_cut_at_any_moment_of_shipping_doubles_nothing_and_loses_nothing_synced(seed: int, at: int, again: int) -> None:
    disk = _new_disk()
    service = Service(disk, sync=True)
    for number in range(20):
        assert service.collect("inputs", number)
        assert service.collect("predictions", number, pad=2_000)
    chance = random.Random(seed)
    for moment in (at, again):
        try:
            ship_all(FaultyFiles(Fault(moment), disk), ROOT)
        except (Died, ModelDataError):
            pass
        disk.cut(chance)

    found = _recover(disk)

    assert found == service.accepted


@LONG
@given(seed=st.integers(0, 2**32), at=st.integers(1, 30), cut=st.booleans())
def test_a_failed_fsync_is_not_repeated_and_its_row_is_written_again_under_the_same_number(seed: int, at: int, cut: bool) -> None:
    disk = _new_disk()
    files = FaultyFiles(Fault(at, errno.EIO, names=frozenset({"sync"})), disk)
    service = Service(files, sync=True)
    for number in range(20):
        service.collect("inputs", number)
    if cut:
        disk.cut(random.Random(seed))
    else:
        disk.end_processes()

    found = _recover(disk)

    assert_exactly_once(service.attempted, service.accepted, found)
    if at <= 20:
        assert service.writer.fsync_failures <= 1
    synced_after_failure = [what for name, what in files.operations if name == "sync"]
    if service.writer.fsync_failures:
        failed = synced_after_failure[at - 1]
        assert synced_after_failure.count(failed) == at - synced_after_failure.index(failed), "asked again"


@pytest.mark.faults
@pytest.mark.timeout(3600)
@settings(LONG, max_examples=5_000)
@given(seed=st.integers(0, 2**32), at=st.integers(1, 200), again=st.integers(1, 200), third=st.integers(1, 200))
def test_many_power_cuts_in_a_row(seed: int, at: int, again: int, third: int) -> None:
    disk = _new_disk()
    chance = random.Random(seed)
    service = Service(disk, sync=True)
    for number in range(30):
        assert service.collect("inputs", number, pad=chance.choice([5, 500, 9_000]))
    for moment in (at, again, third):
        try:
            ship_all(FaultyFiles(Fault(moment), disk), ROOT)
        except (Died, ModelDataError):
            pass
        disk.cut(chance)
    assert _recover(disk) == service.accepted
