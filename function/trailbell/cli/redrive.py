from __future__ import annotations

import base64
import gzip
import json
import os
import re
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import date, datetime, timedelta
from datetime import time as clock
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click

from trailbell import app, aws, doors
from trailbell.channels.base import plain
from trailbell.cli.common import (
    HELP,
    config_option,
    counted,
    format_option,
    print_json,
    progress_bar,
    settings_from,
    stderr,
)
from trailbell.deliver import BURST
from trailbell.errors import AwsError, ConfigError
from trailbell.redrive import Redone, Redriver, Rehearsed
from trailbell.secrets import Secrets
from trailbell.settings import Settings
from trailbell.state.base import LASTS
from trailbell.state.memory import MemoryState

PATIENCE = 900.0  # seconds for what one message of the queue, or one page of a log group, holds
HOLD = 1800  # seconds that SQS keeps a message from others: longer than that
POLL = 1  # seconds; asks all of SQS's servers, and is over before the client loses patience
TRIES = 5
PAGE = 30.0  # seconds that a page of a log group may take
AT_ONCE = 10  # messages that SQS takes back in one call
UNITS = {"m": "minutes", "h": "hours", "d": "days"}


@click.command(context_settings=HELP)
@click.option(
    "--queue",
    metavar="URL",
    help="The queue.  [default: where RETRY_QUEUE_URL leaves what it cannot get rid of]",
)
@click.option("--log-group", metavar="NAME", help="Post what is missing of this log group.")
@click.option("--since", metavar="TIME", help="2026-03-17, 2026-03-17T16:00, or 30m, 2h, 7d ago.")
@click.option("--until", metavar="TIME", help="The same; a day to its end.  [default: now]")
@click.option("--dry-run", is_flag=True, help="Only say what would be posted.")
@config_option
@format_option
def redrive(
    queue: str | None,
    log_group: str | None,
    since: str | None,
    until: str | None,
    dry_run: bool,
    config: Path | None,
    form: str,
) -> None:
    """Post what could not be posted, or never reached the function.

    Takes what lies in the last queue, the dead-letter queue of the retry lane, and posts it from
    here: with the function's settings, its rules and its ledger, which knows what had been sent.
    A message of the queue is deleted once everything in it was posted; what fails or cannot be
    read stays.

    With --log-group it reads a log group instead, and posts what the ledger does not know: for
    logs that AWS skipped while the subscription filter was disabled. That needs LEDGER_TABLE.

    A dry run posts nothing and changes nothing: it holds no alert back for a run, and rules that
    look beyond one event know only what comes by. Exits 1 where something is left.
    """
    if log_group is None and (since or until):
        raise click.ClickException("--since and --until go with --log-group")
    if log_group is not None and queue is not None:
        raise click.ClickException("--queue and --log-group: name one of them")
    if log_group is not None and not since:
        raise click.ClickException("--log-group goes with --since: from when on")
    settings = settings_from(config, Secrets(os.environ))
    if not settings.CHANNELS:
        raise ConfigError(
            "CHANNELS is empty: redrive posts, and needs the function's settings (./configs.py,"
            " --config, or the environment)"
        )
    if log_group is None:
        fine = _from_queue(_Queue.found(settings, queue), settings, dry_run, form)
    else:
        now = datetime.now(settings.zone)
        start = _moment(since or "", now, "--since")
        end = _moment(until, now, "--until") if until else now
        if start >= end:
            raise click.ClickException("--since has to be before --until, and before now")
        fine = _from_logs(log_group, start, end, settings, dry_run, form)
    if not fine:
        raise click.exceptions.Exit(1)


def _moment(text: str, now: datetime, option: str) -> datetime:
    """A time of the command line; of a bare day its begin, for --until its end."""
    try:
        if ago := re.fullmatch(r"(\d{1,6})([mhd])", text):
            return now - timedelta(**{UNITS[ago[2]]: int(ago[1])})
        if re.fullmatch(r"\d{4}-\d\d-\d\d", text):
            day = date.fromisoformat(text) + timedelta(days=option == "--until")
            return datetime.combine(day, clock(), now.tzinfo)
        moment = datetime.fromisoformat(text)
        return moment if moment.tzinfo else moment.replace(tzinfo=now.tzinfo)
    except (ValueError, OverflowError):
        raise click.ClickException(
            f"{option} {text!r} is no time: write 2026-03-17, 2026-03-17T16:00, or 30m, 2h, 7d for"
            " so long ago"
        ) from None


def _notifier(settings: Settings, dry_run: bool) -> Redriver:
    # The table would note what rules remember of the events that come by.
    state = MemoryState() if dry_run and settings.LEDGER_TABLE else None
    return app.wired(settings, Redriver, state=state)


class _Pace:
    """The channels' pace over the whole run: each message of a queue is a burst of its own."""

    def __init__(self, settings: Settings) -> None:
        self._seconds = max(channel.pace for channel in settings.CHANNELS)
        self._posted, self._owed = 0, 0

    def posted(self, messages: int) -> None:
        self._posted += messages
        self._owed = min(messages, BURST) if self._posted > BURST else 0

    def wait(self) -> None:
        time.sleep(self._owed * self._seconds)
        self._owed = 0


class _Queue:
    """A queue of SQS, and what of it is in our hands."""

    def __init__(self, client: Any, url: str) -> None:
        self.url = url
        self._client = client
        self._handles: dict[str, str] = {}
        """Message id -> what SQS knows our hold on it by."""
        self._done: set[str] = set()

    @classmethod
    def found(cls, settings: Settings, url: str | None) -> _Queue:
        """The queue that was named, else the dead-letter queue of the retry lane.

        https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-dead-letter-queues.html

        :raises ConfigError: no queue is known.
        :raises AwsError: SQS says no, or nothing.
        """
        retry = settings.RETRY_QUEUE_URL
        if not url and not retry:
            raise ConfigError("no queue is known: set RETRY_QUEUE_URL, or name one with --queue")
        host = (urlsplit(url or retry).hostname or "").split(".")
        region = host[1] if host[0] == "sqs" and len(host) > 3 else None
        client = aws.client("sqs", tries=TRIES, region=region)
        if url:
            return cls(client, url)
        said = cls(client, retry).attribute("RedrivePolicy")
        parts = str(json.loads(said or "{}").get("deadLetterTargetArn", "")).split(":")
        if len(parts) != 6:
            raise ConfigError("RETRY_QUEUE_URL has no dead-letter queue: name one with --queue")
        account, name = parts[4:]
        answer = aws.call(client, "get_queue_url", QueueName=name, QueueOwnerAWSAccountId=account)
        return cls(client, answer["QueueUrl"])

    def attribute(self, name: str) -> str:
        answer = self._call("get_queue_attributes", AttributeNames=[name])
        return str(answer.get("Attributes", {}).get(name, ""))

    def messages(self) -> Iterator[tuple[str, str]]:
        """Id and body of each message, once, until no more come."""
        while received := self._call(
            "receive_message", VisibilityTimeout=HOLD, WaitTimeSeconds=POLL
        ).get("Messages"):
            for message in received:
                name = message["MessageId"]
                seen = name in self._handles or name in self._done
                self._handles[name] = message["ReceiptHandle"]
                if name in self._done:  # SQS may bring even what was deleted
                    self.delete(name)
                elif not seen:
                    yield name, message["Body"]

    def delete(self, name: str) -> None:
        self._call("delete_message", ReceiptHandle=self._handles[name])
        self._done.add(name)
        del self._handles[name]

    def give_back(self) -> None:
        """Let others see at once what is left in our hands."""
        handles = list(self._handles.values())
        for first in range(0, len(handles), AT_ONCE):
            entries = [
                {"Id": str(number), "ReceiptHandle": handle, "VisibilityTimeout": 0}
                for number, handle in enumerate(handles[first : first + AT_ONCE])
            ]
            try:
                self._call("change_message_visibility_batch", Entries=entries)
            except AwsError as error:
                _note(f"What is left shows up in {HOLD // 60} minutes: {error}")
                return

    def _call(self, operation: str, **request: Any) -> Any:
        return aws.call(self._client, operation, QueueUrl=self.url, **request)


def _from_queue(queue: _Queue, settings: Settings, dry_run: bool, form: str) -> bool:
    """Post what lies in a queue; whether nothing is left."""
    waiting = int(queue.attribute("ApproximateNumberOfMessages") or 0)
    notifier, pace = _notifier(settings, dry_run), _Pace(settings)
    counts = Counter[str]()
    down = ""
    try:
        with progress_bar("redrive", waiting) as bar:
            for name, body in queue.messages():
                record = {"eventSource": "aws:sqs", "messageId": name, "body": body}
                (item,) = doors.split({"Records": [record]})
                redone = notifier.redrive(item.payload, PATIENCE, dry_run=dry_run)
                problem = redone.problem
                if not problem and not dry_run:
                    try:
                        queue.delete(name)
                    except AwsError as error:
                        problem = f"everything in it was sent, but {error}"
                counts.update(redone.counts, **{"left" if problem else "done": 1})
                _print_message(name, redone, problem, dry_run, form)
                if bar:
                    bar.advance(bar.task_ids[0])
                if down := redone.ledger:
                    break
                pace.posted(redone.counts["messages"] * (not dry_run))
                pace.wait()
    finally:
        queue.give_back()
        _print_queue(queue, counts, dry_run, form)
    if down:
        _note(f"Stopped, since the ledger does not answer: {down}")
    return not counts["left"] and not down


def _print_message(name: str, redone: Redone, problem: str, dry_run: bool, form: str) -> None:
    said = redone.counts
    if form == "json":
        state = "left" if problem else "dry-run" if dry_run else "done"
        counted_ = {what: said[what] for what in ("alerts", "messages", "sent_before")}
        line: dict[str, Any] = {"message": name, "state": state, **counted_, "problem": problem}
        if dry_run:
            line["posts"] = [_described(one) for one in redone.rehearsed]
        print_json(line)
        return
    for one in redone.rehearsed:
        click.echo(_line(one))
    if problem:
        click.echo(f"left  {name}  {problem}")
    elif not dry_run:
        known = f", {said['sent_before']:,} sent before" if said["sent_before"] else ""
        click.echo(f"done  {name}  {said['messages']:,} posted{known}")


def _print_queue(queue: _Queue, counts: Counter[str], dry_run: bool, form: str) -> None:
    names = ("done", "left", "messages", "sent_before", "alerts")
    if form == "json":
        print_json({"queue": queue.url, "dry_run": dry_run, **{one: counts[one] for one in names}})
        return
    would = "would be " if dry_run else ""
    _note(
        f"{counted(counts['done'], 'message')} of the queue {would}done, {counts['left']:,} left:"
        f" {counted(counts['messages'], 'chat message')} {would}posted,"
        f" {counts['sent_before']:,} sent before; {counted(counts['alerts'], 'alert')}."
    )


def _from_logs(
    log_group: str, start: datetime, end: datetime, settings: Settings, dry_run: bool, form: str
) -> bool:
    """Post what the ledger does not know of a log group; whether nothing is left."""
    if not settings.LEDGER_TABLE:
        raise ConfigError("--log-group needs LEDGER_TABLE: nothing else knows what had been sent")
    if start.timestamp() < time.time() - LASTS:
        days = int(LASTS // 86400)
        _note(f"The ledger forgets after {days} days: what was sent before may be posted again.")
    client = aws.client("logs", tries=TRIES, read=PAGE)
    notifier, pace = _notifier(settings, dry_run), _Pace(settings)
    counts, seen = Counter[str](), set[tuple[str, str]]()
    reached, last = round(start.timestamp() * 1000), round(end.timestamp() * 1000)
    problem = "interrupted"
    try:
        with progress_bar("redrive", last - reached) as bar:
            for events in _pages(client, log_group, reached, last):
                reached = events[0]["timestamp"]
                page = _payload(log_group, events)
                redone = notifier.make_up(page, PATIENCE, seen, dry_run=dry_run)
                counts.update(redone.counts)
                for one in redone.rehearsed:
                    if form == "json":
                        print_json(_described(one))
                    else:
                        click.echo(_line(one))
                if redone.problem or redone.ledger:
                    problem = redone.problem or f"the ledger does not answer: {redone.ledger}"
                    break
                reached = events[-1]["timestamp"]
                if bar:
                    bar.update(bar.task_ids[0], completed=reached - start.timestamp() * 1000)
                pace.posted(redone.counts["messages"] * (not dry_run))
                pace.wait()
            else:
                problem = ""
    except AwsError as error:
        if not counts:
            raise AwsError(f"log group {log_group}: filter_log_events", error.code) from None
        problem = str(error)
    finally:
        handled = datetime.fromtimestamp(reached / 1000, start.tzinfo) if problem else end
        if counts or not problem:
            _print_logs(log_group, (start, end, handled), counts, problem, dry_run, form)
    return not problem


def _pages(client: Any, log_group: str, start: int, end: int) -> Iterator[list[dict[str, Any]]]:
    """The log events, oldest first, in pages that are not empty.

    https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_FilterLogEvents.html
    """
    request = {"logGroupName": log_group, "startTime": max(start, 0), "endTime": max(end, 0)}
    while True:
        answer = aws.call(client, "filter_log_events", **request)
        if events := answer.get("events"):
            yield events
        if not (token := answer.get("nextToken")):
            return
        request["nextToken"] = token


def _payload(log_group: str, events: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """What the subscription filter would have sent: the same events by the same names."""
    streams = {event.get("logStreamName", "") for event in events}
    envelope = {
        "messageType": "DATA_MESSAGE",
        "logGroup": log_group,
        "logStream": streams.pop() if len(streams) == 1 else "",
        "logEvents": [
            {"timestamp": event["timestamp"], "message": event["message"]} for event in events
        ],
    }
    data = gzip.compress(json.dumps(envelope).encode(), 1)
    return {"awslogs": {"data": base64.b64encode(data).decode()}}


def _print_logs(
    log_group: str,
    times: tuple[datetime, datetime, datetime],
    counts: Counter[str],
    problem: str,
    dry_run: bool,
    form: str,
) -> None:
    start, end, handled = (one.isoformat(timespec="milliseconds") for one in times)
    known = counts["told_before"]
    if form == "json":
        names = ("events", "unparsed", "alerts", "messages", "failed")
        print_json(
            {"log_group": log_group, "since": start, "until": end, "handled_until": handled}
            | {name: counts[name] for name in names}
            | {"sent_before": known, "dry_run": dry_run, "problem": problem}
        )
        return
    would = "would be " if dry_run else ""
    _note(
        f"{counted(counts['events'], 'record')}, {counted(counts['alerts'], 'alert')},"
        f" {known:,} sent before; {counted(counts['messages'], 'chat message')} {would}posted."
    )
    if problem:
        _note(
            f"Stopped: {problem}\nEverything before {handled} was handled; go on with"
            f" --since {handled}"
        )


def _described(one: Rehearsed) -> dict[str, object]:
    return {"channel": one.channel, "title": str(one.title), "sent_before": one.known}


def _line(one: Rehearsed) -> str:
    return f"{'sent before' if one.known else 'would post':<12} {one.channel}  {plain(one.title)}"


def _note(text: str) -> None:
    stderr().print(text, soft_wrap=True, markup=False)
