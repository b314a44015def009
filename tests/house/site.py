"""The pages of the docs site, gathered in one folder for zensical: `python -m tests.house.site FOLDER`.

Pages lie where a reader of the repository looks for them: some above `docs/`. A site has one folder, so links between them change.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
ABOVE = {
    "README.md": "index.md", "ARCHITECTURE.md": "architecture.md", "CHANGELOG.md": "changelog.md", "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "security.md", "LICENSE": "license.md", "examples/README.md": "examples.md",
}  # fmt: skip
LINK = re.compile(r"(!?\[[^\]]*\]\()(?!https?:|#|mailto:)([^)#\s]+)((?:#[^)]*)?\))")


def places() -> dict[Path, str]:
    """Each source of a page, and its name in the site."""
    above = {ROOT / source: page for source, page in ABOVE.items()}
    return above | {path: str(path.relative_to(ROOT / "docs")) for path in sorted((ROOT / "docs").rglob("*.md"))}


def gather(folder: Path) -> None:
    """Make the folder again. Raises `ValueError` for a link to what is no page of the site."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(ROOT / "docs", folder, ignore=shutil.ignore_patterns("*.md", "*.jsonl"))
    pages = places()
    for source, page in pages.items():
        text = source.read_text(encoding="utf-8")
        text = text if source.suffix else f"# Licence\n\n```text\n{text}```\n"
        target = folder / page
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(_linked(text, source, page, pages), encoding="utf-8")


def _linked(text: str, source: Path, page: str, pages: dict[Path, str]) -> str:
    def moved(link: re.Match[str]) -> str:
        aim = (source.parent / link[2]).resolve()
        place = pages.get(aim) or (str(aim.relative_to(ROOT / "docs")) if aim.is_relative_to(ROOT / "docs") else "")
        if not place or not aim.exists():
            raise ValueError(f"{source.relative_to(ROOT)}: {link[2]} is no page of the site")
        return link[1] + os.path.relpath(place, Path(page).parent) + link[3]

    return LINK.sub(moved, text)


if __name__ == "__main__":
    gather(Path(sys.argv[1]))
