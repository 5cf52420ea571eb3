from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
import urllib3
from pydantic import ValidationError

import judges
from fakes import ROUTING_KEY, receiving
from trailbell.channels.pagerduty import PagerDuty
from trailbell.model import Line, Link, Message, Severity, Text, say

PAGERDUTY = PagerDuty(routing_key=ROUTING_KEY)
MESSAGE = Message(
    Severity.CRITICAL,
    say("{} did it", "mallory"),
    place=Text(("production",)),
    what=say("{} · succeeded", "iam:CreateUser"),
    lines=(
        Line("Who", say("{} (IAM user)", "https://evil.example")),
        Line("", say("one")),
        Line("", say("two")),
    ),
    check_first="Look there.",
    commands=("aws iam get-user", "aws iam list-users"),
    rule="a-rule",
    links=(Link("1", "https://example.com/e-1", "e-1"),),
    events=("e-1", "e-2"),
    count=3,
    key="a-key",
    account="111122223333",
    time=datetime(2026, 3, 17, 16, 9, 52, tzinfo=UTC),
)


def test_event() -> None:
    """An event says it all, and the integration's key is put into it when it is sent."""
    with receiving() as receiver, urllib3.PoolManager() as http:
        channel = PagerDuty(**receiver.channels["pagerduty"])
        channel.send(body := channel.render(MESSAGE), http, urllib3.Timeout(5))

    (request,) = receiver.requests
    assert request.path == "/v2/enqueue"
    assert request.body == {"routing_key": ROUTING_KEY, **body}
    assert body == {
        "event_action": "trigger",
        "dedup_key": "a-key",
        "payload": {
            "summary": "CRITICAL ×3 production: mallory did it",
            "source": "production",
            "severity": "critical",
            "component": "CloudTrail",
            "group": "111122223333",
            "timestamp": "2026-03-17T16:09:52Z",
            "class": "a-rule",
            "custom_details": {
                "What": "iam:CreateUser · succeeded",
                "Who": "https[:]//evil.example (IAM user)",
                "More": "one\ntwo",
                "Check first": "Look there.",
                "Commands": "aws iam get-user\naws iam list-users",
                "Rule": "a-rule",
                "Events": "e-1\ne-2",
            },
        },
        "client": "trailbell",
        "links": [{"href": "https://example.com/e-1", "text": "Event 1"}],
    }


@pytest.mark.parametrize(
    ("severity", "word"),
    [
        (Severity.CRITICAL, "critical"),
        (Severity.HIGH, "error"),
        (Severity.MEDIUM, "warning"),
        (Severity.LOW, "info"),
        (Severity.INFO, "info"),
        (None, "info"),
    ],
)
def test_severity(severity: Severity | None, word: str) -> None:
    """PagerDuty knows four severities; a test wakes nobody up."""
    body = PAGERDUTY.render(replace(MESSAGE, severity=severity))

    assert judges.pagerduty(body)["severity"] == word


def test_long_key() -> None:
    """A key that is too long is told by its digest; without one PagerDuty makes its own."""
    assert len(PAGERDUTY.render(replace(MESSAGE, key="k" * 256))["dedup_key"]) == 64
    assert "dedup_key" not in PAGERDUTY.render(replace(MESSAGE, key=""))


@pytest.mark.parametrize(
    ("key", "right"),
    [
        (ROUTING_KEY, True),
        ("env:PAGERDUTY", True),
        (ROUTING_KEY[:-1], False),
        (f"{ROUTING_KEY}\n", False),
        ("-" * 32, False),
        ("", False),
    ],
)
def test_form_of_a_key(key: str, right: bool) -> None:
    """A key is 32 letters and digits, or a secret's name."""
    if right:
        assert PagerDuty(routing_key=key).routing_key.get_secret_value() == key
        return
    with pytest.raises(ValidationError, match="32 letters and digits"):
        PagerDuty(routing_key=key)
