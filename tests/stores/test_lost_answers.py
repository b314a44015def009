"""B3, B4, B5: whatever becomes of an answer or a request, each row is there once. The 30 cases of reliability.md §5.2.

Six ways to store (append blob, block blob, S3 with and without conditional writes, GCS, a local folder) by five faults. Each case
meets its fault four times in one history: at the first write of rows and at the third, at the first write of a manifest and at the
third. For a local folder see `late_files`.

lost answer     the store did it, the client gets a reset
cut             the store gets half of the request, both sides get a reset
late, retry     the store gets the request after the retry has landed
late, restart   the same, and the shipper was killed before its retry
twice           the store gets the request two times
"""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from tests.support import proxy as network
from tests.support.scripts import wait_until

from .backends import Backend, proxy_of
from .harness import Host, assert_delivered, host_of
from .late_files import LateFiles

DATA, MANIFEST = r"(?<!/_manifest)/data[^/]*$", r"/_manifest/data[^/]*\.jsonl$"
SPOTS = [(DATA, 1), (DATA, 3), (MANIFEST, 1), (MANIFEST, 3)]
"""Which writes: to files whose path matches, the n-th."""
CLAIM = r"/_manifest/data[^/]*\.owner"
"""What the local store writes to claim a file; on Azure, a claim makes an empty blob."""
ROUNDS = 4


class Faults:
    """One fault at all spots of a backend, over the network or on a disk. claims: when it claims files, instead."""

    def __init__(self, backend: Backend, do: str, *, claims: bool) -> None:
        self._backend = backend
        if claims:
            self._claims(do)
            return
        self.files = LateFiles(do, SPOTS) if backend.proxy is None else None
        self.spots = len(SPOTS)
        self._rules: list[network.Rule] = []
        if backend.proxy is not None:
            made = {"cut": network.cut(of_body=20), "fail": network.answer_after(500)}
            fault = made.get(do) or getattr(network, do)
            self._rules = [backend.proxy.fault(fault, backend.writes(path), nth=nth) for path, nth in SPOTS]

    def _claims(self, do: str) -> None:
        proxy = self._backend.proxy
        self.files = LateFiles(do, [(CLAIM, 1)]) if proxy is None else None
        self.spots = 1 if proxy is None else 2
        self._rules = []
        if proxy is not None:
            fault = network.cut(40) if do == "cut" else getattr(network, do)
            self._rules = [proxy.fault(fault, network.request_is("PUT", path, without="comp")) for path in (DATA, MANIFEST)]

    @property
    def met(self) -> int:
        return self.files.times_done if self.files is not None else sum(rule.times_done for rule in self._rules)

    def release(self) -> None:
        """Deliver what is held; the server may say nothing but that it is too late."""
        if self.files is not None:
            self.files.release()
        elif self._backend.proxy is not None:
            said = self._backend.proxy.release()
            assert all(status in self._backend.late_statuses for status in said), said


def _history(
    backend: Backend, folder: Path, do: str, *, restart: bool = False, late_first: bool = False, claims: bool = False
) -> Host:
    """Rows in four rounds. restart: the shipper is killed at each fault. late_first: what is held comes before the retry."""
    faults = Faults(backend, do, claims=claims)
    host = host_of(backend, folder, files=faults.files)
    for _ in range(ROUNDS):
        host.collect()
        while not _shipped(host, faults):
            if restart:
                host.kill()
            if late_first:
                faults.release()
        faults.release()
    assert faults.met == faults.spots, "a fault was never met"
    assert_delivered(backend, host)
    assert not [text for text in host.warnings if "foreign" in text], host.warnings
    return host


def _shipped(host: Host, faults: Faults) -> bool:
    """Ship until all is there, or a fault is met."""
    met = faults.met
    host.ship(until=lambda: faults.met > met)
    return faults.met == met


def test_a_lost_answer_doubles_nothing(backend: Backend, tmp_path: Path) -> None:
    _history(backend, tmp_path, "lose_answer")


def test_a_request_cut_half_way_leaves_no_half_and_is_sent_again(backend: Backend, tmp_path: Path) -> None:
    _history(backend, tmp_path, "cut")


def test_a_request_that_arrives_after_its_retry_does_nothing(backend: Backend, tmp_path: Path) -> None:
    _history(backend, tmp_path, "hold")


def test_a_request_that_arrives_after_a_restart_and_its_retry_does_nothing(backend: Backend, tmp_path: Path) -> None:
    _history(backend, tmp_path, "hold", restart=True)


def test_a_request_that_is_delivered_twice_counts_once(backend: Backend, tmp_path: Path) -> None:
    _history(backend, tmp_path, "deliver_twice")


def test_a_late_request_that_overtakes_its_retry_is_known_as_ours(backend: Backend, tmp_path: Path) -> None:
    """It arrives between the probe of the retry and its write; on a disk, after a restart and before the retry."""
    if backend.proxy is None:
        _history(backend, tmp_path, "hold", restart=True, late_first=True)
        return
    late = []
    for path, nth in SPOTS:
        late.append(backend.proxy.fault(network.hold, backend.writes(path), nth=nth))
        backend.proxy.fault(network.after_the_held, backend.writes(path), nth=nth)
    host = host_of(backend, tmp_path)
    for _ in range(ROUNDS):
        host.collect()
        host.ship()
    assert [rule.times_done for rule in late] == [1] * len(SPOTS) and len(backend.proxy.released) == len(SPOTS)
    assert_delivered(backend, host)
    assert not [text for text in host.warnings if "foreign" in text], host.warnings


@pytest.mark.parametrize("restart", [False, True])
def test_an_answer_that_denies_what_the_store_did_doubles_nothing(remote: Backend, tmp_path: Path, restart: bool) -> None:
    """500, and it is there."""
    _history(remote, tmp_path, "fail", restart=restart)


@pytest.mark.sampled(4)
@pytest.mark.parametrize("restart", [False, True])
@pytest.mark.parametrize("do", ["lose_answer", "cut", "hold", "deliver_twice"])
def test_a_claim_that_is_lost_cut_late_or_doubled_makes_one_file(
    appending: Backend, tmp_path: Path, do: str, restart: bool
) -> None:
    _history(appending, tmp_path, do, restart=restart, claims=True)
    assert len(appending.data_files()) == 1


@pytest.mark.parametrize("path", [DATA, MANIFEST])
def test_a_shipper_that_wakes_up_after_another_took_over_does_no_harm(remote: Backend, tmp_path: Path, path: str) -> None:
    """Stopped in the middle of a request (a zombie): its request, and all that it does when it goes on, come late."""
    host = host_of(remote, tmp_path)
    proxy = proxy_of(remote)
    for _ in range(2):
        host.collect()
        host.ship()
    stalled = proxy.fault(network.stall, remote.writes(path))
    host.collect()
    old = host.workers[0]
    zombie = threading.Thread(target=old.attempt)
    zombie.start()
    wait_until(lambda: stalled.times_done, 30, "a request to stall")
    host.kill()
    for _ in range(2):
        host.ship()
        host.collect()
    proxy.gate.set()
    zombie.join(30)
    assert not zombie.is_alive() and "lead" in str(old.last_error), old.last_error
    host.ship()
    assert_delivered(remote, host)
