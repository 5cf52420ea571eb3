"""The shapes of two memories: what was posted, and what rules that look beyond one event remember.

Everything is idempotent, so that a retry after a failed post finds what it found the first time:
the same record twice, late or out of order, changes no answer that was given before.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping
from datetime import datetime, timedelta
from enum import Enum
from typing import Any, NamedTuple

LEASE = 45.0  # seconds; Lambda's first retry comes after 60
LASTS = 14 * 24 * 3600.0  # seconds that an entry is kept: as long as SQS can hold what failed
FULL = 2_000  # alerts of a run; with more of them at once there is no run


class Entry(NamedTuple):
    """Something that happened to a subject."""

    event_id: str
    time: datetime
    value: str
    """What kind of thing: a call's name, a user's, an address; counted as distinct values."""


class State(ABC):
    """A log of small entries a subject, and marks that are set once."""

    down: str = ""
    """Why the memory behind it is down; "" while it is up."""
    errors: int = 0

    def begin(self, time_left: Callable[[], float]) -> None:  # noqa: B027 - most need nothing
        """An invocation begins.

        :param time_left: seconds until it is killed.
        """

    @abstractmethod
    def add(
        self, subject: str, event_id: str, time: datetime, window: timedelta, value: str = ""
    ) -> tuple[Entry, ...]:
        """Note an entry; return the subject's entries around it, oldest first, it included.

        Around: no further than ``window`` from its time, before or after, since records come late
        and out of order. Only entries that had arrived when this one first did are returned: the
        number of them is the entry's rank, and stays the same however often it is added.

        :param subject: whom or what the entries are about, rule included: ``burst:alice``.
        """

    @abstractmethod
    def first(self, mark: str, event_id: str, keep: timedelta) -> bool:
        """Whether this event is the one that set the mark; true again when it is asked again.

        :param keep: how long the mark has to last at least.
        """


class Claim(Enum):
    """What the ledger says to somebody who wants to post."""

    MINE = "post it"
    SENT = "it was posted"
    BUSY = "somebody else is posting it, or was until a moment ago"


class Ledger(ABC):
    """What was posted, and what is being posted: one entry a message, and one an alert.

    Made anew for each invocation: it is one claimant. A claim lasts ``LEASE`` seconds, less than
    Lambda waits before it tries again, so that nobody who died keeps an alert to himself.
    """

    @abstractmethod
    def claim(self, key: str) -> Claim:
        """Take the right to post it for a while; to take it again lengthens it."""

    @abstractmethod
    def release(self, key: str) -> None:
        """Give the claim back, since nothing was posted. Another's is left alone."""

    @abstractmethod
    def mark(self, key: str, receipt: Mapping[str, Any] | None = None) -> None:
        """It was posted.

        :param receipt: what the channel said of it, for a message that follows it.
        """

    @abstractmethod
    def mark_all(self, keys: Collection[str]) -> None:
        """Each of the alerts was told, in a message that had another key."""

    @abstractmethod
    def sent(self, keys: Collection[str]) -> set[str]:
        """Those that were posted."""

    @abstractmethod
    def receipt(self, key: str) -> dict[str, Any]:
        """What the channel said when it took the message; {} where it said nothing."""

    @abstractmethod
    def open_run(self, kind: str, run: str, about: Mapping[str, Any], seconds: float) -> str:
        """Open a run of alerts of a kind, unless one is open.

        :param run: the key of the alert that opens it.
        :param about: what its last message needs to know, as JSON can hold it.
        :param seconds: how long it takes alerts in.
        :returns: the run that is open now: this one, the other, or "" where this one was closed
            before.
        """

    @abstractmethod
    def open_one(self, kind: str) -> str:
        """The run of the kind that is open; "" if none is."""

    @abstractmethod
    def count(self, kind: str, run: str, members: Collection[str]) -> bool:
        """Note alerts in an open run, each text once however often it is noted.

        :returns: False where the run was closed or is full; then nothing was noted.
        """

    @abstractmethod
    def close_run(self, kind: str, run: str) -> tuple[dict[str, Any], set[str]] | None:
        """Close a run for good; what it is about, and its members. The same when asked again.

        :returns: None for a run that nobody opened.
        """


def around(arrived: list[Entry], at: int, window: timedelta) -> tuple[Entry, ...]:
    """The entries around one of them, of those that had arrived with it; oldest first."""
    time = arrived[at].time  # as it was first told
    near = [entry for entry in arrived[: at + 1] if abs(entry.time - time) <= window]
    return tuple(sorted(near, key=lambda entry: (entry.time, entry.event_id)))


def densest(
    entries: tuple[Entry, ...], event_id: str, window: timedelta, *, distinct: bool = False
) -> tuple[Entry, ...]:
    """The most entries that fit into one window together with the event's, oldest first.

    :param event_id: "" for the fullest window of all.
    :param distinct: the most different values, rather than the most entries.
    """
    at, starts = -1, entries
    if event_id:
        at = next((i for i, entry in enumerate(entries) if entry.event_id == event_id), -1)
        starts = entries[: at + 1]
    inside: dict[str, int] = {}  # how often each value is
    best, fullest, end = (0, 0), (0, 0), 0
    for start, oldest in enumerate(starts):
        while end < len(entries) and entries[end].time - oldest.time <= window:
            value = entries[end].value
            inside[value] = inside.get(value, 0) + 1
            end += 1
        size = (len(inside) if distinct else 0, end - start)
        if at < end and size > fullest:
            best, fullest = (start, end), size
        inside[oldest.value] -= 1
        if not inside[oldest.value]:
            del inside[oldest.value]
    return entries[slice(*best)]
