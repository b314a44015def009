"""With `errors="skip"`, every way of reading gives all rows but those that can't be read, and says which; else the error is ours.

A row is left out by itself where the rest of its batch is proven; a file only where nothing in it can be read.
"""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal
from zlib import crc32

import pyarrow as pa
import pytest

from modeldata import Archive, Damaged, ModelDataError, SkippedWarning, Unreadable
from modeldata.read.profile import summarize
from tests.cli.kit import run
from tests.read.kit import FORMATS, Shipped

DAYS = ("2026-11-20", "2026-11-21", "2026-11-22")
EACH = 10
Errors = Literal["raise", "skip"]


@pytest.fixture(params=FORMATS)
def shipped(request: pytest.FixtureRequest, tmp_path: Path) -> Shipped:
    made = Shipped(str(tmp_path / "archive"), tmp_path / "spool", request.param)
    for number, day in enumerate(DAYS):
        rows = [{"n": number * EACH + at, "t": f"text {at}"} for at in range(EACH)]
        made.collect("x", rows, at=f"{day}T10:00:00", ids=f"id{number}")
        made.collect("y", rows, at=f"{day}T10:00:00", ids=f"id{number}")
        made.ship()
    return made


def data_of(archive: Archive, day: int) -> Path:
    pattern = f"**/x/{DAYS[day].replace('-', '/')}/data*"
    (path,) = Path(archive.settings.archive).glob(pattern)
    return path


def joined(archive: Archive, errors: Errors) -> list[int]:
    return [n for n in archive.join("m", "y", "x", errors=errors).table["x.n"].to_pylist() if n is not None]


def profiled(archive: Archive, errors: Errors) -> int:
    return summarize(archive.scan("m", "x", errors=errors))[0].rows


def cli(*command: str) -> Callable[[Archive, Errors], list[int]]:
    def ask(archive: Archive, errors: Errors) -> list[int]:
        done = run(*command, "--archive", archive.settings.archive, "--csv", *(["--skip-damaged"] if errors == "skip" else []))
        if done.code:
            assert done.code == 1 and "Traceback" not in done.err
            raise ModelDataError(done.err)
        if "left out" in done.err:
            warnings.warn(done.err, SkippedWarning, stacklevel=2)
        return [int(row["n"]) for row in done.rows()]

    return ask


WAYS: dict[str, Callable[[Archive, Errors], list[int] | int]] = {
    "read": lambda archive, errors: archive.read("m", "x", errors=errors)["n"].to_pylist(),
    "iterate": lambda archive, errors: [n for batch in archive.scan("m", "x", errors=errors) for n in batch["n"].to_pylist()],
    "values": lambda archive, errors: [int(str(row["n"])) for row in archive.scan("m", "x", errors=errors).to_pylist()],
    "dataset": lambda archive, errors: [n for (n,) in archive.scan("m", "x", errors=errors).to_duckdb().select("n").fetchall()],
    "sql": lambda archive, errors: [n for (n,) in archive.sql("select n from m_x", errors=errors).fetchall()],
    "follow": lambda archive, errors: [
        n for table in archive.follow("m", "x", newest=99, timeout=0, errors=errors) for n in table["n"].to_pylist()
    ],
    "join": joined,
    "profile": profiled,
    "count": lambda archive, errors: archive.scan("m", "x", errors=errors, start="2026-11-20T09:59", columns=["n"]).to_arrow().num_rows,
    "head": cli("head", "m/x", "-n", "99", "--columns", "n"),
    "tail": cli("tail", "m/x", "-n", "99", "--columns", "n"),
    "query": cli("query", "select n from m_x"),
}  # fmt: skip


def check(archive: Archive, way: str, left: list[int], cause: type[Exception] = ModelDataError) -> None:
    """`way` ends in an error of ours; with "skip" it has exactly the rows that are left, and says that others are not there."""
    with pytest.raises(Exception) as caught:
        WAYS[way](archive, "raise")
    ours = isinstance(caught.value, ModelDataError) or "could not read the archive" in str(caught.value)  # DuckDB wraps it
    assert ours, repr(caught.value)
    with pytest.warns(SkippedWarning, match="left out"):
        found = WAYS[way](archive, "skip")
    assert (found if isinstance(found, int) else sorted(found)) == (len(left) if isinstance(found, int) else left)


def without(*rows: int) -> list[int]:
    return [row for row in range(len(DAYS) * EACH) if row not in rows]


@pytest.mark.posix("named pipes in a folder")
@pytest.mark.parametrize("way", WAYS)
def test_a_file_that_can_not_be_opened_is_left_out(shipped: Shipped, way: str) -> None:
    path = data_of(shipped.archive, 1)
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(Unreadable, match="not a regular file"):
        shipped.archive.read("m", "x")
    check(shipped.archive, way, without(*range(EACH, 2 * EACH)))


@pytest.mark.parametrize("shipped", ["csv", "jsonl"], indirect=True)
@pytest.mark.parametrize("way", WAYS)
def test_a_row_that_is_none_is_left_out_alone(shipped: Shipped, way: str) -> None:
    """Its bytes are those that the manifest has a checksum of: who wrote it made a mistake, or means harm."""
    spoil(data_of(shipped.archive, 1), row=4)
    check(shipped.archive, way, without(EACH + 4))


def spoil(path: Path, row: int) -> None:
    """Make a row into something else, with the right checksum."""
    lines = path.read_bytes().splitlines(keepends=True)
    header = path.suffix == ".csv"
    line = lines[row + header]
    lines[row + header] = line.replace(b",", b";") if header else b"?" + line[1:]
    path.write_bytes(b"".join(lines))
    manifest = path.parent / "_manifest" / f"{path.name}.jsonl"
    entry = json.loads(manifest.read_text())
    entry["crc32"] = crc32(b"".join(lines[header:]))
    manifest.write_text(json.dumps(entry) + "\n")


@pytest.mark.parametrize("shipped", ["csv", "jsonl"], indirect=True)
def test_the_row_that_is_none_is_named_and_the_others_keep_their_numbers(shipped: Shipped) -> None:
    path = data_of(shipped.archive, 1)
    whole = shipped.archive.read("m", "x").sort_by("n").select(["n", "t", "$Sequence", "$Row", "$Writer"])
    spoil(path, row=4)
    line = 5 + (path.suffix == ".csv")
    with pytest.raises(Damaged, match=f"line {line} can't be read"):
        shipped.archive.read("m", "x")
    with pytest.warns(SkippedWarning, match=f"{path.name}: line {line} can't be read"):
        left = shipped.archive.read("m", "x", errors="skip").sort_by("n").select(whole.column_names)
    assert left.equals(pa.concat_tables([whole.slice(0, EACH + 4), whole.slice(EACH + 5)]))


@pytest.mark.parametrize("shipped", ["jsonl"], indirect=True)
def test_so_many_rows_that_are_none_are_left_out_together(shipped: Shipped) -> None:
    rows = [{"n": n} for n in range(1000)]
    shipped.collect("many", rows, at="2026-11-20T10:00:00")
    shipped.ship()
    (path,) = Path(shipped.archive.settings.archive).glob("**/many/*/*/*/data*")
    for row in range(0, 1000, 2):
        spoil(path, row)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        left = shipped.archive.read("m", "many", errors="skip")["n"].to_pylist()
    assert len(left) >= 90 and len(caught) < 120 and all(int(n) % 2 for n in left)


def test_a_query_that_fails_after_its_first_rows_says_so_in_our_words(tmp_path: Path) -> None:
    """More rows than DuckDB keeps ahead: mostly, some are printed before the damaged file is reached."""
    made = Shipped(str(tmp_path / "archive"), tmp_path / "spool", "parquet")
    for day, rows in ((DAYS[0], 600_000), (DAYS[2], 1)):
        made.collect("x", pa.table({"n": range(rows)}), at=f"{day}T10:00:00")
        made.ship()
    data_of(made.archive, 2).write_bytes(b"PAR1" + bytes(60))
    done = run("query", "select n from m_x", "--archive", made.archive.settings.archive, "--csv")
    assert done.code == 1
    assert "could not run the query: could not read the archive" in done.err and "--skip-damaged" in done.err
    assert "Traceback" not in done.err


@pytest.mark.parametrize("shipped", ["parquet"], indirect=True)
@pytest.mark.parametrize("way", WAYS)
def test_a_damaged_file_is_left_out(shipped: Shipped, way: str) -> None:
    path = data_of(shipped.archive, 2)
    content = bytearray(path.read_bytes())
    content[:200] = bytes(200)
    content[-60:] = bytes(60)
    path.write_bytes(content)
    check(shipped.archive, way, without(*range(2 * EACH, 3 * EACH)))


@pytest.mark.posix("named pipes in a folder")
def test_a_manifest_that_can_not_be_opened_is_said(shipped: Shipped) -> None:
    path = data_of(shipped.archive, 1)
    for manifest in (path.parent / "_manifest").glob("*.jsonl"):
        manifest.unlink()
        os.mkfifo(manifest)
    with pytest.raises(ModelDataError, match=r"_manifest.*not a regular file"):
        shipped.archive.read("m", "x")
    with pytest.warns(SkippedWarning, match=r"_manifest.*not a regular file"):
        assert shipped.archive.read("m", "x", errors="skip").num_rows == 2 * EACH


@pytest.fixture
def frozen(tmp_path: Path) -> Iterator[tuple[Archive, Callable[[], None]]]:
    """An archive in S3, and what puts its first file into an archive class."""
    import boto3

    from tests.support.s3 import moto_server

    with moto_server() as server, pytest.MonkeyPatch.context() as patch:
        env: dict[str, str] = {"AWS_ENDPOINT_URL": server.url, "AWS_REGION": "us-east-1"}
        env |= {"AWS_ACCESS_KEY_ID": server.key, "AWS_SECRET_ACCESS_KEY": server.secret}
        for name, value in env.items():
            patch.setenv(name, value)
        client: Any = boto3.client("s3", region_name="us-east-1", endpoint_url=server.url)
        client.create_bucket(Bucket="archive")
        shipped = Shipped("s3://archive/a", tmp_path / "spool")
        for number in range(2):
            shipped.collect("x", [{"n": number}])
            shipped.ship()

        def freeze() -> None:
            (key, *_) = [
                one["Key"]
                for one in client.list_objects_v2(Bucket="archive")["Contents"]
                if "_manifest" not in one["Key"] and "/data" in one["Key"]
            ]
            body = client.get_object(Bucket="archive", Key=key)["Body"].read()
            client.put_object(Bucket="archive", Key=key, Body=body, StorageClass="GLACIER")

        yield shipped.archive, freeze


def test_an_object_in_an_archive_class_has_to_be_restored_and_is_left_out(
    frozen: tuple[Archive, Callable[[], None]],
) -> None:
    archive, freeze = frozen
    freeze()
    with pytest.raises(Unreadable, match=r"in an archive class.*restore it first"):
        archive.read("m", "x")
    with pytest.warns(SkippedWarning, match="in an archive class"):
        assert archive.read("m", "x", errors="skip")["n"].to_pylist() == [1]
