"""One TCP connection that speaks HTTP/1.1, read by parts of messages. For `tests.support.proxy`."""

from __future__ import annotations

import contextlib
import socket
import struct
from collections.abc import Callable, Mapping

RESET = struct.pack("ii", 1, 0)
"""SO_LINGER that makes `close` send RST instead of FIN."""


class Gone(Exception):
    """The other side closed."""


class Wire:
    """One connection, read by parts of HTTP messages."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self._left = b""
        self.pause: Callable[[int], None] = lambda size: None

    def _more(self, most: int = 65536) -> None:
        try:
            got = self.sock.recv(most)
        except OSError as error:
            raise Gone from error
        if not got:
            raise Gone
        self.pause(len(got))
        self._left += got

    def until(self, mark: bytes) -> bytes:
        while (at := self._left.find(mark)) < 0:
            self._more()
        at += len(mark)
        found, self._left = self._left[:at], self._left[at:]
        return found

    def head(self) -> bytes:
        """Up to the empty line. Gone, where the other side does not speak HTTP but, say, TLS."""
        if not self._left:
            self._more()
        if not self._left[:1].isalpha():
            raise Gone
        return self.until(b"\r\n\r\n")

    def exactly(self, size: int) -> bytes:
        while len(self._left) < size:
            self._more(min(65536, size - len(self._left)))
        found, self._left = self._left[:size], self._left[size:]
        return found

    def chunked(self) -> bytes:
        """A chunked body as it stands, with its sizes and trailers."""
        parts = []
        while True:
            line = self.until(b"\r\n")
            parts.append(line)
            size = int(line.split(b";")[0], 16)
            if size == 0:
                while True:
                    parts.append(self.until(b"\r\n"))
                    if parts[-1] == b"\r\n":
                        return b"".join(parts)
            parts.append(self.exactly(size + 2))

    def rest(self) -> bytes:
        with contextlib.suppress(Gone):
            while True:
                self._more()
        found, self._left = self._left, b""
        return found

    def body(self, headers: Mapping[str, str], *, to_the_end: bool) -> bytes:
        if "chunked" in headers.get("transfer-encoding", ""):
            return self.chunked()
        if "content-length" in headers:
            return self.exactly(int(headers["content-length"]))
        return self.rest() if to_the_end else b""

    def reset(self) -> None:
        with contextlib.suppress(OSError):
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        self.close()

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self.sock.shutdown(socket.SHUT_RD)  # wakes the thread that reads, and sends nothing
        self.sock.close()


def headers_of(head: bytes) -> dict[str, str]:
    lines = head.decode("latin-1").split("\r\n")[1:]
    return {name.strip().lower(): value.strip() for name, colon, value in (line.partition(":") for line in lines) if colon}
