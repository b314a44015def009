"""A real browser over a real server: Debian's Chromium (or what `MODELDATA_CHROMIUM` names), driven by Playwright."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from tests.support.azurite import HOME, npm_command

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

AXE = "4.14.1"
NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
QUIET = (
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-default-apps", "--no-first-run",
    "--disable-extensions", "--disable-domain-reliability", "--no-pings", "--metrics-recording-only",
)  # fmt: skip
"""The browser itself asks nobody."""
PAGES = ("overview", "columns", "drift", "rows", "case", "proof", "spool", "keeping", "sql")
LOOPBACK = ("127.0.0.1", "localhost")


def chromium() -> str:
    """Where it is. Raises `RuntimeError`, which says what to install."""
    named = os.environ.get("MODELDATA_CHROMIUM")
    found = named or next((path for name in NAMES if (path := shutil.which(name))), None)
    if found is None:
        raise RuntimeError("no Chromium: `apt-get install chromium`, or say where it is by MODELDATA_CHROMIUM")
    return found


def install() -> None:
    """Chromium, from Debian where it is missing and this user may install it; axe-core, from npm."""
    try:
        chromium()
    except RuntimeError:
        if os.geteuid() or not shutil.which("apt-get"):
            raise
        subprocess.run(["apt-get", "install", "-y", "--no-install-recommends", "chromium"], check=True, stdout=subprocess.DEVNULL)
    axe()


def axe() -> str:
    """The source of axe-core, installed once where it is missing."""
    path = HOME / "node_modules" / "axe-core" / "axe.min.js"
    if not path.exists():
        HOME.mkdir(parents=True, exist_ok=True)
        command = [*npm_command(), "install", "--prefix", str(HOME), "--no-audit", "--no-fund", f"axe-core@{AXE}"]
        subprocess.run(command, check=True, capture_output=True, timeout=300)
    return path.read_text(encoding="utf-8")


@contextmanager
def serving(archive: Path, *arguments: str, spool: Path | None = None) -> Iterator[str]:
    """`modeldata ui` as a process: the address that it prints."""
    command = [sys.executable, "-m", "modeldata", "ui", str(archive), "--json", *arguments]
    command += ["--spool", str(spool)] if spool else []
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield json.loads(process.stdout.readline())["url"]
        finally:
            process.terminate()
            process.wait(20)


@contextmanager
def browsing() -> Iterator[Browser]:
    """A browser with a new profile."""
    from playwright.sync_api import sync_playwright  # here: other tests run without it

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=list(QUIET), chromium_sandbox=os.geteuid() != 0)
        yield browser
        browser.close()


class Visit:
    """A tab, and all that it asked for and complained of."""

    def __init__(self, browser: Browser, url: str, *, width: int = 1280, height: int = 900, dark: bool = False) -> None:
        context = browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme="dark" if dark else "light",
            accept_downloads=True,
            reduced_motion="reduce",
        )
        self.page: Page = context.new_page()
        self.requests: list[str] = []
        self.complaints: list[str] = []
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on(
            "console", lambda message: self.complaints.append(message.text) if message.type in ("error", "warning") else None
        )
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.url = url
        self.page.goto(url)
        self.wait("overview")

    def wait(self, page: str) -> None:
        """Until that page is drawn, with what it reads afterwards."""
        self.page.wait_for_selector(f"html[data-ready={page}]:not([data-asking])", state="attached", timeout=60_000)

    def go(self, page: str, parameters: str = "") -> None:
        address = f"#/{page}{'?' + parameters if parameters else ''}"
        if self.page.evaluate("location.hash") != address:
            self.page.evaluate("address => { delete document.documentElement.dataset.ready; location.hash = address; }", address)
        self.wait(page)

    @property
    def text(self) -> str:
        return self.page.inner_text("main")

    @property
    def strangers(self) -> list[str]:
        """Requests that left this machine."""
        return [
            url
            for url in self.requests
            if urlsplit(url).scheme not in ("blob", "data") and urlsplit(url).hostname not in LOOPBACK
        ]

    def violations(self, source: str) -> list[str]:
        """What axe finds wrong with the page as it is."""
        self.page.evaluate(source)
        found: dict[str, Any] = self.page.evaluate("axe.run()")
        return [
            f"{each['id']}: {each['nodes'][0]['html'][:200]} {each['nodes'][0]['failureSummary'][:300]}"
            for each in found["violations"]
        ]

    def close(self) -> None:
        self.page.context.close()


if __name__ == "__main__":
    install()
