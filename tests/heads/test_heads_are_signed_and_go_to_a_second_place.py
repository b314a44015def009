"""Heads are signed with the key that is given, others accept them, and the newest is in a second place. None of it holds up a row."""

from __future__ import annotations

import base64
import json
import threading
from pathlib import Path

import metamorphic_log
import pymerkle
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from modeldata.cli.commands.doctor import examine
from modeldata.errors import mask
from modeldata.format.head import PublicKey
from modeldata.settings import Settings
from modeldata.ship.publish import HeadPublisher, PublishedHead
from modeldata.ship.signing import signer_of
from modeldata.ship.spawn import child_environment
from modeldata.ship.status import status_of
from modeldata.ship.worker import Worker
from modeldata.spool.files import Files
from modeldata.spool.folder import open_place
from modeldata.spool.lock import Leadership
from modeldata.store import Unavailable
from tests.heads.kit import assert_proven, files_of, logs_of
from tests.support.service import NOON, Service, delivered_on_disk, worker_of

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PUBLIC = PublicKey("acme", KEY.public_key().public_bytes_raw())
SEED = base64.b64encode(b"\1" + bytes(range(32))).decode()
TEXT = f"PRIVATE+KEY+acme+{PUBLIC.id.hex()}+{SEED}"
PEM = KEY.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()).decode()


def life(archive: Path, *, rounds: int = 1, **settings: str) -> tuple[Worker, list[str]]:
    """Rows are collected and shipped with these settings; the worker, and what it warned of."""
    warnings: list[str] = []
    built = Settings.build({}, archive=str(archive), min_free_bytes=0, **settings)  # type: ignore[arg-type]  # as given
    place = open_place(built.spool_folder(), Files(), b"\1" * 16, NOON)
    lead = Leadership.take(place.leader_lock, Files())
    assert lead is not None
    worker = worker_of(built, lead, warn=warnings.append)
    for number in range(rounds):
        service = Service(Files(), str(archive))
        service.collect("inputs", number)
        service.kill()
        worker.drain()
    lead.release()
    assert delivered_on_disk(archive).total() == rounds
    assert_proven(archive)
    return worker, warnings


def notes_of(archive: Path) -> list[str]:
    return [json.loads(line)["head"] for data in files_of(archive).values() for line in data.splitlines()]


@pytest.mark.parametrize("how", ["text", "pem", "file", "pem file"])
def test_each_head_is_signed_with_the_key_however_it_is_given(tmp_path, how):
    key = PEM if "pem" in how else TEXT
    if "file" in how:
        (tmp_path / "key").write_text(key)
        key = str(tmp_path / "key")
    _, warnings = life(tmp_path / "archive", rounds=2, heads_key=key)
    name = "modeldata" if "pem" in how else "acme"
    public = PublicKey(name, PUBLIC.key)
    for note in notes_of(tmp_path / "archive"):
        body, _, signature = note.partition("\n\n")
        dash, signed_by, encoded = signature.rstrip("\n").split(" ")
        data = base64.b64decode(encoded)
        assert (dash, signed_by, data[:4]) == ("\u2014", name, public.id)
        KEY.public_key().verify(data[4:], f"{body}\n".encode())
    assert warnings == []


def test_an_independent_parser_and_an_independent_merkle_tree_accept_what_is_written(tmp_path):
    life(tmp_path, rounds=5, heads_key=TEXT)
    tree = pymerkle.InmemoryTree(algorithm="sha256")
    lines = [json.loads(line) for data in files_of(tmp_path).values() for line in data.splitlines()]
    for line in lines:
        tree.append_entry(line["leaf"].encode())
        head = metamorphic_log.checkpoint_verify(line["head"], [PUBLIC.text()])
        assert (head.size, bytes(head.root)) == (tree.get_size(), bytes(tree.get_root()))
    assert len(lines) == 5


OTHER_KIND = generate_private_key(SECP256R1()).private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
)
LOCKED = KEY.private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.BestAvailableEncryption(b"password")
)


@pytest.mark.parametrize(
    ("content", "cause"),
    [
        (None, "No such file"),
        (b"rubbish", "no Ed25519"),
        (OTHER_KIND, "no Ed25519"),
        (LOCKED, "password"),
        (b"\xff\xfe", "no Ed25519"),
    ],
    ids=["missing", "rubbish", "of another kind", "with a password", "not text"],
)
def test_a_key_that_can_not_be_used_is_named_and_rows_go_on_unsigned(tmp_path, content, cause):
    if content is not None:
        (tmp_path / "key").write_bytes(content)
    worker, warnings = life(tmp_path / "archive", heads_key=str(tmp_path / "key"))
    assert len(warnings) == 1 and cause in warnings[0] and str(tmp_path / "key") in warnings[0]
    assert worker.unsigned == warnings[0]
    assert all(note.endswith("\n\n") for note in notes_of(tmp_path / "archive"))


def test_status_and_doctor_say_what_is_wrong_with_heads(tmp_path):
    worker, (warning,) = life(tmp_path, heads_key=str(tmp_path / "missing"))
    worker.note(force=True)
    settings = Settings.build({}, archive=str(tmp_path), heads_key=str(tmp_path / "missing"))
    place = open_place(settings.spool_folder(), Files(), b"\1" * 16, NOON)
    lead = Leadership.take(place.leader_lock, Files())
    assert lead is not None
    stats = status_of(settings, Files(), NOON)
    assert stats.leader is not None and stats.leader["heads"] == warning
    assert [found.text for found in examine(settings, Files()) if found.topic == "heads"] == [warning]
    lead.release()


def test_where_cryptography_is_not_installed_rows_go_on_unsigned(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "cryptography.hazmat.primitives.asymmetric.ed25519", None)
    _, warnings = life(tmp_path, heads_key=TEXT)
    assert len(warnings) == 1 and "modeldata[sign]" in warnings[0]


@pytest.mark.parametrize("key", [TEXT, PEM], ids=["text", "pem"])
def test_no_part_of_a_key_is_ever_shown(tmp_path, key):
    broken = key.replace(SEED, SEED[:-8]) if key is TEXT else key.replace("MC4C", "MC4D")
    assert broken != key
    settings = Settings.build({}, heads_key=broken)
    with pytest.raises(Exception) as refused:
        signer_of(settings.heads_key, Files())
    for shown in (str(refused.value), repr(settings)):
        assert SEED[:12] not in shown and "MC4D" not in shown


def test_a_key_is_masked_wherever_it_is_written_also_before_it_was_read():
    shown = mask(f"no file is called {TEXT.replace('acme', 'other')}, nor {TEXT[:-1]}")
    assert "PRIVATE" not in shown and SEED[:12] not in shown and shown.startswith("no file is called ")


def test_a_key_that_was_given_as_text_goes_to_the_shipper_and_to_no_pickle_or_executor(tmp_path):
    settings = Settings.build({}, archive=str(tmp_path), heads_key=TEXT)
    place = open_place(settings.spool_folder(), Files(), b"\1" * 16, NOON)
    assert SEED in str(child_environment(place, settings, {}))
    assert SEED not in str(settings.to_env())
    assert Settings.build({}, heads_key="/key").to_env()["MODELDATA_HEADS_KEY"] == "/key"


def test_the_newest_head_is_in_the_second_place_alone(tmp_path):
    life(tmp_path / "archive", rounds=3, heads=str(tmp_path / "second"), heads_key=TEXT)
    (note,) = (tmp_path / "second").glob("*.note")
    assert note.read_text() == notes_of(tmp_path / "archive")[-1]
    (log,) = logs_of(files_of(tmp_path / "archive"))
    assert note.name == f"{log}-3.note"


def test_heads_go_to_the_log_as_a_line_each(tmp_path):
    _, lines = life(tmp_path, rounds=2, heads="-", heads_key=TEXT)
    assert [json.loads(line.removeprefix("head: ")) for line in lines] == notes_of(tmp_path)


def test_a_relative_second_place_is_that_of_the_service_also_in_the_shipper(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert Settings.build({"MODELDATA_HEADS": "proofs"}).heads == str(tmp_path / "proofs")
    assert Settings.build({"MODELDATA_HEADS_KEY": "key.pem"}).heads_key == str(tmp_path / "key.pem")
    assert Settings.build({"MODELDATA_HEADS": "-"}).heads == "-"


@pytest.mark.parametrize("second", ["s3://", "nowhere://x", "az://", "file"])
def test_a_second_place_that_fails_holds_up_no_row_and_is_named_once(tmp_path, second):
    if second == "file":
        (tmp_path / "file").write_text("")
        second = str(tmp_path / "file")
    worker, warnings = life(tmp_path / "archive", rounds=3, heads=second)
    assert len(warnings) == 1 and "second place" in warnings[0]
    assert "second place" in str(worker.heads_trouble)


class Place:
    """A second place that hangs or fails until it is asked to work."""

    def __init__(self) -> None:
        self.works = threading.Event()
        self.fails = False
        self.files: dict[str, bytes] = {}

    def put(self, path: str, data: bytes) -> None:
        assert self.works.wait(30)
        if self.fails:
            raise Unavailable("write", path, cause="it is down")
        self.files[path] = data

    def remove(self, path: str) -> None:
        raise Unavailable("remove", path, cause="nobody may")


@pytest.fixture
def place(monkeypatch):
    made = Place()
    monkeypatch.setattr("modeldata.ship.publish.open_for", lambda *_: made)
    return made


def head_number(size: int) -> PublishedHead:
    return PublishedHead("log", size, f"note {size}")


def test_a_second_place_that_hangs_gets_the_newest_head_once_it_answers(place):
    publisher = HeadPublisher(Settings.build({}, heads="s3://second"), Files(), pytest.fail)
    for size in range(1, 6):
        publisher.offer(head_number(size))  # returns at once
    place.works.set()
    publisher.finish(30)
    assert list(place.files)[-1] == "log-5.note" and len(place.files) <= 2


def test_what_failed_is_tried_again_with_the_next_head_and_named_again_only_after_a_success(place):
    warnings: list[str] = []
    publisher = HeadPublisher(Settings.build({}, heads="s3://second"), Files(), warnings.append)
    place.works.set()
    for size, fails in enumerate([True, True, False, True], 1):
        place.fails = fails
        publisher.offer(head_number(size))
        publisher.finish(30)
    assert list(place.files) == ["log-3.note"]
    assert ["log-1" in warnings[0], "log-4" in warnings[1]] == [True, True] and len(warnings) == 2
    assert publisher.trouble == warnings[-1]
