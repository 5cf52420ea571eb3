from __future__ import annotations

import click

from trailbell.channels.base import clean
from trailbell.cli import files as recorded
from trailbell.cli import filters
from trailbell.cli.common import HELP, counted, format_option, print_json, stderr
from trailbell.model import Event


@click.command(context_settings=HELP)
@click.argument("text", metavar="PATTERN")
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@format_option
def pattern(text: str, files: tuple[str, ...], form: str) -> None:
    """Which recorded events a subscription filter lets pass. Contacts nobody.

    PATTERN is a JSON filter pattern of CloudWatch Logs, or a preset: all-but-reads, security or
    iam-user. FILE is what `trailbell replay` reads; - reads standard input. A summary goes to
    stderr. Exits 0 whether or not something passed, and 2 for a pattern that CloudWatch Logs would
    refuse.
    """
    chosen = filters.pattern(text)
    records = passed = unreadable = 0
    with recorded.progress("pattern", files) as bar:
        for batch in recorded.batches(files, lambda _: True, bar):
            unreadable += len(batch.unreadable)
            for event in batch.events:
                matched = chosen.matches(event.raw)
                records += 1
                passed += matched
                if form == "json":
                    print_json({"event_id": event.id, "matched": matched})
                else:
                    click.echo(_line(event, matched))
    summary = f"{passed:,} of {counted(records, 'record')} matched"
    if unreadable:
        summary += f", {unreadable:,} unreadable"
    stderr().print(f"{summary}.")


def _line(event: Event, matched: bool) -> str:
    word = click.style("passes", fg="green") if matched else click.style("hidden", dim=True)
    when = f"{event.time:%Y-%m-%dT%H:%M:%SZ}" if event.time else "no time"
    what = "  ".join(clean(text) for text in (event.action, event.actor.name) if text)
    return f"{word}  {when:<20}  {what}  {click.style(clean(event.id), dim=True)}"
