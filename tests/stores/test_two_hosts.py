"""D11 on remote stores: two hosts archive the same collector and day in one container, at the same time."""

from __future__ import annotations

import threading
from collections import Counter
from pathlib import Path

from tests.support.archive import rows_of
from tests.support.ledger import FEATURES

from .backends import Backend
from .harness import Host, Ledger, assert_complete

ROUNDS = 6
REQUESTS_A_BATCH = 10
"""A probe or two, the claim of a name, the writes of the rows, of the manifest and of the round's record; a conflict loop would need many more."""


def test_two_hosts_write_all_rows_once_and_never_the_same_file(remote: Backend, tmp_path: Path) -> None:
    hosts = [Host(tmp_path, remote.url, name=name, **remote.settings) for name in "ab"]
    start = threading.Barrier(len(hosts))
    failed: list[BaseException] = []

    def run(host: Host) -> None:
        try:
            start.wait(30)
            for _ in range(ROUNDS):
                host.collect(collectors=("inputs",))
                host.ship()
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=run, args=(host,)) for host in hosts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert not failed, failed
    both = Ledger()
    for host in hosts:
        both.accepted += host.ledger.accepted
        both.attempted += host.ledger.attempted
    files = remote.files()
    both.assert_exactly_once(files)
    writers: dict[str, set[str]] = {}
    for row in rows_of(files):
        writers.setdefault(str(row["@path"]), set()).add(str(row[FEATURES[0]])[0])
    assert {len(names) for names in writers.values()} == {1}, f"a file of two hosts: {writers}"
    assert not hosts[0].warnings and not hosts[1].warnings
    assert remote.proxy is not None
    log = remote.proxy.log
    report = Counter((one.method, one.status) for one in log)
    assert len(log) <= REQUESTS_A_BATCH * ROUNDS * len(hosts), report
    assert sum(times for (_, status), times in report.items() if status in (409, 412)) <= 2 * len(hosts), report
    assert_complete(remote.url, len(both.accepted))
