"""Data frames that `collect()` does not read: it would compute them, fetch them from far away, or lose the names of columns."""

from __future__ import annotations

_METHODS = {
    "dask": "compute()",
    "dask_expr": "compute()",
    "modin": "modin.to_pandas()",
    "ray": "to_pandas()",
    "vaex": "to_pandas_df()",
    "ibis": "to_pyarrow()",
    "cudf": "to_pandas()",
    "daft": "to_arrow()",
    "bigframes": "to_pandas()",
    "snowflake": "to_pandas()",
    "databricks": "to_pandas()",
    "pyspark.pandas": "to_pandas()",
}
"""By library, the method that brings its frames into memory."""
_NAMES = frozenset(
    ["Array", "Bag", "Column", "DataFrame", "Dataset", "Delayed", "Expr", "FrameBase", "Index", "Scalar", "Series", "Table"]
)


def lazy_hint(cls: type) -> str | None:
    """Why a value of this type is not read here, and what to do; None for any other type."""
    for base in cls.__mro__[:-1]:
        module = base.__module__
        library = module.partition(".")[0]
        method = _METHODS.get(library) or _METHODS.get(".".join(module.split(".")[:2]))
        if method and base.__name__ in _NAMES:
            return f"a {library} {base.__name__} is not computed inside collect(): collect what its .{method} gives"
        if (library, base.__name__) == ("polars", "LazyFrame"):
            return "a polars LazyFrame is not computed inside collect(): collect what its .collect() gives"
    if hasattr(cls, "__array__") and hasattr(cls, "columns") and not hasattr(cls, "__arrow_c_stream__"):
        return f"{cls.__name__} has columns, but offers only an array without their names: collect it as a pandas data frame"
    return None
