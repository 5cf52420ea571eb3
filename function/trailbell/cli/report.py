"""The findings of `audit root` as one self-contained page: to read, to sort, to print."""

from __future__ import annotations

import base64
import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import jinja2
from markupsafe import Markup

from trailbell import __version__
from trailbell.audit.findings import Check
from trailbell.audit.root import Part, Result, age_names
from trailbell.channels.base import clean
from trailbell.model import Severity

HERE = Path(__file__).parent
BARS = 20
"""Accounts in the plot of MFA coverage; those where most users lack it."""


@dataclass(frozen=True)
class Group:
    """A check that found something."""

    check: Check
    count: int
    accounts: int
    worst: Severity


@dataclass(frozen=True)
class Bar:
    """A line of a plot."""

    label: str
    count: int
    percent: float
    """Of the plot's width."""
    note: str
    wrong: bool = False


def render(result: Result) -> str:
    """The page."""
    script = (HERE / "report.js").read_text("utf-8")
    digest = hashlib.sha256(script.encode()).digest()
    parts = result.looked_at
    console = sum(part.console for part in parts)
    with_mfa = sum(part.console_mfa for part in parts)
    keys = sum(part.keys for part in parts)
    findings = result.findings
    return (
        _environment()
        .get_template("report.html.j2")
        .render(
            result=result,
            findings=findings,
            counts=result.counts(),
            groups=_groups(result),
            parts=parts,
            skipped=[part for part in result.parts if part.coverage.account.skipped],
            gaps=[(part, *gap) for part in parts for gap in part.coverage.problems],
            per_account=Counter(finding.account for finding in findings),
            whole=sum(part.coverage.whole for part in parts),
            users=sum(part.coverage.users for part in parts),
            console=console,
            mfa_percent=percent(with_mfa, console),
            keys=keys,
            old_keys=sum(finding.check.id == "access-key-old" for finding in findings),
            ages=_ages(parts),
            coverage=_coverage(parts),
            rest=max(sum(part.console_mfa < part.console for part in parts) - BARS, 0),
            percent=percent,
            version=__version__,
            script=Markup(script),  # noqa: S704 - ours, from the file beside this one
            script_hash=base64.b64encode(digest).decode(),
        )
    )


def percent(part: int, whole: int) -> str:
    """
    >>> percent(1, 3), percent(0, 0)
    ('33.3 %', '–')
    """
    return f"{100 * part / whole:.1f} %" if whole else "–"


def _groups(result: Result) -> list[Group]:
    groups = []
    for check in result.checks:
        of = [finding for finding in result.findings if finding.check is check]
        accounts = len({finding.account for finding in of})
        groups.append(Group(check, len(of), accounts, max(one.severity for one in of)))
    return groups


def _ages(parts: Sequence[Part]) -> list[Bar]:
    names = age_names()
    total = sum((part.ages for part in parts), Counter[int]())
    most = max(total.values(), default=0) or 1
    return [
        Bar(name, total[place], 100 * total[place] / most, f"{total[place]:,}", place > 1)
        for place, name in enumerate(names)
    ]


def _coverage(parts: Sequence[Part]) -> list[Bar]:
    """All accounts together, then those where most users lack MFA."""
    console = sum(part.console for part in parts)
    with_mfa = sum(part.console_mfa for part in parts)
    bars = [_share("All accounts", with_mfa, console)]
    lacking = [part for part in parts if part.console_mfa < part.console]
    lacking.sort(key=lambda part: part.console_mfa - part.console)
    if len(parts) > 1:
        bars += [
            _share(clean(part.coverage.account.name, 40), part.console_mfa, part.console)
            for part in lacking[:BARS]
        ]
    return bars


def _share(label: str, with_mfa: int, console: int) -> Bar:
    share = 100 * with_mfa / console if console else 100.0
    note = f"{with_mfa:,} of {console:,}" if console else "no console user"
    return Bar(label, with_mfa, share, note, with_mfa < console)


def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(HERE),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["shown"] = clean
    return environment
