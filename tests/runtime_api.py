"""A stand-in for the Lambda Runtime API, on loopback: what awslambdaric talks to.

It hands out one invocation at a time and keeps what the runtime answers.
Source: https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
"""

from __future__ import annotations

import json
import queue
import socket
import sys
import time
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from types import TracebackType
from typing import Any

ROOT = "/2018-06-01/runtime"
FUNCTION = "arn:aws:lambda:us-east-1:111122223333:function:trailbell"


@dataclass(frozen=True)
class Answer:
    """What the runtime posted: kind is response, error or init; body is parsed."""

    kind: str
    body: Any


class RuntimeApi:
    """Serves as a context manager; `address` is the value of AWS_LAMBDA_RUNTIME_API."""

    def __init__(self, seconds: float = 60) -> None:
        self.seconds = seconds
        """The function's time-out, and how long `invoke` waits for an answer."""
        self.events: queue.Queue[bytes | None] = queue.Queue()
        self.answers: queue.Queue[Answer] = queue.Queue()
        self.server = _Server(("127.0.0.1", 0), _handler(self))
        self.address = f"127.0.0.1:{self.server.server_port}"

    def __enter__(self) -> RuntimeApi:
        Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.events.put(None)
        self.server.shutdown()
        self.server.server_close()

    def invoke(self, event: object) -> Answer:
        """Hand out an event and wait for what becomes of it."""
        self.events.put(json.dumps(event).encode())
        return self.answer()

    def answer(self) -> Answer:
        return self.answers.get(timeout=self.seconds)


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """A runtime that a test kills leaves its connection broken; anything else is told."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


def _handler(api: RuntimeApi) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def setup(self) -> None:
            super().setup()
            # without it every answer waits 40 ms for the acknowledgement of its head
            self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

        def do_GET(self) -> None:
            if self.path != f"{ROOT}/invocation/next":
                return self.reply(404, b"")
            event = api.events.get()
            if event is None:
                return self.reply(410, b"")
            self.reply(
                200,
                event,
                {
                    "Lambda-Runtime-Aws-Request-Id": "11111111-2222-3333-4444-555555555555",
                    "Lambda-Runtime-Deadline-Ms": str(int((time.time() + api.seconds) * 1000)),
                    "Lambda-Runtime-Invoked-Function-Arn": FUNCTION,
                },
            )

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            kind = {
                f"{ROOT}/init/error": "init",
                f"{ROOT}/invocation/11111111-2222-3333-4444-555555555555/error": "error",
                f"{ROOT}/invocation/11111111-2222-3333-4444-555555555555/response": "response",
            }.get(self.path)
            if kind is None:
                return self.reply(404, b"")
            self.reply(202, b'{"status": "OK"}')
            api.answers.put(Answer(kind, json.loads(body)))

        def reply(self, code: int, body: bytes, headers: dict[str, str] | None = None) -> None:
            self.send_response(code)
            for name, value in {"Content-Type": "application/json", **(headers or {})}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """A test's output is for what went wrong."""

    return Handler
