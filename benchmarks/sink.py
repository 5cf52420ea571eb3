"""A loopback receiver that stands in for Slack, in a process of its own: its CPU is not ours."""

from __future__ import annotations

import subprocess
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import ClassVar, Self
from urllib.request import urlopen


class Sink:
    """The receiver, from ``with`` to its end."""

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout  # noqa: S101  # for mypy: it is a pipe
        self.url = f"http://127.0.0.1:{int(self._process.stdout.readline())}/services/bench"
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._process.communicate()  # closes its stdin, and so ends it

    def posts(self) -> int:
        """How many posts have come so far."""
        with urlopen(self.url) as answer:  # noqa: S310  # our own address
            return int(answer.read())


class _Answers(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"  # keeps connections alive
    wbufsize = -1  # an answer leaves in one piece; two would wait for each other's ACK
    posts: ClassVar[list[None]] = []  # appending is safe in threads, counting is not

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.posts.append(None)
        self._answer(b"ok")

    def do_GET(self) -> None:
        self._answer(str(len(self.posts)).encode())

    def _answer(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


def main() -> None:
    from threading import Thread

    server = ThreadingHTTPServer(("127.0.0.1", 0), _Answers)
    Thread(target=server.serve_forever, daemon=True).start()
    print(server.server_port, flush=True)
    sys.stdin.read()  # until whoever started it is gone


if __name__ == "__main__":
    main()
