from __future__ import annotations

import os
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import wraps
from pathlib import Path
from typing import Any

import click
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, TextColumn
from rich.text import Text as RichText

from trailbell import app
from trailbell.audit import findings, inventory, mfa, root, tell
from trailbell.audit.accounts import Access, Account, Coverage
from trailbell.audit.findings import Fate, Standing
from trailbell.audit.write import Folder
from trailbell.channels.base import clean
from trailbell.cli import report
from trailbell.cli.common import (
    HELP,
    config_option,
    counted,
    format_option,
    print_json,
    settings_from,
    stderr,
)
from trailbell.errors import ConfigError
from trailbell.model import Message
from trailbell.notifier import Notifier
from trailbell.secrets import Secrets
from trailbell.settings import Settings

PROBLEMS_SHOWN = 20
"""Of what could not be read; all of it is in the coverage file."""


@click.group(context_settings=HELP)
def audit() -> None:
    """How things stand: users, keys, MFA, root; for one account or the whole organization.

    Files are for their owner only (mode 0600). manifest.json has the SHA-256 of each.
    """


@dataclass(frozen=True)
class Run:
    """What the audits share: accounts to look at, and where the files go."""

    command: str
    began: datetime
    access: Access
    accounts: list[Account]
    folder: Folder
    settings: Settings
    notify: bool
    form: str

    @property
    def text(self) -> bool:
        return self.form == "text"

    def seal(self, coverage: Iterable[Coverage], ended: datetime, **more: Any) -> None:
        """The manifest, which comes last."""
        self.folder.manifest(
            {
                "command": self.command,
                "caller": self.access.caller.arn,
                "role": self.access.role or None,
                "accounts": [
                    {"id": one.account.id, "name": one.account.name, "status": one.status}
                    for one in coverage
                ],
                "start": self.began.isoformat(),
                "end": ended.isoformat(),
                **more,
            }
        )

    def tell(self, message: Message) -> bool:
        """Send the message, if one is wanted; whether every channel took it."""
        if not self.notify:
            return True
        told = app.wired(self.settings, Notifier).tell(message)
        for name, problem in told.problems.items():
            _note(f"channel {name}: {problem}")
        return not told.problems

    def list_files(self) -> None:
        if self.text:
            click.echo(f"\nWritten to {self.folder.path}:")
            for name in self.folder.files:
                click.echo(f"  - {name}")
        else:
            print_json({"folder": str(self.folder.path), "files": list(self.folder.files)})


def _options(command: Callable[..., None]) -> Callable[..., None]:
    """The options of every audit; the command gets a Run in their place."""

    @wraps(command)
    def enter(
        profile: str | None,
        role: str | None,
        external_id: str | None,
        accounts: tuple[str, ...],
        output: Path,
        notify: bool,
        config: Path | None,
        form: str,
        **more: Any,
    ) -> None:
        began = datetime.now(UTC)
        only = _account_ids(accounts)
        if external_id and not role:
            raise click.ClickException("--external-id goes with --role")
        settings = settings_from(config, Secrets(os.environ) if notify else None)
        if notify and not settings.CHANNELS:
            raise ConfigError("--notify: CHANNELS is empty, there is nobody to tell")
        access = Access.enter(profile, role=role or "", external_id=external_id or "")
        found = access.accounts(only, dict(settings.ACCOUNTS))
        name = f"audit {click.get_current_context().info_name}"
        command(
            Run(name, began, access, found, Folder(output), settings, notify, form),
            **more,
        )

    for option in reversed(
        (
            click.option("--profile", metavar="NAME", help="The profile of ~/.aws to use."),
            click.option(
                "--role",
                metavar="NAME",
                help="Look at all active accounts of the organization, through this role in each."
                "  [default: the caller's own account]",
            ),
            click.option("--external-id", metavar="ID", help="What the role asks for, if it does."),
            click.option(
                "--accounts", metavar="ID,ID", multiple=True, help="Look at these accounts only."
            ),
            click.option(
                "--output",
                metavar="DIR",
                type=click.Path(file_okay=False, path_type=Path),
                default=Path(),
                help="Where the files go; made if missing.  [default: here]",
            ),
            click.option(
                "--notify",
                is_flag=True,
                help="Send the channels of the settings one message: counts, and the worst first.",
            ),
            config_option,
            format_option,
        )
    ):
        enter = option(enter)
    return enter


def _account_ids(given: Sequence[str]) -> list[str]:
    ids = [one.strip() for text in given for one in text.split(",") if one.strip()]
    if given and not ids:
        raise click.ClickException("--accounts is empty: name accounts by their 12 digits")
    for one in ids:
        if not re.fullmatch(r"[0-9]{12}", one):
            raise click.ClickException(f"--accounts {one!r} is no account: those have 12 digits")
    return ids


labels_option = click.option(
    "--labels",
    type=click.Choice([*inventory.LABELS]),
    default="es",
    show_default=True,
    help="The language of what stands in the CSV files for yes, no and never.",
)


@audit.command("inventory", context_settings=HELP)
@_options
@click.option("--since", metavar="DATE", help="CloudTrail events from this day on: 2026-03-17.")
@click.option(
    "--days",
    type=click.IntRange(1, inventory.KEPT),
    help=f"CloudTrail events of so many days.  [default: {inventory.KEPT}, all that AWS keeps]",
)
@labels_option
def inventory_(run: Run, since: str | None, days: int | None, labels: str) -> None:
    """Every user and access key, and who came and went lately.

    Writes iam_audit_report_*.csv (a row for each access key, and one for each user without one),
    cloudtrail_events_*.csv (users and keys created and deleted) and coverage_*.csv. Exits 1 when
    an account or a user could not be read: the coverage file says which and why, and its cells
    say ERROR.
    """
    start = _start(since, days, run.began)

    def seen(part: inventory.Part) -> None:
        coverage = part.coverage
        one = coverage.account
        if not run.text:
            print_json(
                {"account": one.id, "name": one.name, "status": coverage.status}
                | {"users": coverage.users, "keys": part.keys, "events": part.events}
                | {"problems": [{"user": user, "problem": why} for user, why in coverage.problems]}
            )
        elif one.skipped:
            return
        elif not coverage.whole:
            click.echo(f"Account {_named(one)}: {coverage.status}")
        else:
            click.echo(
                f"Account {_named(one)}: {counted(coverage.users, 'user')},"
                f" {counted(part.keys, 'access key')}, {counted(part.events, 'event')}"
            )

    with _bar(run, "inventory") as step:

        def done(part: inventory.Part) -> None:
            seen(part)
            step()

        words = inventory.LABELS[labels]
        parts = inventory.inventory(run.access, run.accounts, words, start, run.began, done)
    inventory.write(run.folder, parts, run.began)
    coverage = [part.coverage for part in parts]
    run.seal(coverage, datetime.now(UTC), events_since=start.isoformat())
    if run.text:
        click.echo(f"\nUsers: {sum(part.coverage.users for part in parts):,}")
        click.echo(f"Access keys: {sum(part.keys for part in parts):,}")
        click.echo(f"Console users without MFA: {sum(part.no_mfa for part in parts):,}")
        click.echo(f"CloudTrail events: {sum(part.events for part in parts):,}")
    run.list_files()
    told = run.tell(tell.of_inventory(parts))
    if _unread(coverage) or not told:
        raise click.exceptions.Exit(1)


def _start(since: str | None, days: int | None, now: datetime) -> datetime:
    if since is None:
        return now - timedelta(days=days or inventory.KEPT)
    if days is not None:
        raise click.ClickException("--since and --days: name one of them")
    try:
        start = datetime.fromisoformat(since)
    except ValueError:
        raise click.ClickException(f"--since {since!r} is no date, such as 2026-03-17") from None
    start = start if start.tzinfo else start.replace(tzinfo=UTC)
    if start >= now:
        raise click.ClickException(f"--since {since} is in the future")
    if start < now - timedelta(days=inventory.KEPT + 1):
        raise click.ClickException(
            f"--since {since}: CloudTrail's event history goes back {inventory.KEPT} days"
        )
    return start


@audit.command("mfa", context_settings=HELP)
@_options
@click.option(
    "--fresh",
    is_flag=True,
    help="Ask for every user, and not AWS's credential report, up to four hours old.",
)
def mfa_(run: Run, fresh: bool) -> None:
    """Who signs in to the console without a second factor.

    PASS: a console password, and MFA. FAIL: a password alone. INFO: no password. ERROR: could not
    be read. Writes iam_audit_*.csv and .json. Exits 1 when there is a FAIL or an ERROR.

    Users come from AWS's credential report; those whom it lacks or accuses are asked for one by
    one.
    """
    with _bar(run, "mfa") as step:
        parts = mfa.check(run.access, run.accounts, lambda _: step(), fresh=fresh)
    ended = datetime.now(UTC)
    summary = mfa.Summary.of(parts, run.began, ended)
    coverage = [part.coverage for part in parts]
    names = mfa.write(run.folder, parts, summary)
    run.seal(coverage, ended)
    _if_nothing(coverage)
    several = mfa.several(parts)
    for part in parts:
        if part.coverage.account.skipped:
            continue
        if several and run.text:
            click.echo(f"Account {_named(part.coverage.account)}: {part.coverage.status}")
        for row in part.rows:
            if run.text:
                click.echo(f"Checking: {row.user}")
                problem = f" {clean(row.problem)}" if row.status == mfa.ERROR else ""
                click.echo(f"    [{row.status}] {mfa.SENTENCES[row.status]}{problem}")
            else:
                print_json(row.described() | {"account_id": part.coverage.account.id})
    if run.text:
        click.echo("\n" + "=" * 40)
        for line in summary.lines():
            click.echo(line)
        click.echo("\nResults exported to:")
        for name in names:
            click.echo(f"  - {run.folder.path / name}")
    else:
        print_json({"summary": summary.described()})
        run.list_files()
    told = run.tell(tell.of_mfa(parts, summary))
    unread = _unread(coverage)
    if summary.counts[mfa.FAIL] or summary.counts[mfa.ERROR] or unread or not told:
        raise click.exceptions.Exit(1)


@audit.command("root", context_settings=HELP)
@_options
@click.option("--key-days", type=click.IntRange(1), default=90, show_default=True,
              help="An active access key may be so old.")  # fmt: skip
@click.option("--idle-days", type=click.IntRange(1), default=90, show_default=True,
              help="So long may a user, a key or root lie idle.")  # fmt: skip
@labels_option
def root_(run: Run, key_days: int, idle_days: int, labels: str) -> None:
    """Root's MFA, keys and last use; old and idle keys and users; the password policy.

    Findings name the controls of CIS, NIST 800-53, SOC 2 and ISO 27001 that want it so. Writes
    iam_findings_*.csv and .json, iam_report_*.html to read and print, root_audit_report_*.csv and
    coverage_*.csv. Exits 1 when there is a finding, or something could not be read.
    """
    limits = root.Limits(run.began, key_days, idle_days)
    with _bar(run, "root") as step:
        parts = root.check(run.access, run.accounts, limits, lambda _: step())
    caller = run.access.caller.arn
    result = root.Result(parts, limits, run.began, datetime.now(UTC), caller)
    root.write(run.folder, result, inventory.LABELS[labels])
    run.folder.text(f"iam_report_{run.began:%Y-%m-%dT%H-%M-%S}.html", report.render(result))
    coverage = [part.coverage for part in parts]
    run.seal(coverage, result.ended)
    _if_nothing(coverage)
    found = result.findings
    for one in found:
        if run.text:
            click.echo(_finding(one.described()))
        else:
            print_json(one.described())
    if run.text:
        counts = ", ".join(f"{number} {name}" for name, number in result.counts().items())
        click.echo(f"\n{counted(len(found), 'finding')}: {counts}")
    run.list_files()
    told = run.tell(tell.of_root(result))
    unread = _unread(coverage)
    if found or unread or not told:
        raise click.exceptions.Exit(1)


def _finding(one: Any) -> str:
    where = f"{clean(one['account_name'])} ({one['account_id']})"
    detail = f" ({clean(one['detail'])})" if one["detail"] else ""
    what = f"{clean(one['title'])}: {clean(one['resource'])}{detail}"
    return f"{one['severity']:<9} {where}  {what}"


@audit.command("diff", context_settings=HELP)
@click.argument("old", type=click.Path(exists=True, path_type=Path))
@click.argument("new", type=click.Path(exists=True, path_type=Path))
@format_option
def diff_(old: Path, new: Path, form: str) -> None:
    """What is new, still open and fixed between two audits.

    OLD and NEW are JSON files of `audit root` or `audit mfa`, or folders with one: the newest is
    taken. What the new audit did not look at or could not read is "not read", never "fixed".
    Exits 1 where something is new.
    """
    changes = list(findings.diff(Standing.load(old), Standing.load(new)))
    for change in changes:
        if form == "json":
            print_json({"change": change.fate.value, **change.finding})
        else:
            click.echo(f"{change.fate.value:<10}  {_finding(change.finding)}")
    counts = {fate: sum(one.fate is fate for one in changes) for fate in Fate}
    _note(", ".join(f"{counts[fate]:,} {fate.value}" for fate in Fate))
    if counts[Fate.NEW]:
        raise click.exceptions.Exit(1)


def _named(account: Account) -> str:
    return f"{clean(account.name)} ({account.id})"


def _unread(coverage: Sequence[Coverage]) -> bool:
    """Say what was left out and what could not be read; whether there is some of the latter."""
    left_out = Counter(one.account.skipped for one in coverage if one.account.skipped)
    for reason, count in left_out.items():
        _note(f"not looked at: {counted(count, 'account')}, since {reason}")
    lines = [
        f"not read: {_named(one.account)}{f', user {clean(user)}' if user else ''}: {clean(why)}"
        for one in coverage
        for user, why in one.problems
    ]
    for line in lines[:PROBLEMS_SHOWN]:
        _note(line)
    if len(lines) > PROBLEMS_SHOWN:
        _note(f"and {len(lines) - PROBLEMS_SHOWN:,} more: see the coverage file")
    return bool(lines)


def _if_nothing(coverage: Sequence[Coverage]) -> None:
    """
    :raises ConfigError: not one account could be read.
    """
    looked_at = [one for one in coverage if not one.account.skipped]
    if looked_at and not any(one.whole for one in looked_at):
        one = looked_at[0]
        more = f" (and {len(looked_at) - 1:,} more)" if len(looked_at) > 1 else ""
        why = f"{_named(one.account)}: {clean(one.problems[0][1])}"
        raise ConfigError(f"no account could be read: {why}{more}; see the coverage file")


def _note(text: str) -> None:
    stderr().print(text, soft_wrap=True, markup=False)


class _Users(ProgressColumn):
    """How many users were read so far: one account may have thousands."""

    def __init__(self, access: Access) -> None:
        super().__init__()
        self._access = access

    def render(self, task: object) -> RichText:
        return RichText(f"{sum(one.users for one in self._access.covered):,} users")


@contextmanager
def _bar(run: Run, name: str) -> Iterator[Callable[[], None]]:
    """A bar on a terminal: accounts that are done, users that were read."""
    console = stderr()
    if not console.is_terminal:
        yield lambda: None
        return
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("accounts,"),
        _Users(run.access),
        console=console,
        transient=True,
        redirect_stdout=sys.stdout.isatty(),
    ) as bar:
        task = bar.add_task(name, total=len(run.accounts))
        yield lambda: bar.advance(task)
