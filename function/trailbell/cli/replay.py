from __future__ import annotations

import gzip
import io
import json
import sys
import zlib
from collections import Counter, OrderedDict
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from itertools import chain, islice
from pathlib import Path
from typing import Any, BinaryIO

import click
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from trailbell import app, payload
from trailbell.bell import Bell
from trailbell.channels.base import MARKS, clean, plain
from trailbell.cli.common import (
    HELP,
    STYLES,
    config_option,
    counted,
    format_option,
    print_json,
    settings_from,
    stderr,
)
from trailbell.compose import Reader
from trailbell.errors import PayloadError
from trailbell.model import Alert, Event, Severity
from trailbell.state.memory import MemoryState

CHUNK = 500  # records that go through the rules together
REMEMBERED = 100_000  # event ids, so that a record that was delivered twice counts once
GZIP = b"\x1f\x8b"
WHOLE = 256 << 20  # bytes of a document that is not one record a line


@click.command(context_settings=HELP)
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@config_option
@format_option
@click.option("--all-rules", is_flag=True, help="Run every rule, those that are off too.")
@click.option("--rules", "only", metavar="A,B", help="Run these rules and no others.")
def replay(
    files: tuple[str, ...], config: Path | None, form: str, all_rules: bool, only: str | None
) -> None:
    """What the rules say of recorded events. Posts nothing.

    FILE holds one CloudTrail record a line, or is a CloudTrail log file ({"Records": [...]}, .gz
    too), a saved Lambda payload ({"awslogs": ...}), or what `aws cloudtrail lookup-events` or `aws
    logs filter-log-events` printed; - reads standard input. A summary goes to stderr. Exits 0
    whether or not something rang.
    """
    settings = settings_from(config)
    names = [name.strip() for name in (only or "").split(",") if name.strip()]
    if only is not None and (all_rules or not names):
        raise click.ClickException("--rules names the rules to run, and goes without --all-rules")
    bell = app.bell(settings, everything=all_rules, only=names, state=MemoryState())
    tally = Tally()
    reader = bell.reader()
    with _progress(files) as bar:
        for batch in _batches(files, bell, tally, bar):
            alerts, muted = bell.alerts(batch.events, batch.unreadable)
            tally.add(batch, alerts, muted)
            for alert in alerts:
                if form == "json":
                    print_json(described(alert))
                else:
                    click.echo(_line(alert, reader))
    tally.show()


def described(alert: Alert) -> dict[str, object]:
    """An alert as a JSON object."""
    event = alert.event
    return {
        "rule": alert.rule,
        "severity": str(alert.severity),
        "title": str(alert.title),
        "event_id": event.id,
        "time": f"{event.time:%Y-%m-%dT%H:%M:%SZ}" if event.time else "",
        "account": event.account,
        "region": event.region,
        "action": event.action,
        "actor": event.actor.name,
        "outcome": event.outcome if event.raw else "failed",
    }


def _line(alert: Alert, reader: Reader) -> str:
    when = reader.clock(alert.event.time) if alert.event.time else "no time"
    place = reader.accounts.get(alert.event.account, alert.event.account)
    mark = f"{MARKS[alert.severity]} {str(alert.severity).upper():<8}"
    what = f"{plain(alert.title)}  {click.style(alert.rule, dim=True)}"
    if alert.own:
        what += "".join(f"\n    {line.label}: {plain(line.text)}" for line in alert.details)
    return f"{when}  {mark}  {clean(place) if place else ''}  {what}"


class Tally:
    """What went by, for the summary."""

    def __init__(self) -> None:
        self.records = self.unreadable = self.muted = self.twice = 0
        self.rules: Counter[tuple[Severity, str]] = Counter()
        self._seen: OrderedDict[tuple[str, str], None] = OrderedDict()

    def fresh(self, events: Iterable[Event]) -> list[Event]:
        """The events whose ids were not among the last 100,000."""
        fresh = []
        for event in events:
            key = (event.account, event.id)
            if event.id and key in self._seen:
                self.twice += 1
                continue
            if event.id:
                self._seen[key] = None
                if len(self._seen) > REMEMBERED:
                    self._seen.popitem(last=False)
            fresh.append(event)
        return fresh

    def add(self, batch: payload.Batch, alerts: list[Alert], muted: list[Alert]) -> None:
        self.records += batch.records
        self.unreadable += len(batch.unreadable)
        self.muted += len(muted)
        self.rules.update((alert.severity, alert.rule) for alert in alerts)

    def show(self) -> None:
        console = stderr()
        if self.rules:
            table = Table(box=None, pad_edge=False, show_header=False)
            for (severity, rule), count in sorted(
                self.rules.items(), key=lambda item: (-item[0][0], -item[1], item[0][1])
            ):
                word = Text(str(severity), style=STYLES[severity])
                table.add_row(f"{count:,}", word, rule)
            console.print(table)
        parts = [counted(self.rules.total(), "alert"), f"{self.muted:,} muted"]
        if self.unreadable:
            parts.append(f"{self.unreadable:,} unreadable")
        if self.twice:
            parts.append(f"{self.twice:,} seen twice")
        console.print(f"{counted(self.records, 'record')}: {', '.join(parts)}.")


def _progress(files: tuple[str, ...]) -> Any:
    """A bar on a terminal; what is printed meanwhile stands above it."""
    console = stderr()
    if not console.is_terminal:
        return nullcontext()
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        redirect_stdout=sys.stdout.isatty(),
    )
    sizes = [Path(name).stat().st_size for name in files if Path(name).is_file()]
    bar.add_task("replay", total=sum(sizes) if len(sizes) == len(files) else None)
    return bar


def _batches(
    files: tuple[str, ...], bell: Bell, tally: Tally, bar: Progress | None
) -> Iterator[payload.Batch]:
    for name in files:
        try:
            with _opened(name) as raw:
                documents = _documents(_unzipped(raw))
                done = 0
                while chunk := list(islice(documents, CHUNK)):
                    batch = _batch(chunk, bell, tally)
                    if batch.events and not any(map(_is_record, batch.events)):
                        raise PayloadError("holds JSON, but no CloudTrail records")
                    yield batch
                    if bar and raw.seekable():
                        bar.advance(bar.task_ids[0], raw.tell() - done)
                        done = raw.tell()
        except PayloadError as error:
            raise click.ClickException(f"{name}: {error}") from None
        except (OSError, EOFError, zlib.error) as error:
            reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
            raise click.ClickException(f"{name}: {reason}") from None


def _is_record(event: Event) -> bool:
    return bool({"eventName", "eventSource", "eventVersion", "userIdentity"} & event.raw.keys())


def _opened(name: str) -> AbstractContextManager[BinaryIO]:
    return nullcontext(sys.stdin.buffer) if name == "-" else Path(name).open("rb")


def _unzipped(raw: BinaryIO) -> Iterable[bytes]:
    """The lines of a file, unzipped where it is zipped."""
    start = raw.read(len(GZIP))
    whole = io.BufferedReader(_Rejoined(start, raw))
    return gzip.GzipFile(fileobj=whole) if start == GZIP else whole


class _Rejoined(io.RawIOBase):
    """A stream that cannot be wound back (standard input), with its first bytes before it."""

    def __init__(self, start: bytes, rest: BinaryIO) -> None:
        self._start, self._rest = start, rest

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._start or self._rest.read(len(buffer))
        self._start = b""
        buffer[: len(data)] = data
        return len(data)


def _documents(stream: Iterable[bytes]) -> Iterator[str]:
    """The JSON documents of a file: one a line, or one that takes up the whole file."""
    lines = (text for line in stream if (text := line.decode("utf-8", "replace").strip()))
    first = next(lines, "")
    if not first:
        return
    if _is_json(first):
        yield first
    else:
        rest = list(islice(lines, WHOLE // 1000))
        whole = "\n".join([first, *rest])
        if _is_json(whole):
            yield whole
        elif any(_is_json(line) for line in rest[:10]):
            yield from chain([first], rest)
        else:
            raise PayloadError("holds no JSON: expected CloudTrail records")
    yield from lines


def _is_json(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict | list)
    except (ValueError, RecursionError):
        return False


def _batch(documents: list[str], bell: Bell, tally: Tally) -> payload.Batch:
    """The records of some documents, each id once in the whole run."""
    batch = payload.Batch()
    for text in documents:
        part = payload.from_text(text, bell.engine.wants)
        batch.records += part.records
        batch.unreadable += part.unreadable
        batch.events += tally.fresh(part.events)
    return batch
