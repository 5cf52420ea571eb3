"""Messages x channels -> acknowledged, or left and said so.

One lane a channel: a channel that is slow, busy or dead keeps its own messages waiting and nobody
else's. Nothing sleeps past the time that the invocation has left. The ledger is asked right before
each post and told right after it: whoever dies in between costs a double, never an alert.
"""

from __future__ import annotations

import hashlib
import json
import logging
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import urllib3

from trailbell.channels.base import Channel
from trailbell.errors import ChannelError, Verdict
from trailbell.ledger import Book
from trailbell.model import Line, Message, say
from trailbell.state.base import Claim

log = logging.getLogger("trailbell")

CONNECT, READ = 3.0, 10.0  # seconds, at most
START = 1.0  # seconds beside the reserve that a post needs to be begun
LEAST = 0.2  # seconds: the first post is tried however little is left
BURST = 5  # posts of an invocation before a channel's pace holds
CHANGES = 2  # that a channel may ask for: a group's new id, and a topic that is gone
BACKOFF = 1.0  # seconds before the one retry, where the channel names no other wait
ELSEWHERE = "another invocation is posting it"

Renew = Callable[[str], Channel | None]
"""A channel's name -> the channel with its secrets read again; None where that brings nothing."""


@dataclass(frozen=True, slots=True)
class Post:
    """A message, and what the ledger knows it by (Message.key is the message's own name)."""

    message: Message
    alerts: tuple[str, ...] = ()
    """The keys of its alerts."""
    meant_for: str = ""
    """The channel that refused it, where this one stands in."""


@dataclass(slots=True)
class Lane:
    """One channel's messages and how far they have come."""

    channel: Channel
    pending: deque[Post]
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
    renewed: bool = False
    """Whether its secrets were read again."""
    posted: int = 0
    burst: int = 0
    """Posts of this invocation, its other items included."""
    retries: int = 0
    known: int = 0
    """Messages that the ledger knows as sent."""
    refused: list[Post] = field(default_factory=list)
    """What this channel alone will not take, in any form."""
    elsewhere: list[Post] = field(default_factory=list)
    """What another invocation was about to post."""
    problem: str = ""
    """Why something is left."""
    stopped: bool = False
    """Nothing more is posted here in this invocation."""
    dead: bool = False
    """Nor in the next ones, until somebody mends the channel."""

    @property
    def left(self) -> int:
        return len(self.pending) + len(self.refused) + len(self.elsewhere)

    def next(self) -> Post:
        """The first message is done with; begin the next one afresh."""
        self.body, self.retried, self.repaired = None, False, False
        return self.pending.popleft()

    def stop(self, problem: str, *, dead: bool = False) -> None:
        self.problem, self.stopped, self.dead = problem, True, dead


@dataclass(frozen=True, slots=True)
class Report:
    """What became of the messages."""

    posted: int
    left: int
    retried: int
    problems: dict[str, str]
    """Channel -> why something of it is left, or went to its fallback."""
    dead: tuple[str, ...]
    """Channels that will take nothing until somebody mends them."""
    known: int = 0
    """Messages that had been posted before."""


class Deliverer:
    """Posts messages to channels within a time budget."""

    def __init__(
        self,
        channels: Sequence[Channel],
        http: urllib3.PoolManager,
        *,
        renew: Renew | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._channels = {channel.name: channel for channel in channels}
        self._http = http
        self._renew = renew
        self._clock = clock
        self._sleep = sleep

    def deliver(
        self,
        posts: Mapping[str, Sequence[Post]],
        time_left: Callable[[], float],
        book: Book | None = None,
        before: dict[str, Lane] | None = None,
    ) -> Report:
        """Post what can be posted in time.

        :param posts: channel name -> its messages, the most important first.
        :param time_left: seconds until the invocation is killed.
        :param book: what was posted before; without one everything is posted.
        :param before: the lanes of the invocation's earlier items, for their pace and their dead;
            this one's are put there.
        """
        book = book or Book(None, time_left)
        reserve = min(5.0, time_left() / 10)
        before = {} if before is None else before
        lanes = {name: self._lane(name, of, before) for name, of in posts.items()}
        for lane in list(lanes.values()):
            self._hand_over(lane, lanes)
        while open_lanes := [one for one in lanes.values() if one.pending and not one.stopped]:
            now = self._clock()
            # Whoever may post soonest; among those that may now, the one that took least time.
            lane = min(open_lanes, key=lambda lane: (max(lane.due, now), lane.spent))
            wait = max(0.0, lane.due - now)
            if lane.tried and time_left() - reserve - wait < START:
                lane.stop(lane.problem or "no time left")
                continue
            if wait:
                self._sleep(wait)
            begun = self._clock()
            if self._may_post(lane, book):
                untried = sum(not other.tried for other in open_lanes if other is not lane)
                available = time_left() - reserve
                self._post(lane, book, max(available / (1 + untried), LEAST))
                self._hand_over(lane, lanes)
            lane.spent += self._clock() - begun
        for lane in lanes.values():
            self._look_again(lane, book)
        before |= lanes
        found = list(lanes.values())
        return Report(
            posted=sum(lane.posted for lane in found),
            left=sum(lane.left for lane in found),
            retried=sum(lane.retries for lane in found),
            problems={one.channel.name: one.problem for one in found if one.left or one.dead},
            dead=tuple(lane.channel.name for lane in found if lane.dead),
            known=sum(lane.known for lane in found),
        )

    def _lane(self, name: str, posts: Sequence[Post], before: Mapping[str, Lane]) -> Lane:
        lane = Lane(self._channels[name], deque(posts))
        if old := before.get(name):
            lane.due, lane.burst, lane.renewed = old.due, old.burst, old.renewed
            lane.change, lane.changes = old.change, old.changes
            if old.dead:
                lane.stop(old.problem, dead=True)
        return lane

    def _may_post(self, lane: Lane, book: Book) -> bool:
        """Claim the lane's first message; what is done, or somebody else's, leaves the lane."""
        post = lane.pending[0]
        if len(post.alerts) > 1 and not lane.retried and book.all_sent(post.alerts):
            claim = Claim.SENT
        else:
            claim = book.claim(post.message.key)
        if claim is Claim.MINE:
            return True
        if claim is Claim.SENT:
            lane.known += 1
        else:
            lane.elsewhere.append(post)
        lane.next()
        return False

    def _post(self, lane: Lane, book: Book, seconds: float) -> None:
        """One post of the lane's first message, and what its answer means for the lane."""
        lane.tried = True
        timeout = urllib3.Timeout(
            total=seconds, connect=min(CONNECT, seconds), read=min(READ, seconds)
        )
        post = lane.pending[0]
        message = post.message
        body = _changed(lane.body or lane.channel.render(message), lane.change)
        try:
            receipt = lane.channel.send(body, self._http, timeout)
        except ChannelError as error:
            if not error.in_doubt:  # else the claim stands, and whoever comes too soon waits
                book.release(message.key)
            self._refused(lane, message, error)
            return
        book.mark(message.key, post.alerts, receipt)
        lane.posted += 1
        lane.burst += 1
        lane.next()
        if lane.burst >= BURST:
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
            shown = {name: value for name, value in change.items() if not name.startswith("_")}
            fields = ", ".join(f"{name} {value}" for name, value in shown.items())
            log.warning("%s: %s; posted with %s: see to it", lane.channel.name, error, fields)
        elif error.verdict is Verdict.REPAIRABLE and not change and not lane.repaired:
            lane.repaired = True
            form = hashlib.sha256(json.dumps(lane.channel.render(message)).encode()).hexdigest()
            name = lane.channel.name
            log.warning("%s: %s; sent as plain text, not as %s", name, error, form[:12])
            lane.body = lane.channel.render_plain(message)
        elif error.verdict is Verdict.REPAIRABLE and not change:
            # Not even as plain text: the fault is this message's, the others may pass.
            lane.problem = str(error)
            lane.refused.append(lane.next())
            return
        elif error.verdict is not Verdict.TRANSIENT and self._has_new_secret(lane):
            log.warning("%s: %s; trying the secret that was just read", lane.channel.name, error)
        else:
            lane.stop(str(error), dead=error.verdict is not Verdict.TRANSIENT)
            return
        lane.problem = str(error)  # told only if time runs out before the message is through
        lane.retries += 1

    def _has_new_secret(self, lane: Lane) -> bool:
        """Read the channel's secrets again, once: somebody may have changed them."""
        if lane.renewed or self._renew is None:
            return False
        lane.renewed = True
        channel = self._renew(lane.channel.name)
        if channel is None or channel == lane.channel:
            return False
        self._channels[channel.name] = lane.channel = channel
        lane.body, lane.repaired = None, False
        return True

    def _hand_over(self, lane: Lane, lanes: dict[str, Lane]) -> None:
        """Give the fallback what this channel refused; but not what it was itself given."""
        name = lane.channel.fallback
        own = [post for post in (*lane.refused, *lane.pending) if not post.meant_for]
        if not name or not own or not (lane.dead or lane.refused):
            return
        if lane.dead:
            lane.pending = deque(post for post in lane.pending if post.meant_for)
        else:
            own = [post for post in lane.refused if not post.meant_for]
        lane.refused = [post for post in lane.refused if post.meant_for]
        log.warning("%s: %s; its messages go to %s", lane.channel.name, lane.problem, name)
        fallback = lanes.setdefault(name, Lane(self._channels[name], deque()))
        fallback.pending.extend(_passed_on(post, lane) for post in own)

    def _look_again(self, lane: Lane, book: Book) -> None:
        """What another invocation was about to post may be posted by now."""
        waiting = [post for post in lane.elsewhere if not book.was_sent(post.message.key)]
        lane.known += len(lane.elsewhere) - len(waiting)
        lane.elsewhere = waiting
        if waiting:
            lane.problem = lane.problem or ELSEWHERE


def _passed_on(post: Post, lane: Lane) -> Post:
    """A message for the fallback: it says whose it was, and so that somebody has to mend that."""
    why = say("meant for {}, which refused it: ", lane.channel.name) + say("{}", lane.problem)
    lines = (*post.message.lines, Line("Note", why))
    return replace(post, message=replace(post.message, lines=lines), meant_for=lane.channel.name)


def _changed(body: dict[str, Any], change: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in {**body, **change}.items() if value is not None}
