"""G5: whatever goes wrong, no secret is in a log, an error, a process's arguments, the spool or the archive."""

from __future__ import annotations

import logging
import os
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from modeldata.archive import archive_of
from modeldata.errors import ModelDataError
from modeldata.spool.files import Files
from modeldata.store import Unavailable, open_store
from tests.support.proxy import Fault, answer, black_hole, lose_answer
from tests.support.scripts import modeldata, run, wait_until

from .backends import Backend
from .harness import Host

TROUBLE: dict[str, Fault] = {
    "none": lambda exchange: exchange.reply(exchange.send()),
    "403": answer(403, {}, b"<Error><Code>AuthenticationFailed</Code><Message>Signature did not match</Message></Error>"),
    "404": answer(404, {}, b"<Error><Code>NoSuchBucket</Code></Error>"),
    "500": answer(500, {}, b"oops"),
    "not XML": answer(400, {}, b"\xff\xfe<"),
    "reset": lose_answer,
    "black hole": black_hole,
}


@pytest.fixture
def everything_logged(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    """Every logger of the process at its most talkative, as a user's `basicConfig(level=DEBUG)` makes it."""
    levels = {}
    for name in list(logging.root.manager.loggerDict):
        logger = logging.getLogger(name)
        levels[name] = logger.level
        if name.startswith(("azure", "urllib3", "requests", "msal")):
            logger.setLevel(logging.DEBUG)
    with caplog.at_level(logging.DEBUG):
        yield caplog
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)


def _hits(secrets: tuple[str, ...], text: str) -> list[str]:
    return [f"{secret[:4]}…: ...{text[max(0, at - 60) : at]}" for secret in secrets if (at := text.find(secret)) >= 0]


def _spoken(error: BaseException) -> str:
    return "".join([str(error), repr(error), *traceback.format_exception(error), repr(error.args), repr(vars(error))])


@pytest.mark.sampled(2)
@pytest.mark.parametrize("trouble", TROUBLE)
def test_no_trouble_of_a_store_shows_a_secret(
    keyed: Backend, tmp_path: Path, trouble: str, everything_logged: pytest.LogCaptureFixture, short_timeouts: None
) -> None:
    assert keyed.proxy is not None and keyed.secrets
    keyed.proxy.fault(TROUBLE[trouble], times=None)
    host = Host(tmp_path, keyed.url, **keyed.settings)
    host.collect()
    host.ship_for(3)
    _assert_silent(keyed, host, everything_logged)
    keyed.proxy.heal()
    host.ship()
    _assert_silent(keyed, host, everything_logged)


def _assert_silent(backend: Backend, host: Host, log: pytest.LogCaptureFixture) -> None:
    said = {
        "the log": "\n".join([log.text, *(repr(record.__dict__) for record in log.records)]),
        "warnings": "\n".join(host.warnings),
        "settings": repr(host.settings) + str(host.settings) + repr(host.settings.origin),
        "stats": repr(archive_of(host.settings).stats()),
        "the spool": _bytes_of(Path(host.settings.spool_folder())),
        "the archive": "".join(data.decode("latin-1") for data in backend.files().values()),
    }
    found = {where: _hits(backend.secrets, text) for where, text in said.items()}
    assert not any(found.values()), found


def _bytes_of(folder: Path) -> str:
    return "".join(path.name + path.read_bytes().decode("latin-1") for path in folder.rglob("*") if path.is_file())


CALLS: dict[str, Callable[[object], object]] = {
    "claim": lambda store: store.claim("a/data.csv", b"owner\n", "mark"),  # type: ignore[attr-defined]
    "length": lambda store: store.length("a/data.csv"),  # type: ignore[attr-defined]
    "append": lambda store: store.append("a/data.csv", 0, b"x"),  # type: ignore[attr-defined]
    "put": lambda store: store.put("a/data.csv", b"x"),  # type: ignore[attr-defined]
    "remove": lambda store: store.remove("a/data.csv"),  # type: ignore[attr-defined]
    "read": lambda store: store.read("a/data.csv"),  # type: ignore[attr-defined]
    "walk": lambda store: list(store.walk()),  # type: ignore[attr-defined]
}


@pytest.mark.sampled(2)
@pytest.mark.parametrize("trouble", ["403", "500", "not XML", "reset", "black hole"])
def test_no_error_of_any_call_shows_a_secret(keyed: Backend, trouble: str, short_timeouts: None) -> None:
    assert keyed.proxy is not None
    keyed.proxy.fault(TROUBLE[trouble], times=None)
    store = open_store(keyed.url, Files())
    raised = 0
    for name, call in CALLS.items():
        if name in ("append", "claim") and not store.appends:
            continue
        try:
            call(store)
        except (ModelDataError, Unavailable) as error:
            raised += 1
            assert not _hits(keyed.secrets, _spoken(error)), name
    assert raised >= 4


def test_an_endpoint_that_is_no_host_shows_no_secret(keyed: Backend, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name, value in keyed.env_for("https://no-such-host.invalid").items():
        monkeypatch.setenv(name, value)
    with pytest.raises(Unavailable) as caught:
        open_store(keyed.url, Files()).put("a", b"x")
    assert not _hits(keyed.secrets, _spoken(caught.value))
    assert "no-such-host.invalid" in str(caught.value) or keyed.container in str(caught.value)


@pytest.mark.sampled(3)
def test_no_command_and_no_process_shows_a_secret(keyed: Backend, tmp_path: Path) -> None:
    """A service, its shipper (a child process that can't reach its store), `doctor`, `status` and `audit`."""
    assert keyed.proxy is not None
    keyed.proxy.fault(TROUBLE["403"], times=None)
    env = {**keyed.env, "MODELDATA_ARCHIVE": keyed.url, "MODELDATA_SPOOL": str(tmp_path / "spool"), "MODELDATA_SHIP": "process"}
    done = run(
        """
        import os, time, glob
        from modeldata import ModelDataCollector
        dc = ModelDataCollector("m", "inputs", ["n"])
        assert dc.collect([1])
        from modeldata.archive import default_archive
        archive = default_archive(True)
        print("flushed", archive.flush(2), repr(archive.settings), archive.stats())
        for path in glob.glob("/proc/[0-9]*/cmdline"):
            try: print(open(path, "rb").read().replace(bytes(1), b" ").decode("latin-1"))
            except OSError: pass
        """,
        tmp_path,
        env,
    )
    assert "modeldata" in done.stdout and "flushed False" in done.stdout
    spoken = done.stdout + done.stderr
    for command in ("doctor", "status", "audit"):
        answered = modeldata(command, env=env)
        spoken += answered.stdout + answered.stderr
    spoken += _bytes_of(tmp_path / "spool")
    assert not _hits(keyed.secrets, spoken)
    keyed.proxy.heal()
    drained = modeldata("ship", "--drain", env=env)
    leader = tmp_path / "spool"
    wait_until(lambda: not list(leader.rglob("*.seg")) or modeldata("ship", "--drain", env=env).returncode != 0, 60, "shipped")
    assert not _hits(keyed.secrets, drained.stdout + drained.stderr + _bytes_of(tmp_path / "spool"))
    assert os.environ.get("MODELDATA_SPOOL") is None
