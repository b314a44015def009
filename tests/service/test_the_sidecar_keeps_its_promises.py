"""Who may post to the sidecar, what it does with repeats, where it says no, and that an answer says the truth."""

from __future__ import annotations

import asyncio
import datetime as dt
import http.client
import ipaddress
import itertools
import json
import signal
import ssl
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest

from modeldata import Archive
from modeldata.collector import ModelDataCollector
from modeldata.errors import SettingsError
from modeldata.service.sidecar.collectors import IDLE_SECONDS, Collectors
from modeldata.service.sidecar.event import Identity, Refused
from modeldata.service.sidecar.guard import Access
from modeldata.service.sidecar.keeper import refusal
from modeldata.service.sidecar.recent import Journal, Recent
from tests.cli.kit import run
from tests.service.servers import ask
from tests.service.sidecars import archived, post, sidecar, started, values
from tests.support.scripts import wait_until

TOKEN = "a-token-of-32-characters-or-more"
PATH = "/v1/collect/m/inputs"
JSON = {"content-type": "application/json"}


# Who may post


WRONG = ("", "Bearer", "Bearer a-token-of-32-characters-or-mor", f"Bearer {TOKEN}2", TOKEN, f"Basic {TOKEN}")
OF_BROWSERS = ({"origin": "http://evil.example"}, {"origin": "null"}, {"sec-fetch-site": "same-origin"})


def test_only_who_has_the_token_may_post_and_no_page_in_a_browser(tmp_path: Path) -> None:
    right = {"authorization": f"Bearer {TOKEN}"}
    with sidecar(tmp_path, TOKEN) as port:
        for shown in WRONG:
            assert post(port, PATH, [{"a": 1}], authorization=shown)[0] == 401
            assert ask(port, "/metrics", None, "GET", authorization=shown)[0] == 401
        assert [post(port, PATH, [{"a": 1}], **right, **header)[0] for header in OF_BROWSERS] == [403] * 3
        assert ask(port, "/healthz", None, "GET")[0] == 200
        assert post(port, PATH, [{"a": 2}], **right)[0] == 200
    assert values(archived(tmp_path)) == [{"a": 2}]


@pytest.mark.parametrize(
    ("access", "cause"),
    [
        (Access("0.0.0.0"), "nothing says who may post"),
        (Access("::"), "nothing says who may post"),
        (Access("10.1.2.3", certificate="c.pem"), "nothing says who may post"),
        (Access("127.0.0.1", token=""), "shorter than 16"),
        (Access("127.0.0.1", client_ca="ca.pem"), "no certificate of the server"),
        (Access("127.0.0.1", key="key.pem"), "no certificate of the server"),
    ],
)
def test_it_does_not_start_where_anybody_could_post(access: Access, cause: str) -> None:
    with pytest.raises(SettingsError, match=cause):
        access.check()


def test_it_starts_where_it_is_known_who_may_post() -> None:
    for access in (Access("127.0.0.1"), Access("localhost"), Access("0.0.0.0", TOKEN), Access("0.0.0.0", None, "c", "k", "ca")):
        access.check()


@pytest.mark.parametrize(
    ("options", "hint"),
    [
        (["--host", "0.0.0.0"], "set MODELDATA_SIDECAR_TOKEN, --token-file or --tls-client-ca, or listen on 127.0.0.1"),
        (["--token-file", "nowhere"], "could not read the token: nowhere"),
        (["--tls-cert", "nowhere"], "--tls-cert, --tls-key and --tls-client-ca name PEM files"),
    ],
)
def test_the_command_says_what_is_wrong(tmp_path: Path, options: list[str], hint: str) -> None:
    done = run("sidecar", str(tmp_path), "--port", "0", *options)
    assert done.code == 1 and hint in done.err and done.out == ""


def test_without_its_libraries_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    done = run("sidecar", str(tmp_path), "--port", "0")
    assert done.code == 1 and 'pip install "modeldata[sidecar]"' in done.err


def _certificates(folder: Path) -> None:
    """ca.pem, server.pem, sender.pem (each with its key) and stranger.pem, which nobody signed."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    keys = {name: ec.generate_private_key(ec.SECP256R1()) for name in ("ca", "server", "sender", "stranger")}
    now = dt.datetime.now(dt.UTC)
    for name, key in keys.items():
        issuer = name if name == "stranger" else "ca"
        made = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
            .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - dt.timedelta(days=1))
            .not_valid_after(now + dt.timedelta(days=1))
            .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
            .add_extension(x509.BasicConstraints(ca=name == "ca", path_length=None), critical=True)
            .sign(keys[issuer], hashes.SHA256())
        )
        private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        (folder / f"{name}.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM) + private)


def _post_tls(port: int, folder: Path, sender: str | None) -> int:
    context = ssl.create_default_context(cafile=str(folder / "ca.pem"))
    if sender:
        context.load_cert_chain(str(folder / f"{sender}.pem"))
    connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=30, context=context)
    try:
        connection.request("POST", PATH, b'{"a": 1}', JSON)
        return connection.getresponse().status
    finally:
        connection.close()


@pytest.mark.posix("SIGTERM")
def test_the_command_takes_events_of_senders_with_a_certificate_and_ends_by_a_signal(tmp_path: Path) -> None:
    _certificates(tmp_path)
    pem = {name: str(tmp_path / f"{name}.pem") for name in ("server", "ca")}
    process, port = started(tmp_path / "a", "--tls-cert", pem["server"], "--tls-client-ca", pem["ca"])
    try:
        assert _post_tls(port, tmp_path, "sender") == 200
        for other in (None, "stranger"):
            with pytest.raises((ssl.SSLError, ConnectionError)):
                _post_tls(port, tmp_path, other)
    finally:
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 0 and "Traceback" not in said
    assert values(archived(tmp_path / "a")) == [{"a": 1}]


# Repeats


EVENT = {"ce-specversion": "1.0", "ce-source": "s", "ce-id": "7", "ce-type": "org.kubeflow.serving.inference.request"}


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/modeldata/log", {"ce-type": "azureml.inference.model_inputs", "trace-id": "t-1", "ce-x-request-id": "p"}),
        ("/v1/events", EVENT),
        (PATH, {"idempotency-key": "k-1"}),
    ],
)
def test_a_repeated_event_is_kept_once_and_another_under_its_name_is_kept(
    tmp_path: Path, path: str, headers: dict[str, str]
) -> None:
    with sidecar(tmp_path) as port:
        answers = [post(port, path, rows, **headers) for rows in ([{"a": 1}], [{"a": 1}], [{"a": 2}])]
        assert [(status, said["repeats"]) for status, said in answers] == [(200, 0), (200, 1), (200, 0)]
        assert b"modeldata_sidecar_repeats_total 1\n" in ask(port, "/metrics", None, "GET")[2]
    assert sorted(row["a"] for row in archived(tmp_path)) == [1, 2]


def test_without_a_name_nothing_is_a_repeat(tmp_path: Path) -> None:
    with sidecar(tmp_path) as port:
        assert [post(port, PATH, {"a": 1})[1]["repeats"] for _ in range(2)] == [0, 0]
    assert len(archived(tmp_path)) == 2


def test_a_repeat_is_answered_only_when_the_first_is_kept() -> None:
    recent = Recent(most=2)
    assert recent.begin(b"a")
    with pytest.raises(Refused, match="ask again") as refused:
        recent.begin(b"a")
    assert refused.value.status == HTTPStatus.CONFLICT
    recent.end(b"a", kept=False)
    assert recent.begin(b"a")
    recent.end(b"a", kept=True)
    assert not recent.begin(b"a")
    for other in (b"b", b"c"):
        assert recent.begin(other)
        recent.end(other, kept=True)
    assert recent.begin(b"a"), "as many as fit are remembered"


def test_the_next_sidecar_knows_what_was_kept(tmp_path: Path) -> None:
    path, warnings = tmp_path / "recent", list[str]()

    def next_one(most: int = 3) -> Recent:
        return Recent(most, Journal(str(path), warnings.append))

    def kept(recent: Recent, *numbers: int) -> list[bool]:
        return [_keep(recent, number.to_bytes(16, "big")) for number in numbers]

    assert kept(next_one(), 1, 2) == [True, True]
    with path.open("ab") as file:
        file.write(b"a part of one")  # the kill came in the middle
    assert kept(next_one(), 2, 3, 4, 5) == [False, True, True, True]
    recent = next_one()
    assert kept(recent, 5, 4, 3, 2) == [False, False, False, True], "as many as fit"
    assert kept(recent, *range(100, 200)) == [True] * 100 and path.stat().st_size <= 16 * 7, "the file has a bound, too"
    assert kept(next_one(), 199, 198, 99) == [False, False, True] and warnings == []
    path.unlink()
    path.mkdir()
    assert kept(next_one(), 1, 1) == [True, False] and len(warnings) == 1


def _keep(recent: Recent, digest: bytes) -> bool:
    new = recent.begin(digest)
    if new:
        recent.end(digest, kept=True)
    return new


# Where it says no


def test_while_the_spool_is_full_events_are_refused_and_may_come_again(tmp_path: Path) -> None:
    large = {"a": "x" * 50_000}
    with sidecar(tmp_path, ship="off", spool_max_bytes=1 << 20) as port:
        answers = [ask(port, PATH, large, **{"idempotency-key": str(number)}) for number in range(40)]
        refused = next(answer for answer in answers if answer[0] != 200)
        assert refused[0] == 503 and refused[1]["retry-after"] == "5" and json.loads(refused[2])["reason"] == "spool_full"
        again = ask(port, PATH, large, **{"idempotency-key": str(answers.index(refused))})
        assert again[0] == 503, "what was refused is no repeat"
        assert b'modeldata_rows_dropped_total{reason="spool_full"}' in ask(port, "/metrics", None, "GET")[2]
    assert len(archived(tmp_path)) == sum(answer[0] == 200 for answer in answers)


@pytest.mark.parametrize(
    ("reason", "status"),
    [
        ("too_large", 413),
        ("invalid_data", 422),
        ("unserializable", 422),
        ("spool_full", 503),
        ("disk_error", 503),
        ("closed", 503),
        (None, 503),
    ],
)
def test_each_refusal_of_collect_has_its_status(reason: str | None, status: int) -> None:
    assert refusal(reason).status == status


@pytest.mark.parametrize("settings", [{"on_error": "raise", "max_row_bytes": 100}, {"enabled": False}])
def test_what_collect_does_not_take_is_never_answered_with_200(tmp_path: Path, settings: dict[str, Any]) -> None:
    with sidecar(tmp_path, **settings) as port:
        assert post(port, PATH, {"a": "x" * 200})[0] in (413, 503)


def test_of_a_batch_all_that_can_be_kept_is_kept(tmp_path: Path) -> None:
    common = {"specversion": "1.0", "source": "s", "type": "x.labels", "datacontenttype": "application/json"}
    batch = [{**common, "id": "1", "data": {"a": 1}}, {**common, "id": "2"}, {**common, "id": "3", "data": {"a": 3}}]
    headers = {"content-type": "application/cloudevents-batch+json"}
    with sidecar(tmp_path) as port:
        assert [post(port, "/v1/events", batch, **headers)[0] for _ in range(2)] == [422, 422]
    assert sorted(row["a"] for row in archived(tmp_path)) == [1, 3]


def test_there_is_a_bound_of_collectors_and_idle_ones_make_room(tmp_path: Path) -> None:
    now = 0.0
    collectors = Collectors(Archive(tmp_path, ship="off"), lambda: now, most=2)
    first = collectors.of(Identity("m", "1"))
    collectors.of(Identity("m", "2"))
    with pytest.raises(Refused) as refused:
        collectors.of(Identity("m", "3"))
    assert refused.value.status == HTTPStatus.INSUFFICIENT_STORAGE
    now = IDLE_SECONDS - 1
    assert collectors.of(Identity("m", "1")) is first
    now = IDLE_SECONDS + 1
    collectors.of(Identity("m", "3"))
    assert collectors.of(Identity("m", "1")) is first, "the one that was idle for longest made room"
    for name in ("", "x" * 501):
        with pytest.raises(Refused, match="a name is empty, or has over 500 characters"):
            collectors.of(Identity("m", name))


def test_an_event_is_answered_after_it_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begun, go_on = threading.Event(), threading.Event()
    collect = ModelDataCollector.collect

    def waits(self: ModelDataCollector, *given: Any, **marks: Any) -> bool:
        begun.set()
        assert go_on.wait(60)
        return collect(self, *given, **marks)

    monkeypatch.setattr(ModelDataCollector, "collect", waits)
    answers: list[int] = []
    with sidecar(tmp_path) as port:
        sender = threading.Thread(target=lambda: answers.append(post(port, PATH, {"a": 1})[0]))
        sender.start()
        assert begun.wait(60)
        assert ask(port, "/healthz", None, "GET")[0] == 200, "others are answered meanwhile"
        assert answers == []
        go_on.set()
        sender.join(60)
    assert answers == [200]


def test_nobody_who_is_slow_or_leaves_holds_a_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import socket

    from modeldata.service.sidecar import app

    monkeypatch.setattr(app, "BODY_SECONDS", 0.2)
    head = f"POST {PATH} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{{".encode()
    with sidecar(tmp_path) as port, ExitStack() as opened:
        slow = [opened.enter_context(socket.create_connection(("127.0.0.1", port), timeout=10)) for _ in range(app.AT_ONCE)]
        for connection in slow:
            connection.sendall(head)
        slow[-1].close()
        assert slow[0].recv(100).startswith(b"HTTP/1.1 408 ")
        assert post(port, PATH, {"a": 1})[0] == 200


def test_bodies_beyond_the_bound_wait_unread(tmp_path: Path) -> None:
    from modeldata.service.sidecar.app import AT_ONCE, Sidecar

    archive = Archive(tmp_path / "a", spool=str(tmp_path / "s"), ship="off")
    app = Sidecar(archive, "m", None, Recent()).app
    scope = {
        "type": "http",
        "method": "POST",
        "path": PATH,
        "headers": [(b"content-type", b"application/json")],
        "query_string": b"",
    }
    reading: list[int] = []
    answers: list[int] = []

    async def posted(number: int, whole: asyncio.Event) -> None:
        async def receive() -> dict[str, Any]:
            reading.append(number)
            await whole.wait()
            return {"type": "http.request", "body": b'[{"a": 1}]', "more_body": False}

        async def send(message: Any) -> None:
            answers.extend([message["status"]] if "status" in message else [])

        await app(dict(scope), receive, send)

    async def all_at_once() -> None:
        whole = asyncio.Event()
        tasks = [asyncio.create_task(posted(number, whole)) for number in range(AT_ONCE + 2)]
        for _ in range(100):
            await asyncio.sleep(0)
        assert sorted(reading) == list(range(AT_ONCE))
        whole.set()
        await asyncio.gather(*tasks)

    asyncio.run(all_at_once())
    archive.close(0)
    assert answers == [200] * (AT_ONCE + 2)


# What was answered is there


class Sender(threading.Thread):
    """Posts events of its own until nobody answers; first the one that the sidecar before this one did not answer."""

    def __init__(self, port: int, numbers: Iterator[int], again: int | None, answered: list[int]) -> None:
        super().__init__()
        self._port, self._numbers, self._answered = port, numbers, answered
        self.unanswered = again

    def run(self) -> None:
        while True:
            self.unanswered = next(self._numbers) if self.unanswered is None else self.unanswered
            key = {"idempotency-key": f"event-{self.unanswered}"}
            try:
                status, _ = post(self._port, PATH, {"n": self.unanswered}, **key)
            except (OSError, http.client.HTTPException, ValueError):
                return
            assert status == 200
            self._answered.append(self.unanswered)
            self.unanswered = None


@pytest.mark.posix("SIGKILL")
@pytest.mark.parametrize("times", [2, pytest.param(200, marks=[pytest.mark.faults, pytest.mark.timeout(3600)])])
def test_an_event_that_was_answered_is_archived_once_whatever_is_killed(tmp_path: Path, times: int) -> None:
    numbers, answered, asked_again = itertools.count(), list[int](), set[int]()
    unanswered: list[int | None] = [None] * 4
    for _ in range(times):
        process, port = started(tmp_path)
        asked_again |= {number for number in unanswered if number is not None}
        senders = [Sender(port, numbers, again, answered) for again in unanswered]
        until = len(answered) + 20
        for sender in senders:
            sender.start()
        wait_until(lambda until=until: len(answered) >= until)  # type: ignore[misc] # of this round
        process.kill()
        for sender in senders:
            sender.join(60)
        unanswered = [sender.unanswered for sender in senders]
        process.communicate()
    rows = archived(tmp_path)
    times_there = Counter(row["n"] for row in rows)
    assert len(answered) == len(set(answered)) and set(answered) <= set(times_there)
    assert {number for number, count in times_there.items() if count > 1} <= asked_again
    ids = {(row["n"], row["$RequestId"]) for row in rows}
    assert ids == {(number, f"event-{number}") for number in times_there}, "a reader can tell which are there twice"
