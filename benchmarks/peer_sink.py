"""A local HTTP server that takes what azureml-ai-monitoring posts and counts the rows by collection. Prints its port."""

from __future__ import annotations

import json
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

ROWS: Counter[str] = Counter()


class _Sink(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        ROWS[self.headers["ce-type"].rpartition(".")[2]] += len(json.loads(body))
        self._answer(b"")

    def do_GET(self) -> None:
        self._answer(str(ROWS[self.path[1:]]).encode())

    def _answer(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing."""


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Sink)
    print(server.server_address[1], flush=True)
    server.serve_forever()
