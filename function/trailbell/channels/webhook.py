from __future__ import annotations

import hashlib
import hmac
from time import time
from typing import Annotated, Any, ClassVar, Literal

import urllib3
from pydantic import AfterValidator, SecretStr

from trailbell.channels.base import (
    LINE_LIMIT,
    Channel,
    Secret,
    clean,
    command_lines,
    cut,
    encoded,
    one_line,
    plain,
    post_bytes,
    short_key,
    utc,
    web_address,
)
from trailbell.model import Line, Message

VERSION = 1  # of the document; docs/webhook.schema.json describes it
LINES_LIMIT = 6_000  # characters of all lines of a document, with their labels


def filled(secret: SecretStr) -> SecretStr:
    if not secret:
        raise ValueError("is empty: leave it out, or give the receiver's secret")
    return secret


class Webhook(Channel):
    """Any server that takes a POST of JSON; docs/webhook.schema.json describes what it gets.

    With a secret, the header `X-Trailbell-Signature` is `v1=` and the HMAC-SHA256, in hex, of the
    header `X-Trailbell-Timestamp` (seconds since 1970), a dot and the body as it came. Compare it
    in constant time, and refuse timestamps that are minutes old. `Idempotency-Key` is the same
    whenever the same message is tried again.
    """

    type: Literal["webhook"] = "webhook"
    url: Annotated[Secret, AfterValidator(web_address)]
    secret: Annotated[Secret, AfterValidator(filled)] = SecretStr("")
    """Signs what is posted, so that the receiver can tell that it is trailbell's."""

    help: ClassVar = '{"type": "webhook", "url": "https://...", "secret": "env:NAME"}'

    def render(self, message: Message) -> dict[str, Any]:
        return document(message)

    def render_plain(self, message: Message) -> dict[str, Any]:
        return self.render(message)

    def send(
        self, body: dict[str, Any], http: urllib3.PoolManager, timeout: urllib3.Timeout
    ) -> None:
        data = encoded(body)
        timestamp = str(int(time()))
        headers = {"X-Trailbell-Timestamp": timestamp}
        if self.secret:
            headers["X-Trailbell-Signature"] = f"v1={self._signature(timestamp, data)}"
        if key := body.get("key"):
            headers["Idempotency-Key"] = short_key(key)
        answer = post_bytes(self.url.get_secret_value(), data, http, timeout, headers)
        if not 200 <= answer.status < 300:
            raise answer.refusal()

    def _signature(self, timestamp: str, data: bytes) -> str:
        """The timestamp is signed too: a receiver can refuse what somebody replays later."""
        secret = self.secret.get_secret_value().encode()
        return hmac.new(secret, f"{timestamp}.".encode() + data, hashlib.sha256).hexdigest()


def document(message: Message) -> dict[str, Any]:
    """A message for programs: what it says, in fields. Every field is always there."""
    commands = command_lines(message)
    return {
        "version": VERSION,
        "key": message.key,
        "text": plain(one_line(message)),
        "severity": str(message.severity) if message.severity else None,
        "title": plain(message.title),
        "place": plain(message.place),
        "account": message.account,
        "time": utc(message.time),
        "what": plain(message.what),
        "lines": [{"label": line.label, "text": plain(line.text)} for line in first_lines(message)],
        "check_first": cut(message.check_first, LINE_LIMIT),
        "commands": commands.split("\n") if commands else [],
        "rule": message.rule,
        "links": [link._asdict() for link in message.links],
        "events": [clean(event) for event in message.events],
        "count": message.count,
    }


def first_lines(message: Message) -> list[Line]:
    """The lines that fit, each whole."""
    lines, left = [], LINES_LIMIT
    for line in message.lines:
        left -= len(line.label) + len(plain(line.text))
        if left < 0:
            break
        lines.append(line)
    return lines
