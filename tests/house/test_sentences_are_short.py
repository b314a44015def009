"""Pages for users have short sentences and plain words."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.house.prose import LONG, ROOT, measure, pages, sentences, words

OTHERS = {"CHANGELOG.md", "ARCHITECTURE.md"}
"""Pages for those who change the library."""
DRAWN = {"fault-matrix.md"}
"""Made of names of tests and guards."""
PAGES = [page for page in pages() if page.name not in OTHERS]
RIDDLES = re.compile(
    r"a file that the kernel owns|what is not accepted|\b(?:anew|told(?!-)|tells? of|warned of|whose)\b", re.IGNORECASE
)


def named(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_a_sentence_has_sixteen_words_on_average_and_none_has_over_thirty(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    _, mean, _ = measure(text)
    assert mean <= 16
    assert [sentence for sentence in sentences(text) if words(sentence) > LONG] == []


@pytest.mark.parametrize("page", [page for page in PAGES if page.name not in DRAWN], ids=named)
def test_there_are_no_riddles(page: Path) -> None:
    text = re.sub(r"`[^`\n]*`", "", page.read_text(encoding="utf-8"))
    assert [line for line in text.splitlines() if RIDDLES.search(line)] == []


def test_the_measure_sees_sentences_and_nothing_else() -> None:
    page = "# A title\n\nOne two. Three\nfour five? six!\n\n- seven `a b c` eight\n- [nine](x.md) ten\n\n    code here\n\n| a | b |\n\n```py\nx\n```\n"
    assert [words(sentence) for sentence in sentences(page)] == [2, 3, 1, 3, 2]
