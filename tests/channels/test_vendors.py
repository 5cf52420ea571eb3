"""What each vendor's judge says of whatever is rendered."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import judges
from conftest import draws
from fakes import BOT_TOKEN, DISCORD, HOOK, PLACES, ROUTING_KEY, TEAMS, examples, told
from trailbell.channels.base import COMMANDS_LIMIT, Channel
from trailbell.channels.discord import Discord
from trailbell.channels.pagerduty import PagerDuty
from trailbell.channels.slack import Slack
from trailbell.channels.sns import Sns
from trailbell.channels.teams import Teams
from trailbell.channels.webhook import Webhook
from trailbell.model import Line, Link, Message, Severity, Text, say
from trailbell.testing import call

CHANNELS: list[Channel] = [
    Discord(url=f"https://discord.com{DISCORD}"),
    PagerDuty(routing_key=ROUTING_KEY),
    Slack(token=BOT_TOKEN, channel="#alerts"),
    Sns(topic_arn="arn:aws:sns:eu-west-1:111122223333:alerts"),
    Teams(url=f"https://example.com{TEAMS}"),
    Webhook(url=f"https://example.com{HOOK}"),
]
OTHERS = [one for one in CHANNELS if one.type != "slack"]  # test_slack.py has the same for it
every_channel = pytest.mark.parametrize("channel", CHANNELS, ids=lambda channel: channel.type)
RECEIPT = {
    "to": "#alerts",
    "channel": "C0EXAMPLE1",
    "ts": "1773763792.000247",
    "body": CHANNELS[2].render(Message(Severity.LOW, say("{} did it", "mallory"))),
}


def bodies(channel: Channel, message: Message) -> list[dict[str, Any]]:
    """What a channel makes of a message, judged: formatted, plain, and as a follow-up."""
    follow_up = replace(message, reply_to=RECEIPT)
    made = [channel.render(message), channel.render_plain(message)]
    made += [channel.render(follow_up), channel.render_plain(follow_up)]
    for body in made:
        judges.judge(channel.type, body)
    return made


def inert(channel: Channel, body: dict[str, Any], value: str) -> None:
    """A value formats nothing, and is no link where a reader makes links by itself."""
    shown = judges.judge(channel.type, body)
    if isinstance(shown, judges.Shown):
        judges.inert(shown, value)
    elif channel.type == "sns":
        assert not [url for url in judges.WEB.findall(value) if url in str(shown)]
    elif channel.type == "pagerduty":
        assert not [url for url in judges.WEB.findall(value) if url in json.dumps(body)]


@pytest.mark.parametrize("channel", OTHERS, ids=lambda channel: channel.type)
def test_examples(channel: Channel) -> None:
    """What each rule's examples say is taken, and names severity, rule and events."""
    for messages in examples().values():
        for message in messages:
            judges.judge(channel.type, body := channel.render(message))
            text = json.dumps(body, ensure_ascii=False)
            assert all(event in text for event in message.events)
            assert message.rule in text
            assert str(message.severity).upper() in text


@pytest.mark.parametrize("place", PLACES)
def test_hostile(place: str) -> None:
    """A text that somebody else chose pings nobody, links nothing and formats nothing."""
    for value in judges.HOSTILE:
        for message in told(PLACES[place](value)):
            for channel in OTHERS:
                inert(channel, channel.render(message), value)
                if channel.type == "discord":  # Teams' is in one font; others have one form
                    inert(channel, channel.render_plain(message), value)


@every_channel
@pytest.mark.parametrize(
    "name",
    ["R&D <eu>", "*prod* _x_", "prod `blue", "p" * 5000, "a\nb", "- x", "1. x", "[a](https://b.c)"],
)
def test_account_name(channel: Channel, name: str) -> None:
    """An account may have any name that its owner likes."""
    for message in told(call("iam:CreateUser"), accounts={"111122223333": name}):
        bodies(channel, message)


TEXTS = st.text() | st.sampled_from(judges.HOSTILE)


@every_channel
@settings(max_examples=draws(100), deadline=None)
@given(
    severity=st.sampled_from([None, *Severity]),
    values=st.lists(TEXTS, max_size=4),
    details=st.lists(TEXTS, max_size=30),
    events=st.lists(TEXTS, max_size=5),
    key=st.text(),
)
def test_any_text(
    channel: Channel,
    severity: Severity | None,
    values: list[str],
    details: list[str],
    events: list[str],
    key: str,
) -> None:
    """Any texts in any number make a message that is taken, the same one each time."""
    message = Message(
        severity,
        say(" and ".join(["{}"] * len(values)) or "nothing", *values),
        place=say("{}", values[0]) if values else Text(("prod",)),
        what=say("{}{}", *values[:2]) if len(values) > 1 else say(""),
        lines=tuple(Line("Who" * (n % 2), say("{} there", one)) for n, one in enumerate(details)),
        rule="access-key-created",
        events=tuple(events),
        key=key if key.isascii() else "",
    )

    made = bodies(channel, message)

    assert made == bodies(channel, message)
    assert json.loads(json.dumps(made)) == made


URL = "https://eu-west-1.console.aws.amazon.com/cloudtrailv2/home?region=eu-west-1#/events/"


@every_channel
@pytest.mark.parametrize("char", ["<", "&", '"', "\\", "*", "é", "\N{FIRE}"])
def test_limits(channel: Channel, char: str) -> None:
    """However long all of it is, the limits hold, and what is to be done and seen stays."""
    ids = [f"730525bd-0000-4000-8000-{n:012}" for n in range(5)]
    message = Message(
        Severity.CRITICAL,
        say("{} did {}" * 9, *[char * 400] * 18),
        place=Text((char * 3000,)),
        what=say("{} · {}", char * 400, char * 400),
        lines=tuple(
            Line(f"Line {n}", say("{} and {} and {}", *[char * 400] * 3)) for n in range(60)
        ),
        check_first=char * 900,
        commands=(f"aws {'y' * (COMMANDS_LIMIT - 5)}",),
        rule="access-key-created",
        links=tuple(Link(str(n), f"{URL}{event}", event) for n, event in enumerate(ids, 1)),
        events=tuple(ids),
        count=12_345,
        key=char * 400,
    )
    for body in bodies(channel, message)[::2]:
        text = json.dumps(body)
        assert message.commands[0] in text
        assert all(f"{URL}{event}" in text for event in ids)


@every_channel
def test_many_pieces(channel: Channel) -> None:
    """A sentence of very many values keeps the limits too."""
    text = say("{}" * 1_000, *"x" * 1_000)
    lines = tuple(Line("Who", text) for _ in range(20))
    bodies(channel, Message(Severity.LOW, text, what=text, lines=lines))
