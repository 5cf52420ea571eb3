"""The promise: whatever channels, ledger and clock do, every alert is told or still queued.

Real parts from the payload to the post; only the channels' answers, the clock and the ledger's
failures are drawn. An alert counts as told where its channel, or the one that stands in, took it.
"""

from __future__ import annotations

import json
import logging
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import boto3
import pytest
import urllib3
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import Field

import tables
from conftest import draws
from fakes import Clock, Context, door, payload, receiving
from ledgers import QUIET
from trailbell import app, aws, compose, notifier
from trailbell.channels.base import Channel
from trailbell.deliver import Deliverer, Post, Report
from trailbell.errors import AwsError, ChannelError, DeliveryIncomplete, LedgerDown, Verdict
from trailbell.model import Message
from trailbell.notifier import Notifier
from trailbell.runs import CLOSES, LENGTH, Member, Run
from trailbell.settings import Settings
from trailbell.state.base import Ledger
from trailbell.state.memory import MemoryLedger
from trailbell.testing import call

NOW = 1_773_763_792.0
SECONDS = 60.0
ACTIONS = {  # what sets off one rule each, from critical to low
    "cloudtrail:StopLogging": {"name": "trail"},
    "iam:CreateUser": {"userName": "bob"},
    "iam:UpdateAccessKey": {"userName": "bob", "status": "Active"},
    "ec2:CreateVpc": {"cidrBlock": "10.0.0.0/16"},
}
RULES = ("cloudtrail-stopped", "iam-user-created", "access-key-updated", "vpc-changed")


@dataclass(frozen=True)
class Said:
    """An answer of a channel."""

    error: ChannelError | None
    seconds: float = 0.1


def refused(reason: str, verdict: Verdict, seconds: float = 0.1, **more: Any) -> Said:
    return Said(ChannelError(reason, verdict, **more), seconds)


TAKEN = Said(None)
ANSWERS = {
    "200": TAKEN,
    "200-late": Said(None, 9.0),
    "400": refused("HTTP 400 invalid_blocks", Verdict.REPAIRABLE),
    "403": refused("HTTP 403 invalid_token", Verdict.PERMANENT),
    "404": refused("HTTP 404 no_service", Verdict.PERMANENT),
    "410": refused("HTTP 410 channel_is_archived", Verdict.PERMANENT),
    "429": refused("HTTP 429", Verdict.TRANSIENT),
    "429-soon": refused("HTTP 429", Verdict.TRANSIENT, retry_after=2.0),
    "429-later": refused("HTTP 429", Verdict.TRANSIENT, retry_after=3600.0),
    "500": refused("HTTP 500 rollup_error", Verdict.TRANSIENT, in_doubt=True),
    "no-connection": refused("no answer (NewConnectionError)", Verdict.TRANSIENT),
    "time-out": refused("no answer (ReadTimeoutError)", Verdict.TRANSIENT, 10.0, in_doubt=True),
    "reset": refused("no answer (ProtocolError)", Verdict.TRANSIENT, in_doubt=True),
}


class Killed(BaseException):
    """A process is gone: nothing of it runs any more."""


class Chat(Channel):
    """A channel in memory that answers as it is told, and takes what it is not told to refuse."""

    type: str = "chat"
    clock: Any
    answers: Any = Field(default_factory=list)
    taken: Any = Field(default_factory=list)
    """The keys of the messages that it took."""
    before: Any = Field(default_factory=list)
    """What is called before each answer."""

    help: ClassVar = "{}"

    def render(self, message: Message) -> dict[str, Any]:
        return {"key": message.key}

    def render_plain(self, message: Message) -> dict[str, Any]:
        return {"key": message.key, "plain": True}

    def send(
        self, body: dict[str, Any], http: urllib3.PoolManager, timeout: urllib3.Timeout
    ) -> None:
        for act in self.before:
            act()
        said: Said = self.answers.pop(0) if self.answers else TAKEN
        assert isinstance(timeout.total, float)
        self.clock.now += min(said.seconds, timeout.total)
        if said.seconds > timeout.total:
            raise ChannelError("no answer (TimeUp)", Verdict.TRANSIENT, in_doubt=True)
        if said.error:
            raise said.error
        self.taken.append(body["key"])


class Careful(Deliverer):
    """Keeps the reports, and checks that each adds up."""

    reports: list[Report]

    def deliver(
        self,
        posts: Mapping[str, Sequence[Post]],
        time_left: Callable[[], float],
        *more: Any,
        **named: Any,
    ) -> Report:
        report = super().deliver(posts, time_left, *more, **named)
        assert report.posted + report.left + report.known == sum(map(len, posts.values()))
        return report


@dataclass
class Weak:
    """A ledger that fails at some of its calls, before or after it did what it was asked."""

    ledger: Ledger
    fails: Callable[[], str]
    """For each call: ``before``, ``after``, or "" where it works."""

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self.ledger, name)

        def asked(*args: Any) -> Any:
            when = self.fails()
            if when == "before":
                raise LedgerDown(f"{name}: ThrottlingException")
            answer = method(*args)
            if when == "after":
                raise LedgerDown(f"{name}: ReadTimeoutError")
            return answer

        return asked


Told = tuple[str, str]
"""An alert for a channel: the channel that it is meant for, and the event's id."""


@dataclass
class World:
    """The function, its channels, its ledger and its queue, and what each message holds."""

    channels: list[Chat]
    clock: Clock
    queued: bool = False
    fails: Callable[[], str] | None = lambda: ""
    """None where there is no ledger."""
    items: dict[str, dict[str, Any]] = field(default_factory=dict)
    holds: dict[str, tuple[str, set[str]]] = field(default_factory=dict)
    """Of each message by its key: the channel that it is meant for, and the ids of its events."""
    closers: list[tuple[float, Mapping[str, Any]]] = field(default_factory=list)
    """What the queue will bring back, and when."""
    step: Callable[[], None] = lambda: None
    """Called before whatever somebody else could notice."""

    def function(self) -> Notifier:
        """A process of its own, with everything in it."""
        wanted = Settings().model_copy(update={"CHANNELS": self.channels})
        deliverer = Careful(
            self.channels, urllib3.PoolManager(), clock=self.clock, sleep=self.clock.sleep
        )
        return Notifier(
            app.bell(wanted, only=RULES),
            deliverer,
            ledger=self.ledger if self.fails else None,
            later=self.later if self.queued else None,
        )

    def ledger(self) -> Ledger:
        def fails() -> str:
            self.step()
            return self.fails() if self.fails else ""

        return Weak(MemoryLedger(self.items, self.clock), fails)  # type: ignore[return-value]

    def later(self, body: Mapping[str, Any]) -> None:
        self.step()
        self.closers.append((self.clock.now + LENGTH, json.loads(json.dumps(body))))

    def invoke(self, function: Notifier, event: Any, seconds: float = SECONDS) -> bool:
        """Whether it is done; else Lambda, or the queue, brings it again."""
        start = self.clock.now
        try:
            answer = function.run(event, Context(self.clock, seconds))
        except (DeliveryIncomplete, LedgerDown) as error:
            assert len(str(error)) < 512
            return False
        except Killed:
            return False
        finally:
            # A first post is tried however late it is; each takes 0.2 s then.
            assert self.clock.now - start <= seconds + len(self.channels)
        assert answer["failed"] == 0 or answer.get("batchItemFailures")
        return not answer.get("batchItemFailures")

    def close(self, function: Notifier) -> None:
        """The queue brings back what is due, and again where that fails."""
        due = [one for one in self.closers if one[0] <= self.clock.now]
        self.closers = [one for one in self.closers if one not in due]
        for _, body in due:
            if not self.invoke(function, closing(body)):
                self.closers.append((self.clock.now + LENGTH, body))

    def told(self) -> Counter[Told]:
        """How often each alert was told, whichever channel took it."""
        found: Counter[Told] = Counter()
        for key in (key for chat in self.channels for key in chat.taken):
            channel, ids = self.holds[key]
            found.update((channel, one) for one in ids)
        return found

    def counted(self) -> set[Told]:
        """What is counted in runs that the queue will close."""
        queued = {f"run:{body[CLOSES]['kind']}:{body[CLOSES]['run']}" for _, body in self.closers}
        return {
            (item["about"]["channel"], Member.unpacked(packed).event_id)
            for key, item in self.items.items()
            if key in queued and "members" in item
            for packed in item["members"]
        }


@contextmanager
def watched(world: World) -> Iterator[World]:
    """While the function names its messages, write down what they hold."""
    real_post, real_of_run = notifier.post, compose.of_run

    def post(message: Message, alerts: Sequence[Any], channel: str) -> Post:
        made = real_post(message, alerts, channel)
        world.holds[made.message.key] = channel, {alert.event.id for alert in alerts}
        assert message.count == len(alerts)
        return made

    def of_run(run: Run, reader: Any) -> Message:
        key = notifier._closing_key(run)
        world.holds[key] = run.channel, {member.event_id for member in run.members}
        return real_of_run(run, reader)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(notifier, "post", post)
        patch.setattr(notifier, "of_run", of_run)
        yield world


def event_of(alerts: Sequence[tuple[str, str]], batch: int = 0) -> Any:
    """A payload with these (action, actor)."""
    return payload(
        *(
            call(
                action,
                by=actor,
                request=ACTIONS[action],
                eventID=event_id(batch, number),
                eventTime=f"2026-03-17T16:{batch:02}:{number:02}Z",
            ).raw
            for number, (action, actor) in enumerate(alerts)
        )
    )


def event_id(batch: int, number: int) -> str:
    return f"{batch:04}{number:04}-0000-4000-8000-000000000000"


def closing(body: Mapping[str, Any]) -> Any:
    record = {"eventSource": "aws:sqs", "messageId": "m-1", "body": json.dumps(body)}
    return {"Records": [record]}


kinds = st.tuples(st.sampled_from(sorted(ACTIONS)), st.sampled_from(["alice", "terraform"]))
batches = st.lists(kinds, min_size=1, max_size=14) | st.builds(
    lambda kind, many, rest: [kind] * many + rest,
    kinds,
    st.integers(1, 9),
    st.lists(kinds, max_size=5),
)
answers = st.lists(st.sampled_from(sorted(ANSWERS)), max_size=12)
gaps = st.floats(60, 1000) | st.floats(0, 30)  # lease and run may be over, or not


@st.composite
def failures(draw: st.DrawFn) -> Callable[[], str] | None:
    """When the ledger fails: never, always, from a call on, at some calls; or there is none."""
    kind = draw(st.sampled_from(["up", "up", "none", "down", "from", "some"]))
    if kind == "none":
        return None
    when = draw(st.sampled_from(["before", "after"]))
    first = draw(st.integers(0, 40))
    some = draw(st.sets(st.integers(0, 60), max_size=6))
    asked = iter(range(1 << 30))

    def fails() -> str:
        number = next(asked)
        down = {"up": False, "down": True, "from": number >= first, "some": number in some}[kind]
        return when if down else ""

    fails.__name__ = kind
    return fails


def chats(clock: Clock, scripts: Sequence[Sequence[str]], fallback: bool) -> list[Chat]:
    return [
        Chat(
            name=f"chat-{number}",
            clock=clock,
            answers=[ANSWERS[name] for name in script],
            fallback="chat-1" if fallback and number == 0 and len(scripts) > 1 else "",
        )
        for number, script in enumerate(scripts)
    ]


@dataclass(frozen=True)
class Try:
    """An invocation, and how it goes."""

    batch: int
    seconds: float
    """That it may take."""
    wait: float
    """Until the next."""
    dies: int = 0
    """The step that it does not live to do; 0 for none."""


tries = st.builds(Try, st.integers(0, 2), st.sampled_from([SECONDS, SECONDS, 10.0, 3.0]), gaps)
mortal = st.builds(Try, st.integers(0, 2), st.just(SECONDS), gaps, st.integers(0, 15))


def played(
    batches: Sequence[Sequence[tuple[str, str]]],
    scripts: Sequence[Sequence[str]],
    fallback: bool,
    queued: bool,
    fails: Callable[[], str] | None,
    plan: Sequence[Try],
) -> tuple[World, set[Told]]:
    """The world after all of it, and what had to be told. After each invocation that says so, its
    alerts have been told or counted; in the end all of them have."""
    clock = Clock(NOW)
    names = [f"chat-{number}" for number in range(len(scripts))]
    events = [event_of(batch, number) for number, batch in enumerate(batches)]
    wanted = [
        {(name, event_id(number, n)) for name in names for n in range(len(batch))}
        for number, batch in enumerate(batches)
    ]
    world = World(chats(clock, scripts, fallback), clock, queued, fails)
    left = 0

    def step() -> None:
        nonlocal left
        left -= 1
        if not left:
            raise Killed

    world.step = step
    for chat in world.channels:
        chat.before.append(step)
    with watched(world):
        for this in plan:
            which = this.batch % len(batches)
            left = this.dies
            if world.invoke(world.function(), events[which], this.seconds):
                assert wanted[which] <= world.told().keys() | world.counted()
            clock.now += this.wait
            left = this.dies
            world.close(world.function())
        left = 0
        for chat in world.channels:  # in the end somebody mends them
            chat.answers.clear()
        for which, event in enumerate(events):
            clock.now += SECONDS
            assert world.invoke(world.function(), event)
            assert wanted[which] <= world.told().keys() | world.counted()
        for _ in range(3):
            clock.now += LENGTH
            world.close(world.function())
        assert set().union(*wanted) == world.told().keys() | world.counted()
    return world, set().union(*wanted)


@given(
    batches=st.lists(batches, min_size=1, max_size=3),
    scripts=st.lists(answers, min_size=1, max_size=2),
    fallback=st.booleans(),
    queued=st.booleans(),
    fails=failures(),
    plan=st.lists(tries, min_size=1, max_size=8),
)
@settings(max_examples=draws(200))
def test_promise(
    batches: list[list[tuple[str, str]]],
    scripts: list[list[str]],
    fallback: bool,
    queued: bool,
    fails: Callable[[], str] | None,
    plan: list[Try],
) -> None:
    """P-1, P-2: whatever the channels answer and the ledger does, an invocation that returns has
    told or counted every alert, one that raises is brought again, and in the end each alert is
    told to each channel: once, unless the ledger was away."""
    world, wanted = played(batches, scripts, fallback, queued, fails, plan)

    if fails is None or fails.__name__ == "up":
        assert not world.closers
        assert world.told().keys() == wanted
    if fails is not None and fails.__name__ == "up":
        assert set(world.told().values()) == {1}


@given(
    batches=st.lists(batches, min_size=1, max_size=3),
    scripts=st.lists(answers, min_size=1, max_size=2),
    fallback=st.booleans(),
    queued=st.booleans(),
    plan=st.lists(mortal, min_size=1, max_size=8),
)
@settings(max_examples=draws(100))
def test_promise_of_mortals(
    batches: list[list[tuple[str, str]]],
    scripts: list[list[str]],
    fallback: bool,
    queued: bool,
    plan: list[Try],
) -> None:
    """F-12, F-13: killed at any step, of any invocation, between any others: nothing is lost, and
    each death doubles one message at most."""
    world, wanted = played(batches, scripts, fallback, queued, lambda: "", plan)

    deaths = 2 * sum(this.dies > 0 for this in plan)  # of the alerts' turn and of the queue's
    sent = Counter(key for chat in world.channels for key in chat.taken)
    assert world.told().keys() == wanted
    assert sum(times - 1 for times in sent.values()) <= deaths
    assert max(world.told().values()) <= 1 + deaths


class Turns:
    """Copies of the function that take turns, one step at a time, in an order that is given."""

    def __init__(self, order: Sequence[int], deaths: Mapping[int, int]) -> None:
        """
        :param order: whose turn it is, by its place among those that still run.
        :param deaths: a copy's number -> the step that it does not live to do.
        """
        self._order = iter(order)
        self._deaths = deaths
        self._steps: Counter[int] = Counter()
        self._go = [threading.Event() for _ in range(4)]
        self._back = threading.Event()
        self._me = threading.local()

    def step(self) -> None:
        """Wait for one's turn; who is alone just goes on."""
        me: int | None = getattr(self._me, "number", None)
        if me is None:
            return
        self._steps[me] += 1
        self._back.set()
        self._wait(self._go[me])
        if self._deaths.get(me) == self._steps[me]:
            raise Killed

    def run(self, copies: Sequence[Callable[[], None]]) -> None:
        def live(number: int) -> None:
            self._me.number = number
            self._wait(self._go[number])
            try:
                copies[number]()
            except Killed:
                pass
            finally:
                alive.remove(number)
                self._back.set()

        alive = list(range(len(copies)))
        threads = [threading.Thread(target=live, args=(number,)) for number in alive]
        for thread in threads:
            thread.start()
        while alive:
            number = alive[next(self._order, 0) % len(alive)]
            self._back.clear()
            self._go[number].set()
            self._wait(self._back)
        for thread in threads:
            thread.join()

    @staticmethod
    def _wait(event: threading.Event) -> None:
        assert event.wait(timeout=30)
        event.clear()


def copies_of(
    event: Any, order: Sequence[int], deaths: Mapping[int, int], queued: bool
) -> tuple[World, int]:
    """The world after four copies of a payload, taking turns, and how many of them succeeded."""
    clock = Clock(NOW)
    turns = Turns(order, deaths)
    world = World(chats(clock, [[], []], fallback=False), clock, queued, step=turns.step)
    for chat in world.channels:
        chat.before.append(turns.step)
    done: list[bool] = []

    def copy() -> None:
        done.append(world.invoke(world.function(), event))

    with watched(world):
        turns.run([copy] * 4)
        for _ in range(2):  # Lambda's retry of those that raised or died
            if len(done) < 4 or not all(done):
                clock.now += SECONDS
                assert world.invoke(world.function(), event)
        clock.now += LENGTH
        world.close(world.function())
        assert not world.closers
    return world, sum(done)


schedules = st.lists(st.integers(0, 3), max_size=200)


@given(batch=batches, order=schedules, queued=st.booleans())
@settings(max_examples=draws(60))
def test_four_copies(batch: list[tuple[str, str]], order: list[int], queued: bool) -> None:
    """F-14: of four copies at once, however their steps interleave, each alert is told once."""
    world, done = copies_of(event_of(batch), order, {}, queued)

    everything = {
        (chat.name, event_id(0, number)) for chat in world.channels for number in range(len(batch))
    }
    assert world.told() == dict.fromkeys(everything, 1)
    assert done >= 1


@given(
    batch=batches,
    order=schedules,
    queued=st.booleans(),
    deaths=st.dictionaries(st.integers(0, 3), st.integers(1, 30), max_size=3),
)
@settings(max_examples=draws(60))
def test_copies_that_die(
    batch: list[tuple[str, str]], order: list[int], queued: bool, deaths: dict[int, int]
) -> None:
    """F-12, F-14: some of them die on the way: nothing is lost, and each death doubles at most the
    one message that it cut off from its mark."""
    world, _ = copies_of(event_of(batch), order, deaths, queued)

    told = world.told()
    assert told.keys() == {
        (chat.name, event_id(0, number)) for chat in world.channels for number in range(len(batch))
    }
    sent = Counter(key for chat in world.channels for key in chat.taken)
    assert sum(times - 1 for times in sent.values()) <= len(deaths)


def storm(count: int) -> Any:
    """So many matches of 120 actors: three critical ones among them, the rest high and medium."""
    actions = ["iam:CreateUser", "iam:UpdateAccessKey"]
    return payload(
        *(
            call(
                "cloudtrail:StopLogging" if number in (17, 2_500, 5_999) else actions[number % 2],
                by=f"user-{number % 120:03}",
                request={"userName": "bob", "status": "Active", "name": "trail"},
                eventID=event_id(number // 10_000, number % 10_000),
                eventTime=f"2026-03-17T16:{number // 60 % 60:02}:{number % 60:02}Z",
            ).raw
            for number in range(count)
        )
    )


@pytest.mark.slow
def test_six_thousand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """F-19: 6,000 matches are ten messages, critical first; with those that wait in runs they add
    up. A retry tells none of them again, and AWS is asked a bounded number of times."""
    caplog.set_level(logging.INFO, "trailbell")
    asked: Counter[str] = Counter()
    told: list[Message] = []
    real_call, real_post = aws.call, notifier.post

    def call_counted(client: Any, operation: str, **request: Any) -> Any:
        asked[operation] += 1
        return real_call(client, operation, **request)

    def post(message: Message, *args: Any) -> Post:
        told.append(message)
        return real_post(message, *args)

    monkeypatch.setattr(aws, "call", call_counted)
    monkeypatch.setattr(notifier, "post", post)
    clock = Clock()
    everything = storm(6_000)
    with tables.aws(), receiving() as receiver:
        handler = door(
            monkeypatch,
            tmp_path,
            clock,
            CHANNELS=receiver.slack,
            PRESET="security",
            RULES=QUIET,
            LEDGER_TABLE=tables.make().name,
            RETRY_QUEUE_URL=boto3.client("sqs").create_queue(QueueName="retry")["QueueUrl"],
        )
        answer = handler(everything, Context(clock))
        once, first = asked.total(), list(told)
        counts = [json.loads(one) for one in caplog.messages if one.startswith('{"events"')][-1]
        again = handler(everything, Context(clock))

    assert (answer["alerts"], answer["messages"], answer["failed"]) == (6_000, 10, 0)
    assert again["messages"] == again["failed"] == 0
    bodies = [json.dumps(body) for body in receiver.bodies]
    assert ["CRITICAL" in body for body in bodies] == [True] * 3 + [False] * 7
    assert sum(message.count for message in first) + counts["held"] == 6_000
    assert counts["held"] > 0
    assert max(once, asked.total() - once) < 500


def test_queue_down() -> None:
    """A queue that does not answer costs its time-out once, not once for each kind of alert: what
    is critical must still be told before the invocation is over."""
    clock = Clock(NOW)
    world = World(chats(clock, [[], []], fallback=False), clock, queued=True)

    def later(body: Mapping[str, Any]) -> None:
        clock.now += 3
        raise AwsError("send_message", "ReadTimeoutError", in_doubt=True)

    world.later = later  # type: ignore[method-assign]
    actors = [f"user-{number}" for number in range(13)]
    batch = [("ec2:CreateVpc", actor) for actor in actors] + [("cloudtrail:StopLogging", "mallory")]
    with watched(world):
        assert world.invoke(world.function(), event_of(batch))

    assert clock.now - NOW < 15
    assert world.told().total() == 2 * len(batch)


@pytest.mark.parametrize(("seconds", "each"), [(60.0, 1.0), (3.0, 0.1)], ids=["slow", "console"])
def test_slow_ledger(seconds: float, each: float) -> None:
    """A ledger that is slow, or a function that has little time: whatever else waits for the
    ledger, what is critical is told before the invocation is over."""
    clock = Clock(NOW)
    world = World(chats(clock, [[]], fallback=False), clock, queued=True)

    def step() -> None:
        clock.now += each

    world.step = step
    actors = [f"user-{number}" for number in range(18)]
    batch = [("ec2:CreateVpc", actor) for actor in actors] + [("cloudtrail:StopLogging", "mallory")]
    with watched(world):
        chat = world.channels[0]
        chat.before.append(lambda: told_at.append(clock.now))
        told_at: list[float] = []
        world.invoke(world.function(), event_of(batch), seconds)

    assert ("chat-0", event_id(0, 18)) in world.told()
    assert told_at[0] - NOW < seconds


def test_counted_before() -> None:
    """What was told or counted is not counted again by a run that somebody else opened since."""
    clock = Clock(NOW)
    with watched(World(chats(clock, [[]], fallback=False), clock, queued=True)) as world:
        function = world.function()
        events = [event_of([("ec2:CreateVpc", "terraform")] * 3, number) for number in range(2)]
        assert world.invoke(function, events[0])
        clock.now += LENGTH + 1
        world.close(function)
        assert world.invoke(function, events[1])
        assert world.invoke(function, events[0])
        clock.now += LENGTH + 1
        world.close(function)

    assert set(world.told().values()) == {1}
    assert world.told().total() == 6


@pytest.mark.parametrize("waits", [[0, 30, 46], [60, 60]], ids=["too-early", "in-time"])
def test_in_doubt(waits: list[int]) -> None:
    """F-08: what may have been posted is tried again after the lease only: so no two copies of the
    function post it at once, and it is taken once."""
    clock = Clock(NOW)
    with watched(World(chats(clock, [["500", "500"]], fallback=False), clock)) as world:
        event = event_of([("cloudtrail:StopLogging", "mallory")])
        answers = [world.invoke(world.function(), event)]
        for wait in waits:
            clock.now += wait
            answers.append(world.invoke(world.function(), event))

    assert answers == ([False] * 3 + [True] if waits[0] == 0 else [False, True, True])
    assert world.told().total() == 1


def test_second_look() -> None:
    """F-14: who finds a message claimed looks once more before it raises: it is posted by then."""
    slow, meanwhile = [0, 0], [1, 1, 1, 1, 1]  # the first waits with its post in hand
    event = event_of([("cloudtrail:StopLogging", "mallory")])

    world, done = copies_of(event, [*slow, *meanwhile, *[0] * 50], {}, queued=False)

    assert done == 4
    assert set(world.told().values()) == {1}


def test_by_another_way() -> None:
    """A group whose alerts were each told before, in other messages, is not told again."""
    clock = Clock(NOW)
    with watched(World(chats(clock, [[]], fallback=False), clock)) as world:
        by_terraform = [("iam:CreateUser", "terraform")] * 8
        for alerts in (by_terraform, by_terraform[:6], by_terraform[:3]):
            assert world.invoke(world.function(), event_of(alerts))
            clock.now += SECONDS

    assert world.told() == {("chat-0", event_id(0, number)): 1 for number in range(8)}
    assert len(world.channels[0].taken) == 1


def test_log_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """F-15: with the table gone an alert is told, the log says why it may come twice, and the next
    invocation asks the table again."""
    with tables.aws(), receiving() as receiver:
        handler = door(
            monkeypatch,
            tmp_path,
            Clock(),
            CHANNELS=receiver.slack,
            PRESET="security",
            RULES=QUIET,
            LEDGER_TABLE="trailbell",
        )
        event = event_of([("cloudtrail:StopLogging", "mallory")])
        answers = [handler(event, Context()) for _ in "ab"]
        tables.make("trailbell")
        answers += [handler(event, Context()) for _ in "ab"]

    assert [answer["messages"] for answer in answers] == [1, 1, 1, 0]
    lines = [json.loads(one) for one in caplog.messages if one.startswith('{"events"')]
    assert [line["ledger_errors"] for line in lines] == [1, 1, 0, 0]
    assert lines[0]["ledger"] == "down: put_item: ResourceNotFoundException"
    assert "ledger" not in lines[2]
    assert lines[3]["sent_before"] == 1


def test_runs_in_an_outage() -> None:
    """A first alert that nobody takes for longer than its run is not in the way of the next run:
    what follows is still the first at once and the others in one message."""
    clock = Clock(NOW)
    with watched(World(chats(clock, [["429"] * 99], fallback=False), clock, queued=True)) as world:
        function = world.function()
        first, more = (event_of([("ec2:CreateVpc", "terraform")] * 5, batch) for batch in (0, 1))
        for _ in "ab":
            assert not world.invoke(function, first)
            clock.now += LENGTH + 60
            world.close(function)
        world.channels[0].answers.clear()
        assert world.invoke(function, first)
        assert world.invoke(function, more)
        clock.now += LENGTH + 60
        world.close(function)

    assert world.told() == {
        ("chat-0", event_id(batch, number)): 1 for batch in (0, 1) for number in range(5)
    }
    assert len(world.channels[0].taken) <= 4
