"""Any history of services that name two archives in other orders, by other spellings, while the archives are renamed.

On a real disk, shipped by `modeldata ship --drain`. The oracle: each row that was accepted is once in each archive it was for.
"""

from __future__ import annotations

import os
import tempfile
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from modeldata import Archive
from tests.cli.kit import run
from tests.support.archive import features

ORDERS = (("a",), ("b",), ("a", "b"), ("b", "a"))
SPELLINGS = ("{0}", "file://{0}", "{0}/./", "{0}/../{1}")


class Places(RuleBasedStateMachine):
    """One user: two archives, one root of spools, services that come and go."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory(prefix="places-")
        self.root = Path(os.path.realpath(self.folder.name))
        self.now = {name: self.root / name for name in ("a", "b")}
        """Archive → its real folder, which may have been renamed; links lead there from where it was."""
        for path in self.now.values():
            path.mkdir()
        self.services: list[tuple[Archive, tuple[str, ...]]] = []
        self.number = 0
        self.accepted = {name: Counter[str]() for name in self.now}

    def _spelled(self, order: tuple[str, ...], spelling: str, first_name: bool) -> list[str]:
        paths = [self.root / name if first_name else self.now[name] for name in order]
        return [spelling.format(path, path.name) for path in paths]

    @initialize(order=st.sampled_from(ORDERS))
    def begin(self, order: tuple[str, ...]) -> None:
        self.start_a_service(order, "{0}", first_name=True)
        self.collect(0, 2)

    @precondition(lambda self: len(self.services) < 3)
    @rule(order=st.sampled_from(ORDERS), spelling=st.sampled_from(SPELLINGS), first_name=st.booleans())
    def start_a_service(self, order: tuple[str, ...], spelling: str, first_name: bool) -> None:
        self.number += 1
        service = Archive(
            self._spelled(order, spelling, first_name), spool=self.root / "spools", ship="off", fsync="never", min_free_bytes=0,
            batch_seconds=self.number,  # equal settings would share a writer, as in one process
        )  # fmt: skip
        self.services.append((service, order))

    @precondition(lambda self: self.services)
    @rule(which=st.integers(0, 2), rows=st.integers(1, 3))
    def collect(self, which: int, rows: int) -> None:
        service, order = self.services[which % len(self.services)]
        collector = service.collector("m", "inputs", ["n"])
        for _ in range(rows):
            self.number += 1
            assert collector.collect([self.number])
            for name in order:
                self.accepted[name][str(self.number)] += 1

    @precondition(lambda self: self.services)
    @rule(which=st.integers(0, 2))
    def kill(self, which: int) -> None:
        service, _ = self.services.pop(which % len(self.services))
        for lane in service._intake.writer.lanes:
            lane.abandon()

    @rule(name=st.sampled_from(["a", "b"]))
    def rename_an_archive_and_put_a_link_in_its_place(self, name: str) -> None:
        self.number += 1
        before, after = self.now[name], self.root / f"{name}{self.number}"
        os.rename(before, after)
        before.symlink_to(after)
        self.now[name] = after

    @rule(order=st.sampled_from(ORDERS), spelling=st.sampled_from(SPELLINGS), first_name=st.booleans())
    def ship(self, order: tuple[str, ...], spelling: str, first_name: bool) -> None:
        archives = ",".join(self._spelled(order, spelling, first_name))
        run("ship", "--drain", "--timeout", "0", "--archive", archives, "--spool", str(self.root / "spools"))

    @precondition(lambda self: self.services)
    @rule(which=st.integers(0, 2))
    def ship_as_a_service_names_them(self, which: int) -> None:
        archives = self.services[which % len(self.services)][0].settings.archive
        run("ship", "--drain", "--timeout", "0", "--archive", archives, "--spool", str(self.root / "spools"))

    def teardown(self) -> None:
        while self.services:
            self.kill(0)
        archives = ",".join(self._spelled(("a", "b"), "{0}", first_name=False))
        done = run("ship", "--drain", "--archive", archives, "--spool", str(self.root / "spools"))
        assert done.code == 0, done.err
        for name, path in self.now.items():
            assert Counter(row[0] for row in features(path)) == self.accepted[name], name
        self.folder.cleanup()


_RUN = settings(deadline=None, suppress_health_check=list(HealthCheck), print_blob=True)


def test_no_history_of_names_and_orders_loses_or_doubles_a_row() -> None:
    run_state_machine_as_test(Places, settings=settings(_RUN, max_examples=6, stateful_step_count=12))


@pytest.mark.faults
@pytest.mark.timeout(3600)
def test_no_history_of_very_many_names_and_orders_loses_or_doubles_a_row() -> None:
    run_state_machine_as_test(Places, settings=settings(_RUN, max_examples=400, stateful_step_count=40))
