"""For all tests: hypothesis without deadlines (machines are shared), and the same examples every time where a change must land.

Each test is a user of its own for spools: none ships what another left behind.
"""

from __future__ import annotations

import itertools
import os
from collections import Counter

import pytest
from hypothesis import HealthCheck, settings

from tests.support.spark import clouds, spark

__all__ = ["clouds", "spark"]

settings.register_profile("ours", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("landing", parent=settings.get_profile("ours"), derandomize=True)
settings.load_profile("landing" if os.environ.get("CI") else "ours")

_number = itertools.count()


@pytest.hookimpl(tryfirst=True)  # before markers choose
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Of the cases of a test with `sampled(n)` each n-th is an ordinary test; the others belong to the long runs (`make faults`).
    All are tried of a mutant.

    Under Windows, tests that assume POSIX are skipped, with the reason their marker gives.
    """
    cases: Counter[str] = Counter()
    for test in items:
        if (marker := test.get_closest_marker("sampled")) is not None:
            function = test.nodeid.partition("[")[0]
            if cases[function] % marker.args[0] and not os.environ.get("MODELDATA_MUTANT"):
                test.add_marker("faults")
            cases[function] += 1
        if os.name == "nt" and (marker := test.get_closest_marker("posix")) is not None:
            test.add_marker(pytest.mark.skip(reason=f"POSIX: {marker.args[0]}"))


@pytest.fixture(autouse=True)
def own_state(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a user's spools are noted, and lie for remote archives. Made only by tests that need it."""
    state = str(tmp_path_factory.getbasetemp() / f"state-{next(_number)}")
    monkeypatch.setenv("LOCALAPPDATA" if os.name == "nt" else "XDG_STATE_HOME", state)
