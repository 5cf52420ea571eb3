from __future__ import annotations

import pytest

import judges
from trailbell.channels.discord import Discord
from trailbell.model import Line, Link, Message, Severity, Text, say

DISCORD = Discord(url="https://discord.com/api/webhooks/1/x")
MESSAGE = Message(
    Severity.CRITICAL,
    say("{} did it", "mallory"),
    place=Text(("pro_duction",)),
    what=say("{} · succeeded", "iam:CreateUser"),
    lines=(Line("Who", say("{} (IAM user)", "mallory")), Line("When", say("17:09:52 CET"))),
    check_first="Look there.",
    commands=("aws iam get-user", "aws iam list-users"),
    rule="a-rule",
    links=(Link("Open in CloudTrail", "https://example.com/e-1", "e-1"),),
    events=("e-1",),
)
REST = """`iam:CreateUser` · succeeded
**Who** `mallory` (IAM user)
**When** 17:09:52 CET
**Check first** Look there.
```
aws iam get-user
aws iam list-users
```
`a-rule` · [Open in CloudTrail](https://example.com/e-1)"""


def test_message() -> None:
    """The title is what a phone shows; the rest is an embed in the severity's colour."""
    judges.discord(body := DISCORD.render(MESSAGE))

    assert body == {
        "content": "**\N{LARGE RED SQUARE} CRITICAL** pro\\_duction: `mallory` did it",
        "allowed_mentions": {"parse": []},
        "embeds": [{"description": REST, "color": 0xDD2E44}],
    }


def test_plain() -> None:
    """The plain form is the same text without an embed and without previews of links."""
    judges.discord(body := DISCORD.render_plain(MESSAGE))

    assert body == {
        "content": f"{DISCORD.render(MESSAGE)['content']}\n{REST}",
        "allowed_mentions": {"parse": []},
        "flags": 4,
    }


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        ("*a* _b_ ~~c~~ ||d||", r"\*a\* \_b\_ \~\~c\~\~ \|\|d\|\|"),
        ("<@1> @everyone", r"\<\@1\> \@everyone"),
        ("[a](https://b.c)", r"\[a\](https\://b.c)"),
        (":skull: at 12:34:56", r"\:skull: at 12:34:56"),
        ("- a", r"\- a"),
        ("1. a", r"1\. a"),
        ("a - b 1. c", "a - b 1. c"),
        ("a`b\nc", "aˋb c"),
        ("\\", r"\\"),
    ],
)
def test_words(words: str, shown: str) -> None:
    """Words of ours, such as an account's name, format nothing either."""
    assert DISCORD.render(Message(None, Text((words,))))["content"] == shown
