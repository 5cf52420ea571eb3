from __future__ import annotations

import hashlib
import hmac
import json
import time
from dataclasses import replace
from datetime import UTC, datetime

import pytest
import urllib3
from pydantic import ValidationError

import judges
from fakes import HOOK_SECRET, Request, receiving
from trailbell.channels.webhook import Webhook
from trailbell.model import Line, Link, Message, Severity, say

MESSAGE = Message(
    Severity.HIGH,
    say("{} did it \N{FIRE}", "mallory"),
    place=say("{}", "111122223333"),
    what=say("{} · succeeded", "iam:CreateUser"),
    lines=(Line("Who", say("{} (IAM user)", "mallory")),),
    check_first="Look there.",
    commands=("aws iam get-user",),
    rule="a-rule",
    links=(Link("Open in CloudTrail", "https://example.com/e-1", "e-1"),),
    events=("e-1",),
    count=3,
    key="a-key",
    account="111122223333",
    time=datetime(2026, 3, 17, 16, 9, 52, tzinfo=UTC),
)


def posted(message: Message, **settings: str) -> Request:
    with receiving() as receiver, urllib3.PoolManager() as http:
        channel = Webhook(**{"url": receiver.channels["webhook"]["url"], **settings})
        channel.send(channel.render(message), http, urllib3.Timeout(5))
    return receiver.requests[0]


def test_document() -> None:
    """The document has a field for each thing that the message says."""
    assert posted(MESSAGE).body == judges.webhook(
        {
            "version": 1,
            "key": "a-key",
            "text": "\N{LARGE ORANGE SQUARE} HIGH ×3 111122223333: mallory did it \N{FIRE}",
            "severity": "high",
            "title": "mallory did it \N{FIRE}",
            "place": "111122223333",
            "account": "111122223333",
            "time": "2026-03-17T16:09:52Z",
            "what": "iam:CreateUser · succeeded",
            "lines": [{"label": "Who", "text": "mallory (IAM user)"}],
            "check_first": "Look there.",
            "commands": ["aws iam get-user"],
            "rule": "a-rule",
            "links": [
                {"label": "Open in CloudTrail", "url": "https://example.com/e-1", "event": "e-1"}
            ],
            "events": ["e-1"],
            "count": 3,
        }
    )


def test_empty() -> None:
    """A message about no event has every field too."""
    body = posted(Message(None, say("Test"))).body

    judges.webhook(body)
    assert (body["severity"], body["commands"], body["key"]) == (None, [], "")


@pytest.mark.parametrize(
    "change",
    [
        {"version": 2},
        {"version": True},
        {"severity": "bad"},
        {"title": None},
        {"title": "x" * 1001},
        {"lines": [{"label": "Who"}]},
        {"lines": {}},
        {"links": [{"label": "x", "url": "javascript:x", "event": "e"}]},
        {"commands": ["rm -rf /"]},
        {"events": ["e"] * 6},
        {"count": 0},
        {"more": 1},
    ],
    ids=str,
)
def test_schema(change: dict[str, object]) -> None:
    """The published schema refuses what the document never is."""
    with pytest.raises(AssertionError):
        judges.webhook({**Webhook(url="https://x.example/x").render(MESSAGE), **change})


def test_schema_names_each_field() -> None:
    """What is posted and what is published have the same fields, all of them required."""
    schema = json.loads(judges.SCHEMA.read_text())

    assert list(schema["properties"]) == schema["required"]
    assert schema["required"] == list(Webhook(url="https://x.example/x").render(MESSAGE))


def test_signature(monkeypatch: pytest.MonkeyPatch) -> None:
    """The signature is an HMAC of the timestamp and the very bytes that were posted."""
    monkeypatch.setattr("trailbell.channels.webhook.time", lambda: 1_773_763_792.9)
    request = posted(MESSAGE, secret=HOOK_SECRET)

    signed = b"1773763792." + request.data
    signature = hmac.new(HOOK_SECRET.encode(), signed, hashlib.sha256).hexdigest()
    assert request.headers["x-trailbell-timestamp"] == "1773763792"
    assert request.headers["x-trailbell-signature"] == f"v1={signature}"
    assert request.headers["content-type"] == "application/json"
    assert HOOK_SECRET not in f"{request}"


def test_unsigned() -> None:
    """Without a secret there is a time and no signature."""
    headers = posted(MESSAGE).headers

    assert abs(int(headers["x-trailbell-timestamp"]) - time.time()) < 60
    assert "x-trailbell-signature" not in headers


@pytest.mark.parametrize(
    ("key", "header"),
    [
        ("a-key", "a-key"),
        ("", None),
        ("a key\r\nX-Evil: 1", hashlib.sha256(b"a key\r\nX-Evil: 1").hexdigest()),
        ("ü", hashlib.sha256("ü".encode()).hexdigest()),
        ("k" * 256, hashlib.sha256(b"k" * 256).hexdigest()),
    ],
)
def test_idempotency_key(key: str, header: str | None) -> None:
    """The key is a header too, or its digest where a header cannot hold it."""
    assert posted(replace(MESSAGE, key=key)).headers.get("idempotency-key") == header


def test_no_empty_secret() -> None:
    """A secret that came out empty is no wish for unsigned posts."""
    with pytest.raises(ValidationError, match="is empty"):
        Webhook(url="https://x.example/x", secret="")
