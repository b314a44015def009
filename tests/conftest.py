"""For all tests: hypothesis without deadlines (machines are shared), and the same examples every time where a change must land."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

from tests.support.spark import clouds, spark

__all__ = ["clouds", "spark"]

settings.register_profile("ours", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("landing", parent=settings.get_profile("ours"), derandomize=True)
settings.load_profile("landing" if os.environ.get("CI") else "ours")
