"""What the rules of this group ask of their memory, and how they tell what they find there."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta

from trailbell.model import Event, Text, say
from trailbell.rules.base import Rule
from trailbell.state.base import Entry
from trailbell.text import join

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LATE = timedelta(days=15)
"""How much longer than its window a mark lasts, since records come late and again."""
LONGEST = 256  # characters of a name that is remembered


def subject(rule: Rule, event: Event, *parts: str) -> str:
    """Whom or what entries and marks are about; apart for each rule and account."""
    return ":".join((rule.id, event.account, *(part[:LONGEST] for part in parts)))


def note(
    rule: Rule, about: str, event: Event, around: timedelta, value: str = "", part: str = ""
) -> tuple[Entry, ...]:
    """Remember the event; return what is remembered around it, itself included.

    Nothing for an event without id or time: nobody could tell it from the next one.

    :param part: tells several entries of one event apart.
    """
    if not event.id or event.time is None:
        return ()
    return rule.state.add(about, event.id + part, event.time, around, value[:LONGEST])


def is_first(
    rule: Rule,
    mark: str,
    event: Event,
    every: timedelta,
    *,
    at: datetime | None = None,
    stretches: int = 1,
) -> bool:
    """Whether the event is the one to tell what the mark stands for.

    One event is, in each stretch of time of that length; what goes on is told once a stretch.
    What comes late counts for the stretch in which it happened.

    :param at: the time that counts, where it is not the event's own.
    :param stretches: for how many of them the mark has to last.
    """
    at = at or event.time
    if not event.id or at is None:
        return False
    keep = every * stretches + LATE
    return rule.state.first(f"{mark}:{(at - EPOCH) // every}", event.id, keep)


def kinds(entries: Iterable[Entry]) -> list[str]:
    """The different values, in the order in which they came up."""
    return list(dict.fromkeys(entry.value for entry in entries))


def lasted(entries: tuple[Entry, ...]) -> str:
    """How long it took from the first to the last: ``in 56 seconds``."""
    return f"in {length(entries[-1].time - entries[0].time)}" if entries else "at once"


def literal(value: str) -> Text:
    return say("{}", value)


def length(time: timedelta) -> str:
    """``1 second``, ``56 seconds``, ``2 minutes``, ``5 hours``: rounded up, never nothing."""
    count, unit = max(1, int(time.total_seconds())), "second"
    for longer in ("minute", "hour"):
        if count >= 90:
            count, unit = -(-count // 60), longer
    return f"{count} {unit}" if count == 1 else f"{count} {unit}s"


def some(values: list[str], shown: int, named: Callable[[str], Text] = literal) -> Text:
    """The first of the values, and how many others there are."""
    told = join(", ", [named(value) for value in values[:shown]])
    others = len(values) - shown
    if others <= 0:
        return told
    return told + say(f" and {others} other" if others == 1 else f" and {others} others")


def check_numbers(rule: Rule, most: int, *names: str) -> None:
    """A ValueError for a tunable that is not from 1 to so many."""
    for name in names:
        if not 1 <= getattr(rule, name) <= most:
            raise ValueError(f"{name} must be from 1 to {most:,}")
