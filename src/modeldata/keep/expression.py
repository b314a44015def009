"""A condition in SQL as a tree: which columns it names, and that each row alone decides whether it fits.

DuckDB parses the text. It takes some names for functions of its own where a table has no such column (`user`, `current_date`). So
the names are bound here, to columns, and DuckDB gets other names in their place.
"""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING, Any

from modeldata.errors import SettingsError
from modeldata.read.duck import connected

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Tree = dict[str, Any]

PLACE = "place"
"""The place of a row in its batch, beside the columns that a condition names."""
HINT = "a condition in DuckDB's SQL on columns of the rows, such as: customer_id = 17, or: name = 'Ann'"
ALLOWED = {
    "BETWEEN", "CASE", "CAST", "COLLATE", "COLUMN_REF", "COMPARISON", "CONJUNCTION", "CONSTANT", "FUNCTION", "LAMBDA", "OPERATOR",
    "TYPE",
}  # fmt: skip
REFUSED = {
    "DEFAULT": "DEFAULT",
    "PARAMETER": "a parameter",
    "POSITIONAL_REFERENCE": "a column by its number",
    "STAR": "* or COLUMNS(...)",
    "SUBQUERY": "a query inside the condition, or ANY or ALL",
    "WINDOW": "a window function",
}
BY_THE_CLOCK = {"age", "current_localtime", "current_localtimestamp"}
"""Functions that look at the clock, though DuckDB lists them as those that always answer the same."""


@cache
def duck() -> Any:
    """DuckDB, which reads no file and reckons in UTC on every machine; a cursor a question. Raises `MissingExtra`."""
    return connected("find rows")


class Expression:
    """What `--where` says. Raises `SettingsError` for what no single row can decide, or not the same way each time."""

    def __init__(self, where: str) -> None:
        self._select = _parsed(where)
        self.tree: Tree = self._select["where_clause"]
        _check(self.tree, frozenset())
        self.names = list(dict.fromkeys(node["column_names"][0] for node in columns(self.tree)))
        """The columns that it names, as they are written there."""
        if not self.names:
            raise _refused("it names no column, so it is not about rows")

    @property
    def texts(self) -> list[str]:
        """The texts that it compares with."""
        return [text for node in nodes(self.tree) if node["class"] == "CONSTANT" and (text := _text(node))]

    def rows_sql(self, rename: Callable[[str], str]) -> str:
        """SQL for the places of rows that fit, in `rows`, where columns have other names."""
        return _sql({**self._select, "where_clause": _renamed(self.tree, rename)})

    def types_sql(self, rename: Callable[[str], str]) -> tuple[str, list[list[bool]]]:
        """SQL for the condition itself and for the sides of all comparisons, one column each; and which sides name columns.

        Comparisons inside a lambda are left out: their names mean nothing outside.
        """
        compared = [sides for node in nodes(self.tree, into_lambdas=False) if (sides := _sides(node))]
        selected = [self.tree, *(side for sides in compared for side in sides)]
        text = _sql({**self._select, "select_list": _renamed(selected, rename), "where_clause": None})
        return text, [[any(columns(side)) for side in sides] for sides in compared]


def _renamed(tree: Any, rename: Callable[[str], str]) -> Any:
    tree = json.loads(json.dumps(tree))
    for node in columns(tree):
        node["column_names"][0] = rename(node["column_names"][0])
    return tree


def _sql(select: Tree) -> str:
    text = json.dumps({"error": False, "statements": [{"node": select}]})
    return str(duck().cursor().execute("SELECT json_deserialize_sql(?)", [text]).fetchone()[0])


def _parsed(where: str) -> Tree:
    """The one SELECT around a condition. Raises `SettingsError`."""
    statements, template = (_statements(f"SELECT {PLACE} FROM rows WHERE (\n{text}\n)") for text in (where, "true"))
    select: Tree = statements[0]["node"]
    if len(statements) > 1 or _without_places({**select, "where_clause": None}) != _without_places(
        {**template[0]["node"], "where_clause": None}
    ):
        raise _refused("it is more than one condition")
    return select


def _statements(text: str) -> list[Tree]:
    parsed = json.loads(duck().cursor().execute("SELECT json_serialize_sql(?)", [text]).fetchone()[0])
    if parsed["error"]:
        raise _refused(str(parsed["error_message"]).partition("\n")[0])
    statements: list[Tree] = parsed["statements"]
    return statements


def _without_places(tree: Any) -> Any:
    """A tree without the places of its parts in the text."""
    if isinstance(tree, list):
        return [_without_places(part) for part in tree]
    if isinstance(tree, dict):
        return {key: _without_places(part) for key, part in tree.items() if not key.startswith("query_location")}
    return tree


def nodes(tree: Any, *, into_lambdas: bool = True) -> Iterator[Tree]:
    """Every node of a tree that has a class, from the top."""
    if isinstance(tree, dict):
        if "class" in tree:
            if tree["class"] == "LAMBDA" and not into_lambdas:
                return
            yield tree
        tree = list(tree.values())
    for part in tree if isinstance(tree, list) else ():
        yield from nodes(part, into_lambdas=into_lambdas)


def columns(tree: Any, inner: frozenset[str] = frozenset()) -> Iterator[Tree]:
    """The nodes that name columns; those that name the parameter of a lambda (`inner`) do not."""
    if isinstance(tree, dict):
        if tree.get("class") == "LAMBDA":
            yield from columns(tree["expr"], inner | _parameters(tree))
            return
        if tree.get("class") == "COLUMN_REF" and tree["column_names"][0].lower() not in inner:
            yield tree
        tree = list(tree.values())
    for part in tree if isinstance(tree, list) else ():
        yield from columns(part, inner)


def _parameters(tree: Tree) -> frozenset[str]:
    return frozenset(node["column_names"][0].lower() for node in nodes(tree["lhs"]) if node["class"] == "COLUMN_REF")


def _check(tree: Tree, macros: frozenset[str]) -> None:
    """Raises `SettingsError` for what looks beyond its row. macros: those on the way here."""
    for node in nodes(tree):
        kind = node["class"]
        if kind not in ALLOWED:
            raise _refused(f"{REFUSED.get(kind, kind)} has no place in it: each row is asked alone")
        if kind == "LAMBDA" and node.get("syntax_type") != "LAMBDA_KEYWORD":  # an older DuckDB does not say which it is
            raise _refused("-> is not clear in it: write json_extract(column, path), or lambda x: ... (from DuckDB 2.0 on)")
        if kind == "FUNCTION":
            _check_function(node, macros)


def _check_function(node: Tree, macros: frozenset[str]) -> None:
    name = node["function_name"].lower()
    if node["schema"] or node["catalog"]:
        raise _refused(f"write {name}(column, ...) and not column.{name}(...)")
    overloads = _functions(name)
    if not overloads:
        raise _refused(f"there is no function {name!r}")
    kinds = {kind for kind, *_ in overloads}
    if not kinds & {"scalar", "macro"} or kinds & {"aggregate", "window"}:
        raise _refused(f"{name} has no place in it: each row is asked alone")
    if name in BY_THE_CLOCK or any(kind == "scalar" and stability != "CONSISTENT" for kind, stability, _, _ in overloads):
        raise _refused(f"{name} does not always answer the same: write the value that you mean")
    for kind, _, definition, parameters in overloads:
        if kind == "macro" and name not in macros:
            body = _statements(f"SELECT ({definition})")[0]["node"]["select_list"]
            known = {str(parameter).lower() for parameter in parameters}
            if any(part["column_names"][0].lower() not in known for part in columns(body)):
                raise _refused(f"{name} does not always answer the same: write the value that you mean")
            _check({"body": body}, macros | {name})


@cache
def _functions(name: str) -> list[tuple[str, str | None, str | None, list[str]]]:
    """(type, stability, definition, parameters) of each function of a name. DuckDB's own names: nobody adds any here."""
    asked = "SELECT function_type, stability, macro_definition, parameters FROM duckdb_functions() WHERE lower(function_name) = ?"
    overloads: list[tuple[str, str | None, str | None, list[str]]] = duck().cursor().execute(asked, [name]).fetchall()
    return overloads


def _sides(node: Tree) -> list[Tree]:
    """What a comparison compares; empty for any other node."""
    if node["class"] == "COMPARISON":
        return [node["left"], node["right"]]
    if node["class"] == "BETWEEN":
        return [node["input"], node["lower"], node["upper"]]
    if node["class"] == "OPERATOR" and node["type"] in ("COMPARE_IN", "COMPARE_NOT_IN"):
        return list(node["children"])
    return []


def _text(constant: Tree) -> str:
    """The text of a constant; empty where it is none."""
    if "literal" in constant:
        return str(constant["literal"]["text"]) if constant["literal"]["kind"] == "STRING" else ""
    value = constant["value"].get("value")  # as before DuckDB 2
    return value if isinstance(value, str) else ""


def _refused(cause: str) -> SettingsError:
    return SettingsError("find rows", cause=cause, hint=HINT)
