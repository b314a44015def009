"""A service pays only for what it uses already: asserted in processes of their own."""

from __future__ import annotations

import subprocess
import sys
import textwrap

import pytest

PRELUDE = """
import sys
import msgpack
from modeldata.snapshot import RefusedData, SchemaCache, capture_of
from modeldata.snapshot.packing import new_packer

schemas = SchemaCache(dict.fromkeys(["account", "service", "model_id", "model_name", "model_version", "identifier"], "x"), None)
pack = new_packer()

def take(data):
    _, rows, captured = capture_of(data)(data, schemas, pack)
    assert rows and captured
"""
FOREIGN = ("numpy", "pandas", "pyarrow", "polars", "obstore")
SLOW = (
    "msgspec",
    "dataclasses",
    "logging",
    "subprocess",
    "typing",
    "json",
    "re",
    "inspect",
    "ctypes",
    "decimal",
    "uuid",
)


def loaded(code: str) -> set[str]:
    """The modules in a process that has run this code, from a fixed list."""
    names = repr((*FOREIGN, *SLOW))
    report = f"\nprint('loaded', *[name for name in {names} if name in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", PRELUDE + textwrap.dedent(code) + report], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split()[1:])


BARE = loaded("")
"""What is there before anything is captured."""


def test_the_package_itself_imports_nothing_heavy() -> None:
    assert not BARE & {*FOREIGN, *SLOW}


@pytest.mark.parametrize(
    "code",
    [
        "take([1, 2, 3])",
        "take([1.5, 'x', None, True, b'y', 2**70, (1, 2), {3}, 1j])",
        "take({'a': 1, 'b': 2})",
        "take([{'a': 1}, {'b': 2}]); take([[1], [2, 3]]); take((1, 2))",
    ],
)
def test_lists_and_dicts_import_nothing(code: str) -> None:
    assert loaded(code) == BARE


def test_dates_decimals_and_uuids_import_only_themselves() -> None:
    code = """
    import datetime, decimal, uuid, enum
    take([datetime.datetime.now(), datetime.date.today(), datetime.timedelta(1), decimal.Decimal(1), uuid.UUID(int=1)])
    """
    assert not loaded(code) & {*FOREIGN}


def test_a_refused_object_imports_nothing_heavy() -> None:
    code = """
    for bad in (object(), "x", 5, [open], [x for x in ()].append):
        try:
            take(bad)
        except RefusedData:
            pass
    """
    assert not loaded(code) & {*FOREIGN, *SLOW}


def test_an_array_imports_neither_pandas_nor_pyarrow() -> None:
    code = """
    import numpy as np
    take(np.zeros((2, 3))); take(np.array(["x"])); take(np.float32(1)); take([1, np.arange(3)]); take(np.ma.array([1.0]))
    """
    assert loaded(code) & {*FOREIGN} == {"numpy"}


def test_a_polars_frame_never_imports_pyarrow_numpy_or_pandas() -> None:
    code = """
    import datetime, polars as pl
    take(pl.DataFrame({"a": [1, 2], "s": ["x", None], "l": [[1], []], "d": [datetime.date.today()] * 2, "c": ["u", "v"]},
                      schema_overrides={"c": pl.Categorical}))
    take(pl.Series([1, 2]))
    """
    assert loaded(code) & {*FOREIGN} == {"polars"}


def test_a_duckdb_relation_never_imports_pyarrow() -> None:
    assert "pyarrow" not in loaded("import duckdb; take(duckdb.sql('select 1 a, 2.5 b, [1, 2] c'))")


def test_a_frame_imports_nothing_that_pandas_does_not() -> None:
    without = loaded("import pandas as pd; data = pd.DataFrame({'a': [1.5], 'b': ['x']})")
    code = """
    import pandas as pd
    data = pd.DataFrame({'a': [1.5], 'b': ['x']})
    take(data); take(data["a"]); take(pd.concat([data] * 1000))
    """
    assert loaded(code) & {*FOREIGN} == without & {*FOREIGN}
