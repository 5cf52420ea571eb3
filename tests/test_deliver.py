"""What each answer of a channel leads to. Ids such as SL-03 are rows of the delivery tables."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Callable, Iterator
from email.utils import formatdate
from itertools import cycle
from pathlib import Path
from time import time
from typing import Any, ClassVar

import pytest
import urllib3
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import Field

from conftest import draws
from fakes import CHAT, Act, Answer, Clock, Context, Receiver, door, payload, receiving, refusal
from trailbell import app, deliver
from trailbell.channels.base import Channel
from trailbell.channels.slack import Slack
from trailbell.channels.telegram import Telegram
from trailbell.deliver import BACKOFF, BURST, Deliverer, Post, Report
from trailbell.errors import ChannelError, DeliveryIncomplete, TrailbellError, Verdict
from trailbell.model import Message, Severity, say
from trailbell.secrets import Secrets
from trailbell.testing import call

OK: Answer = None
BUSY: Answer = (429, {"Retry-After": "1"}, "")
HTML = "<html><title>Welcome</title></html>"
CANNOT_PARSE = "Bad Request: can't parse entities: Unsupported start tag"


def rows(channel: str, name: str, *answers: Answer) -> list[Any]:
    """A row of the tables, once for each of its answers."""
    return [
        pytest.param(channel, answer, id=f"{name}-{number}")
        for number, answer in enumerate(answers, 1)
    ]


def plain(status: int, *words: str) -> list[Answer]:
    """Answers of Slack, which says a word."""
    return [(status, {}, word) for word in words]


def bad(*descriptions: str) -> list[Answer]:
    return [refusal(400, f"Bad Request: {description}") for description in descriptions]


AGAIN = [
    *rows("slack", "SL-02", *plain(200, HTML, "no", "ok, but not from here")),
    *rows("slack", "SL-08", (429, {"Retry-After": "1"}, ""), (429, {}, "rate_limited")),
    *rows("slack", "SL-09", (500, {}, "rollup_error"), *((n, {}, HTML) for n in (502, 503, 504))),
    *rows("slack", "SL-12-closed", Act.CLOSE),
    *rows("telegram", "TG-07", refusal(429, "Too Many Requests: retry after 1", retry_after=1)),
    *rows("telegram", "TG-08", *(refusal(n, "Internal Server Error") for n in (500, 502, 504))),
    *rows("telegram", "TG-proxy", (200, {"Content-Type": "text/html"}, HTML), (502, {}, HTML)),
    *rows("telegram", "TG-closed", Act.CLOSE),
]
REPAIR = [
    *rows(
        "slack",
        "SL-03",
        *plain(400, "invalid_payload", "invalid_blocks", "invalid_blocks_format", "no_text"),
        *plain(400, "missing_text_or_fallback_or_attachments", "too_many_attachments"),
    ),
    *rows(
        "telegram",
        "TG-01",
        refusal(400, CANNOT_PARSE),
        *bad("message is too long", "text is too long", "message text is empty"),
    ),
]
DEAD = [
    *rows(
        "slack",
        "SL-04",
        *plain(400, "user_not_found", "channel_not_found"),
        *plain(404, "user_not_found", "channel_not_found"),
    ),
    *rows(
        "slack",
        "SL-05",
        *plain(403, "action_prohibited", "invalid_token", "team_disabled"),
        *plain(403, "posting_to_general_channel_denied"),
        *plain(400, "posting_to_general_channel_denied"),
    ),
    *rows(
        "slack", "SL-06", *plain(404, "no_service", "no_service_id", "no_team", "no_active_hooks")
    ),
    *rows("slack", "SL-07", *plain(410, "channel_is_archived")),
    *rows("slack", "SL-10", *((n, {"Location": "/other"}, "") for n in (301, 302, 303, 307, 308))),
    *rows("slack", "SL-unknown", *plain(400, HTML), *plain(418, "")),
    *rows("telegram", "TG-03", *bad("chat not found", "chat_id is empty")),
    *rows("telegram", "TG-03", *bad("private chat not found", "CHAT_WRITE_FORBIDDEN")),
    *rows("telegram", "TG-05", refusal(401, "Unauthorized"), refusal(404, "Not Found")),
    *rows(
        "telegram",
        "TG-06",
        refusal(403, "Forbidden: bot was blocked by the user"),
        refusal(403, "Forbidden: bot was kicked from the supergroup chat"),
        refusal(403, "Forbidden: bot is not a member of the channel chat"),
        refusal(403, "Forbidden: user is deactivated"),
        refusal(403, "Forbidden: the group chat was deleted"),
    ),
    *rows("telegram", "TG-redirect", (302, {"Location": "/other"}, "")),
]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as one:
        yield one


@pytest.fixture
def http() -> Iterator[urllib3.PoolManager]:
    with urllib3.PoolManager() as pool:
        yield pool


def message(number: int = 1) -> Message:
    return Message(
        Severity.HIGH,
        say("{} created an access key", f"user-{number:02}"),
        rule="access-key-created",
        events=(f"6e4a2f0c-0000-4000-8000-{number:012}",),
    )


def numbered(bodies: list[Any]) -> list[int]:
    """Which of the messages the bodies are, in their order."""
    texts = [json.dumps(body) for body in bodies]
    return [int(text[text.index("user-") + 5 :][:2]) for text in texts]


def channel(kind: str, receiver: Receiver, **more: Any) -> Channel:
    entry = {"name": kind} | (receiver.telegram if kind == "telegram" else {"url": receiver.slack})
    return (Slack if kind == "slack" else Telegram)(**(entry | more))


def post(
    channels: Channel | list[Channel],
    http: urllib3.PoolManager,
    count: int = 1,
    *,
    seconds: float = 60,
    clock: Clock | None = None,
) -> tuple[Report, Clock]:
    """Deliver so many messages to each of the channels."""
    clock = clock or Clock()
    each = channels if isinstance(channels, list) else [channels]
    deliverer = Deliverer(each, http, clock=clock, sleep=clock.sleep)
    messages = [message(number) for number in range(1, count + 1)]
    report = deliverer.deliver(
        {one.name: list(map(Post, messages)) for one in each}, clock.until(seconds)
    )
    return report, clock


@pytest.mark.parametrize("kind", ["slack", "telegram"], ids=["SL-01", "TG-ok"])
def test_taken(kind: str, receiver: Receiver, http: urllib3.PoolManager) -> None:
    """SL-01: a message that is acknowledged is posted once, as it was rendered."""
    to = channel(kind, receiver)

    report, clock = post(to, http)

    assert receiver.bodies == [to.render(message())]
    assert report == Report(posted=1, left=0, retried=0, problems={}, dead=())
    assert not clock.sleeps


@pytest.mark.parametrize(("kind", "answer"), AGAIN)
def test_tried_again(
    kind: str, answer: Answer, receiver: Receiver, http: urllib3.PoolManager
) -> None:
    """A transient answer is followed by a wait and the same body, once."""
    receiver.answer([answer])

    report, clock = post(channel(kind, receiver), http, 2)

    assert numbered(receiver.bodies) == [1, 1, 2]
    assert receiver.bodies[0] == receiver.bodies[1]
    assert (report.posted, report.left, report.retried) == (2, 0, 1)
    assert clock.sleeps == [BACKOFF]


@pytest.mark.parametrize(("kind", "answer"), AGAIN)
def test_not_a_third_time(
    kind: str, answer: Answer, receiver: Receiver, http: urllib3.PoolManager
) -> None:
    """A second transient answer ends the channel for this invocation, and for this one only."""
    receiver.answer([answer, answer])

    report, _ = post(channel(kind, receiver), http, 2)

    assert (report.posted, report.retried, report.left, report.dead) == (0, 1, 2, ())
    assert list(report.problems) == [kind]


@pytest.mark.parametrize(("kind", "answer"), REPAIR)
def test_repaired(kind: str, answer: Answer, receiver: Receiver, http: urllib3.PoolManager) -> None:
    """A message whose form is refused goes again as plain text, at once; the next one formatted."""
    receiver.answer([answer])
    to = channel(kind, receiver)

    report, clock = post(to, http, 2)

    first, second = message(1), message(2)
    assert receiver.bodies == [to.render(first), to.render_plain(first), to.render(second)]
    assert (report.posted, report.left, report.dead) == (2, 0, ())
    assert not clock.sleeps


@pytest.mark.parametrize(("kind", "answer"), REPAIR)
def test_beyond_repair(
    kind: str, answer: Answer, receiver: Receiver, http: urllib3.PoolManager
) -> None:
    """A message that is refused as plain text too is left, and the others go on."""
    receiver.answer([answer, answer])

    report, _ = post(channel(kind, receiver), http, 3)

    assert numbered(receiver.bodies) == [1, 1, 2, 3]
    assert numbered(receiver.taken) == [2, 3]
    assert (report.posted, report.left, report.dead) == (2, 1, ())
    assert "400" in report.problems[kind]


@pytest.mark.parametrize(("kind", "answer"), DEAD)
def test_dead(kind: str, answer: Answer, receiver: Receiver, http: urllib3.PoolManager) -> None:
    """A permanent answer ends the channel: nothing more is posted there, and all of it is left."""
    receiver.answer([answer])

    report, clock = post(channel(kind, receiver), http, 3)

    assert len(receiver.requests) == 1
    assert (report.posted, report.left, report.dead) == (0, 3, (kind,))
    assert not clock.sleeps


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_no_redirect_is_followed(
    status: int, receiver: Receiver, http: urllib3.PoolManager
) -> None:
    """SL-10: a redirect would turn the POST into a GET, or carry the message elsewhere."""
    with receiving() as elsewhere:
        receiver.answer([(status, {"Location": elsewhere.slack}, "")])
        post(channel("slack", receiver), http)

    assert not elsewhere.requests
    assert [request.method for request in receiver.requests] == ["POST"]


def test_upgraded_group(receiver: Receiver, http: urllib3.PoolManager) -> None:
    """TG-02: a group that became a supergroup gets this message and the others at its new id."""
    upgraded = "Bad Request: group chat was upgraded to a supergroup chat"
    receiver.answer([refusal(400, upgraded, migrate_to_chat_id=-100777)])

    report, _ = post(channel("telegram", receiver), http, 3)

    assert [body["chat_id"] for body in receiver.bodies] == [CHAT, -100777, -100777, -100777]
    assert all(body["parse_mode"] == "HTML" for body in receiver.bodies)
    assert (report.posted, report.left) == (3, 0)


def test_upgraded_group_is_told(
    receiver: Receiver, http: urllib3.PoolManager, caplog: pytest.LogCaptureFixture
) -> None:
    """TG-02: the log says to update chat_id, since every invocation pays for the old one."""
    upgraded = "Bad Request: group chat was upgraded to a supergroup chat"
    receiver.answer([refusal(400, upgraded, migrate_to_chat_id=-100777)])

    post(channel("telegram", receiver), http)

    assert "chat_id" in caplog.text
    assert "-100777" in caplog.text


def test_refused_form_is_told(
    receiver: Receiver, http: urllib3.PoolManager, caplog: pytest.LogCaptureFixture
) -> None:
    """SL-03: a form that the channel refused is our mistake, and the log says so."""
    receiver.answer([(400, {}, "invalid_blocks")])

    post(channel("slack", receiver), http)

    assert "invalid_blocks" in caplog.text


def test_ever_new_ids(receiver: Receiver, http: urllib3.PoolManager) -> None:
    """TG-02: a server that names a new id each time is not followed for ever."""
    moved = "Bad Request: group chat was upgraded to a supergroup chat"
    receiver.answer(lambda n: refusal(400, moved, migrate_to_chat_id=-100 - n) if n < 50 else OK)

    report, _ = post(channel("telegram", receiver), http)

    assert len(receiver.requests) <= 3
    assert report.left == 1


def test_topic_that_is_gone(receiver: Receiver, http: urllib3.PoolManager) -> None:
    """TG-04: where the topic is gone, the messages go to the group itself."""
    receiver.answer(bad("message thread not found"))

    report, _ = post(channel("telegram", receiver, message_thread_id=7), http, 2)

    assert [body.get("message_thread_id") for body in receiver.bodies] == [7, None, None]
    assert (report.posted, report.left) == (2, 0)


@pytest.mark.parametrize(
    ("kind", "answers"),
    [
        pytest.param("slack", [BUSY, (400, {}, "invalid_blocks")], id="busy-then-refused"),
        pytest.param("slack", [(400, {}, "invalid_blocks"), BUSY], id="refused-then-busy"),
        pytest.param(
            "telegram",
            [
                refusal(400, "Bad Request: upgraded", migrate_to_chat_id=-100777),
                *bad("message thread not found"),
                refusal(400, CANNOT_PARSE),
                refusal(429, "Too Many Requests: retry after 2", retry_after=2),
            ],
            id="everything-that-can-go-wrong",
        ),
    ],
)
def test_one_after_the_other(
    kind: str, answers: list[Answer], receiver: Receiver, http: urllib3.PoolManager
) -> None:
    """Each cure is tried once for a message, and they add up."""
    receiver.answer(answers)
    more = {"message_thread_id": 7} if kind == "telegram" else {}

    report, _ = post(channel(kind, receiver, **more), http, 2)

    assert (report.posted, report.left, report.retried) == (2, 0, len(answers))
    assert numbered(receiver.taken) == [1, 2]
    last = receiver.taken[0]
    assert "blocks" not in last and "parse_mode" not in last
    assert last.get("chat_id") == (-100777 if kind == "telegram" else None)
    assert "message_thread_id" not in last


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@pytest.mark.parametrize(
    "url",
    [
        pytest.param(lambda _: f"http://127.0.0.1:{free_port()}/services/x", id="refused"),
        pytest.param(lambda _: "https://nowhere.invalid/services/x", id="dns"),
        pytest.param(lambda it: it.slack.replace("http://", "https://"), id="tls"),
    ],
)
def test_no_connection(
    url: Callable[[Receiver], str],
    receiver: Receiver,
    http: urllib3.PoolManager,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """SL-11: where no connection comes about, the message is tried once more and then left."""
    lookup = socket.getaddrinfo

    def offline(host: Any, *args: Any, **more: Any) -> Any:
        if host == "nowhere.invalid":
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return lookup(host, *args, **more)

    monkeypatch.setattr(socket, "getaddrinfo", offline)

    report, clock = post(Slack(name="slack", url=url(receiver)), http, 2)

    assert (report.posted, report.left, report.retried, report.dead) == (0, 2, 1, ())
    assert report.problems["slack"].startswith("no answer")
    assert "MaxRetry" not in report.problems["slack"]  # nobody but us tries again
    assert clock.sleeps == [BACKOFF]


def test_read_timeout(
    receiver: Receiver, http: urllib3.PoolManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SL-12: a server that does not answer is asked once more, and its messages are left."""
    monkeypatch.setattr(deliver, "READ", 0.05)
    receiver.answer(lambda _: Act.HANG)

    report, _ = post(channel("slack", receiver), http, 2)

    assert (report.posted, report.retried, report.left, report.dead) == (0, 1, 2, ())


@pytest.mark.parametrize(
    ("kind", "answer", "waits"),
    [
        pytest.param("slack", (429, {"Retry-After": "7"}, ""), 7, id="seconds"),
        pytest.param("slack", (503, {"Retry-After": "7"}, ""), 7, id="seconds-of-a-503"),
        pytest.param("slack", (429, {"Retry-After": "0"}, ""), 0, id="none"),
        pytest.param("slack", (429, {"Retry-After": "soon"}, ""), BACKOFF, id="garbage"),
        pytest.param("slack", (429, {"Retry-After": "-3"}, ""), BACKOFF, id="negative"),
        pytest.param(
            "slack",
            (429, {"Retry-After": "Thu, 01 Jan 1970 00:01:00 GMT"}, ""),
            0,
            id="a-date-that-is-over",
        ),
        pytest.param("telegram", refusal(429, "Too Many Requests", retry_after=7), 7, id="body"),
        pytest.param(
            "telegram", (429, {"Retry-After": "7"}, "{}"), 7, id="header-of-a-proxy-of-telegram"
        ),
        pytest.param(
            "telegram", refusal(429, "Too Many Requests", retry_after="x"), BACKOFF, id="no-number"
        ),
        pytest.param(
            "telegram",
            refusal(429, "Too Many Requests", retry_after=-9),
            BACKOFF,
            id="a-number-below-0",
        ),
    ],
)
def test_retry_after(
    kind: str, answer: Answer, waits: float, receiver: Receiver, http: urllib3.PoolManager
) -> None:
    """SL-08, TG-07: the channel says how long to wait, in any of the ways that there are."""
    receiver.answer([answer])

    report, clock = post(channel(kind, receiver), http)

    assert (report.posted, clock.slept) == (1, waits)


def test_retry_after_a_date(receiver: Receiver, http: urllib3.PoolManager) -> None:
    """SL-08: Retry-After may be a date too."""
    receiver.answer([(429, {"Retry-After": formatdate(time() + 30, usegmt=True)}, "")])

    report, clock = post(channel("slack", receiver), http)

    assert report.posted == 1
    assert 0 < clock.slept <= 30


@pytest.mark.parametrize(
    ("seconds", "wait", "fits"),
    [
        pytest.param(60, 54, True, id="60s-just-fits"),
        pytest.param(60, 55, False, id="60s-no-second-beside-the-reserve"),
        pytest.param(60, 3600, False, id="F-07-an-hour"),
        pytest.param(3, 1, True, id="3s-just-fits"),
        pytest.param(3, 2, False, id="3s-too-long"),
        pytest.param(900, 840, True, id="the-reserve-ends-at-5s"),
    ],
)
@pytest.mark.parametrize("kind", ["slack", "telegram"])
def test_wait_fits(
    kind: str,
    seconds: float,
    wait: int,
    fits: bool,
    receiver: Receiver,
    http: urllib3.PoolManager,
) -> None:
    """F-06, F-07: a Retry-After is waited for only where a post still fits behind it."""
    slack = (429, {"Retry-After": str(wait)}, "")
    receiver.answer([slack if kind == "slack" else refusal(429, "Too Many", retry_after=wait)])

    report, clock = post(channel(kind, receiver), http, seconds=seconds)

    assert clock.sleeps == ([wait] if fits else [])
    assert (report.posted, report.left, report.dead) == ((1, 0, ()) if fits else (0, 1, ()))
    assert fits or "429" in report.problems[kind]


HOSTILE_ANSWERS = [
    pytest.param("slack", (429, {"Retry-After": "Mon, 01 Jan 9" + "9" * 20}, ""), id="year"),
    pytest.param(
        "slack",
        (429, {"Retry-After": "Mon, 01 Jan 99999999999999999999 00:00:00 GMT"}, ""),
        id="a-year-beyond-the-calendar",
    ),
    pytest.param("slack", (429, {"Retry-After": "9" * 400}, ""), id="a-number-without-end"),
    pytest.param("slack", (400, {}, b"\xff\xfe\x00"), id="no-text"),
    pytest.param("slack", (500, {"Content-Encoding": "gzip"}, b"no gzip"), id="no-gzip"),
    pytest.param("telegram", (429, {}, "[" * 5000), id="deep-json"),
    pytest.param("telegram", (400, {}, "[" * 5000), id="deep-json-400"),
    pytest.param("telegram", (429, {}, '{"parameters": {"retry_after": NaN}}'), id="nan"),
    pytest.param("telegram", (429, {}, '{"parameters": {"retry_after": Infinity}}'), id="inf"),
    pytest.param(
        "telegram",
        (429, {}, '{"parameters": {"retry_after": 1%s}}' % ("0" * 400)),
        id="an-integer-beyond-floats",
    ),
    pytest.param("telegram", (400, {}, '{"description": 5, "parameters": []}'), id="types"),
    pytest.param("telegram", (400, {}, "null"), id="null"),
    pytest.param(
        "telegram",
        (400, {}, '{"parameters": {"migrate_to_chat_id": {"a": 1}}}'),
        id="an-id-that-is-none",
    ),
]


@pytest.mark.parametrize(("kind", "answer"), HOSTILE_ANSWERS)
def test_odd_answer(
    kind: str, answer: Answer, receiver: Receiver, http: urllib3.PoolManager
) -> None:
    """Whatever a server answers, no other error comes of it, and the other channel is served."""
    with receiving() as other:
        receiver.answer(lambda n: answer if n < 50 else OK)
        both = [channel(kind, receiver, name="odd"), channel("slack", other, name="good")]
        report, _ = post(both, http, 2)

    assert len(other.taken) == 2
    assert (report.posted, report.left) == (2, 2)


class Chat(Channel):
    """A channel in memory, whose posts take time on the fake clock."""

    type: str = "chat"
    clock: Any
    seconds: float = 0.0
    """That a post takes, if nobody gives up before."""
    answers: Any = Field(default_factory=list)
    """Errors, one after the other; None takes the message, as does an answer that is missing."""
    taken: Any = Field(default_factory=list)
    begun: Any = Field(default_factory=list)
    """When each post began."""
    patience: Any = Field(default_factory=list)
    """How long each post would have waited."""

    help: ClassVar = "{}"

    def render(self, message: Message) -> dict[str, Any]:
        return {"text": str(message.title)}

    def render_plain(self, message: Message) -> dict[str, Any]:
        return {"text": str(message.title), "plain": True}

    def send(
        self, body: dict[str, Any], http: urllib3.PoolManager, timeout: urllib3.Timeout
    ) -> None:
        assert isinstance(timeout.total, float) and isinstance(timeout.read_timeout, float)
        patience = min(timeout.total, timeout.read_timeout)
        self.begun.append(self.clock())
        self.patience.append(patience)
        self.clock.now += min(self.seconds, patience)
        if self.seconds > patience:
            raise ChannelError("no answer (ReadTimeoutError)", Verdict.TRANSIENT)
        error = self.answers.pop(0) if self.answers else None
        if error is not None:
            raise error
        self.taken.append(body["text"])


@pytest.mark.parametrize("seconds", [60, 3, 0.5, 0, -1])
def test_first_post_is_always_tried(seconds: float, http: urllib3.PoolManager) -> None:
    """T-0: however little time is left, each channel's first message is tried."""
    clock = Clock()
    chats: list[Channel] = [Chat(name=name, clock=clock, seconds=0.01) for name in "ab"]

    report, _ = post(chats, http, 1, seconds=seconds, clock=clock)

    assert (report.posted, report.left) == (2, 0)


@pytest.mark.parametrize(
    ("seconds", "takes", "begun"),
    [
        pytest.param(10, 8.0, 2, id="a-second-beside-the-reserve"),
        pytest.param(10, 8.25, 1, id="less-than-a-second"),
        pytest.param(3, 1.5, 2, id="console-default"),
        pytest.param(3, 2.0, 1, id="console-default-slow"),
        pytest.param(0, 0.1, 1, id="no-time"),
    ],
)
def test_later_posts_need_a_second(
    seconds: float, takes: float, begun: int, http: urllib3.PoolManager
) -> None:
    """T-0, F-18: a later post begins only with a second beside the reserve; the rest is left."""
    chat = Chat(name="chat", clock=Clock(), seconds=takes)

    report, _ = post(chat, http, 2, seconds=seconds, clock=chat.clock)

    assert len(chat.begun) == begun
    assert report.posted + report.left == 2
    assert report.left == 0 or report.problems["chat"]
    assert report.dead == ()


def test_time_outs_shrink(http: urllib3.PoolManager) -> None:
    """T-2: no post may take longer than the time that is left, and none longer than 10 s."""
    chat = Chat(name="chat", clock=Clock(), seconds=9)

    post(chat, http, 9, seconds=40, clock=chat.clock)

    assert chat.patience == [10, 10, 10, 9]
    assert chat.clock() <= 1_000 + 40


@pytest.mark.parametrize(
    ("pace", "sleeps"),
    [
        pytest.param(1.1, [1.1] * 5, id="slack"),
        pytest.param(3, [3.0] * 5, id="telegram"),
        pytest.param(0, [], id="off"),
    ],
)
def test_pace(pace: float, sleeps: list[float], http: urllib3.PoolManager) -> None:
    """S-5: from the sixth post of an invocation on there is a pause before each."""
    chat = Chat(name="chat", clock=Clock(), pace=pace)

    report, clock = post(chat, http, 10, clock=chat.clock)

    assert report.posted == 10
    assert clock.sleeps == pytest.approx(sleeps)
    assert chat.begun[: BURST + 1 if sleeps else 10][:BURST] == [1_000.0] * BURST


def test_pace_keeps_to_the_time(http: urllib3.PoolManager) -> None:
    """S-5: a pace that does not fit leaves messages to the next invocation, not to a kill."""
    chat = Chat(name="chat", clock=Clock(), pace=20)

    report, clock = post(chat, http, 10, seconds=60, clock=chat.clock)

    assert (report.posted, report.left) == (7, 3)
    assert clock.slept == 40
    assert report.problems == {"chat": "no time left"}


def test_defaults_of_pace() -> None:
    """S-5: Slack takes a message a second, a group of Telegram twenty a minute."""
    assert Slack(url="https://hooks.slack.com/services/x").pace == 1.1
    assert Telegram(token="1:" + "a" * 35, chat_id=1).pace == 3


@pytest.mark.parametrize(
    "trouble",
    [
        pytest.param([(404, {}, "no_service")], id="dead"),
        pytest.param([(429, {"Retry-After": "3600"}, "")], id="busy"),
        pytest.param([(500, {}, ""), (500, {}, "")], id="broken"),
        pytest.param([Act.CLOSE, Act.CLOSE], id="closed"),
    ],
)
@pytest.mark.parametrize("first", [True, False], ids=["first", "second"])
def test_the_other_channel_goes_on(
    trouble: list[Answer], first: bool, receiver: Receiver, http: urllib3.PoolManager
) -> None:
    """P-3, F-06: a channel that is dead, busy or broken keeps nobody else waiting."""
    receiver.answer(trouble)
    with receiving() as other:
        both = [channel("slack", receiver), channel("telegram", other)]
        report, _ = post(both if first else both[::-1], http, 5)

    assert numbered(other.taken) == [1, 2, 3, 4, 5]
    assert (report.posted, report.left) == (5, 5)
    assert list(report.problems) == ["slack"]


def test_while_one_waits(http: urllib3.PoolManager) -> None:
    """A channel that asked for a pause gets it while the other one posts."""
    clock = Clock()
    wait = ChannelError("HTTP 429", Verdict.TRANSIENT, retry_after=20)
    busy = Chat(name="busy", clock=clock, answers=[wait])
    free = Chat(name="free", clock=clock, seconds=2)

    report, _ = post([busy, free], http, 5, clock=clock)

    assert report.left == 0
    assert free.begun[0] < busy.begun[1] == 1_020
    assert clock.slept == 10


@pytest.mark.parametrize("channels", [2, 3, 4])
@pytest.mark.parametrize("seconds", [3.0, 60.0])
def test_first_posts_share_the_time(
    channels: int, seconds: float, http: urllib3.PoolManager
) -> None:
    """T-0: channels that do not answer leave each other a fair share for their first posts."""
    clock = Clock()
    chats = [Chat(name=f"{number}", clock=clock, seconds=99) for number in range(channels)]

    report, _ = post([*chats], http, 1, seconds=seconds, clock=clock)

    share = min(10.0, (seconds - min(5.0, seconds / 10)) / channels)
    assert [chat.patience[0] for chat in chats] == [pytest.approx(share)] * channels
    assert clock() <= 1_000 + seconds
    assert report.left == channels


def test_slow_channel_keeps_nobody_waiting(http: urllib3.PoolManager) -> None:
    """In the console's 3 s, a slow channel's later messages come after another's first ones."""
    clock = Clock()
    slow = Chat(name="slow", clock=clock, seconds=0.6)
    fast = Chat(name="fast", clock=clock, seconds=0.01)

    post([slow, fast], http, 3, seconds=3, clock=clock)

    assert len(fast.taken) == 3


def test_one_connection(receiver: Receiver, http: urllib3.PoolManager) -> None:
    """All messages of an invocation, and of the next ones, go through one connection."""
    to = channel("slack", receiver)

    for _ in range(3):
        post(to, http, 4)

    assert len(receiver.taken) == 12
    assert receiver.connections == 1


def test_connection_that_ended(receiver: Receiver, http: urllib3.PoolManager) -> None:
    """A connection that the server ended between two invocations costs no retry."""
    to = channel("slack", receiver)
    post(to, http)
    receiver.hang_up()

    report, clock = post(to, http)

    assert (report.posted, report.retried) == (1, 0)
    assert not clock.sleeps
    assert receiver.connections == 2


ANSWERS = st.one_of(
    st.none(),
    st.builds(
        ChannelError,
        st.just("HTTP 000"),
        st.sampled_from(Verdict),
        retry_after=st.none() | st.floats(0, 4000) | st.just(float("inf")),
        change=st.none() | st.just({"chat_id": 5}) | st.just({"message_thread_id": None}),
    ),
)
PLANS = st.lists(
    st.tuples(
        st.integers(0, 10),  # messages
        st.lists(ANSWERS, max_size=25),
        st.sampled_from([0.0, 0.01, 0.4, 2.0, 11.0]),  # seconds that a post takes
        st.sampled_from([0.0, 1.1, 3.0, 30.0]),  # pace
    ),
    min_size=1,
    max_size=4,
)


@settings(max_examples=draws(300), deadline=None)
@given(plans=PLANS, seconds=st.sampled_from([0.0, 3.0, 15.0, 60.0, 900.0]))
def test_any_answers(plans: list[tuple[int, list[Any], float, float]], seconds: float) -> None:
    """Whatever channels answer, each message is posted once or left, and nobody sleeps too long."""
    clock = Clock()
    chats = [
        Chat(name=f"{n}", clock=clock, seconds=takes, pace=pace, answers=list(answers))
        for n, (_, answers, takes, pace) in enumerate(plans)
    ]
    messages = {
        chat.name: [Post(message(number)) for number in range(count)]
        for chat, (count, *_) in zip(chats, plans, strict=True)
    }
    with urllib3.PoolManager() as http:
        deliverer = Deliverer(chats, http, clock=clock, sleep=clock.sleep)
        report = deliverer.deliver(messages, clock.until(seconds))

    taken = [(chat.name, text) for chat in chats for text in chat.taken]
    assert len(taken) == len(set(taken)) == report.posted
    assert report.posted + report.left == sum(map(len, messages.values()))
    assert set(report.problems) == {
        chat.name for chat in chats if len(chat.taken) < len(messages[chat.name])
    }
    assert all(report.problems.values())
    assert set(report.dead) <= set(report.problems)
    assert clock.slept <= seconds
    for chat in chats:  # a message costs at most: the post, a retry, two changes, plain text
        assert len(chat.begun) <= 5 * max(1, len(messages[chat.name]))
        assert chat.begun or not messages[chat.name]
    tried = sum(1 for chat in chats if chat.begun)
    assert clock() <= 1_000 + max(seconds, 0) + deliver.LEAST * tried + 1e-6


SERVER_ANSWERS = st.sampled_from(
    [
        OK,
        (200, {}, HTML),
        (400, {}, "invalid_blocks"),
        (403, {}, "invalid_token"),
        (410, {}, "channel_is_archived"),
        (429, {"Retry-After": "2"}, ""),
        (429, {"Retry-After": "3600"}, ""),
        (500, {}, "rollup_error"),
        (302, {"Location": "/"}, ""),
        Act.CLOSE,
    ]
)


@settings(max_examples=draws(60), deadline=None)
@given(st.lists(SERVER_ANSWERS, max_size=20), st.integers(1, 10))
@example([BUSY, OK] * 10, 10)
def test_any_answers_of_a_server(answers: list[Answer], count: int) -> None:
    """What a server acknowledged is what is counted as posted, and no message twice."""
    with receiving(answers) as receiver, urllib3.PoolManager() as http:
        report, _ = post(channel("slack", receiver), http, count)
        taken = [
            request.body
            for request, answer in zip(receiver.requests, [*answers, *[OK] * 50], strict=False)
            if answer is OK
        ]

    assert len(numbered(taken)) == len(set(numbered(taken))) == report.posted
    assert report.posted + report.left == count


EVENTS = [
    [
        call("iam:CreateAccessKey", by=f"user-{n:02}", eventID=f"6e4a2f0c-0000-4000-8000-{n:012}")
        for n in range(start, start + 5)
    ]
    for start in range(1, 31, 5)
]
"""Thirty alerts in six payloads."""


@pytest.mark.parametrize("kinds", [["slack"], ["telegram"], ["slack", "telegram"]], ids=" ".join)
def test_thirty_alerts(kinds: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every third POST is answered 429 or 500, and all thirty alerts arrive, none twice."""
    trouble = cycle([429, 500])
    said = {"parameters": {"retry_after": 1}, "description": "Too Many Requests"}

    def answers(n: int) -> Answer:
        return (next(trouble), {"Retry-After": "1"}, json.dumps(said)) if n % 3 == 0 else OK

    clock = Clock()
    with receiving(answers) as receiver:
        entries = [receiver.slack if kind == "slack" else receiver.telegram for kind in kinds]
        handler = door(monkeypatch, tmp_path, clock, CHANNELS=entries)
        counts = [
            handler(payload(*(event.raw for event in events)), Context(clock)) for events in EVENTS
        ]
    taken = [json.dumps(body) for body in receiver.taken]

    assert sum(one["messages"] for one in counts) == 30 * len(kinds) == len(taken)
    assert not sum(one["failed"] for one in counts)
    for event in (event for events in EVENTS for event in events):
        assert sum(event.id in body for body in taken) == len(kinds)
    assert len(receiver.requests) > len(taken)


def test_first_post_at_no_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """T-0: through the handler too, one alert arrives although the time is already over."""
    clock = Clock()
    with receiving() as receiver:
        handler = door(monkeypatch, tmp_path, clock, CHANNELS=receiver.slack)
        counts = handler(payload(EVENTS[0][0].raw), Context(clock, seconds=0))

    assert counts["messages"] == len(receiver.taken) == 1


@pytest.mark.parametrize(
    "name", ["slack", "n" * 400, "\N{FIRE}" * 300], ids=["short", "long", "wide"]
)
def test_incomplete(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """T-1, F-21: what is left is raised with counts and reasons, in under 512 characters."""
    clock = Clock()
    with receiving([OK, OK, (404, {}, "no_active_hooks")]) as receiver, receiving() as other:
        entries = [{"type": "slack", "name": name, "url": receiver.slack}, other.telegram]
        handler = door(monkeypatch, tmp_path, clock, CHANNELS=entries)
        with pytest.raises(DeliveryIncomplete) as caught:
            handler(payload(*(event.raw for event in EVENTS[0])), Context(clock))

    text = str(caught.value)
    assert text.startswith("3 of 10 messages not delivered")
    assert len(text) < 512 and "\n" not in text
    assert isinstance(caught.value, TrailbellError)
    assert len(other.taken) == 5


def test_incomplete_on_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer or a name of several lines does not make the error one of several lines."""
    clock = Clock()
    with receiving([refusal(403, "Forbidden:\nbot was\r\nkicked\u2028out\x1b[31m")]) as receiver:
        entry = receiver.telegram | {"name": "night\nshift\x1b[31m"}
        handler = door(monkeypatch, tmp_path, clock, CHANNELS=[entry])
        with pytest.raises(DeliveryIncomplete) as caught:
            handler(payload(EVENTS[0][0].raw), Context(clock))

    assert str(caught.value).isprintable()


def test_tell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A message that is about no event goes to every channel."""
    with receiving() as receiver:
        door(monkeypatch, tmp_path, Clock(), CHANNELS=[receiver.slack, receiver.telegram])
        report = app.notifier(tmp_path, Secrets(os.environ)).tell(
            Message(None, say("Test from trailbell"))
        )

    assert (report.posted, len(receiver.taken)) == (2, 2)
