"""The shape of a memory: what the rules that look beyond one event remember.

Everything is idempotent, so that a retry after a failed post finds what it found the first time:
the same record twice, late or out of order, changes no answer that was given before.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from datetime import datetime, timedelta
from typing import NamedTuple


class Entry(NamedTuple):
    """Something that happened to a subject."""

    event_id: str
    time: datetime
    value: str
    """What kind of thing: a call's name, a user's, an address; counted as distinct values."""


class State(ABC):
    """A log of small entries a subject, and marks that are set once."""

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
