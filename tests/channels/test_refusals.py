"""What each answer of a vendor means."""

from __future__ import annotations

import json
from typing import Any

import pytest
import urllib3

from fakes import Answer, Receiver, receiving, slack_refusal
from trailbell import channels
from trailbell.channels.base import Receipt, find
from trailbell.errors import ChannelError, Verdict
from trailbell.model import Message, Severity, say

P, R, T = Verdict.PERMANENT, Verdict.REPAIRABLE, Verdict.TRANSIENT
MESSAGE = Message(Severity.HIGH, say("{} did it", "mallory"), rule="a-rule", key="a-key")


def sent(receiver: Receiver, kind: str, plain: bool = False) -> Receipt | None:
    """Render and send the message by a channel of a type."""
    settings = receiver.channels[kind]
    channel = find(channels)[settings["type"]]()(**settings)
    body = channel.render_plain(MESSAGE) if plain else channel.render(MESSAGE)
    with urllib3.PoolManager() as http:
        return channel.send(body, http, urllib3.Timeout(5))


def refused(kind: str, answer: Answer) -> ChannelError:
    with receiving([answer]) as receiver, pytest.raises(ChannelError) as caught:
        sent(receiver, kind)
    assert len(receiver.requests) == 1
    return caught.value


@pytest.mark.parametrize("plain", [False, True], ids=["formatted", "plain"])
@pytest.mark.parametrize("kind", sorted(Receiver().channels))
def test_taken(kind: str, plain: bool) -> None:
    """What the vendor thanks for is done, in one post."""
    with receiving() as receiver:
        sent(receiver, kind, plain)

    assert len(receiver.taken) == 1


def no(status: int, said: object = "", **headers: str) -> Answer:
    return status, headers, said if isinstance(said, str) else json.dumps(said)


LIMITED: Any = {"message": "You are being rate limited.", "retry_after": 1.5, "global": False}
INVALID: Any = {"status": "invalid event", "message": "Event object is invalid"}


@pytest.mark.parametrize(
    ("kind", "answer", "verdict", "wait"),
    [
        *(
            pytest.param("slack", slack_refusal(error), P, None, id=f"SM-01-{error}")
            for error in (
                "channel_not_found", "not_in_channel", "is_archived", "not_authed",
                "invalid_auth", "account_inactive", "token_revoked", "missing_scope",
                "org_login_required", "ekm_access_denied", "restricted_action",
                "restricted_action_read_only_channel", "a_word_that_is_new",
            )
        ),
        *(
            pytest.param("slack", slack_refusal(error), R, None, id=f"SM-02-{error}")
            for error in ("msg_too_long", "no_text", "too_many_attachments", "invalid_blocks")
        ),
        *(
            pytest.param("slack", slack_refusal(error), T, None, id=f"SM-03-{error}")
            for error in (
                "ratelimited", "rate_limited", "internal_error", "fatal_error",
                "service_unavailable", "request_timeout",
            )
        ),
        pytest.param(
            "slack", slack_refusal("ratelimited", 429, **{"Retry-After": "7"}), T, 7, id="SM-03-429"
        ),
        pytest.param(
            "slack", slack_refusal("ratelimited", 200, **{"Retry-After": "7"}), T, 7, id="SM-03-200"
        ),
        pytest.param("slack", no(503), T, None, id="SM-03-503"),
        pytest.param("slack", no(200, "<html>"), T, None, id="SM-proxy"),
        pytest.param("slack", no(200, {"ok": "yes"}), T, None, id="SM-other"),
        pytest.param("slack", no(302, Location="/x"), P, None, id="SM-moved"),
        pytest.param("slack", no(404), P, None, id="SM-404"),
        pytest.param("pagerduty", no(403), T, None, id="OC-02-403"),
        pytest.param("pagerduty", no(429, **{"Retry-After": "9"}), T, 9, id="OC-02-429"),
        pytest.param("pagerduty", no(502), T, None, id="OC-02-502"),
        pytest.param("pagerduty", no(400, INVALID), P, None, id="OC-02-400"),
        pytest.param("pagerduty", no(404), P, None, id="OC-02-404"),
        pytest.param("pagerduty", no(200, "ok"), T, None, id="OC-02-proxy"),
        pytest.param("discord", no(429, LIMITED), T, 1.5, id="OC-03-429-body"),
        pytest.param("discord", no(429, **{"Retry-After": "2"}), T, 2, id="OC-03-429-header"),
        pytest.param("discord", no(429, {"retry_after": "no"}), T, None, id="OC-03-429-odd"),
        pytest.param("discord", no(500), T, None, id="OC-03-500"),
        *(
            pytest.param("discord", no(status), P, None, id=f"OC-03-{status}")
            for status in (401, 403, 404)
        ),
        pytest.param("discord", no(400, {"code": 50035}), R, None, id="OC-03-400"),
        pytest.param("discord", no(202), T, None, id="OC-03-proxy"),
        pytest.param("teams", no(429, **{"Retry-After": "3"}), T, 3, id="OC-04-429"),
        pytest.param("teams", no(502), T, None, id="OC-04-502"),
        *(
            pytest.param("teams", no(status), P, None, id=f"OC-04-{status}")
            for status in (302, 401, 403, 404, 410)
        ),
        *(
            pytest.param("teams", no(status), R, None, id=f"OC-04-{status}")
            for status in (400, 413)
        ),
        *(
            pytest.param("webhook", no(status), T, None, id=f"OC-05-{status}")
            for status in (408, 425, 429, 500, 503)
        ),
        *(
            pytest.param("webhook", no(status), P, None, id=f"OC-05-{status}")
            for status in (301, 400, 401, 404, 410)
        ),
    ],
)  # fmt: skip
def test_refused(kind: str, answer: Answer, verdict: Verdict, wait: float | None) -> None:
    """SM-01 to SM-03, OC-02 to OC-05: an error says whether and when to try again."""
    error = refused(kind, answer)

    assert (error.verdict, error.retry_after) == (verdict, wait)
    assert error.change is None


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_webhook_done(status: int) -> None:
    """OC-05: any 2xx is thanks enough."""
    with receiving([(status, {}, "")]) as receiver:
        sent(receiver, "webhook")


@pytest.mark.parametrize(
    ("kind", "answer", "in_doubt"),
    [
        ("slack", slack_refusal("fatal_error"), True),
        ("slack", slack_refusal("internal_error"), True),
        ("slack", slack_refusal("ratelimited"), False),
        ("slack", slack_refusal("channel_not_found"), False),
        ("slack", slack_refusal("a_word_that_is_new"), False),
        ("slack", slack_refusal("service_unavailable", 503), True),
        ("slack", no(200, "<html>"), True),
        ("pagerduty", no(403), False),
        ("discord", no(500), True),
        ("teams", no(429), False),
        ("webhook", no(503), True),
    ],
)
def test_in_doubt(kind: str, answer: Answer, in_doubt: bool) -> None:
    """An error says whether the message may have been posted all the same."""
    assert refused(kind, answer).in_doubt is in_doubt


@pytest.mark.parametrize(
    ("kind", "answer", "text"),
    [
        ("slack", slack_refusal("missing_scope"), "HTTP 200 missing_scope"),
        ("slack", slack_refusal("averysecretpath"), "HTTP 200"),
        ("pagerduty", no(400, INVALID), "HTTP 400 invalid event"),
        ("pagerduty", no(400, {"status": "averysecretpath"}), "HTTP 400"),
        ("discord", no(404, {"message": "Unknown Webhook averysecretpath"}), "HTTP 404"),
    ],
)
def test_words(kind: str, answer: Answer, text: str) -> None:
    """Of an answer only words that the vendor is known for are repeated."""
    assert str(refused(kind, answer)) == text
