"""What a decoder raises."""

from __future__ import annotations


class Undecodable(ValueError):
    """A body that is not what its headers say."""
