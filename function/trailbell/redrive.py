"""What a person hands in again: posted by the same road, less what the ledger knows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from trailbell import noise
from trailbell.deliver import Post
from trailbell.errors import DeliveryIncomplete, LedgerDown, PayloadError
from trailbell.ledger import alert_key, post_key
from trailbell.model import Message, Text, say
from trailbell.notifier import Notifier, Posts, Visit, composed
from trailbell.runs import CLOSES, closes_run


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """A message that a dry run would post."""

    channel: str
    title: Text
    known: bool
    """Whether it would not: it had been sent before."""


@dataclass(frozen=True, slots=True)
class Redone:
    """What became of something that a person handed in again."""

    counts: Counter[str]
    """As in Tally; `told_before` are the alerts that make_up left out, once a channel. Of a dry
    run `messages` are those that would be posted."""
    problem: str = ""
    """Why something of it is left; "" when nothing is."""
    ledger: str = ""
    """Why the ledger is down; "" while it is up."""
    rehearsed: tuple[Rehearsed, ...] = ()
    """Of a dry run."""


class Redriver(Notifier):
    """The function's road for what lies in a queue, or in a log group, and was not told.

    Unlike an invocation it posts nothing while the ledger is down: all of it lies safe where it
    came from.
    """

    def redrive(self, item: object, seconds: float, *, dry_run: bool = False) -> Redone:
        """Post what an item holds and nobody posted before, for a person who waits for it.

        :param item: of a queue; see `doors.split`.
        :param seconds: that it may take.
        :param dry_run: post nothing and write nothing down.
        """

        def posts(visit: Visit) -> Posts:
            reader = self._bell.reader()
            if not closes_run(item):
                return self._posts(item, visit, reader, None if dry_run else self._later)
            if dry_run:
                return self._unclosed(item, visit)
            return self._closing(item, visit, reader)

        return self._by_hand(posts, seconds, dry_run)

    def make_up(
        self,
        item: object,
        seconds: float,
        seen: set[tuple[str, str]],
        *,
        dry_run: bool = False,
    ) -> Redone:
        """Post those alerts of a payload that the ledger does not know; none of them waits in a
        run. What was told is left out before the rest is grouped, so that nothing of it doubles.

        :param seconds: that it may take.
        :param seen: account and id of the events of earlier payloads; this one's are added.
        :param dry_run: post nothing and write nothing down.
        """

        def posts(visit: Visit) -> Posts:
            reader = self._bell.reader()
            found: Posts = {}
            for name, of in self._routed(item, visit, seen).items():
                keys = {id(alert): alert_key(alert, name) for alert in of}
                sent = visit.book.ask(lambda ledger, keys=keys: ledger.sent(keys.values()))  # type: ignore[misc]
                fresh = [alert for alert in of if keys[id(alert)] not in sent]
                visit.tally.counts["told_before"] += len(of) - len(fresh)
                found[name] = composed(noise.groups(fresh), name, reader)
            return found

        return self._by_hand(posts, seconds, dry_run)

    def _by_hand(self, posts: Callable[[Visit], Posts], seconds: float, dry_run: bool) -> Redone:
        visit = self._visit(None, seconds)
        rehearsed: tuple[Rehearsed, ...] = ()
        problem = ""
        try:
            if self._ledger:  # whether it answers at all: the claim before a post does not raise
                visit.book.ask(lambda ledger: ledger.sent(["-"]))
            found = posts(visit)
            if dry_run:
                rehearsed = tuple(_rehearsed(found, visit))
            else:
                self._deliver(found, visit)
        except (PayloadError, LedgerDown, DeliveryIncomplete) as error:
            problem = str(error)
        return Redone(visit.tally.counts, problem, visit.book.down, rehearsed)

    def _unclosed(self, body: object, visit: Visit) -> Posts:
        """Stands for the message that would close a run: only closing it tells what it says."""
        run = str(body[CLOSES]["run"])  # type: ignore[index]
        names = [channel.name for channel in self._bell.settings.CHANNELS]
        keys = {name: post_key(name, ("run", run)) for name in names}
        sent = visit.book.ask(lambda ledger: ledger.sent(keys.values()))
        name = next((name for name in names if keys[name] in sent), names[0])
        return {name: [Post(Message(None, say("How a run of alerts went on"), key=keys[name]))]}


def _rehearsed(posts: Posts, visit: Visit) -> Iterator[Rehearsed]:
    for name, of in posts.items():
        for one in of:
            known = visit.book.was_sent(one.message.key) or visit.book.all_sent(one.alerts)
            visit.tally.counts["sent_before" if known else "messages"] += 1
            yield Rehearsed(name, one.message.title, known)
