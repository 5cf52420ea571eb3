"""Many events, each with a time and an id of its own, for the examples of this group."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from trailbell.model import Event
from trailbell.testing import TIME

START = datetime.fromisoformat(TIME)


def at(seconds: int) -> dict[str, str]:
    """Fields of a record that was made so many seconds after 16:09:52."""
    time = START + timedelta(seconds=seconds)
    return {
        "eventTime": f"{time:%Y-%m-%dT%H:%M:%SZ}",
        "eventID": f"6e4a2f0c-0000-4000-8000-{seconds:012}",
    }


def several(make: Callable[[int], Event], count: int, every: int = 10) -> tuple[Event, ...]:
    """So many events, one each so many seconds; the first at 16:09:52."""
    return tuple(make(number * every) for number in range(count))
