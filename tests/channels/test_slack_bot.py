"""Slack by a bot's token: chat.postMessage, threads, chat.update."""

from __future__ import annotations

import json
import logging
import time
from dataclasses import replace
from typing import Any

import pytest
import urllib3
from pydantic import ValidationError

import judges
from fakes import BOT_TOKEN, Act, Answers, Receiver, receiving, slack_refusal
from trailbell.channels.slack import UPDATE, Slack
from trailbell.errors import ChannelError, Verdict
from trailbell.model import Message, Severity, say

FIRST = Message(Severity.MEDIUM, say("{} did it", "mallory"), rule="a-rule", events=("e-1",))
MORE = Message(
    Severity.MEDIUM, say("{} did {} things", "mallory", "15"), rule="a-rule", events=("e-2",),
    count=1_400,
)  # fmt: skip


def bot(receiver: Receiver | None = None, **settings: str) -> Slack:
    given = receiver.channels["slack"] if receiver else {"token": BOT_TOKEN, "channel": "#alerts"}
    return Slack(name="slack", **{**given, **settings})


def send(channel: Slack, body: dict[str, Any], seconds: float = 5) -> dict[str, Any] | None:
    with urllib3.PoolManager() as http:
        return channel.send(body, http, urllib3.Timeout(seconds))


def run(answers: Answers = (), *, plain: bool = False, seconds: float = 5) -> Receiver:
    """Post a first message; then its follow-up, which is answered so."""
    with receiving() as receiver:
        channel = bot(receiver)
        receipt = send(channel, channel.render_plain(FIRST) if plain else channel.render(FIRST))
        assert receipt
        receiver.answer(answers)
        send(channel, channel.render(replace(MORE, reply_to=receipt)), seconds)
    return receiver


def test_post() -> None:
    """A message goes to the channel; the token stands in a header and nowhere else."""
    with receiving() as receiver:
        channel = bot(receiver)
        receipt = send(channel, body := channel.render(FIRST))

    (request,) = receiver.requests
    assert request.path == "/chat.postMessage"
    assert request.headers["authorization"] == f"Bearer {BOT_TOKEN}"
    assert request.body == body == channel.render(FIRST)
    assert body["channel"] == "#alerts"
    assert BOT_TOKEN not in json.dumps(body)
    assert receipt == {
        "to": "#alerts", "channel": "C0EXAMPLE1", "ts": "1773763792.000247", "body": body,
    }  # fmt: skip
    assert json.loads(json.dumps(receipt)) == receipt


def test_follow_up() -> None:
    """A follow-up is a reply, and the first message tells of it first."""
    first, update, reply = run().requests

    assert [one.path for one in (update, reply)] == ["/chat.update", "/chat.postMessage"]
    assert (update.body["channel"], update.body["ts"]) == ("C0EXAMPLE1", "1773763792.000247")
    assert update.body["text"].startswith("1,400 more: see the thread · ")
    assert update.body["text"].endswith(first.body["text"])
    context, *blocks = update.body["blocks"]
    assert context["elements"][0]["text"] == "*1,400 more: see the thread*"
    assert blocks == first.body["blocks"]
    assert (reply.body["channel"], reply.body["thread_ts"]) == ("C0EXAMPLE1", "1773763792.000247")
    assert UPDATE not in reply.body
    assert "`15` things" in reply.body["text"]


def test_follow_up_of_a_plain_message() -> None:
    """A first message that went as plain text stays one."""
    first, update, _ = run(plain=True).requests

    assert "blocks" not in update.body
    assert update.body["text"] == f"*1,400 more: see the thread*\n{first.body['text']}"


def test_follow_up_is_pure() -> None:
    """The same reply is rendered each time, formatted and plain, and sending leaves it alone."""
    with receiving() as receiver:
        channel = bot(receiver)
        receipt = send(channel, channel.render(FIRST))
        message = replace(MORE, reply_to=receipt or {})
        body = channel.render(message)
        before = json.dumps([body, receipt])
        send(channel, body)
        send(channel, body)

    assert json.dumps([body, receipt]) == before
    assert body == channel.render(message)
    assert [one.body for one in receiver.requests[1:3]] == [
        one.body for one in receiver.requests[3:]
    ]
    judges.slack_bot(body)
    judges.slack_bot(plain := channel.render_plain(message))
    assert plain["thread_ts"] and plain[UPDATE] == body[UPDATE]


@pytest.mark.parametrize(
    "answer",
    [
        slack_refusal("edit_window_closed"),
        slack_refusal("ratelimited", 429, **{"Retry-After": "99"}),
        (500, {}, ""),
        Act.CLOSE,
        Act.HANG,
    ],
    ids=["refused", "busy", "broken", "closed", "hangs"],
)
def test_update_fails(answer: Any, caplog: pytest.LogCaptureFixture) -> None:
    """A first message that cannot be changed keeps no reply from being posted."""
    begun, seconds = time.monotonic(), 0.9 if answer is Act.HANG else 5
    with caplog.at_level(logging.WARNING, "trailbell"):
        receiver = run([answer], seconds=seconds)

    assert time.monotonic() - begun < seconds
    assert receiver.requests[-1].path == "/chat.postMessage"
    assert receiver.requests[-1].status == 200
    (record,) = caplog.records
    assert record.getMessage().startswith("slack: ")


@pytest.mark.parametrize(
    "receipt",
    [
        {},
        {"to": "#other", "channel": "C1", "ts": "1.2", "body": {"text": "x"}},
        {"to": "#alerts", "channel": "C1", "ts": "1.2"},
        {"to": "#alerts", "channel": "C1", "ts": "1.2", "body": {}},
        {"to": "#alerts", "channel": "C1", "ts": None, "body": {"text": "x"}},
        {"to": "#alerts", "channel": None, "ts": "1.2", "body": {"text": "x"}},
        {"message_id": 7},
    ],
    ids=str,
)
def test_receipt_from_elsewhere(receipt: dict[str, Any]) -> None:
    """A follow-up of what this channel did not take is a message like any other."""
    assert bot().render(replace(MORE, reply_to=receipt)) == bot().render(MORE)


def test_webhook_has_no_threads() -> None:
    """A webhook cannot answer, and gives no receipt."""
    with receiving() as receiver:
        channel = Slack(url=receiver.slack)
        receipt = {"to": "", "channel": "C1", "ts": "1.2", "body": {"text": "x"}}
        body = channel.render(replace(MORE, reply_to=receipt))
        assert send(channel, body) is None

    assert body == channel.render(MORE)


@pytest.mark.parametrize(
    "error", ["thread_not_found", "cannot_reply_to_message", "restricted_action_thread_locked"]
)
def test_no_thread(error: str) -> None:
    """Where no thread can be, the message is to be posted without."""
    with receiving([None, None, slack_refusal(error)]) as receiver:
        channel = bot(receiver)
        receipt = send(channel, channel.render(FIRST))
        with pytest.raises(ChannelError) as caught:
            send(channel, channel.render(replace(MORE, reply_to=receipt or {})))

    assert caught.value.verdict is Verdict.REPAIRABLE
    assert caught.value.change == {"thread_ts": None, UPDATE: None}


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({}, "needs a url, or a token and a channel"),
        ({"url": "https://hooks.slack.com/x", "token": BOT_TOKEN, "channel": "x"}, "take one"),
        ({"url": "https://hooks.slack.com/x", "channel": "x"}, "has a channel"),
        ({"url": "https://hooks.slack.com/x", "token": BOT_TOKEN}, "take one"),
        ({"token": BOT_TOKEN}, "lacks the channel"),
        ({"token": BOT_TOKEN, "channel": " "}, "lacks the channel"),
        ({"channel": "#alerts"}, "needs a url"),
        ({"token": "xapp-1-A-b", "channel": "x"}, "is no bot token: it must begin with xoxb-"),
        ({"token": BOT_TOKEN + "\n", "channel": "x"}, "is no bot token"),
        ({"token": "", "channel": "x"}, "is no bot token"),
        ({"url": ""}, "is no URL"),
        ({"token": BOT_TOKEN, "channel": "x", "api_url": "http://slack.com/api"}, "https"),
    ],
    ids=str,
)
def test_wrong_settings(settings: dict[str, str], problem: str) -> None:
    """It is a webhook or a bot in a channel, and the error says so without the secret."""
    with pytest.raises(ValidationError, match="1 validation error") as caught:
        Slack(**settings)

    assert problem in str(caught.value)
    assert BOT_TOKEN not in str(caught.value)


@pytest.mark.parametrize("token", [BOT_TOKEN, "xoxp-1-2", "xoxe.xoxb-1-x", "ssm:/bell/token"])
def test_form_of_a_token(token: str) -> None:
    """A token of a bot or a user, also one that is rotated, or a secret's name."""
    assert Slack(token=token, channel="C0EXAMPLE1").token.get_secret_value() == token
