"""Compressed bodies, inflated up to a limit: a few bytes may stand for gigabytes."""

from __future__ import annotations

import zlib

from modeldata.service.decode.undecodable import TooMuch, Undecodable, UnknownEncoding

GZIP_OR_ZLIB = 32 + zlib.MAX_WBITS
RAW = -zlib.MAX_WBITS


def inflated(body: bytes, encoding: str, most: int) -> bytes:
    """`body` without its content encodings, the last one first. Raises `TooMuch` beyond `most` bytes, `UnknownEncoding`."""
    for name in reversed([part.strip().lower() for part in encoding.split(",")]):
        if name in ("gzip", "x-gzip", "deflate"):
            body = _inflate(body, most)
        elif name not in ("", "identity"):
            raise UnknownEncoding(f"content encoding {name[:40]}")
    return body


def _inflate(body: bytes, most: int) -> bytes:
    error: zlib.error | None = None
    for window in (GZIP_OR_ZLIB, RAW):
        inflater = zlib.decompressobj(window)
        try:
            data = inflater.decompress(body, most + 1)
        except zlib.error as trouble:
            error = trouble
            continue
        if len(data) > most:
            raise TooMuch(f"more than {most:,} bytes when inflated")
        if not inflater.eof:
            raise Undecodable("a compressed body that is cut off")
        return data
    raise Undecodable("a damaged compressed body") from error
