from __future__ import annotations

import re
import signal
import socketserver
import threading
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from html import unescape
from typing import Any

import pytest
import urllib3
from hypothesis import example, given
from hypothesis import strategies as st

import judges
from fakes import (
    BOT_TOKEN,
    CHAT,
    DISCORD,
    HOOK,
    HOOK_SECRET,
    ROUTING_KEY,
    TEAMS,
    TOKEN,
    Act,
    Answer,
    receiving,
)
from trailbell import channels
from trailbell.channels.base import (
    COMMANDS_LIMIT,
    VALUE_LIMIT,
    Channel,
    by_status,
    clean,
    cut,
    find,
    headline,
    post_json,
    retry_after,
    spans,
)
from trailbell.deadline import deadline
from trailbell.errors import ChannelError, Verdict
from trailbell.model import Line, Message, Severity, Text, say

SETTINGS: dict[str, dict[str, Any]] = {
    "slack": {"url": "https://hooks.slack.com/services/x"},
    "telegram": {"token": TOKEN, "chat_id": CHAT},
    "stdout": {},
    "discord": {"url": f"https://discord.com{DISCORD}"},
    "pagerduty": {"routing_key": ROUTING_KEY},
    "sns": {"topic_arn": "arn:aws:sns:eu-west-1:111122223333:alerts"},
    "teams": {"url": f"https://prod-01.westeurope.logic.azure.com{TEAMS}"},
    "webhook": {"url": f"https://relay.example.com{HOOK}", "secret": HOOK_SECRET},
}
FORMS = SETTINGS | {"slack by bot": {"token": BOT_TOKEN, "channel": "#alerts"}}
SECRETS = ("services/x", TOKEN, BOT_TOKEN, DISCORD, ROUTING_KEY, TEAMS, HOOK, HOOK_SECRET)
KINDS = find(channels)


def test_every_channel_is_tested() -> None:
    """A channel that is dropped in needs an entry here, and gets the contract below."""
    assert set(SETTINGS) == set(KINDS)


@pytest.fixture(params=sorted(FORMS))
def channel(request: pytest.FixtureRequest) -> Channel:
    kind = request.param.partition(" ")[0]
    return KINDS[kind]()(type=kind, name="x", **FORMS[request.param])


def texts(body: Any) -> Iterator[str]:
    """The texts of a body as a reader sees them."""
    if isinstance(body, str):
        yield unescape(re.sub("</?(?:pre|b|code)>", "", body))
    for inner in body.values() if isinstance(body, dict) else body if type(body) is list else ():
        yield from texts(inner)


class TestContract:
    """What holds for each channel."""

    def test_renders_the_same_twice(self, channel: Channel) -> None:
        """Rendering is pure: same message, same body."""
        message = Message(Severity.HIGH, say("{} did it", "mallory"), rule="a-rule")

        assert channel.render(message) == channel.render(message)
        assert channel.render_plain(message) == channel.render_plain(message)

    def test_tells_everything_plain_too(self, channel: Channel) -> None:
        """The plain form tells what the formatted one tells."""
        message = Message(
            Severity.HIGH,
            say("{} did it", "mallory"),
            place=say("{}", "111122223333"),
            what=say("{} succeeded", "iam:CreateUser"),
            check_first="Look there.",
            rule="a-rule",
            events=("event-1",),
            count=1_500,
        )
        for body in (channel.render(message), channel.render_plain(message)):
            for part in ("HIGH ×1,500", "mallory", "111122223333", "iam:CreateUser",
                         "Look there.", "a-rule", "event-1"):  # fmt: skip
                assert part in str(body)

    def test_commands(self, channel: Channel) -> None:
        """Each command stands whole on a line of its own, or not at all."""
        short, other, long = "aws x --y 'a<z>&c'", "aws z", f"aws {'y' * COMMANDS_LIMIT}"
        message = Message(Severity.HIGH, say("x"), commands=(short, long, other), rule="a-rule")

        for body in (channel.render(message), channel.render_plain(message)):
            lines = [line for text in texts(body) for line in text.split("\n")]
            assert {short, other} <= set(lines)
            assert not any("yyy" in line for line in lines)

    def test_commands_stay(self, channel: Channel) -> None:
        """What is long gives way to what is to be done, and the limits hold."""
        lines = tuple(Line("Fact", say("{}", "<" * 250)) for _ in range(40))
        command = f"aws {'y' * (COMMANDS_LIMIT - 5)}"
        message = Message(
            Severity.HIGH, say("{}", "&" * 250), lines=lines, commands=(command,), rule="a-rule"
        )
        assert command in [
            line for text in texts(channel.render(message)) for line in text.split("\n")
        ]
        for body in (channel.render(message), channel.render_plain(message)):
            judges.judge(channel.type, body)

    def test_message_about_no_event(self, channel: Channel) -> None:
        """A message of our own has no severity, and is not empty."""
        message = Message(None, say("Test from trailbell: nothing happened"))

        for body in (channel.render(message), channel.render_plain(message)):
            assert "Test from trailbell: nothing happened" in str(body)
            assert "NONE" not in str(body).upper().replace("NONE,", "")

    def test_hides_its_secrets(self, channel: Channel) -> None:
        """A channel may be printed."""
        body = channel.render(Message(None, say("x")))
        shown = f"{channel!r}{channel}{channel.model_dump_json()}{body}"
        assert not [secret for secret in SECRETS if secret in shown]

    def test_help(self, channel: Channel) -> None:
        """A channel says in one line what it takes."""
        assert channel.model_fields_set
        assert f'"type": "{channel.type}"' in channel.help
        assert "\n" not in channel.help


@given(st.text() | st.sampled_from(judges.HOSTILE), st.integers(1, 400))
def test_clean(value: str, limit: int) -> None:
    """A cleaned value is one line of visible characters within the limit, and stays as it is."""
    shown = clean(value, limit)

    assert shown == "(empty)" or len(shown) <= limit
    assert shown.strip()
    for char in shown:
        assert unicodedata.category(char) not in ("Cc", "Zl", "Zp", "Cs")
        assert char not in judges.BIDI
    assert clean(shown, max(limit, 7)) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("", "(empty)"),
        (" \t\r\n", "(empty)"),
        ("\N{ZERO WIDTH SPACE}", "(empty)"),
        ("a\nb", "a b"),
        ("a\N{ZERO WIDTH JOINER}b", "ab"),
        ("a\x1b[31mb", "a [31mb"),
        ("a\ud800b", "a\N{REPLACEMENT CHARACTER}b"),
        ("a" * 300, "a" * 300),
        ("a" * 301, "a" * 299 + "\N{HORIZONTAL ELLIPSIS}"),
        ("\N{ZERO WIDTH SPACE}" * 300 + "admin", "admin"),
        ("<b>&amp;", "<b>&amp;"),
    ],
)
def test_clean_values(value: str, shown: str) -> None:
    """What is invisible goes, what is long is cut, markup is left to the channel."""
    assert clean(value) == shown


@given(st.text(), st.integers(1, 50))
def test_cut(text: str, limit: int) -> None:
    """A text that is cut ends with an ellipsis; one that fits is left alone."""
    shown = cut(text, limit)

    assert len(shown) <= limit
    assert shown == text or shown.endswith("\N{HORIZONTAL ELLIPSIS}")


def test_spans() -> None:
    """Words and values stay apart, values are cleaned, and no piece is empty."""
    pieces = list(spans(say("{} did {}{}", "a\nb", "", "x" * 500)))

    assert pieces == [
        ("a b", True),
        (" did ", False),
        ("(empty)", True),
        ("x" * (VALUE_LIMIT - 1) + "\N{HORIZONTAL ELLIPSIS}", True),
    ]
    assert list(spans(Text(("",)))) == []


@pytest.mark.parametrize("severity", Severity)
def test_headline(severity: Severity) -> None:
    """A severity is told in a sign and a word, and a count where there is more than one."""
    assert str(severity).upper() in headline(Message(severity, say("x")))
    assert headline(Message(severity, say("x"), rule="a-rule", count=12_345)).endswith(" ×12,345")
    assert "×" not in headline(Message(severity, say("x"), count=1))


@given(
    st.text() | st.from_regex(r"[A-Z][a-z]{2}, \d{1,25} Jan \d{1,25} \d\d:\d\d:\d\d [+-]\d{1,25}")
)
@example("Mon, 01 Jan 99999999999999999999 00:00:00 GMT")
@example("Fri, 31 Dec 9999 23:59:59 -0000")
def test_any_retry_after(header: str) -> None:
    """Whatever a server sends, a wait is a number that is not negative, or none."""
    wait = retry_after(header, now=0)

    assert wait is None or wait >= 0


@pytest.mark.parametrize(
    ("header", "wait"),
    [
        (None, None),
        ("", None),
        ("0", 0),
        ("30", 30),
        (" 30 ", 30),
        ("1.5", 1.5),
        ("-1", None),
        ("1e3", None),
        ("soon", None),
        ("Thu, 01 Jan 1970 00:01:00 GMT", 15),
        ("Thursday, 01-Jan-70 00:01:00 GMT", 15),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0),
    ],
)
def test_retry_after(
    header: str | None, wait: float | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Retry-After is a number of seconds or a date, in the three spellings of HTTP."""
    monkeypatch.setenv("TZ", "UTC")
    assert retry_after(header, now=45) == wait


@pytest.mark.parametrize(
    ("verdict", "statuses"),
    [
        (Verdict.TRANSIENT, [408, 425, 429, 500, 502, 503, 504, 599]),
        (Verdict.PERMANENT, [204, 301, 302, 400, 401, 403, 404, 410, 418]),
    ],
)
def test_by_status(verdict: Verdict, statuses: list[int]) -> None:
    """Busy and broken servers are worth another try; the rest is not."""
    assert {by_status(status) for status in statuses} == {verdict}


@pytest.mark.parametrize(
    ("answer", "status", "text"),
    [
        ((200, {}, "ok"), 200, "ok"),
        ((302, {"Location": "/other"}, ""), 302, ""),
        ((404, {}, b"\xff"), 404, "\N{REPLACEMENT CHARACTER}"),
        ((500, {}, "x" * 5000), 500, "x" * 5000),
        ((500, {}, "x" * 500_000), 500, "x" * 65_536),
    ],
)
def test_post_json(answer: Answer, status: int, text: str) -> None:
    """One request, whatever the status; the answer's text is cut."""
    with receiving([answer]) as receiver, urllib3.PoolManager() as http:
        said = post_json(receiver.slack, {"a": "ü\ud800"}, http, urllib3.Timeout(5))

    assert (said.status, said.text) == (status, text)
    assert receiver.bodies == [{"a": "ü\ud800"}]


def test_post_json_without_an_answer() -> None:
    """No answer is an error that may pass, and nothing hangs on it."""
    with (
        receiving([Act.CLOSE]) as receiver,
        urllib3.PoolManager() as http,
        pytest.raises(ChannelError, match="no answer") as caught,
    ):
        post_json(receiver.slack, {}, http, urllib3.Timeout(5))

    assert caught.value.verdict is Verdict.TRANSIENT
    assert caught.value.__cause__ is caught.value.__context__ is None


class _Drip(socketserver.StreamRequestHandler):
    """Answers, a byte at a time, for longer than anybody waits."""

    def handle(self) -> None:
        self.rfile.readline()
        with suppress(OSError):
            for byte in b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX: " + b"y" * 500:
                self.wfile.write(bytes([byte]))
                self.server.waiting.wait(0.01)  # type: ignore[attr-defined]
            self.wfile.write(b"\r\n\r\nok")


@contextmanager
def dripping() -> Iterator[str]:
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Drip) as server:
        server.daemon_threads = True
        server.waiting = threading.Event()  # type: ignore[attr-defined]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}/hook"
        server.shutdown()
        thread.join()


def test_an_answer_that_drips() -> None:
    """A post ends with its time, however often a byte arrives before a read's own time is over."""
    with dripping() as url, pytest.raises(ChannelError, match=r"no answer \(TimeUp\)") as caught:
        post_json(url, {}, urllib3.PoolManager(), urllib3.Timeout(total=0.2, connect=3, read=10))

    assert caught.value.verdict is Verdict.TRANSIENT
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def test_a_deadline_outside_the_main_thread() -> None:
    """Signals reach the main thread only: elsewhere a deadline lets its block run."""
    ran: list[bool] = []

    def work() -> None:
        with deadline(0.001):
            ran.append(True)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()

    assert ran == [True]
