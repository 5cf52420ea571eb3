"""A memory that lasts as long as the process: for replay, tests and the demo."""

from __future__ import annotations

from collections import OrderedDict
from datetime import datetime, timedelta

from trailbell.state.base import Entry, State

SUBJECTS = 100_000  # the last that were asked for; a replay of a year must not fill the memory
ENTRIES = 1_000  # the last a subject: far more than any rule's threshold


class MemoryState(State):
    def __init__(self) -> None:
        self._entries: OrderedDict[str, list[Entry]] = OrderedDict()
        self._marks: OrderedDict[str, str] = OrderedDict()

    def add(
        self, subject: str, event_id: str, time: datetime, window: timedelta, value: str = ""
    ) -> tuple[Entry, ...]:
        log = self._entries.setdefault(subject, [])
        self._entries.move_to_end(subject)
        if len(self._entries) > SUBJECTS:
            self._entries.popitem(last=False)
        ids = [entry.event_id for entry in log]
        if event_id not in ids:
            log.append(Entry(event_id, time, value))
            ids.append(event_id)
            del log[:-ENTRIES], ids[:-ENTRIES]
        arrived = log[: ids.index(event_id) + 1]
        time = arrived[-1].time  # as it was first told
        around = [entry for entry in arrived if abs(entry.time - time) <= window]
        return tuple(sorted(around, key=lambda entry: (entry.time, entry.event_id)))

    def first(self, mark: str, event_id: str, keep: timedelta) -> bool:
        holder = self._marks.setdefault(mark, event_id)
        self._marks.move_to_end(mark)
        if len(self._marks) > SUBJECTS:
            self._marks.popitem(last=False)
        return holder == event_id
