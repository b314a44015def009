"""Pictures of all pages for docs/, taken in a browser: `python -m tests.ui.pictures`."""

from __future__ import annotations

import tempfile
from pathlib import Path
from unittest import mock

from modeldata.spool.files import Files
from tests.ui import kit
from tests.ui.browser import PAGES, Visit, browsing, serving

IMAGES = Path(__file__).parents[2] / "docs" / "img"
ASKED = {
    "case": "id=order-700",
    "rows": "collector=churn_inputs",
    "columns": "collector=churn_inputs",
    "drift": "collector=churn_inputs",
}
DARK = ("drift",)
RENAME = """folder => {
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) walker.currentNode.data = walker.currentNode.data.replaceAll(folder, "/home/you/shop");
}"""
"""What a picture calls the folder that it was taken of."""


def main() -> None:
    with tempfile.TemporaryDirectory() as made, mock.patch.object(Files, "sync", lambda self, fd: None):
        folder = Path(made, "shop")
        folder.mkdir()
        _, rows = kit.fill(folder)
        kit.kept(folder, rows)
        with serving(folder / "archive", spool=folder / "spool") as url, browsing() as browser:
            for page in PAGES:
                seen = Visit(browser, url, width=1100, height=760, dark=page in DARK)
                seen.go(page, ASKED.get(page, ""))
                if page == "drift":
                    seen.page.click(".heat td.shifted button")
                if page == "sql":
                    seen.page.click("button.main")
                    seen.page.wait_for_selector("text=rows in")
                seen.page.evaluate(RENAME, str(folder))
                seen.page.mouse.move(0, 0)
                seen.page.evaluate("document.activeElement.blur()")
                seen.page.screenshot(path=str(IMAGES / f"ui-{page}.png"))
                seen.close()


if __name__ == "__main__":
    main()
