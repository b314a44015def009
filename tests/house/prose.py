"""How long the sentences of our pages are: `python -m tests.house.prose` prints a line for each page.

Code, tables and headings are no sentences. A sentence ends with `.`, `!` or `?` before a space, or with its paragraph or item.
What stands in backquotes, and a link's target, count as one word or none.
"""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
LONG = 30
"""Words from which on a sentence is too long."""
NO_SENTENCE = re.compile(r"^( {4}|#|\||<!--|!\[|@)")


def sentences(page: str) -> list[str]:
    """All of a page, in their order."""
    page = re.sub(r"^```.*?^```$", "", page, flags=re.DOTALL | re.MULTILINE)
    paragraphs, lines = [], list[str]()
    for line in [*page.splitlines(), ""]:
        begins = re.match(r"\s*([-*]|\d+\.) ", line)
        if begins or not line.strip() or (NO_SENTENCE.match(line) and not lines):
            paragraphs.append(" ".join(lines))
            lines = []
        if line.strip() and (begins or lines or not NO_SENTENCE.match(line)):
            lines.append(line.strip())
    return [sentence for paragraph in paragraphs for sentence in _split(paragraph)]


def _split(paragraph: str) -> list[str]:
    text = re.sub(r"`[^`]*`", "code", re.sub(r"\]\([^)]*\)", "]", paragraph))
    parts = re.split(r"(?<=[.!?])[*)\"]*\s+", re.sub(r"^([-*]|\d+\.) ", "", text))
    return [part for part in parts if words(part)]


def words(sentence: str) -> int:
    return len(re.findall(r"[^\W_][\w'-]*", sentence))


def measure(page: str) -> tuple[int, float, float]:
    """(sentences, mean words of one, share of those that are too long)."""
    counts = [words(sentence) for sentence in sentences(page)]
    total = max(len(counts), 1)
    return len(counts), sum(counts) / total, sum(count > LONG for count in counts) / total


def pages() -> list[Path]:
    return sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "examples").rglob("*.md")])


if __name__ == "__main__":
    for path in pages():
        count, mean, share = measure(path.read_text(encoding="utf-8"))
        print(f"{path.relative_to(ROOT)!s:32} {count:4} sentences, {mean:4.1f} words, {share:5.1%} over {LONG}")
