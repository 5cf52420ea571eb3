"""Memories that last as long as the process: for replay, tests and the demo."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from trailbell.state.base import FULL, LEASE, Claim, Entry, Ledger, State, around

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
        return around(log, ids.index(event_id), window)

    def first(self, mark: str, event_id: str, keep: timedelta) -> bool:
        holder = self._marks.setdefault(mark, event_id)
        self._marks.move_to_end(mark)
        if len(self._marks) > SUBJECTS:
            self._marks.popitem(last=False)
        return holder == event_id


class MemoryLedger(Ledger):
    """One claimant on a ledger that is a dict; others may share it."""

    def __init__(
        self,
        items: dict[str, dict[str, Any]] | None = None,
        now: Callable[[], float] | None = None,
    ) -> None:
        self._items = {} if items is None else items
        self._now = now or (lambda: time.time())
        self._me = uuid4().hex

    def claim(self, key: str) -> Claim:
        item = self._items.get(key)
        if item and item["st"] == "SENT":
            return Claim.SENT
        if item and item["lu"] >= self._now() and item["ow"] != self._me:
            return Claim.BUSY
        self._items[key] = {"st": "CLAIMED", "lu": self._now() + LEASE, "ow": self._me}
        return Claim.MINE

    def release(self, key: str) -> None:
        item = self._items.get(key)
        if item and item["st"] == "CLAIMED" and item["ow"] == self._me:
            del self._items[key]

    def mark(self, key: str, receipt: Mapping[str, Any] | None = None) -> None:
        self._items[key] = {"st": "SENT", "receipt": dict(receipt or {})}

    def mark_all(self, keys: Collection[str]) -> None:
        for key in keys:
            self._items[key] = {"st": "SENT"}

    def sent(self, keys: Collection[str]) -> set[str]:
        return {key for key in keys if self._items.get(key, {}).get("st") == "SENT"}

    def receipt(self, key: str) -> dict[str, Any]:
        return dict(self._items.get(key, {}).get("receipt", {}))

    def open_run(self, kind: str, run: str, about: Mapping[str, Any], seconds: float) -> str:
        self._items.setdefault(
            f"run:{kind}:{run}", {"about": dict(about), "members": set(), "closed": False}
        )
        if other := self.open_one(kind):
            return other
        if self._items[f"run:{kind}:{run}"]["closed"]:
            return ""
        self._items[f"run:{kind}"] = {"run": run, "until": self._now() + seconds}
        return run

    def open_one(self, kind: str) -> str:
        item = self._items.get(f"run:{kind}", {})
        return str(item["run"]) if item and item["until"] >= self._now() else ""

    def count(self, kind: str, run: str, members: Collection[str]) -> bool:
        item = self._items.get(f"run:{kind}:{run}")
        if not item or item["closed"] or len(item["members"]) >= FULL:
            return False
        item["members"] |= set(members)
        return True

    def close_run(self, kind: str, run: str) -> tuple[dict[str, Any], set[str]] | None:
        item = self._items.get(f"run:{kind}:{run}")
        if not item:
            return None
        item["closed"] = True
        return dict(item["about"]), set(item["members"])
