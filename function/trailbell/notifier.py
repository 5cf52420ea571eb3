"""One invocation of the function: what came in, what became of it, and the line that says so."""

from __future__ import annotations

import json
import logging
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from trailbell import doors, noise, payload
from trailbell.bell import Bell
from trailbell.compose import Reader, compose, of_run
from trailbell.deliver import Deliverer, Post, Report
from trailbell.errors import DeliveryIncomplete, LedgerDown, PayloadError, TrailbellError
from trailbell.ledger import Book, alert_key, post_key
from trailbell.model import Alert, Group, Message
from trailbell.runs import Later, Run, Runs, closes_run
from trailbell.state.base import Ledger

log = logging.getLogger("trailbell")

DEFAULT_TIME = 60.0  # seconds that an invocation without a context may take
SHORT_TIME = 10.0  # seconds; with less than that a storm cannot be told
IDS_A_LINE = 200  # event ids in a line of the log
COUNTS = ("events", "unparsed", "alerts", "muted", "messages", "failed")

Posts = dict[str, list[Post]]
"""Channel name -> what it is to post."""


@dataclass(slots=True)
class Tally:
    """What one invocation did, for its answer and its line in the log."""

    counts: Counter[str] = field(default_factory=Counter)
    problems: dict[str, str] = field(default_factory=dict)
    dead: dict[str, None] = field(default_factory=dict)

    def add(self, report: Report) -> None:
        self.counts.update(
            messages=report.posted,
            failed=report.left,
            retried=report.retried,
            sent_before=report.known,
        )
        self.problems |= report.problems
        self.dead |= dict.fromkeys(report.dead)

    @property
    def answer(self) -> dict[str, Any]:
        return {name: self.counts[name] for name in COUNTS}


@dataclass(frozen=True, slots=True)
class Visit:
    """What the parts of one invocation share."""

    time_left: Callable[[], float]
    """Seconds until it is killed."""
    request: str
    log_group: str
    """The function's own."""
    book: Book
    tally: Tally


class Notifier:
    """The Lambda function: payloads in, messages out."""

    def __init__(
        self,
        bell: Bell,
        deliverer: Deliverer,
        *,
        ledger: Callable[[], Ledger] | None = None,
        later: Later | None = None,
        read_object: payload.ReadObject | None = None,
    ) -> None:
        """
        :param ledger: a claimant for each invocation; without one nothing is remembered.
        :param later: puts something into the retry lane's queue; without it there are no runs.
        :param read_object: reads a log file in S3.
        """
        self._bell = bell
        self._deliverer = deliverer
        self._ledger = ledger
        self._later = later
        self._read_object = read_object

    def run(self, event: object, context: object = None) -> dict[str, Any]:
        """Apply the rules to what an invocation brought and post what they find.

        :returns: counts: events, unparsed, alerts, muted, messages, failed; and batchItemFailures
            where the source takes an answer for each item.
        :raises PayloadError: the payload cannot be read; nothing was posted.
        :raises DeliveryIncomplete: something could not be posted; Lambda tries again.
        """
        started = time.monotonic()
        visit = self._visit(context)
        tally = visit.tally
        failures: list[str] = []
        answers_items = False
        problem: TrailbellError | None = None
        for item in doors.split(event):
            answers_items = answers_items or bool(item.id)
            try:
                self._ring(item.payload, visit)
            except (PayloadError, LedgerDown, DeliveryIncomplete) as error:
                if item.id:
                    failures.append(item.id)
                else:
                    problem = error
                if not isinstance(error, DeliveryIncomplete):  # whose channels are named already
                    tally.problems["payload"] = str(error)
        self._log_line(visit, started, failed=bool(failures or problem))
        if problem:
            raise problem
        answer = tally.answer
        if answers_items:
            answer["batchItemFailures"] = [{"itemIdentifier": one} for one in failures]
        return answer

    def tell(self, message: Message) -> Report:
        """Post one message to every channel, whatever its filters say."""
        channels = self._bell.settings.CHANNELS
        posts = {channel.name: [Post(message)] for channel in channels}
        return self._deliverer.deliver(posts, _time_left(None))

    def _visit(self, context: object, seconds: float = DEFAULT_TIME) -> Visit:
        time_left = _time_left(context, seconds)
        if time_left() < SHORT_TIME:
            log.warning(
                "This function may run for %.0f s only: set its time-out to 60 s and its memory"
                " to 256 MB, or a burst of alerts will not be told in one go.",
                time_left(),
            )
        if self._bell.state:
            self._bell.state.begin(time_left)
        return Visit(
            time_left,
            str(getattr(context, "aws_request_id", "")),
            str(getattr(context, "log_group_name", "") or ""),
            Book(self._ledger() if self._ledger else None, time_left),
            Tally(),
        )

    def _ring(self, item: object, visit: Visit) -> None:
        """Tell what one item holds.

        :raises PayloadError: it cannot be read; nothing of it was posted.
        :raises LedgerDown: it closes a run, which stands in the ledger.
        :raises DeliveryIncomplete: something could not be posted.
        """
        reader = self._bell.reader(visit.request)
        if closes_run(item):
            posts = self._closing(item, visit, reader)
        else:
            posts = self._posts(item, visit, reader, self._later)
        self._deliver(posts, visit)

    def _deliver(self, posts: Posts, visit: Visit) -> None:
        """:raises DeliveryIncomplete: something could not be posted."""
        report = self._deliverer.deliver(posts, visit.time_left, visit.book)
        visit.tally.add(report)
        if report.left:
            raise DeliveryIncomplete(_incomplete(report))

    def _posts(self, item: object, visit: Visit, reader: Reader, later: Later | None) -> Posts:
        runs = Runs(visit.book, later)
        posts: Posts = {}
        for name, of in self._routed(item, visit).items():
            sorted_ = runs.sort(name, of)
            posts[name] = composed(noise.groups(sorted_.told), name, reader, sorted_.opened)
            _log_ids(name, "held", sorted_.held)
            visit.tally.counts["held"] += len(sorted_.held)
        return posts

    def _routed(
        self, item: object, visit: Visit, seen: set[tuple[str, str]] | None = None
    ) -> dict[str, list[Alert]]:
        """Channel name -> the alerts of an item that it lets through, the oldest first.

        :param seen: account and id of events that came by; each of them is left out from then on.
        """
        bell = self._bell
        batch = payload.read(item, bell.engine.wants, visit.log_group, self._read_object)
        events = batch.events
        if seen is not None:
            events = [event for event in events if (event.account, event.id) not in seen]
            seen |= {(event.account, event.id) for event in events if event.id}
        alerts, muted = bell.alerts(events, batch.unreadable)
        routed = bell.routed(alerts)
        taken = {id(alert) for of in routed.values() for alert in of}
        visit.tally.counts.update(
            events=batch.records,
            unparsed=len(batch.unreadable),
            alerts=len(alerts),
            muted=len(muted),
            unrouted=len(alerts) - len(taken),
        )
        return routed

    def _closing(self, body: object, visit: Visit, reader: Reader) -> Posts:
        """The message that closes a run; none where nothing came after the first."""
        run = Runs(visit.book, self._later).close(body)  # type: ignore[arg-type]
        if run is None:
            return {}
        names = [channel.name for channel in self._bell.settings.CHANNELS]
        # Of a channel that was taken out of the settings, somebody has to hear all the same.
        name = run.channel if run.channel in names else names[0]
        message = replace(of_run(run, reader), reply_to=visit.book.receipt(run.key))
        return {name: [Post(replace(message, key=_closing_key(run)))]}

    def _log_line(self, visit: Visit, started: float, *, failed: bool) -> None:
        """The one line of an invocation; its names are what metric filters count."""
        state = self._bell.state
        down = visit.book.down or (state.down if state else "")
        errors = bool(visit.book.down) + (state.errors if state else 0)
        tally = visit.tally
        line: dict[str, Any] = {
            **tally.answer,
            "unrouted": tally.counts["unrouted"],  # alerts that no channel's filters let through
            "held": tally.counts["held"],  # counted in runs
            "sent_before": tally.counts["sent_before"],
            "retried": tally.counts["retried"],
            "ledger_errors": errors,
            "ms": round((time.monotonic() - started) * 1000),
        }
        if down:
            line["ledger"] = f"down: {down}"
        if tally.problems:
            line["problems"] = tally.problems
        if tally.dead:
            line["dead"] = list(tally.dead)
        if visit.request:
            line["request"] = visit.request
        log.log(logging.ERROR if failed else logging.INFO, "%s", json.dumps(line))


def composed(
    groups: Iterable[Group], channel: str, reader: Reader, opened: Collection[int] = ()
) -> list[Post]:
    """The messages of a channel's groups.

    :param opened: the ids of the alert objects that open a run.
    """
    posts = []
    for group in groups:
        opens_run = id(group.alerts[0]) in opened and len(group.alerts) == 1
        message = compose(group, reader, opens_run=opens_run)
        posts.append(post(message, group.alerts, channel))
        if group.rest:
            _log_ids(channel, "left_out", group.alerts)
    return posts


def post(message: Message, alerts: Iterable[Alert], channel: str) -> Post:
    """A message, named as the ledger knows it."""
    keys = tuple(alert_key(alert, channel) for alert in alerts)
    return Post(replace(message, key=post_key(channel, keys)), keys)


def _closing_key(run: Run) -> str:
    return post_key(run.channel, ("run", run.key))


def _time_left(context: object, seconds: float = DEFAULT_TIME) -> Callable[[], float]:
    """Seconds until the invocation is killed; without a context so many from now on."""
    remaining = getattr(context, "get_remaining_time_in_millis", None)
    if remaining is not None:
        return lambda: float(remaining()) / 1000
    end = time.monotonic() + seconds
    return lambda: end - time.monotonic()


def _log_ids(channel: str, what: str, alerts: Iterable[Alert]) -> None:
    """The ids of events that no message names."""
    ids = [alert.event.id for alert in alerts if alert.event.id]
    for start in range(0, len(ids), IDS_A_LINE):
        line: Mapping[str, Any] = {"channel": channel, what: ids[start : start + IDS_A_LINE]}
        log.info("%s", json.dumps(line))


def _incomplete(report: Report) -> str:
    total = report.left + report.posted
    why = "; ".join(f"{name}: {problem}" for name, problem in report.problems.items())
    return f"{report.left} of {total} messages not delivered: {why}"
