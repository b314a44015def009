"""What Python and a notebook show of our objects: short, true, without secrets, and nothing in it is HTML of the data."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path
from unittest import mock

import pytest

from modeldata import Archive, ModelDataCollector
from tests.read.kit import Shipped

SECRET = "s3cr3tKey"
EVIL = "<script>alert(1)</script>"


class Texts(HTMLParser):
    """The tags of a page, and the text of its cells."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.texts: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.add(tag)

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


@pytest.fixture
def shipped(tmp_path: Path) -> Shipped:
    made = Shipped(str(tmp_path / "archive"), tmp_path / "spool")
    made.collect("inputs", {"x": 1, EVIL: EVIL}, ids="a")
    made.collect("predictions", [0.5], ids="a")
    made.ship()
    return made


def test_an_archive_shows_its_url_without_secrets_and_asks_nobody() -> None:
    archive = Archive("az://account/box", spool="/nowhere/spool", ship="off")
    # today's settings refuse a URL with a secret in it; a repr does not rely on that
    object.__setattr__(archive.settings, "archive", f"az://account/box?sig={SECRET}")
    with mock.patch("socket.socket", side_effect=AssertionError("a repr asks the network")):
        texts = [repr(archive), archive._repr_html_()]
        collector = archive.collector("churn", "inputs")
        texts += [repr(collector), collector._repr_html_()]
    assert all("account" in text and SECRET not in text for text in texts)


def test_a_local_archive_shows_its_collectors(shipped: Shipped) -> None:
    page = Texts(shipped.archive._repr_html_())
    assert {"collector", "m/inputs", "m/predictions"} <= set(page.texts) and "script" not in page.tags


def test_an_archive_that_was_closed_says_so(tmp_path: Path) -> None:
    archive = Archive(tmp_path / "archive", spool=tmp_path / "spool", ship="off")
    assert repr(archive) == f"Archive('{tmp_path / 'archive'}', format='csv')"
    archive.close(0)
    assert repr(archive).endswith("format='csv', closed)")


def test_a_collector_shows_its_names_and_its_archive(tmp_path: Path) -> None:
    archive = Archive(tmp_path / "archive", spool=tmp_path / "spool", ship="off")
    collector = ModelDataCollector(EVIL, "inputs", archive=archive)
    assert repr(collector) == f"ModelDataCollector({EVIL!r}, 'inputs', archive='{tmp_path / 'archive'}')"
    page = Texts(collector._repr_html_())
    assert EVIL in page.texts and "script" not in page.tags


def test_a_scan_shows_its_columns_and_reads_no_row(shipped: Shipped) -> None:
    scan = shipped.archive.scan("m", "inputs")
    with mock.patch("modeldata.read.fetch.read_bytes", side_effect=AssertionError("a repr reads rows")):
        assert repr(scan) == f"Scan(m/inputs in {shipped.archive.settings.archive}: 8 columns, at most 1 rows)"
        page = Texts(scan._repr_html_())
    assert {"x", "int64", EVIL} <= set(page.texts) and "script" not in page.tags


def test_a_join_shows_how_complete_it_is_and_its_first_rows_with_all_text_escaped(shipped: Shipped) -> None:
    joined = shipped.archive.join("m", "inputs", "predictions")
    assert repr(joined) == f"Joined(1 rows, 7 columns: {joined.coverage})"
    page = Texts(joined._repr_html_())
    assert {EVIL, f"inputs.{EVIL}", "0.5"} <= set(page.texts) and "script" not in page.tags


def test_stats_and_status_show_their_counts(shipped: Shipped) -> None:
    stats = shipped.archive.stats()
    assert repr(stats).startswith("Stats(accepted=2, archived=2, ") and repr(shipped.archive.status()).startswith(
        "Status(archived=2, "
    )
    assert {"accepted", "archived", "2"} <= set(Texts(stats._repr_html_()).texts)


def test_long_text_is_cut_in_a_notebook(tmp_path: Path) -> None:
    archive = Archive(tmp_path / "archive", spool=tmp_path / "spool", ship="off")
    assert len(ModelDataCollector("m" * 100_000, archive=archive)._repr_html_()) < 2000
