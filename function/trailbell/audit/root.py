"""How an account stands: its root user, its password policy, and who lies idle."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from trailbell import aws
from trailbell.audit.accounts import Access, Account, Coverage
from trailbell.audit.findings import (
    CHECKS,
    COLUMNS,
    FRAMEWORKS,
    NOT_READ,
    Check,
    Finding,
    worst_first,
)
from trailbell.audit.inventory import UNREAD, Labels, write_coverage
from trailbell.audit.users import ABSENT, Key, Report, User, cheaply
from trailbell.audit.write import Folder
from trailbell.errors import AwsError
from trailbell.model import Severity

ROOT_COLUMNS = (
    "account_id", "account_name", "mfa_enabled", "access_key_present", "root_last_login",
)  # fmt: skip
AGES = (30, 90, 180, 365)
"""Days that divide the keys in the plot."""
VERY_OLD = 365  # days; such a key is worse than one that is old
NEW = 7  # days; that such a key was not used yet says little
LENGTH, REMEMBERED = 14, 24
"""Characters of a password, and passwords before one may come again, as CIS wants them."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How long is too long, in days."""

    now: datetime
    key: int = 90
    idle: int = 90

    def days(self, since: datetime | None) -> int | None:
        return None if since is None else (self.now - since).days


@dataclass(slots=True)
class Part:
    """How one account stands."""

    coverage: Coverage
    findings: list[Finding] = field(default_factory=list)
    root_mfa: bool | None = None
    root_keys: bool | None = None
    root_used: datetime | None = None
    """The last time that root signed in or used a key."""
    root_login: datetime | None = None
    root_known: bool = False
    """Whether AWS told when root was used last."""
    console: int = 0
    console_mfa: int = 0
    keys: int = 0
    """Those that are active."""
    ages: Counter[int] = field(default_factory=Counter)
    """Place in AGES (the last stands behind them) -> active keys of that age."""

    def found(
        self, check: str, resource: str, detail: str, severity: Severity | None = None
    ) -> None:
        one = CHECKS[check]
        account = self.coverage.account
        self.findings.append(
            Finding(one, severity or one.severity, account.id, account.name, resource, detail)
        )

    def unread(self, resource: str, problem: str) -> None:
        """Note what could not be read where the findings stand, too."""
        self.found(NOT_READ, resource, problem)


def look(access: Access, account: Account, limits: Limits) -> Part:
    """One account.

    :raises AwsError: neither its credential report nor its users can be read.
    """
    part = Part(access.covering(account))
    iam = access.clients(account)("iam")
    report, users = cheaply(
        iam,
        part.coverage,
        lambda user: any(True for _ in judged(user, limits)),
        stopped=access.stopped.is_set,
    )
    _root(iam, part, report, limits)
    _policy(iam, part)
    for user in users:
        _count(part, user, limits)
        for check, resource, detail, severity in judged(user, limits):
            part.found(check, resource, detail, severity)
    for name, problem in part.coverage.problems:
        part.unread(f"user/{name}" if name else "account", problem)
    return part


def judged(user: User, limits: Limits) -> Iterator[tuple[str, str, str, Severity | None]]:
    """What is wrong with a user: check, resource, detail, and a severity of its own."""
    who = f"user/{user.name}"
    if user.password and user.mfa is False:
        used = limits.days(user.password_used)
        last = "never signed in" if used is None else f"last sign-in {used} days ago"
        yield "console-without-mfa", who, last, None
    active = [key for key in user.keys or () if key.active]
    for number, key in enumerate(active, 1):
        where = f"{who} {key.id or f'key {number}'}"
        age = limits.days(key.created)
        if age is not None and age > limits.key:
            worse = Severity.HIGH if age > VERY_OLD else None
            yield "access-key-old", where, f"{age} days old", worse
        if key.unread:
            continue
        idle = limits.days(key.last_used)
        if idle is None:
            less = Severity.LOW if age is not None and age < NEW else None
            yield "access-key-never-used", where, f"made {_ago(age)}", less
        elif idle > limits.idle:
            yield "access-key-idle", where, f"last used {idle} days ago", None
    if len(active) > 1:
        yield "two-active-keys", who, f"{len(active)} active keys", None
    if (idle := _idle(user, active, limits)) is not None:
        yield "user-idle", who, f"nothing for {idle} days", None


def _ago(days: int | None) -> str:
    return "some time ago" if days is None else f"{days} days ago"


def _idle(user: User, active: Sequence[Key], limits: Limits) -> int | None:
    """Days that a user who can get in did nothing, where they are too many.

    A user whose password or keys nobody could read may have done something yesterday.
    """
    unread = user.password is None or user.keys is None or any(key.unread for key in active)
    if unread or not (user.password or active):
        return None
    last = [user.password_used, *(key.last_used for key in user.keys or ())]
    seen = max((time for time in (*last, user.created) if time), default=None)
    days = limits.days(seen)
    return days if days is not None and days > limits.idle else None


def _count(part: Part, user: User, limits: Limits) -> None:
    part.console += user.password is True
    part.console_mfa += user.password is True and user.mfa is True
    for key in user.keys or ():
        age = limits.days(key.created)
        if key.active and age is not None:
            part.keys += 1
            part.ages[sum(age > limit for limit in AGES)] += 1


def _root(iam: Any, part: Part, report: Report | None, limits: Limits) -> None:
    """https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetAccountSummary.html"""
    try:
        said = aws.call(iam, "get_account_summary")["SummaryMap"]
    except AwsError as error:
        part.coverage.problems.append(("", str(error)))
    else:
        part.root_mfa = bool(said.get("AccountMFAEnabled"))
        part.root_keys = bool(said.get("AccountAccessKeysPresent"))
        # Where the organization took root's credentials away there is nothing to guard.
        if not part.root_mfa and said.get("AccountPasswordPresent", 1):
            part.found("root-mfa-missing", "root", "no device is registered")
        if part.root_mfa:
            _virtual(iam, part)
    root = report.root if report else None
    if part.root_keys is None and root:
        part.root_keys = bool(root.keys)
    if part.root_keys:
        ages = [limits.days(key.created) for key in root.keys or () if key.active] if root else []
        known = [f"{age} days old" for age in ages if age is not None]
        part.found("root-access-key", "root", ", ".join(known) or "it exists")
    if root is None:
        part.coverage.problems.append(("", "the credential report does not tell of root"))
        return
    part.root_known = True
    part.root_login = root.password_used
    used = [root.password_used, *(key.last_used for key in root.keys or ())]
    part.root_used = max((time for time in used if time), default=None)
    days = limits.days(part.root_used)
    if days is not None and days <= limits.idle:
        part.found("root-used", "root", f"last used {days} days ago")


def _virtual(iam: Any, part: Part) -> None:
    """https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListVirtualMFADevices.html"""
    try:
        for page in aws.pages(iam, "list_virtual_mfa_devices", AssignmentStatus="Assigned"):
            for device in page["VirtualMFADevices"]:
                if str(device.get("User", {}).get("Arn", "")).endswith(":root"):
                    part.found("root-mfa-virtual", "root", device["SerialNumber"])
                    return
    except AwsError as error:
        part.coverage.problems.append(("", str(error)))


def _policy(iam: Any, part: Part) -> None:
    """https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetAccountPasswordPolicy.html"""
    try:
        policy = aws.call(iam, "get_account_password_policy")["PasswordPolicy"]
    except AwsError as error:
        if error.code == ABSENT:
            part.found("password-policy-missing", "account", "AWS's default holds: 8 characters")
        else:
            part.coverage.problems.append(("", str(error)))
        return
    length = policy.get("MinimumPasswordLength") or 0
    if length < LENGTH:
        part.found("password-policy-length", "account", f"{length} characters are enough")
    kept = policy.get("PasswordReusePrevention") or 0
    if kept < REMEMBERED:
        detail = f"only the last {kept} are refused" if kept else "none is refused"
        part.found("password-policy-reuse", "account", detail)


def check(
    access: Access, accounts: Sequence[Account], limits: Limits, seen: Callable[[Part], None]
) -> list[Part]:
    """All accounts, in their order; `seen` is told of each as soon as it is done."""
    parts = {one.id: Part(Coverage(one)) for one in accounts if one.skipped}
    for part in parts.values():
        seen(part)
    todo = [one for one in accounts if not one.skipped]
    for account, came in access.each(todo, lambda account: look(access, account, limits)):
        if isinstance(came, str):
            problem = came
            came = Part(Coverage(account, whole=False, problems=[("", problem)]))
            came.unread("account", problem)
        parts[account.id] = came
        seen(came)
    return [parts[one.id] for one in accounts]


@dataclass(frozen=True, slots=True)
class Result:
    """A whole run."""

    parts: Sequence[Part]
    limits: Limits
    began: datetime
    ended: datetime
    caller: str

    @property
    def findings(self) -> list[Finding]:
        return worst_first(finding for part in self.parts for finding in part.findings)

    @property
    def checks(self) -> list[Check]:
        """Those that found something, the worst first."""
        return list(dict.fromkeys(finding.check for finding in self.findings))

    def counts(self) -> dict[str, int]:
        """Severity -> findings, the worst first; zeros too."""
        found = Counter(finding.severity for part in self.parts for finding in part.findings)
        return {str(one): found[one] for one in sorted(Severity, reverse=True)}

    @property
    def looked_at(self) -> list[Part]:
        return [part for part in self.parts if not part.coverage.account.skipped]


def write(folder: Folder, result: Result, labels: Labels) -> None:
    """The CSV files and the JSON file."""
    when = f"{result.began.astimezone(UTC):%Y-%m-%dT%H-%M-%S}"
    findings = result.findings
    folder.csv(f"iam_findings_{when}.csv", COLUMNS, (one.cells() for one in findings))
    metadata = {
        "audit_start": result.began.isoformat(),
        "audit_end": result.ended.isoformat(),
        "caller": result.caller,
        "accounts": [part.coverage.account.id for part in result.looked_at],
        "counts": result.counts(),
        "key_days": result.limits.key,
        "idle_days": result.limits.idle,
        "frameworks": FRAMEWORKS,
        "checks": [one for one in CHECKS],
    }
    folder.json(
        f"iam_findings_{when}.json",
        {"metadata": metadata, "findings": [one.described() for one in findings]},
    )
    folder.csv(
        f"root_audit_report_{result.began.astimezone(UTC):%Y%m%d_%H%M%S}.csv",
        ROOT_COLUMNS,
        (_root_row(part, labels) for part in result.looked_at),
    )
    write_coverage(folder, (part.coverage for part in result.parts), when)


def _root_row(part: Part, labels: Labels) -> tuple[str, ...]:
    shown = {True: "True", False: "False", None: UNREAD}
    login = f"{part.root_login:%Y-%m-%d}" if part.root_login else labels.never
    if not part.root_known:
        login = UNREAD
    return (
        *part.coverage.account[:2],
        shown[part.root_mfa],
        shown[part.root_keys],
        login,
    )


def age_names() -> list[str]:
    """How the plot calls the ages.

    >>> age_names()[0], age_names()[-1]
    ('up to 30 days', 'over 365')
    """
    bounds = list(zip((0, *AGES), AGES, strict=False))
    names = [f"{low + 1} to {high}" for low, high in bounds]
    return [f"up to {AGES[0]} days", *names[1:], f"over {AGES[-1]}"]
