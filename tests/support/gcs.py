"""A Google Cloud Storage of our own, as far as obstore speaks with it: the XML API with its preconditions, which no emulator has.

Objects are in memory. `x-goog-if-generation-match` is held against the object's generation (0: none), else 412; `Content-MD5`, where
it is sent, against what came. Faults are the business of `tests.support.proxy`, which stands in front of it.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape


@dataclass(frozen=True)
class GcsServer:
    url: str


class _Store:
    """bucket → name → (content, generation)."""

    def __init__(self) -> None:
        self.buckets: dict[str, dict[str, tuple[bytes, int]]] = {}
        self.generation = 1000
        self.lock = threading.Lock()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    store: _Store

    def log_message(self, format: str, *args: object) -> None:
        return

    def _where(self) -> tuple[str, str, dict[str, list[str]]]:
        parts = urlsplit(self.path)
        bucket, _, name = unquote(parts.path).lstrip("/").partition("/")
        return bucket, name, parse_qs(parts.query, keep_blank_values=True)

    def _body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _answer(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", headers.pop("length", str(len(body))))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _error(self, status: int, code: str) -> None:
        self._answer(status, f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>.</Message></Error>".encode())

    def do_PUT(self) -> None:
        bucket, name, _ = self._where()
        body = self._body()
        with self.store.lock:
            if not name:
                self.store.buckets.setdefault(bucket, {})
                return self._answer(200)
            objects = self.store.buckets.get(bucket)
            if objects is None:
                return self._error(404, "NoSuchBucket")
            source = unquote(self.headers.get("x-goog-copy-source", "")).lstrip("/").partition("/")[2]
            if source and source not in objects:
                return self._error(404, "NoSuchKey")
            body = objects[source][0] if source else body
            digest = hashlib.md5(body).digest()
            report = self.headers.get("Content-MD5")
            if report and base64.b64decode(report) != digest:
                return self._error(400, "BadDigest")
            wanted = self.headers.get("x-goog-if-generation-match")
            if wanted is not None and int(wanted) != (objects[name][1] if name in objects else 0):
                return self._error(412, "PreconditionFailed")
            self.store.generation += 1
            objects[name] = body, self.store.generation
            generation = str(self.store.generation)
        return self._answer(200, ETag=f'"{digest.hex()}"', x_goog_generation=generation)

    def do_GET(self) -> None:
        bucket, name, query = self._where()
        objects = self.store.buckets.get(bucket)
        if objects is None:
            return self._error(404, "NoSuchBucket")
        if not name:
            return self._list(objects, query)
        if name not in objects:
            return self._error(404, "NoSuchKey")
        content, generation = objects[name]
        headers = {
            "ETag": f'"{hashlib.md5(content).hexdigest()}"',
            "x_goog_generation": str(generation),
            "Last_Modified": formatdate(0, usegmt=True),
        }
        wanted = self.headers.get("Range")
        if wanted is None:
            return self._answer(200, content, **headers)
        first, _, last = wanted.removeprefix("bytes=").partition("-")
        if int(first) >= len(content):
            return self._error(416, "InvalidRange")
        part = content[int(first) : int(last) + 1 if last else None]
        headers["Content_Range"] = f"bytes {first}-{int(first) + len(part) - 1}/{len(content)}"
        return self._answer(206, part, **headers)

    do_HEAD = do_GET  # noqa: N815 - as http.server wants it

    def do_DELETE(self) -> None:
        bucket, name, _ = self._where()
        with self.store.lock:
            found = self.store.buckets.get(bucket, {}).pop(name, None) if name else self.store.buckets.pop(bucket, None)
        return self._answer(204) if found is not None else self._error(404, "NoSuchKey")

    def _list(self, objects: dict[str, tuple[bytes, int]], query: dict[str, list[str]]) -> None:
        prefix = query.get("prefix", [""])[0]
        after = query.get("continuation-token", query.get("start-after", [""]))[0]
        most = int(query.get("max-keys", ["1000"])[0])
        names = sorted(name for name in objects if name.startswith(prefix) and name > after)
        page, rest = names[:most], names[most:]
        contents = "".join(
            f"<Contents><Key>{escape(name)}</Key><Size>{len(objects[name][0])}</Size><LastModified>2026-11-23T00:00:00.000Z"
            f'</LastModified><ETag>"{hashlib.md5(objects[name][0]).hexdigest()}"</ETag></Contents>'
            for name in page
        )
        more = f"<NextContinuationToken>{escape(page[-1])}</NextContinuationToken>" if rest else ""
        body = f"<?xml version='1.0'?><ListBucketResult>{contents}<IsTruncated>{str(bool(rest)).lower()}</IsTruncated>{more}</ListBucketResult>"
        self._answer(200, body.encode())


@contextlib.contextmanager
def gcs_server() -> Iterator[GcsServer]:
    """A server until the end of the block."""
    handler = type("Handler", (_Handler,), {"store": _Store()})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield GcsServer(f"http://127.0.0.1:{server.server_address[1]}")
    finally:
        server.shutdown()
        server.server_close()
