"""Group B of reliability.md, the half about reaching a store: down, silent, overloaded, not letting us in, not there.

What a store does with what it gets is in `test_what_a_store_does_with_rows`.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from modeldata.ship.policy import LONGEST_RETRY
from tests.support.proxy import answer, black_hole
from tests.support.scripts import run

from .backends import Backend, proxy_of
from .buckets import LocalBucket
from .harness import Host, assert_delivered, host_of
from .test_lost_answers import DATA

TOLD = 2
"""Lines of the log for a trouble that came and went: that it began, that it is over."""


# B1: down


def test_a_store_that_is_down_for_ten_minutes_is_met_within_a_minute_of_its_return(remote: Backend, tmp_path: Path) -> None:
    host = host_of(remote, tmp_path)
    host.collect()
    host.ship()
    proxy_of(remote).down()
    host.collect()
    host.ship_for(600, step=2)
    host.collect()  # accepted: nothing of this is felt by the service
    assert len(host.warnings) == 1, host.warnings
    assert 10 <= host.failures <= 40
    proxy_of(remote).up()
    back = host.clock.now
    host.ship()
    assert host.clock.now - back <= LONGEST_RETRY + 5
    assert len(host.warnings) == TOLD, host.warnings
    assert_delivered(remote, host)


# B2: silence


def test_a_request_that_is_never_answered_ends_and_is_sent_again(
    remote: Backend, tmp_path: Path, short_timeouts: pytest.MonkeyPatch
) -> None:
    host = host_of(remote, tmp_path)
    proxy_of(remote).fault(black_hole, remote.writes(DATA), nth=2, times=2)
    for _ in range(2):
        host.collect()
        host.ship()
    assert len(host.warnings) == TOLD, host.warnings
    short_timeouts.undo()  # who looks at it afterwards has time
    assert_delivered(remote, host)


def test_close_returns_in_time_while_the_store_says_nothing(keyed: Backend, tmp_path: Path) -> None:
    """And so does the end of the process: a thread that waits for an answer keeps nobody."""
    proxy_of(keyed).fault(black_hole, times=None)
    env = {**keyed.env, "MODELDATA_ARCHIVE": keyed.url, "MODELDATA_SPOOL": str(tmp_path / "spool"), "MODELDATA_SHIP": "thread"}
    done = run(
        """
        import time
        from modeldata import Archive
        archive = Archive()
        dc = archive.collector("m")
        assert all(dc.collect([n]) for n in range(50))
        begun = time.monotonic()
        print(archive.close(1.0), time.monotonic() - begun)
        """,
        tmp_path,
        {**env, "MODELDATA_EXIT_TIMEOUT": "1s"},
        timeout=25,
    )
    closed, seconds = done.stdout.split()
    assert closed == "False" and float(seconds) < 10, "its own timeout, and that of the thread"
    assert done.stderr == ""


# B6: overloaded


@pytest.mark.parametrize("status", [500, 503, 429])
def test_a_store_that_asks_for_time_gets_it(remote: Backend, tmp_path: Path, status: int) -> None:
    host = host_of(remote, tmp_path)
    busy = answer(status, {**remote.error_headers("ServerBusy"), "Retry-After": "37"}, remote.error("ServerBusy"))
    rule = proxy_of(remote).fault(busy, remote.writes(DATA), times=3)
    host.collect()
    times = []
    while rule.matched < 4:
        known = rule.matched
        host.tick()
        if rule.matched > known:
            times.append(host.clock.now)
    host.ship()
    assert len(times) == 4, "one try at a time"
    asked = (
        37 if remote.dialect == "azure" else 0.1
    )  # the library for objects does not show us the header: only our own pace is kept
    assert all(later - earlier >= asked for earlier, later in pairwise(times)), times
    assert len(host.warnings) == TOLD, host.warnings
    assert_delivered(remote, host)


# B7: not let in


REFUSALS = [(401, "NoAuthenticationInformation"), (403, "AuthenticationFailed"), (403, "AccessDenied")]


@pytest.mark.parametrize(("status", "code"), REFUSALS)
def test_a_store_that_lets_us_in_again_gets_everything_without_a_restart(
    remote: Backend, tmp_path: Path, status: int, code: str
) -> None:
    host = host_of(remote, tmp_path)
    host.collect()
    proxy_of(remote).fault(answer(status, remote.error_headers(code), remote.error(code)), times=None)
    host.ship_for(900, step=10)
    assert len(host.warnings) == 1, host.warnings
    assert "credentials" in host.warnings[0] and remote.container in host.warnings[0]
    assert not [secret for secret in remote.secrets if secret in host.warnings[0]]
    proxy_of(remote).heal()
    back = host.clock.now
    host.ship()
    assert host.clock.now - back <= 300
    assert_delivered(remote, host)


@pytest.mark.parametrize("way", ["environment", "file"])
def test_a_key_that_is_changed_is_used_without_a_restart(
    keyed: Backend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    """The store itself checks the key: an expired one, then the new one."""
    path = tmp_path / "credentials"
    given: dict[str, object] = {"credentials": str(path)} if way == "file" else {}

    def give(env: dict[str, str]) -> None:
        if way == "file":
            path.write_text("".join(f"{name}={value}\n" for name, value in env.items()))
            path.chmod(0o600)
        for name, value in env.items():
            if way == "environment":
                monkeypatch.setenv(name, value)
            else:
                monkeypatch.delenv(name, raising=False)

    give(keyed.wrong_env)
    host = host_of(keyed, tmp_path, **given)
    host.collect()
    host.ship_for(120)
    assert len(host.warnings) == 1 and "credentials" in host.warnings[0], host.warnings
    give(keyed.env)
    host.ship()
    assert len(host.warnings) == TOLD, host.warnings
    give_back = keyed.env
    for name, value in give_back.items():
        monkeypatch.setenv(name, value)
    assert_delivered(keyed, host)


def test_a_clock_that_is_wrong_is_named(remote: Backend, tmp_path: Path) -> None:
    """E7"""
    host = host_of(remote, tmp_path)
    host.collect()
    code = remote.skew_code
    body = remote.error(
        code, "The difference between the request time and the current time is too large: Request date header too old"
    )
    proxy_of(remote).fault(answer(403, remote.error_headers(code), body), times=None)
    host.ship_for(60)
    assert len(host.warnings) == 1 and "clock" in host.warnings[0], host.warnings
    proxy_of(remote).heal()
    host.ship()
    assert_delivered(remote, host)


# B8: nothing there


def test_a_container_that_is_missing_is_named_and_waited_for(remote: Backend, tmp_path: Path) -> None:
    host = host_of(remote, tmp_path)
    remote.bucket.drop()
    host.collect()
    host.ship_for(900, step=10)
    assert len(host.warnings) == 1, host.warnings
    assert remote.container in host.warnings[0] and "create" in host.warnings[0]
    remote.bucket.create()
    host.ship()
    assert_delivered(remote, host)


# B15: not to be found


@pytest.mark.parametrize("trouble", ["no such host", "no TLS", "a proxy that is not there"])
def test_a_host_that_can_not_be_reached_is_reported_once(
    remote: Backend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trouble: str
) -> None:
    host = host_of(remote, tmp_path)
    host.collect()
    good = remote.env
    endpoint = proxy_of(remote).url.replace("http:", "https:") if trouble == "no TLS" else "https://no-such-host.invalid"
    bad = remote.env_for(endpoint)
    if trouble == "a proxy that is not there":
        bad |= {"HTTPS_PROXY": "http://127.0.0.1:9", "https_proxy": "http://127.0.0.1:9", "NO_PROXY": "", "no_proxy": ""}
    with monkeypatch.context() as scope:
        for name, value in bad.items():
            scope.setenv(name, value)
        host.ship_for(300, step=5)
    assert len(host.warnings) == 1, host.warnings
    assert host.failures >= 5
    assert dict(good) == remote.env
    host.kill()  # an endpoint is no credential: it is read when the shipper starts
    host.ship()
    assert_delivered(remote, host)


# B16: one of two


def test_of_two_archives_the_one_that_is_up_is_not_held_up(append_blob: Backend, tmp_path: Path) -> None:
    other = LocalBucket(tmp_path / "other")
    host = Host(tmp_path, f"{append_blob.url},{other.root}", **append_blob.settings)
    proxy_of(append_blob).down()
    host.collect()
    host.ship_for(30)
    host.ledger.assert_exactly_once(other.files())
    assert host.pending_files(), "the other archive still needs it"
    host.collect()
    proxy_of(append_blob).up()
    host.ship()
    host.ledger.assert_exactly_once(other.files())
    assert_delivered(append_blob, host)
