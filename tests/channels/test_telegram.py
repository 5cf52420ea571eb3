from __future__ import annotations

import json
from dataclasses import replace

import pytest
import urllib3
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

import judges
from conftest import draws
from fakes import CHAT, PLACES, TOKEN, Answer, examples, receiving, refusal, told
from trailbell.channels.telegram import TEXT_LIMIT, Telegram
from trailbell.errors import ChannelError, Verdict
from trailbell.model import Line, Link, Message, Severity, Text, say
from trailbell.testing import call

TELEGRAM = Telegram(name="telegram", token=TOKEN, chat_id=CHAT)
EXAMPLES = [pytest.param(messages, id=name) for name, messages in examples().items()]


@pytest.mark.parametrize("messages", EXAMPLES)
def test_examples(messages: list[Message]) -> None:
    """What each rule's examples say is a message that Telegram takes, formatted and plain."""
    assert messages
    for message in messages:
        text, entities = judges.telegram(TELEGRAM.render(message))
        plain, _ = judges.telegram(TELEGRAM.render_plain(message))
        links = [one.url or "" for one in entities if one.kind == "text_url"]
        for event in message.events:
            assert any(event in url for url in links) or event in text
        assert str(message.severity).upper() in text.partition("\n")[0]
        assert message.rule in text and message.rule in plain
        assert str(message.severity).upper() in plain


@pytest.mark.parametrize("place", PLACES)
def test_hostile(place: str) -> None:
    """A text that somebody else chose mentions nobody, links nothing and formats nothing."""
    for value in judges.HOSTILE:
        for message in told(PLACES[place](value)):
            judges.telegram_literal(TELEGRAM.render(message), value)
            judges.telegram(TELEGRAM.render_plain(message))


@pytest.mark.parametrize("name", ["R&D <eu>", "*prod* _x_", "prod `blue", "p" * 5000, "a\nb"])
def test_account_name(name: str) -> None:
    """An account may have any name that its owner likes."""
    for message in told(call("iam:CreateUser"), accounts={"111122223333": name}):
        judges.telegram(TELEGRAM.render(message))
        judges.telegram(TELEGRAM.render_plain(message))


TEXTS = st.text() | st.sampled_from(judges.HOSTILE)


@settings(max_examples=draws(200), deadline=None)
@given(
    values=st.lists(TEXTS, max_size=4),
    details=st.lists(TEXTS, max_size=30),
    events=st.lists(TEXTS, max_size=5),
)
def test_any_text(values: list[str], details: list[str], events: list[str]) -> None:
    """Any texts in any number make a message that Telegram takes."""
    message = Message(
        Severity.HIGH,
        say(" and ".join(["{}"] * len(values)) or "nothing", *values),
        place=say("{}", values[0]) if values else Text(("prod",)),
        lines=tuple(Line("Who", say("{} there", detail)) for detail in details),
        rule="access-key-created",
        events=tuple(events),
    )

    _, entities = judges.telegram(TELEGRAM.render(message))
    judges.telegram(TELEGRAM.render_plain(message))
    assert not [one for one in entities if one.url]


LONG = Message(
    Severity.CRITICAL,
    say("{} did {}", "<" * 90, "&" * 90),
    lines=tuple(Line(f"Line {n:03}", say("says {} here", "<" * (n % 90))) for n in range(150)),
    check_first="Look at it.",
    rule="access-key-created",
    links=(Link("Open", "https://console.aws.amazon.com/x?a=1&b=2", "e"),),
    events=("e",),
)


def test_limits() -> None:
    """4,096 is counted after the entities are parsed; lines are left out whole, never cut."""
    whole = [f"Line {n:03}: says {'<' * (n % 90) or '(empty)'} here" for n in range(150)]

    text, entities = judges.telegram(TELEGRAM.render(LONG))
    first, *lines, footer = text.split("\n")

    assert TEXT_LIMIT - 100 < len(text) <= TEXT_LIMIT
    assert first.startswith("\N{LARGE RED SQUARE} CRITICAL <")
    assert all(line in [*whole, "Check first: Look at it."] for line in lines)
    assert footer == "access-key-created · Open"
    assert [one.url for one in entities if one.url] == ["https://console.aws.amazon.com/x?a=1&b=2"]


def test_commands() -> None:
    """First-aid commands are one preformatted span, whole, where other lines have to go."""
    commands = ("aws x --y 1", f"aws x --z '{'<' * 700}'")
    text, entities = judges.telegram(TELEGRAM.render(replace(LONG, commands=commands)))

    (block,) = [one for one in entities if one.kind == "pre"]
    assert block.text == "\n".join(commands)
    assert text.endswith(f"\n{block.text}\naccess-key-created · Open")
    assert TEXT_LIMIT - 100 < len(text) <= TEXT_LIMIT


def test_plain_limits() -> None:
    """The plain message has whole lines only too, and no parse_mode."""
    body = TELEGRAM.render_plain(LONG)
    text, _ = judges.telegram(body)
    whole = {f"Line {n:03}: says {'<' * (n % 90) or '(empty)'} here" for n in range(150)}

    assert "parse_mode" not in body
    assert set(text.split("\n")[1:]) <= whole
    assert len(text) > TEXT_LIMIT - 200


def test_code_points() -> None:
    """A character outside of the first plane counts once, as Telegram counts it."""
    lines = tuple(Line("", say("{}", "\N{FIRE}" * 299)) for _ in range(13))
    text, _ = judges.telegram(TELEGRAM.render(Message(Severity.LOW, say("x"), lines=lines)))

    assert text.count("\N{FIRE}") == 299 * 13


def test_topic() -> None:
    """message_thread_id says which topic; without one it is not in the body."""
    topic = Telegram(token=TOKEN, chat_id="@ops", message_thread_id=7)

    for body in (topic.render(LONG), topic.render_plain(LONG)):
        assert (body["chat_id"], body["message_thread_id"]) == ("@ops", 7)
    for body in (TELEGRAM.render(LONG), TELEGRAM.render_plain(LONG)):
        assert "message_thread_id" not in body


@pytest.mark.parametrize(
    ("answer", "verdict", "change"),
    [
        (
            refusal(400, "Bad Request: group chat was upgraded", migrate_to_chat_id=-100777),
            Verdict.REPAIRABLE,
            {"chat_id": -100777},
        ),
        (
            refusal(400, "Bad Request: message thread not found"),
            Verdict.REPAIRABLE,
            {"message_thread_id": None},
        ),
        (refusal(400, "Bad Request: CAN'T PARSE entities"), Verdict.REPAIRABLE, None),
        (refusal(400, "Bad Request: chat not found"), Verdict.PERMANENT, None),
        (refusal(403, "Forbidden: can't parse"), Verdict.PERMANENT, None),
        (refusal(429, "Too Many Requests", retry_after=3), Verdict.TRANSIENT, None),
    ],
)
def test_refused(answer: Answer, verdict: Verdict, change: dict[str, object] | None) -> None:
    """TG-01 to TG-07: an error says whether the message may pass, and with what changed."""
    with (
        receiving([answer]) as receiver,
        urllib3.PoolManager() as http,
        pytest.raises(ChannelError) as caught,
    ):
        to = Telegram(**receiver.telegram)
        to.send(to.render(LONG), http, urllib3.Timeout(5))

    assert (caught.value.verdict, caught.value.change) == (verdict, change)


def test_render_is_pure() -> None:
    """What is shown is what goes over the wire, as JSON, to the method of the bot."""
    with receiving() as receiver, urllib3.PoolManager() as http:
        to = Telegram(**receiver.telegram)
        to.send(body := to.render(LONG), http, urllib3.Timeout(5))

    assert body == to.render(LONG) == json.loads(json.dumps(body))
    (request,) = receiver.requests
    assert (request.path, request.body) == (f"/bot{TOKEN}/sendMessage", body)


@pytest.mark.parametrize(
    ("token", "right"),
    [
        (TOKEN, True),
        ("1:" + "-" * 35, True),
        ("1:" + "a" * 34, False),
        ("1:" + "a" * 36, False),
        ("1:" + "a" * 34 + "!", False),
        (":" + "a" * 35, False),
        ("bot1:" + "a" * 35, False),
        ("1:" + "a" * 35 + "\n", False),
        (" 1:" + "a" * 35, False),
        ("\N{ARABIC-INDIC DIGIT ONE}:" + "a" * 35, False),
        ("", False),
        ("env:BOT", True),
    ],
)
def test_form_of_a_token(token: str, right: bool) -> None:
    """A token is digits, a colon and 35 letters, digits, - or _; or a secret's name."""
    if right:
        assert Telegram(token=token, chat_id=1).token.get_secret_value() == token
        return
    with pytest.raises(ValidationError) as caught:
        Telegram(token=token, chat_id=1)
    assert not token or token not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "right"),
    [
        ("https://bots.example.com", True),
        ("https://bots.example.com/telegram/", True),
        ("http://127.0.0.1:8081", True),
        ("http://bots.example.com", False),
        ("bots.example.com", False),
        ("", False),
    ],
)
def test_form_of_the_api(url: str, right: bool) -> None:
    """Another server for bots is https, or on this machine."""
    if right:
        assert Telegram(token=TOKEN, chat_id=1, api_url=url).api_url == url.rstrip("/")
        return
    with pytest.raises(ValidationError):
        Telegram(token=TOKEN, chat_id=1, api_url=url)
