"""What a reader raises can be caught by the names in `modeldata`, and costs a service nothing."""

from __future__ import annotations

import subprocess
import sys

import pytest

import modeldata
from modeldata.catalog import errors
from tests.support import scripts

NAMES = [name for name, one in vars(errors).items() if isinstance(one, type) and one.__module__ == errors.__name__]


@pytest.mark.parametrize("name", NAMES)
def test_each_can_be_caught_by_its_public_name(name: str) -> None:
    assert getattr(modeldata, name) is getattr(errors, name)
    assert name in modeldata.__all__


def test_a_name_that_is_none_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="NotHere"):
        modeldata.NotHere  # type: ignore[attr-defined] # that is what is tested


def test_a_service_does_not_load_them() -> None:
    code = "import sys, modeldata; print('modeldata.read' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], env=scripts.environment(), capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
