"""An archive is the same however it is spelled, mounted or linked, and after it was moved; a copy of it is another one."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from modeldata.errors import ModelDataError
from modeldata.settings import Settings
from modeldata.ship.pipeline import Pipeline
from modeldata.spool.files import Files
from modeldata.spool.folder import open_place
from modeldata.store import open_store
from modeldata.store.archive_id import NAME, identify
from modeldata.testing import Died, Fault, FaultyFiles
from tests.support.archive import features
from tests.support.folding import FoldingFiles
from tests.support.ledger import assert_exactly_once
from tests.support.service import NOON, Service, delivered_on_disk, finish, ship_all, spool_of
from tests.support.spools import copy_as_itself


def _collect(service: Service, first: int, count: int = 20) -> None:
    for number in range(first, first + count):
        assert service.collect("inputs", number)


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    """It lives on, so that its segments stay; what it collected first is archived."""
    service = Service(Files(), str(tmp_path / "real" / "archive"))
    _collect(service, 0)
    ship_all(Files(), service.settings.archive)
    yield service
    service.kill()


def _assert_once(archive: Path | str, service: Service) -> None:
    assert delivered_on_disk(str(archive).removeprefix("file://")) == service.accepted


def _link(real: Path) -> str:
    (real.parent.parent / "link").symlink_to(real.parent)
    return str(real.parent.parent / "link" / "archive")


def _renamed(real: Path) -> str:
    os.rename(real, real.parent / "renamed")
    return str(real.parent / "renamed")


def _below_another_folder(real: Path) -> str:
    os.rename(real.parent, real.parent.parent / "mnt")
    return str(real.parent.parent / "mnt" / "archive")


def _url(real: Path) -> str:
    return f"file://{real}"


def _slashes(real: Path) -> str:
    return f"{real.parent}//archive/./"


def _dots(real: Path) -> str:
    return f"{real}/../archive"


SPELLINGS = [
    pytest.param(_link, marks=pytest.mark.posix("links, which a user of Windows may not make")),
    _renamed,
    _below_another_folder,
    _url,
    _slashes,
    _dots,
]


@pytest.mark.parametrize("spell", SPELLINGS)
@pytest.mark.parametrize("old", [False, True], ids=["of this version", "of one before it"])
def test_what_was_archived_under_one_spelling_is_not_archived_again_under_another(
    tmp_path: Path, service: Service, spell: Callable[[Path], str], old: bool
) -> None:
    real = tmp_path / "real" / "archive"
    if old:
        _forget_identity(real)
    archive = spell(real)

    ship_all(Files(), archive)
    _assert_once(archive, service)
    lane = service.writer.lanes[0]
    assert lane.segment is not None
    _collect_into_the_open_segment(service)
    ship_all(Files(), archive)
    _assert_once(archive, service)


def _collect_into_the_open_segment(service: Service) -> None:
    _collect(service, 100, 5)


def _forget_identity(archive: Path) -> None:
    """As a version before this one left it."""
    (archive / NAME).unlink()
    for note in spool_of(archive).rglob("archive.json"):
        note.unlink()


def test_a_relative_path_means_the_same_archive(tmp_path: Path, service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path / "real")
    ship_all(Files(), "archive")
    _assert_once(tmp_path / "real" / "archive", service)


@pytest.mark.parametrize("harm", [b"", b"{", b"[]", b'{"id": 3}'])
def test_an_archive_whose_id_is_damaged_gets_another_and_doubles_nothing(tmp_path: Path, service: Service, harm: bytes) -> None:
    real = tmp_path / "real" / "archive"
    (real / NAME).write_bytes(harm)
    _collect(service, 50)
    ship_all(Files(), str(real))
    _assert_once(real, service)
    assert json.loads((real / NAME).read_bytes())["id"]


# several archives: only the id says which checkpoint belongs to which


def _several(tmp_path: Path, names: list[str]) -> Settings:
    return Settings.build({}, archive=[str(tmp_path / name) for name in names], spool=str(tmp_path / "s"), min_free_bytes=0)


def _ship_to(settings: Settings, folder: str) -> None:
    """To each archive of the settings what waits in `folder`."""
    place = open_place(folder, Files(), b"\2" * 16, NOON)
    for url in settings.archives:
        pipeline = Pipeline(
            place, open_store(url, Files()), settings.only(url), files=Files(), warn=lambda text: None, may_commit=lambda: True
        )
        while pipeline.step().more:
            pass


def test_archives_that_changed_places_keep_their_checkpoints(tmp_path: Path) -> None:
    """Each goes by its id: one of them has more than the other."""
    settings = _several(tmp_path, ["a", "b"])
    service = Service(Files(), settings.archives[0])
    service.settings = settings
    _collect(service, 0)
    folder = settings.spool_folder()
    _ship_to(settings, folder)
    _collect(service, 100)
    _ship_to(settings.only(settings.archives[0]), folder)
    for source, target in (("a", "c"), ("b", "a"), ("c", "b")):
        os.rename(tmp_path / source, tmp_path / target)

    _ship_to(settings, folder)

    for name in "ab":
        assert Counter(row[0] for row in features(tmp_path / name)) == Counter(number for _, number in service.accepted)
    service.kill()


@pytest.mark.parametrize("order", [["a", "b"], ["b", "a"]])
def test_the_order_of_archives_is_no_part_of_which_spool_is_theirs(tmp_path: Path, order: list[str]) -> None:
    assert _several(tmp_path, order).spool_folder() == _several(tmp_path, ["a", "b"]).spool_folder()


@pytest.mark.posix("links, which a user of Windows may not make")
def test_a_second_spelling_in_a_list_is_the_same_archive(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "link").symlink_to("a")
    assert _several(tmp_path, ["a", "link", "b"]).archives == [str(tmp_path / "a"), str(tmp_path / "b")]


@pytest.mark.posix("links, which a user of Windows may not make")
@pytest.mark.parametrize("below", ["", "/new", "/new/below"])
def test_a_spelling_that_no_path_function_knows_is_the_same_archive(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, below: str
) -> None:
    """As another case on macOS, `\\\\?\\C:\\x` for `C:\\x`, or a second mount: the inode tells. Here a link stands for it."""
    (tmp_path / "a").mkdir()
    (tmp_path / "A").mkdir()
    (tmp_path / "link").symlink_to("a")
    monkeypatch.setattr(os.path, "realpath", lambda path: path)
    named = [f"a{below}", f"link{below}", f"A{below}"]
    assert _several(tmp_path, named).archives == [str(tmp_path / f"a{below}"), str(tmp_path / f"A{below}")]


def test_folders_of_a_disk_without_inodes_are_kept_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(os, "stat", lambda path, **how: os.stat_result((0o40755, 0, 0, 1, 0, 0, 0, 0, 0, 0)))
        archives = _several(tmp_path, ["a", "b"]).archives
    assert archives == [str(tmp_path / "a"), str(tmp_path / "b")]


def test_a_case_folding_disk_has_one_checkpoint_for_two_spellings(tmp_path: Path) -> None:
    """The archive's id decides, whatever the text of its URL."""
    disk = FoldingFiles(tmp_path)
    lower, upper = str(tmp_path / "archive"), str(tmp_path / "ARCHIVE")
    service = Service(disk, lower)
    _collect(service, 0)
    ship_all(disk, lower)
    _collect(service, 100)
    place = open_place(service.settings.spool_folder(), disk, b"\2" * 16, NOON)
    settings = Settings.build({}, archive=upper, min_free_bytes=0)
    store = open_store(upper, disk)
    finish(Pipeline(place, store, settings, files=disk, warn=pytest.fail, may_commit=lambda: True))
    _assert_once(lower, service)
    assert len(os.listdir(place.sinks)) == 1
    service.kill()


# copies


def test_a_copy_and_its_original_each_go_on_and_neither_doubles_nor_loses_a_row(tmp_path: Path) -> None:
    original, copied = tmp_path / "original", tmp_path / "copied"
    service = Service(Files(), str(original))
    _collect(service, 0)
    ship_all(Files(), str(original))
    _collect(service, 100)  # these wait in both
    service.kill()
    shutil.copytree(original, copied)

    both = [original, copied]
    for _ in range(2):
        for archive in both:
            ship_all(Files(), str(archive))
    for archive in both:
        _assert_once(archive, service)
    later = [Service(Files(), str(archive)) for archive in both]
    for number, one in enumerate(later):
        _collect(one, 1000 + 100 * number)
        one.kill()
    for archive, one in zip(both, later, strict=True):
        ship_all(Files(), str(archive))
        assert delivered_on_disk(str(archive)) == service.accepted + one.accepted


def _id(folder: Path) -> str:
    return identify(open_store(str(folder), Files()), Files(), "fresh").id


def test_a_copy_takes_an_id_of_its_own_and_a_move_does_not(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    first = _id(tmp_path / "a")
    shutil.copytree(tmp_path / "a", tmp_path / "copy")
    copied = identify(open_store(str(tmp_path / "copy"), Files()), Files(), "other")
    assert copied.id not in (first, "other") and copied.former == (first,)
    assert _id(tmp_path / "copy") == copied.id, "and keeps it"
    os.rename(tmp_path / "a", tmp_path / "moved")
    assert _id(tmp_path / "moved") == first
    assert _id(tmp_path / "copy") == copied.id

    shutil.copytree(tmp_path / "moved", tmp_path / "elsewhere")
    shutil.rmtree(tmp_path / "moved")
    assert _id(tmp_path / "elsewhere") == first, "moved to another file system: the original is gone"


def test_every_process_gives_a_copy_the_same_id_although_none_may_note_it(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    _id(tmp_path / "a")
    shutil.copytree(tmp_path / "a", tmp_path / "copy")
    note = (tmp_path / "copy" / NAME).read_bytes()
    ids = set()
    for _ in range(2):
        ids.add(_id(tmp_path / "copy"))
        (tmp_path / "copy" / NAME).write_bytes(note)  # as where nothing could be written
    assert len(ids) == 1


def test_of_many_who_come_first_one_gives_the_id(tmp_path: Path) -> None:
    code = (
        "import sys, os; from modeldata.store import open_store; from modeldata.store.archive_id import identify; "
        "from modeldata.spool.files import Files; "
        "sys.stdin.read(1); print(identify(open_store(sys.argv[1], Files()), Files(), os.urandom(16).hex()).id)"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "a")]
    many = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    answers = {process.communicate("x", timeout=60)[0] for process in many}
    assert len(answers) == 1 and answers != {""}


# crashes on the way to an id


@pytest.mark.parametrize("old", [False, True], ids=["of this version", "of one before it"])
def test_a_shipper_killed_at_any_step_of_taking_over_a_moved_archive_doubles_nothing(tmp_path: Path, old: bool) -> None:
    template = tmp_path / "template"
    service = Service(Files(), str(template))
    _collect(service, 0, 5)
    ship_all(Files(), str(template))
    _collect(service, 10, 5)
    service.kill()
    if old:
        _forget_identity(template)
    dry = FaultyFiles()
    ship_all(dry, _moved(template, "dry"))
    steps = range(1, len(dry.operations) + 1)
    for at in random.Random(0).sample(steps, min(60, len(steps))):
        archive = _moved(template, f"{at}")
        try:
            ship_all(FaultyFiles(Fault(at)), archive)
        except (Died, ModelDataError, OSError):
            pass
        ship_all(Files(), archive)
        assert_exactly_once(service.attempted, service.accepted, delivered_on_disk(archive))
        shutil.rmtree(archive)


def _moved(template: Path, name: str) -> str:
    copy_as_itself(template, template.parent / name)
    return str(template.parent / name)
