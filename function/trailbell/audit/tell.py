"""What an audit says in chat: one message, the counts and the worst first."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from trailbell.audit import inventory, mfa, root
from trailbell.audit.accounts import Coverage
from trailbell.model import Line, Message, Severity, say
from trailbell.text import Text

SHOWN = 10  # findings that a message names


def of_root(result: root.Result) -> Message:
    findings = result.findings
    accounts = _accounts(part.coverage for part in result.parts)
    counts = [f"{count:,} {name}" for name, count in result.counts().items() if count]
    lines = [Line("Counts", say(", ".join(counts)))] if counts else []
    for one in findings[:SHOWN]:
        what = say(f"{one.check.title}: {{}} in {{}}", one.resource, one.account_name)
        lines.append(Line(str(one.severity).capitalize(), what))
    lines += _more(len(findings))
    worst = findings[0].severity if findings else None
    title = say(f"Audit of {accounts}: {_counted(len(findings), 'finding')}")
    return _message(worst, title, lines)


def of_mfa(parts: Sequence[mfa.Part], summary: mfa.Summary) -> Message:
    counts = summary.counts
    accounts = _accounts(part.coverage for part in parts)
    bad = [
        (row, part.coverage.account)
        for status in (mfa.FAIL, mfa.ERROR)
        for part in parts
        for row in part.rows
        if row.status == status
    ]
    lines = [
        Line(
            "Counts",
            say(
                f"{counts[mfa.PASS]:,} with MFA, {counts[mfa.FAIL]:,} without,"
                f" {counts[mfa.INFO]:,} without console access,"
                f" {counts[mfa.ERROR]:,} not read;"
                f" {summary.console_rate:.1f}% of console users have MFA"
            ),
        ),
        *_unread(part.coverage for part in parts),
    ]
    for row, account in bad[:SHOWN]:
        label = "No MFA" if row.status == mfa.FAIL else "Not read"
        lines.append(Line(label, say("{} in {}", row.user, account.name)))
    lines += _more(len(bad))
    fails = _counted(counts[mfa.FAIL], "console user")
    severity = Severity.HIGH if counts[mfa.FAIL] else None
    return _message(severity, say(f"MFA audit of {accounts}: {fails} without MFA"), lines)


def of_inventory(parts: Sequence[inventory.Part]) -> Message:
    users = sum(part.coverage.users for part in parts)
    keys = sum(part.keys for part in parts)
    no_mfa = sum(part.no_mfa for part in parts)
    accounts = _accounts(part.coverage for part in parts)
    lines = [
        Line(
            "Counts",
            say(
                f"{_counted(users, 'user')}, {_counted(keys, 'access key')},"
                f" {no_mfa:,} with a password and no MFA"
            ),
        ),
        *_unread(part.coverage for part in parts),
    ]
    worst = sorted((part for part in parts if part.no_mfa), key=lambda part: -part.no_mfa)
    for part in worst[:SHOWN]:
        what = say(f"{part.no_mfa:,} in {{}}", part.coverage.account.name)
        lines.append(Line("Password, no MFA", what))
    severity = Severity.HIGH if no_mfa else None
    return _message(severity, say(f"Inventory of {accounts}: {_counted(users, 'user')}"), lines)


def _message(severity: Severity | None, title: Text, lines: Iterable[Line]) -> Message:
    return Message(severity, title, lines=tuple(lines), rule="audit")


def _accounts(coverage: Iterable[Coverage]) -> str:
    looked_at = [one for one in coverage if not one.account.skipped]
    return _counted(len(looked_at), "account")


def _unread(coverage: Iterable[Coverage]) -> Iterator[Line]:
    missing = [one for one in coverage if not one.whole]
    if missing:
        yield Line("Not read", say(f"{_counted(len(missing), 'account')}: see the coverage file"))


def _more(count: int) -> Iterator[Line]:
    if count > SHOWN:
        yield Line("More", say(f"{count - SHOWN:,} in the files"))


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
