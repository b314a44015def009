"""Group H of the fault matrix: what public bug reports and attacks broke. One module a topic, each with its rows and its mutants."""

from __future__ import annotations

from tests.faults.hostile import calls, captured, encoded, identity, proof, reading, rounds, segments, surroundings

_TOPICS = (segments, calls, captured, encoded, identity, rounds, surroundings, reading, proof)

ROWS = {row: tests for topic in _TOPICS for row, (_, tests) in topic.ROWS.items()}
TITLES = {row: title for topic in _TOPICS for row, (title, _) in topic.ROWS.items()}
MUTANTS = tuple(mutant for topic in _TOPICS for mutant in topic.MUTANTS)
