"""README and the pages that a newcomer meets first have short sentences and plain words."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.house.prose import LONG, ROOT, measure, sentences, words

PLAIN = ("README.md", "docs/getting-started.md", "docs/settings.md")
RIDDLES = ("a file that the kernel owns", "what is not accepted", "is warned of", "anew", " told ")


@pytest.mark.parametrize("page", PLAIN)
def test_a_sentence_has_sixteen_words_on_average_and_none_has_over_thirty(page: str) -> None:
    text = (ROOT / Path(page)).read_text(encoding="utf-8")
    count, mean, _ = measure(text)
    assert count > 10
    assert mean <= 16
    assert [sentence for sentence in sentences(text) if words(sentence) > LONG] == []


@pytest.mark.parametrize("page", PLAIN)
def test_there_are_no_riddles(page: str) -> None:
    text = (ROOT / Path(page)).read_text(encoding="utf-8")
    assert [riddle for riddle in RIDDLES if riddle in text] == []


def test_the_measure_sees_sentences_and_nothing_else() -> None:
    page = "# A title\n\nOne two. Three\nfour five? six!\n\n- seven `a b c` eight\n- [nine](x.md) ten\n\n    code here\n\n| a | b |\n\n```py\nx\n```\n"
    assert [words(sentence) for sentence in sentences(page)] == [2, 3, 1, 3, 2]
