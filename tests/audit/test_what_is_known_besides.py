"""Heads that were kept elsewhere, a public key, spools: how they are given, and what is said without them."""

from __future__ import annotations

import json
import shutil
import socket
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from modeldata import Archive
from modeldata.catalog.audit import BROKEN, COMPLETE, EXPLAINED, NOTHING, UNPROVEN, WAITS_PARKED
from modeldata.catalog.ledger import Ledger
from modeldata.catalog.witness import PEM_NAME, Witness, heads_at, heads_in, key_of, spool_looker
from modeldata.errors import SettingsError
from modeldata.format.head import PublicKey, SignedHead
from modeldata.spool.files import Files
from modeldata.store import open_store
from tests.audit import attacks
from tests.audit.attacks import SEED, World, signer_of
from tests.audit.kit import Harmed, audited, store_at
from tests.read.kit import Shipped
from tests.support.scripts import modeldata
from tests.support.service import pipeline_of

HOST = socket.gethostname()


def places(world: World, folder: Path) -> dict[str, str]:
    """The same heads in each form."""
    notes, one = folder / "notes", folder / "head.note"
    notes.mkdir()
    for number, note in enumerate(world.notes):
        (notes / f"log-{number}.note").write_text(note)
    one.write_text(world.notes[0])
    log = folder / "shipper.log"
    log.write_text("started\n" + "".join(f"modeldata: head: {json.dumps(note)}\n" for note in world.notes) + "done\n")
    return {"a folder": str(notes), "a file": str(one), "a log": str(log), "a URL": notes.as_uri()}


@pytest.mark.parametrize("form", ["a folder", "a file", "a log", "a URL"])
def test_heads_are_taken_from_a_folder_a_file_a_log_and_a_url(world: World, tmp_path: Path, form: str) -> None:
    heads = heads_at(places(world, tmp_path)[form], lambda url: open_store(url, Files()), Files())
    assert [head.head.log for head in heads] == [
        SignedHead.of(note).head.log for note in world.notes[: 1 if form == "a file" else 2]
    ]
    assert audited(world.archive, witness=Witness(heads)).verdict == COMPLETE
    attacks.old_copy(world.archive)
    assert audited(world.archive, witness=Witness(heads)).verdict == BROKEN


@pytest.mark.parametrize("content", ["", "no head\n", "modeldata/x\n1\nnot base64\n\n", "\ud800"])
def test_a_place_without_heads_is_a_clear_error(tmp_path: Path, content: str) -> None:
    (tmp_path / "x.note").write_text(content, errors="surrogatepass")
    for place in (tmp_path, tmp_path / "x.note", tmp_path / "nowhere"):
        with pytest.raises(SettingsError, match="read heads"):
            heads_at(str(place), lambda url: open_store(url, Files()), Files())


def test_a_key_is_taken_as_text_as_pem_and_from_a_file(tmp_path: Path) -> None:
    public = signer_of(SEED).public
    pem = Ed25519PrivateKey.from_private_bytes(SEED).public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    (tmp_path / "key").write_text(public.text() + "\n")
    (tmp_path / "key.pem").write_bytes(pem)
    assert key_of(public.text(), Files()).public == key_of(str(tmp_path / "key"), Files()).public == public
    named = PublicKey(PEM_NAME, public.key)
    assert key_of(pem.decode(), Files()).public == key_of(str(tmp_path / "key.pem"), Files()).public == named


@pytest.mark.parametrize("text", ["", "x", "name+00000000+AAAA", "-----BEGIN PUBLIC KEY-----\nx\n-----END PUBLIC KEY-----\n"])
def test_what_is_no_key_is_a_clear_error(text: str) -> None:
    with pytest.raises(SettingsError, match="public key"):
        key_of(text, Files())


def looker(world: World, host: str, *named: str):  # type: ignore[no-untyped-def] # as spool_looker gives it
    return spool_looker(str(world.archive), store_at(world.archive), Files(), host, named, "")


def test_spools_of_this_host_are_found_by_the_heads(world: World) -> None:
    attacks.old_copy(world.archive)
    assert audited(world.archive, witness=Witness(spools=looker(world, "another host"))).verdict == COMPLETE
    assert audited(world.archive, witness=Witness(spools=looker(world, HOST))).verdict == BROKEN


def test_a_spool_of_this_host_that_is_gone_leaves_it_unproven(tmp_path: Path) -> None:
    harmed = Harmed(tmp_path)
    url = str(harmed.root)
    look = spool_looker(url, store_at(harmed.root), Files(), HOST, (), "")
    assert audited(harmed.root, witness=Witness(spools=look)).verdict == COMPLETE
    moved = tmp_path / "moved"
    (tmp_path / "spool").rename(moved)
    found = audited(harmed.root, witness=Witness(spools=look))
    assert found.verdict == UNPROVEN and "is gone" in found.unproven[0]
    (folder,) = (path.parent for path in moved.rglob("spool.json"))
    named = spool_looker(url, store_at(harmed.root), Files(), HOST, [str(folder)], "")
    assert audited(harmed.root, witness=Witness(spools=named)).verdict == COMPLETE, "it was only moved"
    shutil.rmtree(moved)
    assert modeldata("audit", url).returncode == 4


def test_rows_that_wait_in_a_spool_are_counted_and_are_nothing_wrong(tmp_path: Path) -> None:
    harmed = Harmed(tmp_path)
    harmed.shipped.collect("inputs", {"n": 1, "text": "x"}, {"n": 2, "text": "x"})
    done = modeldata("audit", str(harmed.root))
    assert done.returncode == 0, done.stdout
    assert "2 rows of the archive wait there" in done.stdout.replace("\n", " ").replace("  ", " ")


def test_a_batch_that_is_parked_is_not_missing(tmp_path: Path) -> None:
    harmed = Harmed(tmp_path)
    in_the_way = next(harmed.root.glob("*/*/*/inputs")).with_name("labels")
    in_the_way.write_text("x")
    for identifier in ("labels", "inputs"):
        harmed.shipped.collect(identifier, {"n": 5, "text": "x"})
    pipeline = pipeline_of(harmed.shipped.archive.settings)
    pipeline.step()
    in_the_way.unlink()
    parked = audited(harmed.root)
    assert (parked.verdict, parked.rows) == (EXPLAINED, 7), parked.problems
    assert [gap.reason for writer in parked.writers for gap in writer.missing] == [WAITS_PARKED]
    assert any("wait in their spool" in text for text in parked.not_known)
    while pipeline.parked:
        pipeline.step()
    pipeline.step()
    landed = audited(harmed.root)
    assert (landed.verdict, landed.rows) == (COMPLETE, 8)
    assert not any("wait in their spool" in text for text in landed.not_known)


def test_a_folder_that_is_no_spool_is_a_clear_error(world: World, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="look at the spool"):
        looker(world, HOST, str(tmp_path))(Ledger.read(store_at(world.archive)))
    done = modeldata("audit", str(world.archive), "--spool", str(tmp_path))
    assert done.returncode == 1 and "look at the spool" in done.stderr and "Traceback" not in done.stderr


def test_the_command_takes_heads_and_key(world: World, tmp_path: Path) -> None:
    given = ("--heads", places(world, tmp_path)["a folder"], "--key", signer_of(SEED).public.text())
    good = modeldata("audit", str(world.archive), *given, "--json")
    report = json.loads(good.stdout)
    assert (good.returncode, report["verdict"]) == (0, COMPLETE), report
    assert any("the head that was given proves it" in text for text in report["proven"])
    attacks.value_and_records(world.archive)
    bad = modeldata("audit", str(world.archive), *given)
    assert bad.returncode == 1 and "not signed by the key" in bad.stdout.replace("\n  ", " ")


def test_python_takes_heads_and_key_as_the_command_does(world: World, tmp_path: Path) -> None:
    archive = Archive(world.archive, ship="off")
    heads, key = places(world, tmp_path)["a folder"], signer_of(SEED).public.text()
    good = archive.audit(heads=heads, key=key)
    assert good.verdict == COMPLETE and any("the head that was given proves it" in text for text in good.proven)
    attacks.newest_batch_and_record(world.archive)
    assert archive.audit().verdict == COMPLETE
    assert (archive.audit(heads=heads).verdict, archive.audit(key=key).verdict) == (BROKEN, COMPLETE)
    with pytest.raises(SettingsError, match="read heads"):
        archive.audit(heads=str(world.archive / "_heads" / "nothing"))


def test_without_heads_the_words_say_what_can_not_be_known(tmp_path: Path) -> None:
    harmed = Harmed(tmp_path)
    alone = audited(harmed.root)
    assert alone.verdict == COMPLETE
    assert any("--heads" in text and "--spool" in text for text in alone.not_known)
    assert any("not signed" in text for text in alone.not_known)
    with_heads = audited(harmed.root, witness=Witness(heads_in([newest_head(harmed.root)])))
    assert not any("cut off" in text for text in with_heads.not_known)


def newest_head(root: Path) -> str:
    (log,) = attacks.logs(root)
    return str(json.loads(log.read_bytes().splitlines()[-1])["head"])


def test_records_that_are_not_json_or_lie_are_problems_and_no_traceback(world: World) -> None:
    log = attacks.logs(world.archive)[0]
    for line in (
        b"{}",
        b"[]",
        b"x",
        b'{"leaf":1,"head":2}',
        b'{"leaf":"{}","head":"modeldata/x\\n1\\nAAAA\\n\\n"}',
        b"[" * 100_000,
    ):
        log.write_bytes(log.read_bytes() + line + b"\n")
    found = audited(world.archive)
    assert found.verdict == BROKEN and sum("no record of a log" in problem for problem in found.problems) >= 5


def test_a_service_whose_first_rows_are_on_their_way_is_no_archive_of_nothing(tmp_path: Path) -> None:
    root = tmp_path / "archive"
    shipped = Shipped(str(root), tmp_path / "spool")
    shipped.collect("inputs", {"n": 1})
    spool = str(next(tmp_path.rglob("spool.json")).parent)
    look = spool_looker(str(root), store_at(root), Files(), HOST, [spool], "")
    assert audited(root, witness=Witness(spools=look)).verdict == NOTHING
    assert audited(root, lambda seconds: shipped.ship(), witness=Witness(spools=look)).verdict == COMPLETE
