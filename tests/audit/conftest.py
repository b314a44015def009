"""An archive of two hosts with signed heads, made once and copied for each test that harms it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from modeldata.settings import Settings
from modeldata.spool.files import Files
from modeldata.spool.folder import open_place
from tests.audit.attacks import NEW, OLD, SEED, World, logs, signer_of
from tests.read.kit import Shipped


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> World:
    folder = tmp_path_factory.mktemp("template")
    hosts = [_host(folder, number) for number in range(2)]
    for moment in (OLD, NEW):
        for number, host in enumerate(hosts):
            for identifier in ("predictions", "inputs"):
                host.collect(identifier, {"n": 40 + number}, {"n": 41 + number}, at=moment)
                host.ship()
        if moment == OLD:
            shutil.copytree(folder / "archive", folder / "backup")
    notes = [_newest(path) for path in logs(folder / "archive")]
    spools = [path.parent for path in folder.rglob("spool.json")]
    return World(folder / "archive", spools, notes)


def _host(folder: Path, number: int) -> Shipped:
    """With a spool of its own."""
    spool = folder / f"spool{number}"
    settings = Settings.build({}, archive=str(folder / "archive"), spool=str(spool))
    open_place(settings.spool_folder(), Files(), bytes([number + 1]) * 16, 0)
    shipped = Shipped(str(folder / "archive"), spool)
    shipped._pipeline._recorder._signer = signer_of(SEED)  # as a shipper's worker gives it
    return shipped


def _newest(log: Path) -> str:
    return str(json.loads(log.read_bytes().splitlines()[-1])["head"])


@pytest.fixture
def world(template: World, tmp_path: Path) -> World:
    for name in ("archive", "backup"):
        shutil.copytree(template.archive.with_name(name), tmp_path / name)
    return template._replace(archive=tmp_path / "archive")
