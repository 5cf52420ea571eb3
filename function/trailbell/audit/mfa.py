"""Who signs in to the console without a second factor."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from trailbell.audit.accounts import Access, Account, Coverage
from trailbell.audit.inventory import write_coverage
from trailbell.audit.users import User, cheaply
from trailbell.audit.write import Folder

COLUMNS = ("username", "has_console_access", "mfa_enabled", "compliance_status")
MORE = ("account_id", "account_name")
"""Where there is more than one account."""
PASS, FAIL, INFO, ERROR = "PASS", "FAIL", "INFO", "ERROR"
SENTENCES = {
    PASS: "MFA enabled for console user.",
    FAIL: "Console access WITHOUT MFA!",
    INFO: "No console access (MFA not required).",
    ERROR: "Could not be read:",
}


@dataclass(frozen=True, slots=True)
class Row:
    """How one user stands. None stands for what could not be read."""

    user: str
    console: bool | None
    mfa: bool | None
    problem: str = ""

    @property
    def status(self) -> str:
        """No console access needs no MFA; what could not be read is neither good nor bad."""
        if self.console is None or (self.console and self.mfa is None):
            return ERROR
        return INFO if not self.console else PASS if self.mfa else FAIL

    def cells(self) -> tuple[str, str, str, str]:
        shown = {True: "True", False: "False", None: ERROR}
        return self.user, shown[self.console], shown[self.mfa], self.status

    def described(self) -> dict[str, Any]:
        found: dict[str, Any] = {
            "username": self.user,
            "has_console_access": ERROR if self.console is None else self.console,
            "mfa_enabled": ERROR if self.mfa is None else self.mfa,
            "compliance_status": self.status,
        }
        return found | ({"problem": self.problem} if self.problem else {})


@dataclass(slots=True)
class Part:
    """The users of one account."""

    coverage: Coverage
    rows: list[Row] = field(default_factory=list)
    report: datetime | None = None
    """When AWS made the credential report that most of it comes from."""


def look(access: Access, account: Account, *, fresh: bool = False) -> Part:
    """One account.

    :raises AwsError: neither its credential report nor its users can be read.
    """
    part = Part(access.covering(account))
    report, users = cheaply(
        access.clients(account)("iam"),
        part.coverage,
        lambda user: row_of(user).status == FAIL,
        fresh=fresh,
        keys=False,
        stopped=access.stopped.is_set,
    )
    part.rows = [row_of(user) for user in users]
    part.report = report.made if report and not fresh else None
    return part


def row_of(user: User) -> Row:
    return Row(user.name, user.password, user.mfa, "; ".join(user.problems))


def check(
    access: Access,
    accounts: Sequence[Account],
    seen: Callable[[Part], None],
    *,
    fresh: bool = False,
) -> list[Part]:
    """All accounts, in their order; `seen` is told of each as soon as it is done."""
    parts = {one.id: Part(Coverage(one)) for one in accounts if one.skipped}
    for part in parts.values():
        seen(part)
    todo = [one for one in accounts if not one.skipped]
    for account, came in access.each(todo, lambda one: look(access, one, fresh=fresh)):
        if isinstance(came, str):
            came = Part(Coverage(account, whole=False, problems=[("", came)]))
        parts[account.id] = came
        seen(came)
    return [parts[one.id] for one in accounts]


@dataclass(frozen=True, slots=True)
class Summary:
    """The figures of a run."""

    began: datetime
    ended: datetime
    counts: Counter[str]

    @classmethod
    def of(cls, parts: Iterable[Part], began: datetime, ended: datetime) -> Summary:
        return cls(began, ended, Counter(row.status for part in parts for row in part.rows))

    @property
    def elapsed(self) -> float:
        return round((self.ended - self.began).total_seconds(), 2)

    @property
    def rate(self) -> float:
        """Percent of all users who have MFA on their console access."""
        return _percent(self.counts[PASS], self.counts.total())

    @property
    def console_rate(self) -> float:
        """The same of the users who have console access."""
        return _percent(self.counts[PASS], self.counts[PASS] + self.counts[FAIL])

    def lines(self) -> list[str]:
        counts = self.counts
        lines = [
            f"Total users: {counts.total()}",
            f"Compliant (MFA enabled): {counts[PASS]}",
            f"No console access: {counts[INFO]}",
            f"Non-compliant: {counts[FAIL]}",
        ]
        if counts[ERROR]:
            lines.append(f"Could not be read: {counts[ERROR]}")
        return [
            *lines,
            "",
            f"Audit started: {self.began.isoformat()}",
            f"Audit completed: {self.ended.isoformat()}",
            f"Elapsed time: {self.elapsed:.2f} seconds",
            f"Compliance rate: {self.rate:.1f}%",
            f"Compliance rate of console users: {self.console_rate:.1f}%",
        ]

    def described(self) -> dict[str, Any]:
        counts = self.counts
        return {
            "audit_start": self.began.isoformat(),
            "audit_end": self.ended.isoformat(),
            "elapsed_seconds": self.elapsed,
            "total_users": counts.total(),
            "compliance_rate": f"{self.rate:.1f}%",
            "compliance_rate_console_users": f"{self.console_rate:.1f}%",
            "compliant": counts[PASS],
            "non_compliant": counts[FAIL],
            "no_console_access": counts[INFO],
            "could_not_be_read": counts[ERROR],
        }


def _percent(part: int, whole: int) -> float:
    return 100 * part / whole if whole else 0.0


def several(parts: Iterable[Part]) -> bool:
    """Whether the files have to say which account a user is of."""
    return sum(not part.coverage.account.skipped for part in parts) > 1


def write(folder: Folder, parts: Sequence[Part], summary: Summary) -> list[str]:
    """The files, and the names of the two that hold the findings."""
    when = f"{summary.began.astimezone(UTC):%Y-%m-%dT%H-%M-%S}"
    more = several(parts)
    names = [f"iam_audit_{when}.csv", f"iam_audit_{when}.json"]
    folder.csv(
        names[0],
        (*COLUMNS, *MORE) if more else COLUMNS,
        (
            (*row.cells(), *part.coverage.account[:2]) if more else row.cells()
            for part in parts
            for row in part.rows
        ),
    )
    reports = {
        part.coverage.account.id: part.report.astimezone(UTC).isoformat()
        for part in parts
        if part.report
    }
    metadata = summary.described() | {
        "accounts": [
            part.coverage.account.id for part in parts if not part.coverage.account.skipped
        ],
        "credential_reports": reports,
    }
    findings = [
        row.described() | (dict(zip(MORE, part.coverage.account, strict=False)) if more else {})
        for part in parts
        for row in part.rows
    ]
    folder.json(names[1], {"metadata": metadata, "findings": findings})
    write_coverage(folder, (part.coverage for part in parts), when)
    return names
