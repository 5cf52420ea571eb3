"""Messages x channels -> acknowledged, or left and said so.

One lane a channel: a channel that is slow, busy or dead keeps its own messages waiting and nobody
else's. Nothing sleeps past the time that the invocation has left.
"""

from __future__ import annotations

import hashlib
import json
import logging
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import urllib3

from trailbell.channels.base import Channel
from trailbell.errors import ChannelError, Verdict
from trailbell.model import Message

log = logging.getLogger("trailbell")

CONNECT, READ = 3.0, 10.0  # seconds, at most
START = 1.0  # seconds beside the reserve that a post needs to be begun
LEAST = 0.2  # seconds: the first post is tried however little is left
BURST = 5  # posts of an invocation before a channel's pace holds
CHANGES = 2  # that a channel may ask for: a group's new id, and a topic that is gone
BACKOFF = 1.0  # seconds before the one retry, where the channel names no other wait


@dataclass(slots=True)
class Lane:
    """One channel's messages and how far they have come."""

    channel: Channel
    pending: deque[Message]
    body: dict[str, Any] | None = None
    """Of the first pending message, where it had to be changed."""
    change: dict[str, Any] = field(default_factory=dict)
    """What a repair taught us about every body: the group's new id, a topic that is gone."""
    changes: int = 0
    due: float = 0.0
    spent: float = 0.0
    """Seconds that its posts took."""
    tried: bool = False
    retried: bool = False
    repaired: bool = False
    posted: int = 0
    retries: int = 0
    refused: int = 0
    """Messages that this channel alone will not take, in any form."""
    problem: str = ""
    """Why something is left."""
    stopped: bool = False
    """Nothing more is posted here in this invocation."""
    dead: bool = False
    """Nor in the next ones, until somebody mends the channel."""

    @property
    def left(self) -> int:
        return len(self.pending) + self.refused

    def next(self) -> None:
        """The first message is done with; begin the next one afresh."""
        self.pending.popleft()
        self.body, self.retried, self.repaired = None, False, False

    def stop(self, problem: str, *, dead: bool = False) -> None:
        self.problem, self.stopped, self.dead = problem, True, dead


@dataclass(frozen=True, slots=True)
class Report:
    """What became of the messages."""

    posted: int
    left: int
    retried: int
    problems: dict[str, str]
    """Channel -> why something of it is left."""
    dead: tuple[str, ...]
    """Channels that will take nothing until somebody mends them."""


class Deliverer:
    """Posts messages to channels within a time budget."""

    def __init__(
        self,
        channels: Sequence[Channel],
        http: urllib3.PoolManager,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._channels = {channel.name: channel for channel in channels}
        self._http = http
        self._clock = clock
        self._sleep = sleep

    def deliver(
        self, messages: Mapping[str, Sequence[Message]], time_left: Callable[[], float]
    ) -> Report:
        """Post what can be posted in time.

        :param messages: channel name -> its messages, the most important first.
        :param time_left: seconds until the invocation is killed.
        """
        reserve = min(5.0, time_left() / 10)
        lanes = [Lane(self._channels[name], deque(of)) for name, of in messages.items()]
        while open_lanes := [lane for lane in lanes if lane.pending and not lane.stopped]:
            now = self._clock()
            # Whoever may post soonest; among those that may now, the one that took least time.
            lane = min(open_lanes, key=lambda lane: (max(lane.due, now), lane.spent))
            wait = max(0.0, lane.due - now)
            available = time_left() - reserve - wait
            if lane.tried and available < START:
                lane.stop(lane.problem or "no time left")
                continue
            if wait:
                self._sleep(wait)
            untried = sum(not other.tried for other in open_lanes if other is not lane)
            begun = self._clock()
            self._post(lane, max(available / (1 + untried), LEAST))
            lane.spent += self._clock() - begun
        return Report(
            posted=sum(lane.posted for lane in lanes),
            left=sum(lane.left for lane in lanes),
            retried=sum(lane.retries for lane in lanes),
            problems={lane.channel.name: lane.problem for lane in lanes if lane.left},
            dead=tuple(lane.channel.name for lane in lanes if lane.dead),
        )

    def _post(self, lane: Lane, seconds: float) -> None:
        """One post of the lane's first message, and what its answer means for the lane."""
        lane.tried = True
        timeout = urllib3.Timeout(
            total=seconds, connect=min(CONNECT, seconds), read=min(READ, seconds)
        )
        message = lane.pending[0]
        body = _changed(lane.body or lane.channel.render(message), lane.change)
        try:
            lane.channel.send(body, self._http, timeout)
        except ChannelError as error:
            self._refused(lane, message, error)
            return
        lane.posted += 1
        lane.next()
        if lane.posted >= BURST:
            lane.due = self._clock() + lane.channel.pace

    def _refused(self, lane: Lane, message: Message, error: ChannelError) -> None:
        change = error.change
        if error.verdict is Verdict.TRANSIENT and not lane.retried:
            lane.retried = True
            wait = BACKOFF if error.retry_after is None else error.retry_after
            lane.due = self._clock() + wait
        elif error.verdict is Verdict.REPAIRABLE and change and lane.changes < CHANGES:
            lane.changes += 1
            lane.change |= change
            fields = ", ".join(f"{name} {value}" for name, value in change.items())
            log.warning("%s: %s; update the settings: %s", lane.channel.name, error, fields)
        elif error.verdict is Verdict.REPAIRABLE and not change and not lane.repaired:
            lane.repaired = True
            form = hashlib.sha256(json.dumps(lane.channel.render(message)).encode()).hexdigest()
            name = lane.channel.name
            log.warning("%s: %s; sent as plain text, not as %s", name, error, form[:12])
            lane.body = lane.channel.render_plain(message)
        elif error.verdict is Verdict.REPAIRABLE and not change:
            # Not even as plain text: the fault is this message's, the others may pass.
            lane.problem = str(error)
            lane.refused += 1
            lane.next()
            return
        else:
            lane.stop(str(error), dead=error.verdict is not Verdict.TRANSIENT)
            return
        lane.problem = str(error)  # told only if time runs out before the message is through
        lane.retries += 1


def _changed(body: dict[str, Any], change: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in {**body, **change}.items() if value is not None}
