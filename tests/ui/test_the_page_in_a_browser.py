"""The page in a real browser: drawn, quiet, at home on this machine, usable by everybody (`make ui`)."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from modeldata import Archive
from modeldata.spool.files import Files
from tests.support.scripts import wait_until
from tests.ui import hostile, kit
from tests.ui.browser import PAGES, Visit, axe, browsing, serving

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.browser
SIZES = {"wide": (1280, 900), "phone": (390, 844)}
ASKED = {"case": "id=order-7", "rows": "collector=churn_inputs"}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with browsing() as found:
        yield found


@pytest.fixture(scope="module")
def url(planted: tuple[Path, list[kit.Row]]) -> Iterator[str]:
    with serving(planted[0] / "archive", spool=planted[0] / "spool") as address:
        yield address


@pytest.fixture
def visit(browser: Browser, url: str) -> Iterator[Visit]:
    seen = Visit(browser, url)
    yield seen
    seen.close()
    assert (seen.complaints, seen.strangers) == ([], [])


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
def test_every_page_is_drawn_quiet_at_home_and_accessible(browser: Browser, url: str, size: str, dark: bool) -> None:
    width, height = SIZES[size]
    seen, source = Visit(browser, url, width=width, height=height, dark=dark), axe()
    for page in PAGES:
        seen.go(page, ASKED.get(page, ""))
        if page == "drift":
            seen.page.click(".heat td.shifted button")
        if page == "sql":
            seen.page.click("button.main")
            seen.page.wait_for_selector("text=rows in")
        assert "It did not work" not in seen.text and len(seen.text) > 100, page
        assert seen.violations(source) == [], page
        assert seen.page.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"{page} is wider than the screen"
    assert (seen.complaints, seen.strangers) == ([], [])
    seen.close()


def test_the_token_leaves_the_address_and_nothing_works_without_it(browser: Browser, visit: Visit, url: str) -> None:
    assert "token" not in visit.page.url and not [each for each in visit.requests if "token" in each]
    context = browser.new_context()
    stranger = context.new_page()
    stranger.goto(url.partition("#")[0])
    stranger.wait_for_selector(".error")
    assert "token is missing or wrong" in stranger.inner_text("main")
    context.close()


def test_every_number_says_what_it_counts(visit: Visit) -> None:
    for page in PAGES:
        visit.go(page, ASKED.get(page, ""))
        bare = visit.page.evaluate(
            "[...document.querySelectorAll('.tiles div, thead th.number, .heat td button')].filter(e => !e.title).map(e => e.outerHTML)"
        )
        assert bare == [], page


def test_the_page_shows_what_the_files_hold(visit: Visit, planted: tuple[Path, list[kit.Row]]) -> None:
    rows = {name: len(kit.archived(planted[0], name)) for name in ("inputs", "predictions")}
    assert f"{sum(rows.values()):,}" in visit.text
    outage = visit.page.inner_text("section + h2 ~ div:has(caption:text('longest stretches'))")
    assert f"{kit.day(5)} 08:00:00" in outage and f"{kit.day(5)} 16:00:00" in outage
    visit.go("proof")
    assert visit.page.inner_text(".tiles").count(f"{sum(rows.values()):,}") == 1 and "erased" in visit.text
    visit.go("drift", "collector=churn_inputs")
    shifted = visit.page.eval_on_selector_all(".heat td.shifted button", "all => all.map(each => each.title.split(':')[0])")
    later = [kit.day(number) for number in range(kit.SHIFT_DAY, kit.DAYS)]
    assert shifted == [f"age, {kit.day(kit.SHIFT_DAY)}", *(f"{name}, {day}" for name in ("income", "plan") for day in later)]


def test_charts_are_drawn_when_they_are_looked_at_and_read_by_keys(visit: Visit) -> None:
    chart = visit.page.locator(".chart")
    chart.scroll_into_view_if_needed()
    visit.page.wait_for_selector(".chart canvas")
    chart.focus()
    visit.page.keyboard.press("Home")
    assert visit.page.inner_text(".chart + p") == f"{kit.day(0)} 00:00: churn/predictions 6, churn/inputs 6"


def test_all_of_it_is_reached_by_keys_alone(visit: Visit) -> None:
    keyboard = visit.page.keyboard
    visit.page.evaluate("document.activeElement.blur()")
    keyboard.press("Tab")
    assert visit.page.evaluate("document.activeElement.className") == "skip"
    for page in PAGES[:3]:
        keyboard.press("Tab")
        assert visit.page.evaluate("document.activeElement.hash") == f"#/{page}"
    keyboard.press("Enter")
    visit.wait("drift")
    assert visit.page.evaluate("document.activeElement.id") == "main"
    for _ in range(40):
        keyboard.press("Tab")
        if visit.page.evaluate("document.activeElement.matches('.heat button')"):
            break
    keyboard.press("Enter")
    visit.page.wait_for_selector("section[aria-live] h2")


def test_a_result_is_downloaded(visit: Visit) -> None:
    visit.go("sql")
    visit.page.fill("textarea", "SELECT 42 AS answer")
    with visit.page.expect_download() as waiting:
        visit.page.click("text=Download CSV")
    content = Path(waiting.value.path()).read_text()
    assert list(csv.DictReader(io.StringIO(content))) == [{"answer": "42"}]


def test_rows_that_are_collected_appear_while_one_looks(browser: Browser, tmp_path: Path) -> None:
    archive = Archive(tmp_path / "archive", spool=tmp_path / "spool", ship="thread", min_free_bytes=0)
    inputs = archive.collector("churn", "inputs", ["age"])
    assert inputs.collect([1], "before") and archive.flush(30)
    with serving(tmp_path / "archive", spool=tmp_path / "spool") as address:
        seen = Visit(browser, address)
        seen.go("rows", "collector=churn_inputs")
        seen.page.check("#follow")
        assert inputs.collect([2], "the new one")
        seen.page.wait_for_selector("tr.new:has-text('the new one')", timeout=20_000)
        assert seen.complaints == []
        seen.close()
    archive.close(30)


def test_hostile_values_are_text_on_every_page(browser: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Files, "sync", lambda self, fd: None)
    hostile.fill(tmp_path)
    with serving(tmp_path / "archive", spool=tmp_path / "spool") as address:
        seen = Visit(browser, address)
        for page in PAGES:
            seen.go(page, "id=long" if page == "case" else "")
            if page == "sql":
                seen.page.click("button.main")
                seen.page.wait_for_selector("text=rows in")
            assert "It did not work" not in seen.text
            assert seen.page.evaluate(
                "[window.hostile, document.querySelectorAll('main img, main iframe, main script').length]"
            ) == [None, 0]
            hidden = seen.page.evaluate(
                "[...document.querySelectorAll('[title], [aria-label]')].map(e => e.title + e.ariaLabel).join()"
            )
            assert not {"\u202e", "\x1b", "\u2066"} & set(seen.text + hidden), page
        seen.go("rows")
        assert "<script>window.hostile=1</script>" in seen.text and "10,000,000 characters" in seen.text
        assert (seen.complaints, seen.strangers) == ([], [])
        seen.close()


def test_an_archive_that_is_not_there_yet_is_said(browser: Browser, tmp_path: Path) -> None:
    with serving(tmp_path / "nothing", spool=tmp_path / "spool") as address:
        seen = Visit(browser, address)
        assert "nothing was archived there yet" in seen.text
        seen.close()


def test_the_page_works_below_a_path_of_another_service(
    browser: Browser, planted: tuple[Path, list[kit.Row]], tmp_path: Path
) -> None:
    import threading

    import uvicorn
    from starlette.applications import Starlette
    from starlette.routing import Mount

    from modeldata.ui import app

    service = Starlette(routes=[Mount("/team/archive", app(planted[0] / "archive", cache=str(tmp_path / "cache")))])
    server = uvicorn.Server(uvicorn.Config(service, port=0, log_level="warning", lifespan="off", ws="none"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        wait_until(lambda: server.started, 30, "the service starts")
        port = server.servers[0].sockets[0].getsockname()[1]
        seen = Visit(browser, f"http://127.0.0.1:{port}/team/archive/")
        seen.go("drift", "collector=churn_inputs")
        assert seen.page.locator(".heat td.shifted").count() == 9 and (seen.complaints, seen.strangers) == ([], [])
        seen.close()
    finally:
        server.should_exit = True
        thread.join()
