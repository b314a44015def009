"""What a decoder raises."""

from __future__ import annotations


class Undecodable(ValueError):
    """A body that is not what its headers say."""


class TooMuch(Undecodable):
    """More bytes or rows than one body may stand for."""


class UnknownEncoding(Undecodable):
    """A content encoding that nothing here undoes."""
