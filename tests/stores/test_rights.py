"""The table of rights in docs/stores.md, measured: each command does its work with exactly these, and with one less says so."""

from __future__ import annotations

import itertools
import re
import shlex
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from azure.storage.blob import BlobServiceClient, ContainerSasPermissions, generate_container_sas

from tests.cli.kit import run
from tests.read.kit import Shipped
from tests.support.azurite import Azurite, azurite

PAGE = Path(__file__).parents[2] / "docs" / "stores.md"
LETTERS = {"read": "r", "add": "a", "create": "c", "delete": "d", "list": "l"}
LINES = {
    "ship": "ship --drain --timeout 1s --spool waits",
    "head": "head m/i", "tail": "tail m/i", "query": "query 'select * from m_i'", "join": "join m i p", "export": "export m/i",
    "stats": "stats m/i", "ls": "ls", "audit": "audit", "doctor": "doctor --spool waits", "compact": "compact",
    "erase": "erase --where x=1 --yes", "prune": "prune --older-than 1s --yes",
}  # fmt: skip


def table() -> dict[str, str]:
    """Command → letters of its rights, as the page says."""
    found: dict[str, str] = {}
    for commands, rights in re.findall(
        r"^\| ((?:`\w+`(?:, )?)+) \| ((?:[a-z]+(?: \+ )?)+) \|", PAGE.read_text(encoding="utf-8"), re.M
    ):
        found.update(dict.fromkeys(re.findall(r"`(\w+)`", commands), "".join(LETTERS[word] for word in rights.split(" + "))))
    return found


@pytest.fixture(scope="module")
def cloud() -> Iterator[Azurite]:
    with azurite() as server:
        yield server


@pytest.fixture
def login(cloud: Azurite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Login]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MODELDATA_ARCHIVE", raising=False)
    yield Login(cloud, monkeypatch)


class Login:
    """A container with two collectors of an old day, and some rows that wait in a spool; then, a key with few rights to it."""

    names = itertools.count()

    def __init__(self, cloud: Azurite, monkeypatch: pytest.MonkeyPatch) -> None:
        self._cloud, self._patch = cloud, monkeypatch
        self.container = f"rights{next(self.names)}"
        self.url = f"az://{self.container}/archive"

    def fill(self, file_format: str) -> None:
        self._patch.setenv("AZURE_STORAGE_CONNECTION_STRING", self._cloud.connection_string)
        with BlobServiceClient.from_connection_string(self._cloud.connection_string) as service:
            service.create_container(self.container)
        shipped = Shipped(self.url, Path("spool"), file_format)
        for identifier in ("i", "p"):
            shipped.collect(identifier, {"x": 1}, {"x": 2}, at="2026-11-20T10:00:00", ids="a")
            shipped.ship()
            shipped.collect(identifier, {"x": 3}, at="2026-11-20T11:00:00")
        shipped.ship()
        waiting = Shipped(self.url, Path("waits"), file_format)
        waiting.collect("i", {"x": 4})

    def may(self, rights: str) -> None:
        expiry = datetime.now(UTC) + timedelta(hours=1)
        permission = ContainerSasPermissions.from_string(rights)
        sas = generate_container_sas(
            self._cloud.account, self.container, account_key=self._cloud.key, permission=permission, expiry=expiry
        )
        self._patch.setenv("AZURE_STORAGE_CONNECTION_STRING", f"BlobEndpoint={self._cloud.endpoint};SharedAccessSignature={sas};")


def test_the_page_names_every_command_that_uses_an_archive() -> None:
    assert table().keys() == LINES.keys()


@pytest.mark.sampled(3)
@pytest.mark.parametrize("file_format", ["csv", "parquet"])
@pytest.mark.parametrize("command", LINES)
def test_it_works_with_exactly_these_rights(login: Login, command: str, file_format: str) -> None:
    login.fill(file_format)
    login.may(table()[command])
    done = run(*shlex.split(LINES[command]), "--archive", login.url)
    assert done.code == 0, done.out + done.err
    assert "credentials are refused" not in done.out + done.err


@pytest.mark.sampled(3)
@pytest.mark.parametrize(("command", "missing"), [(name, letter) for name, letters in table().items() for letter in letters])
def test_one_right_less_is_said(login: Login, command: str, missing: str) -> None:
    login.fill("csv")
    login.may(table()[command].replace(missing, ""))
    done = run(*shlex.split(LINES[command]), "--archive", login.url)
    said = done.out + done.err
    assert "give the SAS the right" in said and "Traceback" not in said
    assert done.code != 0


def test_parquet_without_add_is_archived_and_the_missing_heads_are_said(login: Login) -> None:
    login.fill("parquet")
    login.may("rc")
    done = run(*shlex.split(LINES["ship"]), "--archive", login.url)
    assert done.code == 0 and "nothing is pending" in done.out
    assert "_heads/" in done.err and "give the SAS the right" in done.err
