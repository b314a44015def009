"""`doctor` looks and leaves nothing: no archive of a mistyped name, no spool, no probe where a key may not delete."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from azure.storage.blob import BlobServiceClient, ContainerSasPermissions, generate_container_sas

from modeldata import Archive
from modeldata.cli.commands.doctor import BAD, NOTE, OK, examine
from modeldata.settings import Settings
from modeldata.spool.files import Files
from tests.support.azurite import Azurite, azurite

from .kit import run


def everything(folder: Path) -> list[str]:
    return sorted(str(path) for path in folder.rglob("*"))


@pytest.mark.parametrize("place", ["nowhere", "some/folder/nowhere"])
def test_an_archive_of_a_mistyped_name_is_not_made(here: Path, place: str) -> None:
    before = everything(here)
    done = run("doctor", "--archive", place)
    assert done.code == 0, done.out
    assert done.out.count("not there yet") == 2
    assert everything(here) == before


def test_one_that_can_not_be_made_is_said(here: Path) -> None:
    (here / "file").write_text("mine")
    before = everything(here)
    done = run("doctor", "--archive", "file/archive")
    assert done.code == 1 and "bad  archive" in done.out
    assert everything(here) == before


def test_several_archives_that_are_not_there_are_not_made(here: Path) -> None:
    before = everything(here)
    assert run("doctor", "--archive", "one,two", "--spool", "spool").code == 0
    assert everything(here) == before


@pytest.fixture(scope="module")
def cloud() -> object:
    with azurite() as server:
        yield server


def _with_rights(cloud: Azurite, container: str, rights: str) -> str:
    permission = ContainerSasPermissions.from_string(rights)
    expiry = datetime.now(UTC) + timedelta(hours=1)
    sas = generate_container_sas(cloud.account, container, account_key=cloud.key, permission=permission, expiry=expiry)
    return f"BlobEndpoint={cloud.endpoint};SharedAccessSignature={sas};"


def _blobs(cloud: Azurite, container: str) -> list[str]:
    with BlobServiceClient.from_connection_string(cloud.connection_string) as service:
        return sorted(blob.name for blob in service.get_container_client(container).list_blobs())


def _findings(url: str, spool: Path) -> dict[str, tuple[str, str]]:
    found = examine(Settings.build(os.environ, archive=url, spool=str(spool)), Files())
    return {finding.topic: (finding.verdict, finding.text) for finding in found}


def test_a_key_that_may_not_delete_is_enough_and_nothing_is_left(
    cloud: Azurite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with BlobServiceClient.from_connection_string(cloud.connection_string) as service:
        service.create_container("doctor")
    url, spool = "az://doctor/p", tmp_path / "spool"
    monkeypatch.setenv("AZURE_STORAGE_CONNECTION_STRING", _with_rights(cloud, "doctor", "rac"))
    verdict, text = _findings(url, spool)["archive"]
    assert verdict == NOTE and "not there yet" in text and "it can be made" in text
    assert _blobs(cloud, "doctor") == []

    archive = Archive(url, spool=spool, ship="thread", batch_seconds=0)
    assert archive.collector("m", "i").collect({"x": 1}) and archive.close(60)
    before = _blobs(cloud, "doctor")
    assert _findings(url, spool)["archive"] == (OK, f"can be written and read back: {url}")
    assert _blobs(cloud, "doctor") == before

    for rights in ("r", "ra", "rc", "ac"):
        monkeypatch.setenv("AZURE_STORAGE_CONNECTION_STRING", _with_rights(cloud, "doctor", rights))
        verdict, text = _findings(url, spool)["archive"]
        assert verdict == BAD and "give the SAS the right" in text and "role" not in text, rights
    assert _blobs(cloud, "doctor") == before
