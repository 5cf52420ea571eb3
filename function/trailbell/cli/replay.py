from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Iterable
from pathlib import Path

import click
from rich.table import Table
from rich.text import Text

from trailbell import app, payload
from trailbell.channels.base import MARKS, clean, plain
from trailbell.cli import files as recorded
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
from trailbell.model import Alert, Event, Severity
from trailbell.state.memory import MemoryState

REMEMBERED = 100_000  # event ids, so that a record that was delivered twice counts once


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
    with recorded.progress("replay", files) as bar:
        for batch in recorded.batches(files, bell.engine.wants, bar):
            batch.events = tally.fresh(batch.events)
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
