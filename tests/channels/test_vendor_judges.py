"""The judges of the vendors refuse what they are there to refuse."""

from __future__ import annotations

from typing import Any

import pytest

import judges
from fakes import ROUTING_KEY
from trailbell.channels.pagerduty import PagerDuty
from trailbell.channels.sns import Sns
from trailbell.channels.teams import Teams
from trailbell.model import Message, Severity, say

MESSAGE = Message(Severity.HIGH, say("{} did it", "mallory"), rule="a-rule")


def discord(content: str, **more: Any) -> dict[str, Any]:
    return {"content": content, "allowed_mentions": {"parse": []}, "flags": 4, **more}


@pytest.mark.parametrize(
    "content",
    [
        "**bold** and `co*de` and \\*this\\* at 12:34:56",
        "[a link](https://example.com/x#/y) and\n```\naws x `\n```".replace("`\n```", "\n```"),
        "**HIGH** a_b".replace("_", "\\_"),
    ],
)
def test_discord_takes(content: str) -> None:
    """Bold words, code, escapes and links are what we mean."""
    judges.discord(discord(content))


@pytest.mark.parametrize(
    "content",
    [
        "", " ", "x" * 2_001, "\N{FIRE}" * 1_001, "@everyone", "<@123>", "a *b* c", "a _b_ c",
        "~~x~~", "||x||", "# x", "> x", "a\n- x", "1. x", "https://evil.example", ":skull:",
        "[x](https://evil.example", "[x](javascript:x)", "`a``b`", "`open", "**a `b** c` d**",
        "\\", "a\u202eb",
    ],
)  # fmt: skip
def test_discord_refuses(content: str) -> None:
    """What is live, empty or too long is refused."""
    with pytest.raises(AssertionError):
        judges.discord(discord(content))


@pytest.mark.parametrize(
    "more",
    [
        {"allowed_mentions": {}},
        {"embeds": [{"description": "x" * 4_097}]},
        {"tts": True},
        {"content": "[x](https://x.example)", "flags": 0},
    ],
)
def test_discord_refuses_fields(more: dict[str, Any]) -> None:
    """So are pings, long embeds and other fields."""
    with pytest.raises(AssertionError):
        judges.discord(discord("x") | more)


def card(*blocks: dict[str, Any]) -> dict[str, Any]:
    body = Teams(url="https://example.com/x").render(MESSAGE)
    body["attachments"][0]["content"]["body"] += blocks
    return body


def run(text: str) -> dict[str, Any]:
    return {"type": "RichTextBlock", "inlines": [{"type": "TextRun", "text": text}]}


@pytest.mark.parametrize(
    "block",
    [
        {"type": "TextBlock", "text": "*x*"},
        {"type": "RichTextBlock", "inlines": []},
        {"type": "RichTextBlock", "inlines": ["x"]},
        run(""),
        run("a\nb"),
        run("{{DATE(2026-03-17T00:00:00Z)}}"),
        run("x" * 14_500),
    ],
)
def test_teams_refuses(block: dict[str, Any]) -> None:
    """Markdown, functions, empty and long texts are refused."""
    judges.teams(card(run("x")))
    with pytest.raises((AssertionError, TypeError)):
        judges.teams(card(block))


@pytest.mark.parametrize(
    "change",
    [
        {"Subject": "é"},
        {"Subject": ""},
        {"Subject": " x"},
        {"Subject": "x" * 100},
        {"MessageAttributes": {"rule": {"DataType": "String", "StringValue": ""}}},
    ],
)
def test_sns_refuses(change: dict[str, Any]) -> None:
    """A subject that SNS would not take is refused, and so is an empty attribute."""
    body = Sns(topic_arn="arn:aws:sns:eu-west-1:111122223333:alerts").render(MESSAGE)

    judges.sns(body)
    with pytest.raises(AssertionError):
        judges.sns(body | change)
    body["Message"]["default"] = "x" * 256 * 1024
    with pytest.raises(AssertionError):
        judges.sns(body)


@pytest.mark.parametrize(
    "change",
    [{"summary": "x" * 1_025}, {"summary": ""}, {"severity": "high"}, {"source": ""}, {"x": 1}],
)
def test_pagerduty_refuses(change: dict[str, Any]) -> None:
    """An event that PagerDuty would not take is refused."""
    body = PagerDuty(routing_key=ROUTING_KEY).render(MESSAGE)

    judges.pagerduty(body)
    with pytest.raises(AssertionError):
        judges.pagerduty({**body, "payload": body["payload"] | change})
    with pytest.raises(AssertionError):
        judges.pagerduty({**body, "dedup_key": "k" * 256})
