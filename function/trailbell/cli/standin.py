"""Slack and Telegram on this machine: takes what trailbell posts, and is busy now and then."""

from __future__ import annotations

import json
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import Any, NamedTuple, Self

SLACK, TELEGRAM = "slack", "telegram"
WEBHOOK = "/services/T0000000/B0000000/recorded-day"
TOKEN = "123456789:" + "recorded_day_" * 2 + "123456789"
SEND = f"/bot{TOKEN}/sendMessage"
CHAT = -1001234567890

RETRY_AFTER = 1  # seconds that a 429 asks for
EVERY = 4  # of an app's new messages one is refused,
FIRST = {SLACK: 2, TELEGRAM: 4}  # beginning with this one,
REFUSALS = {SLACK: (429, 500, 429), TELEGRAM: (500, 429, 500)}  # with these, and then no more


class Post(NamedTuple):
    """A message that an app took."""

    app: str
    body: dict[str, Any]
    refused: tuple[int, ...]
    """The statuses with which it was refused before."""


class Answer(NamedTuple):
    status: int
    body: str
    kind: str = "text/plain"
    wait: int | None = None


class StandIn:
    """Both apps behind one port. What they took and what they refused is there to be read."""

    def __init__(self) -> None:
        self.told: Callable[[str, int], None] = lambda app, status: None
        """Hears of every refusal."""
        self.posts: list[Post] = []
        self.refusals: list[tuple[str, int]] = []
        """App and status, in the order of the answers."""
        self._seen = {SLACK: 0, TELEGRAM: 0}
        self._refused: dict[tuple[str, bytes], list[int]] = {}
        self._taken: list[tuple[str, bytes]] = []
        self._lock = Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _door(self))
        self._thread = Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self.close()

    def close(self) -> None:
        self._server.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    @property
    def channels(self) -> list[dict[str, Any]]:
        """What CHANNELS has to be, so that a message comes here instead of leaving the machine."""
        telegram = {"type": TELEGRAM, "token": TOKEN, "chat_id": CHAT, "api_url": self.url}
        return [
            {"type": SLACK, "url": self.url + WEBHOOK, "pace": 0},
            telegram | {"pace": 0},
        ]

    @property
    def lost(self) -> int:
        """Messages that were refused and never came again."""
        return len(self._refused.keys() - set(self._taken))

    @property
    def twice(self) -> int:
        """Messages that came again although they had been taken."""
        return len(self._taken) - len(set(self._taken))

    def answer(self, path: str, data: bytes) -> Answer:
        app = {WEBHOOK: SLACK, SEND: TELEGRAM}.get(path)
        body = _object(data)
        if app is None or body is None:
            return Answer(404 if app is None else 400, "no_service" if app is None else "no_text")
        with self._lock:
            message = (app, data)
            before = self._refused.get(message, [])
            if not before and message not in self._taken:
                self._seen[app] += 1
                if status := self._busy(app):
                    self._refused[message] = [status]
                    self.refusals.append((app, status))
                    self.told(app, status)
                    return _refusal(app, status)
            self._taken.append(message)
            self.posts.append(Post(app, body, tuple(before)))
            if app == SLACK:
                return Answer(200, "ok")
            said = {"ok": True, "result": {"message_id": len(self.posts)}}
            return Answer(200, json.dumps(said), "application/json")

    def _busy(self, app: str) -> int:
        """The status to refuse the newest message with; 0 to take it."""
        turn, off = divmod(self._seen[app] - FIRST[app], EVERY)
        statuses = REFUSALS[app]
        return statuses[turn] if off == 0 and 0 <= turn < len(statuses) else 0


def _object(data: bytes) -> dict[str, Any] | None:
    try:
        body = json.loads(data)
    except ValueError:
        return None
    return body if isinstance(body, dict) and body.get("text") else None


def _refusal(app: str, status: int) -> Answer:
    """In the words of each app.

    https://docs.slack.dev/apis/web-api/rate-limits and
    https://core.telegram.org/bots/api#responseparameters
    """
    busy = status == 429
    if app == SLACK:
        word = "rate_limited" if busy else "rollup_error"
        return Answer(status, word, wait=RETRY_AFTER if busy else None)
    said: dict[str, Any] = {"ok": False, "error_code": status}
    said["description"] = "Too Many Requests" if busy else "Internal Server Error"
    if busy:
        said["description"] += f": retry after {RETRY_AFTER}"
        said["parameters"] = {"retry_after": RETRY_AFTER}
    return Answer(status, json.dumps(said), "application/json")


def _door(apps: StandIn) -> type[BaseHTTPRequestHandler]:
    class Door(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"  # keeps the connection
        disable_nagle_algorithm = True  # or every answer shows a false 40 ms

        def do_POST(self) -> None:
            data = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            answer = apps.answer(self.path, data)
            body = answer.body.encode()
            self.send_response(answer.status)
            self.send_header("Content-Type", answer.kind)
            self.send_header("Content-Length", str(len(body)))
            if answer.wait is not None:
                self.send_header("Retry-After", str(answer.wait))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    return Door
