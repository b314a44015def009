"""From the caller's object to a frame's bytes: one small module per kind of input.

    plan, rows, data = taker_of(input_data)(input_data, shapes, pack)

Promise: `data` is a private copy of what the object is now; the object is not changed; nothing heavy is imported (numpy,
pandas and polars objects are met through what the caller has imported already, pyarrow is never needed). A taker raises
`Refused`, nothing else. rows == 0 means that there is nothing to store.
"""

from __future__ import annotations

from modeldata.snapshot.kinds import taker_of
from modeldata.snapshot.plan import Plan, Refused, Shapes

__all__ = ["Plan", "Refused", "Shapes", "taker_of"]
