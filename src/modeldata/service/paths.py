"""Which paths of a service are recorded: a list of what is, never of what is not. A login route is on no such list."""

from __future__ import annotations

import re
from fnmatch import translate
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

DEFAULT_PATHS = (
    "/predict", "/predictions", "/predictions/*", "/invocations", "/score", "/infer", "/v1/models/*:predict",
    "/v1/models/*/versions/*:predict", "/v2/models/*/infer", "/v2/models/*/versions/*/infer", "/v1/predict", "/api/predict",
    "/v1/chat/completions", "/v1/completions", "/v1/embeddings", "/v1/responses",
)  # fmt: skip
"""Where model servers take requests for a prediction. `*` stands for any text."""

RPC_PATHS = (
    "/inference.GRPCInferenceService/Model*Infer", "/*/Predict*", "/*/Infer*", "/*/Score*", "/*/Classify*", "/*/Regress*",
    "/*/Generate*", "/*/Embed*",
)  # fmt: skip
"""The same for methods of gRPC."""


class Paths:
    """Finds the first pattern that a path fits."""

    def __init__(self, patterns: Sequence[str] | None) -> None:
        self._patterns = [(pattern, re.compile(translate(pattern))) for pattern in patterns or DEFAULT_PATHS]

    def pattern_of(self, path: str) -> str | None:
        """None: requests of this path are not recorded."""
        for pattern, expression in self._patterns:
            if expression.match(path):
                return pattern
        return None
