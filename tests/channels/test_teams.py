from __future__ import annotations

from typing import Any

import urllib3

import judges
from fakes import TEAMS, receiving
from trailbell.channels.teams import Teams
from trailbell.model import Line, Link, Message, Severity, Text, say

MESSAGE = Message(
    Severity.CRITICAL,
    say("{} did it", "mallory"),
    place=Text(("production",)),
    what=say("{} · succeeded", "iam:CreateUser"),
    lines=(Line("Who", say("{} (IAM user)", "{{DATE(x)}}")),),
    check_first="Look there.",
    commands=("aws iam get-user --x '{{y}}'", "aws iam list-users"),
    rule="a-rule",
    links=(
        Link("1", "https://example.com/e-1", "e-1"),
        Link("2", "https://example.com/e-2", "e-2"),
    ),
    events=("e-1", "e-2", "e-3"),
)


def lines(body: dict[str, Any]) -> list[str]:
    """The card's lines; what is monospaced stands in `..`."""
    blocks = body["attachments"][0]["content"]["body"]
    return [
        "".join(
            f"`{run['text']}`" if run.get("fontType") else run["text"] for run in one["inlines"]
        )
        for block in blocks
        for one in block.get("items", [block])
    ]


def test_card() -> None:
    """A card is one line after the other, and its links are buttons."""
    with receiving() as receiver, urllib3.PoolManager() as http:
        channel = Teams(**receiver.channels["teams"])
        channel.send(body := channel.render(MESSAGE), http, urllib3.Timeout(5))

    (request,) = receiver.requests
    assert (request.path, request.body) == (TEAMS, body)
    assert request.headers["content-type"] == "application/json; charset=utf-8"
    assert lines(body) == [
        "\N{LARGE RED SQUARE} CRITICAL · production",
        "`mallory` did it",
        "`iam:CreateUser` · succeeded",
        "Who `{ {DATE(x)}}` (IAM user)",
        "Check first Look there.",
        "`aws iam get-user --x '{{y}}'`",
        "`aws iam list-users`",
        "`a-rule` · `e-3`",
    ]
    actions = body["attachments"][0]["content"]["actions"]
    assert [(one["title"], one["url"]) for one in actions] == [
        ("Event 1", "https://example.com/e-1"),
        ("Event 2", "https://example.com/e-2"),
    ]


def test_colour() -> None:
    """The mark and the word tell the severity; a colour adds to them where it may."""
    for severity, colour in {Severity.CRITICAL: "Attention", Severity.LOW: "Default"}.items():
        body = Teams(url="https://example.com/x").render(Message(severity, say("x")))
        first = body["attachments"][0]["content"]["body"][0]["inlines"][0]
        assert (str(severity).upper() in first["text"], first["color"]) == (True, colour)


def test_long_message() -> None:
    """Lines that do not fit are left out whole, and the rest is kept."""
    many = tuple(Line(f"Line {n}", say("{}", "x" * 290)) for n in range(90))
    message = Message(Severity.LOW, say("x"), lines=many, rule="a-rule", events=("e-1",))
    judges.teams(body := Teams(url="https://example.com/x").render(message))

    shown = lines(body)
    assert 20 < len(shown) < 90
    assert all(line.endswith("x" * 290 + "`") for line in shown[2:-1])
    assert shown[-1] == "`a-rule` · `e-1`"
