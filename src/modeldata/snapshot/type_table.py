"""What is known of each class: found once, then by one dict lookup."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

MAX_TYPES = 4096
"""Classes beyond these are forgotten: a caller that makes classes on the fly must not fill the memory."""


class TypeTable(dict[type, "Any"]):
    """`known` is never forgotten. For any other class, `find` says what is kept."""

    def __init__(self, known: Mapping[type, Any], find: Callable[[type], Any]) -> None:
        super().__init__(known)
        self.known = known
        self.find = find

    def __missing__(self, cls: type) -> Any:
        value = self.find(cls)
        if len(self) >= MAX_TYPES:
            for other in list(self):
                if other not in self.known:
                    self.pop(other, None)  # another thread may do the same
        self[cls] = value
        return value
