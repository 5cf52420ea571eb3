"""Runs: many alerts of a kind that arrive a few at a time are two messages, not two hundred.

The first alert of a rule, actor and account is posted at once and opens a run in the ledger. What
follows within a quarter of an hour is counted there; then a message that waited in the queue
closes the run, and one post tells how many more there were. Critical and high alerts are never
held back, nor is anything where ledger or queue fails.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, NamedTuple

from trailbell.errors import AwsError, LedgerDown
from trailbell.ledger import Book, alert_key, kind_key
from trailbell.model import Alert, Severity, Text
from trailbell.state.base import FULL

log = logging.getLogger("trailbell")

LENGTH = 900  # seconds; the longest that SQS keeps a message back
SHARE = 0.25  # of the time that is left, at most: what is never held waits for it
KINDS = 20  # of an invocation; a storm of more kinds than that is told by grouping
HELD = Severity.MEDIUM  # the most severe that may wait
CLOSES = "trailbell.close_run"
LONGEST = 128  # characters of a name

Later = Callable[[Mapping[str, Any]], None]
"""Puts a body into the queue, to come back after LENGTH seconds. Raises AwsError."""


class Member(NamedTuple):
    """An alert that was counted, as far as the last message tells of it."""

    key: str
    """The beginning of its name in the ledger."""
    time: datetime | None
    severity: Severity
    outcome: str
    region: str
    event_id: str
    action: str

    @classmethod
    def of(cls, alert: Alert, key: str) -> Member:
        event = alert.event
        return cls(
            key[:16], event.time, alert.severity, event.outcome, event.region, event.id,
            event.action,
        )  # fmt: skip

    def packed(self) -> str:
        stamp = f"{self.time.timestamp():.0f}" if self.time else ""
        names = (self.region, self.event_id, self.action)
        parts = (self.key, stamp, str(int(self.severity)), self.outcome, *map(_one_word, names))
        return " ".join(part or "-" for part in parts)

    @classmethod
    def unpacked(cls, packed: str) -> Member:
        parts = ["" if part == "-" else part for part in packed.split(" ")]
        key, stamp, severity, outcome, *names = parts
        time = datetime.fromtimestamp(float(stamp), UTC) if stamp else None
        return cls(key, time, Severity(int(severity)), outcome, *names)


@dataclass(frozen=True, slots=True)
class Run:
    """A run that is over."""

    key: str
    """The name of the alert that opened it."""
    channel: str
    rule: str
    account: str
    actor: str
    """As `replay` prints it."""
    phrase: Text
    """As a sentence names it."""
    about: Text
    """Who that is."""
    many: str
    """What a number of such alerts says that the actor did."""
    began: datetime | None
    severity: Severity
    members: tuple[Member, ...]
    """What came after the first, oldest first."""


@dataclass(slots=True)
class Sorted:
    """A channel's alerts, by what becomes of them."""

    told: list[Alert] = field(default_factory=list)
    opened: set[int] = field(default_factory=set)
    """The ids of the objects among them that open a run."""
    held: list[Alert] = field(default_factory=list)
    """Counted in a run."""
    known: list[Alert] = field(default_factory=list)
    """Told by an earlier invocation."""


class Runs:
    """One invocation's look at the runs."""

    def __init__(self, book: Book, later: Later | None) -> None:
        """
        :param later: None where no queue is set: there are no runs.
        """
        self._book = book
        self._later = later
        self._enough = book.time_left() * (1 - SHARE)

    def sort(self, channel: str, alerts: Sequence[Alert]) -> Sorted:
        """Which of the alerts to tell, and which are told with others of their kind.

        :param alerts: one channel's, the oldest first.
        """
        found = Sorted()
        kinds: dict[str, list[Alert]] = {}
        for alert in alerts:
            if self._later and self._book.is_up and alert.severity <= HELD and not alert.own:
                kinds.setdefault(kind_key(alert, channel), []).append(alert)
        severe = sorted(kinds, key=lambda kind: -max(one.severity for one in kinds[kind]))
        for kind in severe[:KINDS]:
            if self._later and len(kinds[kind]) <= FULL and self._book.time_left() > self._enough:
                self._sort_kind(channel, kind, kinds[kind], found)
        settled = {id(alert) for alert in (*found.told, *found.held, *found.known)}
        found.told += [alert for alert in alerts if id(alert) not in settled]
        return found

    def _sort_kind(self, channel: str, kind: str, alerts: list[Alert], found: Sorted) -> None:
        keys = {alert_key(alert, channel): alert for alert in alerts}
        try:
            run = self._book.ask(lambda ledger: ledger.open_one(kind))
            new = {*self._book.unsent(keys), run}
            keys = {key: alert for key, alert in keys.items() if key in new}
            left = set(map(id, keys.values()))
            found.known += [alert for alert in alerts if id(alert) not in left]
            if keys and not run:
                run = self._open(channel, kind, next(iter(keys)), next(iter(keys.values())))
                if not run:
                    return  # the first was refused until its run was over
            mine = keys.pop(run, None)  # the alert that opened it; again, where this is a retry
            members = [Member.of(alert, key).packed() for key, alert in keys.items()]
            if members and not self._book.ask(lambda ledger: ledger.count(kind, run, members)):
                return  # it was closed a moment ago, or is full: each speaks for itself
        except (AwsError, LedgerDown) as error:
            log.warning("no run for now, each invocation speaks for itself: %s", error)
            return
        if mine:
            found.told.append(mine)
            found.opened.add(id(mine))
        found.held += keys.values()
        self._book.told(list(keys))

    def _open(self, channel: str, kind: str, key: str, alert: Alert) -> str:
        """Open a run; what closes it is under way before, so that no run stays open."""
        assert self._later  # noqa: S101 - for the type checker
        event = alert.event
        try:
            self._later({CLOSES: {"kind": kind, "run": key}})
        except AwsError:
            self._later = None  # a queue that does not answer is not asked for each kind
            raise
        about = {
            "channel": channel,
            "rule": alert.rule,
            "account": event.account,
            "actor": event.actor.name,
            "phrase": _as_json(event.actor.phrase),
            "about": _as_json(event.actor.about),
            "many": alert.many,
            "began": event.time.isoformat() if event.time else "",
            "severity": int(alert.severity),
        }
        return self._book.ask(lambda ledger: ledger.open_run(kind, key, about, LENGTH))

    def close(self, body: Mapping[str, Any]) -> Run | None:
        """The run that a message from the queue closes; None where there is nothing to tell.

        :raises LedgerDown: the queue has to bring the message again.
        """
        named = body[CLOSES]
        kind, key = str(named["kind"]), str(named["run"])
        closed = self._book.ask(lambda ledger: ledger.close_run(kind, key))
        if closed is None or not closed[1]:
            return None
        about, packed = closed
        members = sorted(map(Member.unpacked, packed), key=_age)
        return Run(
            key=key,
            channel=about["channel"],
            rule=about["rule"],
            account=about["account"],
            actor=about["actor"],
            phrase=_from_json(about["phrase"]),
            about=_from_json(about["about"]),
            many=about["many"],
            began=datetime.fromisoformat(about["began"]) if about["began"] else None,
            severity=Severity(max(about["severity"], *(one.severity for one in members))),
            members=tuple(members),
        )


def closes_run(body: object) -> bool:
    """Whether this is what the queue brings back to close a run."""
    named = body.get(CLOSES) if isinstance(body, dict) else None
    return isinstance(named, dict) and {"kind", "run"} <= named.keys()


def _age(member: Member) -> tuple[float, str]:
    return member.time.timestamp() if member.time else float("inf"), member.key


def _one_word(text: str) -> str:
    """Without the spaces that keep the parts apart."""
    return "".join(text.split())[:LONGEST]


def _as_json(text: Text) -> list[list[str]]:
    return [list(text.words), list(text.values)]


def _from_json(parts: list[list[str]]) -> Text:
    words, values = parts
    return Text(tuple(words), tuple(values))
