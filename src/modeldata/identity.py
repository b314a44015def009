"""The identity of data: the six names that a collector's path is made of."""

from __future__ import annotations

import os
from operator import index
from stat import S_ISREG

from modeldata.format.names import IDENTITY

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from modeldata.settings import Settings


class Identity:
    """(account, service, model id, model name, model version, identifier), each a text that is not empty. Never changed."""

    __slots__ = IDENTITY

    account: str
    service: str
    model_id: str
    model_name: str
    model_version: str
    identifier: str

    def __init__(self, **fields: str) -> None:
        for name in IDENTITY:
            object.__setattr__(self, name, fields[name])

    @classmethod
    def build(
        cls,
        model_name: object,
        identifier: object,
        *,
        account: object,
        service: object,
        model_id: object,
        model_version: object,
        settings: Settings,
        warn: Callable[[str], None],
    ) -> Identity:
        """From constructor arguments, `SERVICE_NAME` and the model config map; the latter two win, as in the original.

        Raises TypeError and ValueError, naming the argument. A config map that can't be used gives one warning.
        """
        given = {
            "account": _text("model_management_account_id", account),
            "service": _text("webservice_name", service),
            "model_id": _text("model_id", model_id, numbers=True),
            "model_name": _text("model_name", model_name),
            "model_version": _text("model_version", model_version, numbers=True),
            "identifier": _text("identifier", identifier),
        }
        if settings.service_name:
            given["service"] = settings.service_name
        given.update(_from_config_map(settings.config_map, given["model_name"], warn))
        return cls(**given)

    def as_dict(self) -> dict[str, str]:
        return {name: getattr(self, name) for name in IDENTITY}

    def __reduce__(self) -> tuple[object, ...]:
        return _again, (self.as_dict(),)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"an identity can't be changed ({name})")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Identity) and self.as_dict() == other.as_dict()

    def __hash__(self) -> int:
        return hash(tuple(self.as_dict().values()))

    def __repr__(self) -> str:
        return "Identity(" + ", ".join(f"{name}={value!r}" for name, value in self.as_dict().items()) + ")"


def _again(fields: dict[str, str]) -> Identity:
    return Identity(**fields)


def _text(argument: str, value: object, *, numbers: bool = False) -> str:
    if isinstance(value, str):
        if not value:
            raise ValueError(f"{argument} must not be empty")
        return str.__str__(value)  # an enum of texts would print its name
    if numbers and not isinstance(value, bool) and hasattr(value, "__index__"):
        return str(index(value))
    also = " or a whole number" if numbers else ""
    raise TypeError(f"{argument} must be text{also}, not {type(value).__name__}: {value!r:.80}")


def feature_names_of(value: object) -> tuple[str, ...] | None:
    """The column names a user gave: None, or any sequence of text (list, tuple, array, Index, Series).

    Raises TypeError for a bare text (almost surely a mistake), for what has no order, and for names that are not text.
    """
    if value is None:
        return None
    if isinstance(value, (str, bytes)):
        raise TypeError(f"feature_names must be a list of names, not one text: {value!r:.80}")
    listed = value.tolist() if hasattr(value, "tolist") else value
    if isinstance(listed, (set, frozenset, dict)) or not hasattr(listed, "__len__") or not hasattr(listed, "__iter__"):
        raise TypeError(f"feature_names must be a list of names, not {type(value).__name__}")
    if isinstance(listed, str):
        raise TypeError(f"feature_names must be a list of names, not one text: {listed!r:.80}")
    for name in listed:
        if not isinstance(name, str):
            raise TypeError(f"feature_names must hold text only, not {type(name).__name__}: {name!r:.80}")
    return tuple(str.__str__(name) for name in listed) or None


_warned: set[str] = set()
"""Warnings already given: a scoring file has several collectors, and one broken file is one trouble."""


def _from_config_map(path: str, model_name: str, warn: Callable[[str], None]) -> dict[str, str]:
    """What the file of the model management service says; nothing where there is none, a warning where it can't be used."""
    if not path:
        return {}
    try:
        content = _read(path)
        return {**_of_model(content, model_name), **_of_account(content)}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        text = f"the model config map can't be used, so the arguments count: {path}: {type(error).__name__}: {error}"
        if text not in _warned:
            _warned.add(text)
            warn(text)
        return {}


def _read(path: str) -> Mapping[str, Mapping[str, Mapping[str, object]]]:
    try:
        regular = S_ISREG(os.stat(path).st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return {}
    if not regular:  # opening a pipe would wait for a writer
        raise OSError("not a file")
    import json

    with open(path, encoding="utf-8-sig") as file:
        content: Mapping[str, Mapping[str, Mapping[str, object]]] = json.load(file)
    return content


def _of_model(content: Mapping[str, Mapping[str, Mapping[str, object]]], model_name: str) -> dict[str, str]:
    model = content.get("models", {}).get(model_name)
    if model is None:
        return {}
    return {
        "model_id": _text("the model's id", model["id"], numbers=True),
        "model_version": _text("the model's version", model["version"], numbers=True),
    }


def _of_account(content: Mapping[str, Mapping[str, object]]) -> dict[str, str]:
    account = content.get("accountContext", {})
    names = ("subscriptionId", "resourceGroupName", "accountName")
    if not all(name in account for name in names):
        return {}
    return {"account": "/".join(_text(name, account[name]) for name in names)}
