from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
import urllib3
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

import judges
from conftest import draws
from fakes import PLACES, examples, receiving, told
from trailbell.channels.slack import TEXT_LIMIT, Slack
from trailbell.model import Line, Link, Message, Severity, Text, say
from trailbell.testing import call

SLACK = Slack(name="slack", url="https://hooks.slack.com/services/x")
EXAMPLES = [pytest.param(messages, id=name) for name, messages in examples().items()]


def lines(body: dict[str, Any]) -> list[str]:
    """The lines of the rich text."""
    elements = body["blocks"][0]["elements"][0]["elements"]
    return "".join(str(element["text"]) for element in elements).split("\n")


@pytest.mark.parametrize("messages", EXAMPLES)
def test_examples(messages: list[Message]) -> None:
    """What each rule's examples say is a message that Slack takes, formatted and plain."""
    assert messages
    for message in messages:
        shown, plain = (
            judges.slack(SLACK.render(message)),
            judges.slack(SLACK.render_plain(message)),
        )
        for event in message.events:
            assert any(event in url for url, _ in shown.links) or event in shown.literal
            assert any(event in url for url, _ in plain.links) or event in plain.literal
        assert str(message.severity).upper() in SLACK.render(message)["text"]
        assert message.rule in shown.literal or not message.rule
        assert not shown.emoji and not plain.emoji


@pytest.mark.parametrize("place", PLACES)
def test_hostile(place: str) -> None:
    """A text that somebody else chose pings nobody, links nothing and formats nothing."""
    for value in judges.HOSTILE:
        for message in told(PLACES[place](value)):
            judges.slack_literal(SLACK.render(message), value)
            judges.slack_literal(SLACK.render_plain(message), value)


@pytest.mark.parametrize("name", ["R&D <eu>", "*prod* _x_", "prod `blue", "p" * 5000, "a\nb"])
def test_account_name(name: str) -> None:
    """An account may have any name that its owner likes."""
    for message in told(call("iam:CreateUser"), accounts={"111122223333": name}):
        judges.slack(SLACK.render(message))
        judges.slack(SLACK.render_plain(message))


TEXTS = st.text() | st.sampled_from(judges.HOSTILE)


@settings(max_examples=draws(200), deadline=None)
@given(
    values=st.lists(TEXTS, max_size=4),
    details=st.lists(TEXTS, max_size=30),
    events=st.lists(TEXTS, max_size=5),
)
def test_any_text(values: list[str], details: list[str], events: list[str]) -> None:
    """Any texts in any number make a message that Slack takes."""
    message = Message(
        Severity.HIGH,
        say(" and ".join(["{}"] * len(values)) or "nothing", *values),
        place=say("{}", values[0]) if values else Text(("prod",)),
        lines=tuple(Line("Who", say("{} there", detail)) for detail in details),
        rule="access-key-created",
        events=tuple(events),
    )

    for body in (SLACK.render(message), SLACK.render_plain(message)):
        shown = judges.slack(body)
        assert not shown.links
        assert len(body["text"]) <= TEXT_LIMIT


LONG = Message(
    Severity.CRITICAL,
    say("{} did {}", "<" * 90, "&" * 90),
    lines=tuple(Line(f"Line {n:03}", say("says {} here", "<" * (n % 90))) for n in range(100)),
    check_first="Look at it.",
    rule="access-key-created",
    links=(Link("Open", "https://console.aws.amazon.com/x", "e"),),
    events=("e",),
)


def test_limits() -> None:
    """Slack's limits hold for what is sent, and what does not fit is left out line by line."""
    whole = [f"Line {n:03} says {'<' * (n % 90) or '(empty)'} here" for n in range(100)]

    body = SLACK.render(LONG)
    rich = body["blocks"][0]["elements"][0]["elements"]

    # Rich text is literal: nothing in it is escaped. The notification is, and one < becomes &lt;.
    assert TEXT_LIMIT - 200 < len("".join(element["text"] for element in rich)) <= TEXT_LIMIT
    assert len(body["text"]) <= TEXT_LIMIT
    assert 10 < len(lines(body)) < 100
    assert all(line in whole for line in lines(body)[2:-1] if line)
    assert lines(body)[1].startswith("<")


def test_commands() -> None:
    """First-aid commands are a preformatted part behind the lines, and all of it fits."""
    commands = ("aws x --y 1", f"aws x --z '{'<' * 700}'")
    body = SLACK.render(replace(LONG, commands=commands))
    section, block = body["blocks"][0]["elements"]

    assert block == {
        "type": "rich_text_preformatted",
        "elements": [{"type": "text", "text": "\n".join(commands)}],
    }
    judges.slack(body)
    parts = section["elements"] + block["elements"]
    assert TEXT_LIMIT - 200 < sum(len(one["text"]) for one in parts) <= TEXT_LIMIT
    plain = SLACK.render_plain(replace(LONG, commands=commands[:1]))["text"]
    assert "\n```\naws x --y 1\n```\n`access-key-created` · " in plain
    assert len(plain) <= TEXT_LIMIT


def test_plain_limits() -> None:
    """The plain message has whole lines only too, and its link."""
    shown = judges.slack(body := SLACK.render_plain(LONG))

    assert len(body["text"]) <= TEXT_LIMIT
    assert body["text"].count("`") % 2 == 0
    assert [label for _, label in shown.links] == ["Open"]


def test_footer_is_whole() -> None:
    """Ids that take much room are left out whole: half a code span would set the rest free."""
    event = "&" * 100 + "<!channel>" * 20
    message = Message(Severity.HIGH, say("x"), rule="a-rule", events=(event,) * 5)

    judges.slack_literal(SLACK.render(message), "<!channel>")
    judges.slack_literal(SLACK.render_plain(message), "<!channel>")
    assert len(SLACK.render_plain(message)["text"]) <= TEXT_LIMIT


def test_no_unfurl() -> None:
    """Slack fetches no link of a message, formatted or plain."""
    for body in (SLACK.render(LONG), SLACK.render_plain(LONG)):
        assert (body["unfurl_links"], body["unfurl_media"]) == (False, False)


def test_render_is_pure() -> None:
    """What is shown is what goes over the wire, as JSON."""
    body = SLACK.render(LONG)
    with receiving() as receiver, urllib3.PoolManager() as http:
        Slack(url=receiver.slack).send(body, http, urllib3.Timeout(5))

    assert body == SLACK.render(LONG) == json.loads(json.dumps(body))
    (request,) = receiver.requests
    assert (request.method, request.body) == ("POST", body)
    assert receiver.slack.endswith(request.path)


@pytest.mark.parametrize(
    ("url", "right"),
    [
        ("https://hooks.slack.com/services/T0/B0/x", True),
        ("https://hooks.slack-gov.com/services/T0/B0/x", True),
        ("https://relay.example.com/x", True),
        ("https://relay.example.com:8443/x?y=1", True),
        ("http://127.0.0.1:8080/x", True),
        ("http://localhost/x", True),
        ("http://[::1]:1/x", True),
        ("http://hooks.slack.com/services/T0/B0/x", False),
        ("http://127.0.0.1.example.com/x", False),
        ("http://localhost.example.com/x", False),
        ("http://127.0.0.1@example.com/x", False),
        ("http://example.com\\@127.0.0.1/x", False),
        ("ftp://hooks.slack.com/x", False),
        ("https://hooks.slack.com", False),
        ("https://hooks.slack.com/", False),
        ("https://hooks.slack.com:port/x", False),
        ("https://hooks.slack.com:99999/x", False),
        ("https:///services/x", False),
        ("https://[hooks/x", False),
        ("hooks.slack.com/services/x", False),
        ("https://hooks.slack.com/services/x y", False),
        ("https://hooks.slack.com/services/x\n", False),
        (" https://hooks.slack.com/services/x", False),
        ("https://höoks.example/x", False),
        ("", False),
    ],
)
def test_form_of_a_url(url: str, right: bool) -> None:
    """A webhook is any https URL with a path, or http to this machine."""
    if right:
        assert Slack(url=url).url.get_secret_value() == url
        return
    with pytest.raises(ValidationError) as caught:
        Slack(url=url)
    assert not url or url not in str(caught.value)


@pytest.mark.parametrize("name", ["env:URL", "ssm:/bell", "secretsmanager:bell#key"])
def test_name_of_a_url(name: str) -> None:
    """A secret that is named and not looked up is left as it is."""
    assert Slack(url=name).url.get_secret_value() == name
