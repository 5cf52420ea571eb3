"""Stand-ins that behave, in place of mocks that are told what to say."""

from __future__ import annotations

import base64
import gzip
import json
import os
import socket
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from enum import Enum
from functools import cache, partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

import lambda_function
from trailbell import app, rules
from trailbell.bell import Bell
from trailbell.compose import Reader, compose
from trailbell.deliver import Deliverer
from trailbell.model import Event, Group, Message
from trailbell.rules.base import Rings, find
from trailbell.settings import Settings
from trailbell.state.memory import MemoryState
from trailbell.testing import call, person, role, root, sign_in, user

WEBHOOK = "/services/T024BE7LH/B0EXAMPLE1/s3cretWebhookPath00000000"
TOKEN = "123456789:AAs3cretBotToken-0123456789_abcdefg"
CHAT = -1001234567890
BOT_TOKEN = "xoxb-123456789012-123456789012-s3cretBotToken0000000000"
ROUTING_KEY = "R0s3cretR0utingKey0000000000000K"
DISCORD = (
    "/api/webhooks/123456789012345678/s3cretDiscordToken-0000000000_abcdefghijklmnopqrstuvwxyz"
)
TEAMS = "/workflows/0a1b2c/triggers/manual/paths/invoke?api-version=2016-06-01&sig=s3cretTeamsSig00"
HOOK = "/hooks/s3cretHookPath00000000"
HOOK_SECRET = "s3cretHookSecret0000000000000000"


class Act(Enum):
    """What a server may do in place of an answer."""

    CLOSE = "end the connection without a word"
    HANG = "say nothing until Receiver.release() is called"


Said = tuple[int, dict[str, str], str | bytes]
"""Status, headers and body."""
Answer = Said | Act | None
"""None is what the vendor says to a message that it takes."""
Answers = Iterable[Answer] | Callable[[int], Answer]
"""One after the other (then None for ever), or what the n-th request gets; n begins with 1."""


@dataclass(frozen=True)
class Request:
    """One request that arrived, and the status that it was answered with (0 for none)."""

    method: str
    path: str
    body: Any
    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    """By their names in lower case."""
    data: bytes = b""
    """The body as it came."""


class Receiver:
    """Webhooks and APIs of chats on loopback; see `receiving`."""

    def __init__(self, answers: Answers = ()) -> None:
        self.requests: list[Request] = []
        self.connections = 0
        self.address = ""
        self._lock = threading.Lock()
        self._released = threading.Event()
        self._open: set[socket.socket] = set()
        self._arrived = 0
        self.answer(answers)

    def answer(self, answers: Answers) -> None:
        """From now on answer so; the first request from now on is the first again."""
        following = None if callable(answers) else iter(answers)
        with self._lock:
            self._arrived = 0
            self._answers: Callable[[int], Answer] = (
                answers if callable(answers) else lambda _: next(following or iter(()), None)
            )

    def release(self) -> None:
        """Answer the requests that hang."""
        self._released.set()

    @property
    def slack(self) -> str:
        """A webhook's URL."""
        return f"{self.address}{WEBHOOK}"

    @property
    def telegram(self) -> dict[str, Any]:
        """A channel of the settings."""
        return {"type": "telegram", "token": TOKEN, "chat_id": CHAT, "api_url": self.address}

    @property
    def channels(self) -> dict[str, dict[str, Any]]:
        """Channels of the settings that post here, by their types; slack is a bot's."""
        api = {"api_url": self.address}
        return {
            "slack": {"type": "slack", "token": BOT_TOKEN, "channel": "#alerts", **api},
            "telegram": self.telegram,
            "discord": {"type": "discord", "url": f"{self.address}{DISCORD}"},
            "pagerduty": {"type": "pagerduty", "routing_key": ROUTING_KEY, **api},
            "teams": {"type": "teams", "url": f"{self.address}{TEAMS}"},
            "webhook": {"type": "webhook", "url": f"{self.address}{HOOK}", "secret": HOOK_SECRET},
        }

    @property
    def bodies(self) -> list[Any]:
        """What was sent, refused or not."""
        return [request.body for request in self.requests]

    @property
    def taken(self) -> list[Any]:
        """What was sent and acknowledged."""
        return [request.body for request in self.requests if request.status in (200, 202, 204)]

    def keep(self, connection: socket.socket) -> None:
        with self._lock:
            self.connections += 1
            self._open.add(connection)

    def forget(self, connection: socket.socket) -> None:
        with self._lock:
            self._open.discard(connection)

    def arrived(
        self, method: str, path: str, headers: Mapping[str, str], data: bytes
    ) -> Said | Act:
        """Note a request; return how to answer it."""
        body = json.loads(data) if data else None
        with self._lock:
            self._arrived += 1
            answer = self._answers(self._arrived)
            answer = _thanks(path) if answer is None else answer
            status = answer[0] if isinstance(answer, tuple) else 0
            names = {name.lower(): value for name, value in headers.items()}
            self.requests.append(Request(method, path, body, status, names, data))
        if answer is Act.HANG:
            self._released.wait(timeout=30)
        return answer

    def hang_up(self) -> None:
        """End all connections, as a server does with those that are idle for long."""
        with self._lock:
            for connection in self._open:
                with suppress(OSError):  # the client was faster
                    connection.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Let nobody wait any longer: neither a client nor a thread of ours."""
        self._released.set()
        self.hang_up()


def _handler(receiver: Receiver) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        timeout = 30

        def setup(self) -> None:
            super().setup()
            receiver.keep(self.connection)

        def finish(self) -> None:
            receiver.forget(self.connection)
            super().finish()

        def do_POST(self) -> None:
            sent = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            answer = receiver.arrived(self.command, self.path, dict(self.headers), sent)
            if isinstance(answer, Act):
                self.close_connection = True
                return
            status, headers, body = answer
            body = body.encode() if isinstance(body, str) else body
            try:
                self.send_response(status)
                for name, value in {"Content-Length": str(len(body)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)
            except OSError:  # the client did not wait
                self.close_connection = True

        do_GET = do_POST

        def log_message(self, format: str, *args: object) -> None:
            pass

    return Handler


def _thanks(path: str) -> Said:
    if path.endswith("/sendMessage"):
        said: dict[str, Any] = {"ok": True, "result": {"message_id": 1, "text": "x" * 2000}}
    elif path.endswith(("/chat.postMessage", "/chat.update")):
        said = {"ok": True, "channel": "C0EXAMPLE1", "ts": "1773763792.000247"}
    elif path.endswith("/enqueue"):
        return 202, {}, json.dumps({"status": "success", "message": "Event processed"})
    elif path == DISCORD:
        return 204, {}, ""
    elif path == TEAMS:
        return 202, {}, ""
    else:
        return 200, {}, "ok"
    return 200, {}, json.dumps(said)


def slack_refusal(error: str, status: int = 200, **headers: str) -> Answer:
    """An error of Slack's API, which comes with a 200 as a rule."""
    return status, headers, json.dumps({"ok": False, "error": error})


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, request: object, client_address: object) -> None:
        pass  # a client that went away is none of a test's business


@contextmanager
def receiving(answers: Answers = ()) -> Iterator[Receiver]:
    """A receiver on a port of its own."""
    receiver = Receiver(answers)
    with _Server(("127.0.0.1", 0), _handler(receiver)) as server:
        receiver.address = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield receiver
        finally:
            receiver.close()
            server.shutdown()
            thread.join()


def refusal(status: int, description: str, **parameters: object) -> Answer:
    """An error of Telegram's bot API."""
    said: dict[str, Any] = {"ok": False, "error_code": status, "description": description}
    if parameters:
        said["parameters"] = parameters
    return status, {"Content-Type": "application/json"}, json.dumps(said)


class Clock:
    """A clock that stands still unless somebody sleeps or works on it."""

    def __init__(self, now: float = 1_000.0) -> None:
        self.now = now
        self.sleeps: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        if not 0 <= seconds < 1e9:
            raise ValueError(f"time.sleep would refuse {seconds}")
        self.sleeps.append(seconds)
        self.now += seconds

    @property
    def slept(self) -> float:
        return sum(self.sleeps)

    def until(self, seconds: float) -> Callable[[], float]:
        """Seconds left of those that begin now."""
        end = self.now + seconds
        return lambda: end - self.now


class Context:
    """The Lambda context of an invocation, on a fake clock."""

    def __init__(
        self,
        clock: Clock | None = None,
        seconds: float = 60,
        *,
        request: str = "8f5a3c1e-0000-4000-8000-00000000cafe",
        log_group: str = "/aws/lambda/trailbell",
    ) -> None:
        self._left = (clock or Clock()).until(seconds)
        self.aws_request_id = request
        self.log_group_name = log_group

    def get_remaining_time_in_millis(self) -> int:
        return int(self._left() * 1000)


def payload(*messages: object, log_group: str = "CloudTrail/logs", **envelope: object) -> Any:
    """What CloudWatch Logs sends for the messages; what is no text is written as JSON."""
    texts = [one if isinstance(one, str) else json.dumps(one) for one in messages]
    data = {
        "messageType": "DATA_MESSAGE",
        "owner": "111122223333",
        "logGroup": log_group,
        "logStream": "111122223333_CloudTrail_us-east-1",
        "subscriptionFilters": ["trailbell"],
        "logEvents": [
            {"id": f"{number:056d}", "timestamp": 1773763792000, "message": text}
            for number, text in enumerate(texts)
        ],
    } | envelope
    packed = gzip.compress(json.dumps(data).encode(), mtime=0)
    return {"awslogs": {"data": base64.b64encode(packed).decode()}}


Door = Callable[..., dict[str, Any]]


def door(monkeypatch: pytest.MonkeyPatch, folder: Path, clock: Clock, **settings: Any) -> Door:
    """lambda_handler in a folder of its own, on a fake clock, with these TRAILBELL_ settings.

    A setting that is no string goes into the environment as JSON, as the documentation says.
    """
    for name in [name for name in os.environ if name.startswith("TRAILBELL_")]:
        monkeypatch.delenv(name)
    for name, value in settings.items():
        text = value if isinstance(value, str) else json.dumps(value)
        monkeypatch.setenv(f"TRAILBELL_{name}", text)
    if not (folder / "configs.py").exists():  # else a developer's own would be found
        (folder / "configs.py").touch()
    monkeypatch.setattr(sys, "path", sys.path[:])
    monkeypatch.setattr(lambda_function, "HERE", folder)
    deliverer = partial(Deliverer, clock=clock, sleep=clock.sleep)
    monkeypatch.setattr(app, "Deliverer", deliverer)
    monkeypatch.setattr(lambda_function, "process", app.Process())
    return lambda_function.lambda_handler


@cache
def _bell() -> Bell:
    return app.bell(Settings(), everything=True)


def told(
    *events: Event, accounts: Mapping[str, str] | None = None, before: Iterable[Event] | None = None
) -> list[Message]:
    """The messages that the rules make of the events: each alone, in a group, and as counts.

    :param before: what happened before, which rules remember; without it they have no memory.
    """
    bell = _bell()
    if before is not None:
        bell = app.bell(Settings(), everything=True, state=MemoryState())
        bell.alerts(before)
    alerts, _ = bell.alerts(events)
    reader = Reader(accounts=accounts or {}, request="8f5a3c1e", year=2026)
    groups = [Group.single(alert) for alert in alerts]
    groups += [Group((alert,) * 6) for alert in alerts]
    if alerts:
        groups.append(Group(tuple(alerts * 6), rest=True))
    return [compose(group, reader) for group in groups]


def examples() -> dict[str, list[Message]]:
    """What the rules' own examples make, by the example's name."""
    return {
        f"{rule_id}-{example.name}".replace(" ", "-"): told(
            example.event, before=example.before if rule.needs_state else None
        )
        for rule_id, rule in sorted(find(rules).items())
        for example in rule().examples()
        if isinstance(example, Rings)
    }


PLACES: dict[str, Callable[[str], Event]] = {
    "user": lambda it: call("iam:CreateAccessKey", by=user(it)),
    "target": lambda it: call("iam:CreateAccessKey", by="eve", request={"userName": it}),
    "new-user": lambda it: call("iam:CreateUser", by="eve", request={"userName": it}),
    "session": lambda it: call("iam:CreateUser", by=role("admin", it)),
    "role": lambda it: call("iam:CreateUser", by=role(it, "run-5")),
    "person": lambda it: call("iam:CreateUser", by=person(it)),
    "alias": lambda it: sign_in(by=root(userName=it)),
    "identity-type": lambda it: call("iam:CreateUser", by=user("eve") | {"type": it}),
    "agent": lambda it: call("iam:CreateUser", by="eve", userAgent=it),
    "ip": lambda it: call("iam:CreateUser", by="eve", sourceIPAddress=it),
    "region": lambda it: call("iam:CreateUser", by="eve", awsRegion=it),
    "error": lambda it: call("iam:CreateUser", by="eve", error=it),
    "error-message": lambda it: call("s3:GetObject", by="eve", error="x", errorMessage=it),
    "event-id": lambda it: call("iam:CreateAccessKey", by="eve", eventID=it),
    "account": lambda it: call("iam:CreateAccessKey", by="eve", recipientAccountId=it),
    "bucket": lambda it: call("s3:PutObject", by="eve", request={"bucketName": it}),
    "action": lambda it: call(f"s3:{it}", by="eve"),
    "service": lambda it: call("iam:CreateUser", by="eve", eventSource=it),
    "time": lambda it: call("iam:CreateAccessKey", by="eve", eventTime=it),
    "access-key": lambda it: call("iam:CreateUser", by=user("eve", accessKeyId=it)),
    "invoked-by": lambda it: call("iam:CreateUser", by=user("eve", invokedBy=it)),
    "policy": lambda it: call(
        "iam:PutUserPolicy",
        by="eve",
        request={
            "userName": "bob",
            "policyName": it,
            "policyDocument": '{"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}',
        },
    ),
    "trust": lambda it: call(
        "iam:UpdateAssumeRolePolicy",
        by="eve",
        request={
            "roleName": it,
            "policyDocument": json.dumps(
                {
                    "Statement": [
                        {
                            "Effect": "Allow",
                            "Principal": {"AWS": it},
                            "Action": "sts:AssumeRole",
                        }
                    ]
                }
            ),
        },
    ),
    "trail": lambda it: call("cloudtrail:StopLogging", by="eve", request={"name": it}),
    "mfa": lambda it: call(
        "iam:DeactivateMFADevice", by="eve", request={"userName": it, "serialNumber": it}
    ),
}
"""Where a text that somebody else chose may stand in a record."""
