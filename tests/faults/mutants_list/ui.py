"""The page that shows an archive: who may ask, what is shown, what is counted."""

from __future__ import annotations

from tests.faults.mutant import Mutant, one

_ASK = "tests/ui/test_only_the_page_may_ask.py::test_"
_NUMBERS = "tests/ui/test_numbers_are_those_of_the_files.py::test_"
_HOSTILE = "tests/ui/test_hostile_values_stay_text.py::test_"

MUTANTS: tuple[Mutant, ...] = (
    one(
        "the page answers to its own name alone", "ui/guard.py",
        "if not host or (rules.hosts is not None and host not in rules.hosts):", "if False:",
        f"{_ASK}under_another_name_nothing_is_answered",
    ),
    one(
        "the page answers no other origin", "ui/guard.py",
        '(origin is None or origin.lower().partition("://")[2] == host)', "True",
        f"{_ASK}another_site_gets_nothing",
    ),
    one(
        "the page answers no other site", "ui/guard.py",
        "(site is None or site.lower() in OWN_SITE)", "True",
        f"{_ASK}another_site_gets_nothing",
    ),
    one(
        "the page only reads", "ui/guard.py",
        'if method not in (("GET", "POST") if path == SQL else ("GET",)):', "if False:",
        f"{_ASK}nothing_but_get_is_answered",
    ),
    one(
        "the page answers who has the token", "listening.py",
        "return hmac.compare_digest(authorization.encode(), f\"{SCHEME}{token}\".encode())", "return True",
        f"{_ASK}without_the_token_no_question_is_answered",
    ),
    one(
        "refusals have the headers, too", "ui/guard.py",
        "await answer(scope, receive, guarded)", "await answer(scope, receive, send)",
        f"{_ASK}every_answer_says_what_a_browser_may_do_with_it",
    ),
    one(
        "the page cuts long cells", "ui/values.py",
        "return text if len(text) <= LONGEST else", "return text if True else",
        f"{_HOSTILE}each_value_comes_back_as_the_text_that_it_is",
    ),
    one(
        "a query of the page has an end", "ui/query.py",
        "                duck.interrupt()\n", "                pass\n",
        f"{_HOSTILE}a_query_has_an_end",
    ),
    one(
        "the page keeps no value of a near-unique column", "ui/scales.py",
        "        return Scale(UNIQUE)\n", "        pass\n",
        f"{_NUMBERS}no_value_of_a_near_unique_column_is_shown_or_kept",
    ),
    one(
        "the page counts a day again when it changes", "ui/cache.py",
        "return held[1] if held and held[0] == stamp else None", "return held[1] if held else None",
        f"{_NUMBERS}what_was_counted_once_is_not_read_again_until_its_day_changes",
    ),
    one(
        "the page names no quiet hours where hours are not known", "ui/overview.py",
        "_quiet(hours) if not unknown else []", "_quiet(hours)",
        f"{_NUMBERS}hours_that_manifests_do_not_tell_are_not_guessed",
    ),
    one(
        "each question counts one day more", "ui/days.py",
        "                if clock.is_over and new:\n", "                if clock.is_over and days:\n",
        f"{_NUMBERS}a_question_without_time_answers_with_what_it_has_and_ends_in_the_end",
    ),
    one(
        "a row of any length is read", "encode/csv.py",
        "block_size=block_size(data) if one_line_each", "block_size=1 << 20 if one_line_each",
        "tests/read/test_rows_of_any_length.py",
    ),
)  # fmt: skip
