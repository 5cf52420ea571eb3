"""The ledger as the road sees it: keys, and what a ledger that fails means.

A ledger that fails fails open. To post twice is a nuisance, not to post is the one thing that must
not happen; so whoever asks gets the answer that posts, and the log says what was wrong.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from hashlib import sha256
from typing import Any, TypeVar

from trailbell.channels.base import TimeUp, deadline
from trailbell.errors import LedgerDown
from trailbell.model import Alert
from trailbell.state.base import Claim, Ledger

T = TypeVar("T")
AT_ONCE = 100  # keys that are looked up together
SHARE = 0.25  # of the time that is left: the most that one call may take


def alert_key(alert: Alert, channel: str) -> str:
    """An alert's name in the ledger, the same for every copy of its record."""
    event = alert.event
    record = event.id or _digest(event.message or json.dumps(event.raw, sort_keys=True))
    # What we say of ourselves is told apart by its words: two rules may fail on one event.
    rule = f"{alert.rule} {alert.title}" if alert.own else alert.rule
    return _digest(event.text("recipientAccountId"), record, rule, channel)


def post_key(channel: str, alerts: Collection[str]) -> str:
    """A message's name: its alert's, or one for all of them."""
    return next(iter(alerts)) if len(alerts) == 1 else _digest(channel, *sorted(alerts))


def kind_key(alert: Alert, channel: str) -> str:
    """The name of what runs are made of: the same rule, actor and account."""
    event = alert.event
    return _digest(channel, alert.rule, event.actor.name, event.account)


def _digest(*parts: str) -> str:
    return sha256(json.dumps(parts).encode()).hexdigest()


class Book:
    """One invocation's ledger. A failure makes it count as down until the next invocation."""

    def __init__(self, ledger: Ledger | None, time_left: Callable[[], float]) -> None:
        """
        :param ledger: None where no table is set: nothing is remembered.
        :param time_left: seconds until the invocation is killed.
        """
        self._ledger = ledger
        self.time_left = time_left
        self.down = ""
        """Why it is down; "" while it is up, or where there is none."""

    @property
    def is_up(self) -> bool:
        return self._ledger is not None and not self.down

    def claim(self, key: str) -> Claim:
        return self._ask(lambda ledger: ledger.claim(key), Claim.MINE) if key else Claim.MINE

    def release(self, key: str) -> None:
        self._ask(lambda ledger: ledger.release(key), None)

    def mark(self, key: str, alerts: Collection[str], receipt: Mapping[str, Any] | None) -> None:
        """A message was posted, and with it each of its alerts was told."""
        if not key:
            return
        self._ask(lambda ledger: ledger.mark(key, receipt), None)
        self.told([alert for alert in alerts if alert != key])

    def told(self, alerts: Collection[str]) -> None:
        if alerts:
            self._ask(lambda ledger: ledger.mark_all(alerts), None)

    def was_sent(self, key: str) -> bool:
        return bool(self._ask(lambda ledger: ledger.sent([key]), set[str]()))

    def all_sent(self, alerts: Collection[str]) -> bool:
        """Whether each of the alerts was told; the first that was not ends the search."""
        keys = list(dict.fromkeys(alerts))
        chunks = [keys[start : start + AT_ONCE] for start in range(0, len(keys), AT_ONCE)]
        return bool(keys) and all(len(self.unsent(chunk)) == 0 for chunk in chunks)

    def unsent(self, alerts: Collection[str]) -> list[str]:
        sent = self._ask(lambda ledger: ledger.sent(alerts), set[str]())
        return [key for key in alerts if key not in sent]

    def receipt(self, key: str) -> dict[str, Any]:
        return self._ask(lambda ledger: ledger.receipt(key), dict[str, Any]())

    def ask(self, question: Callable[[Ledger], T]) -> T:
        """Ask the ledger itself.

        :raises LedgerDown: it does not answer, did not before, or there is none.
        """
        if self._ledger is None or self.down:
            raise LedgerDown(self.down or "there is no ledger")
        try:
            with deadline(max(self.time_left() * SHARE, 0.05)):
                return question(self._ledger)
        except LedgerDown as error:
            self.down = str(error)
        except TimeUp:
            self.down = "it does not answer in time"
        raise LedgerDown(self.down)

    def _ask(self, question: Callable[[Ledger], T], otherwise: T) -> T:
        try:
            return self.ask(question)
        except LedgerDown:  # kept in self.down, which the log tells
            return otherwise
