"""What an audit looks for, which control wants it so, and what changed between two audits.

The numbers of CIS and NIST are those that AWS Security Hub gives for the same check:
https://docs.aws.amazon.com/securityhub/latest/userguide/iam-controls.html
https://docs.aws.amazon.com/securityhub/latest/userguide/cis-aws-foundations-benchmark.html
The use of root and the number of keys it does not check: they are 1.6 and 1.12 of the benchmark,
https://www.cisecurity.org/benchmark/amazon_web_services
SOC 2: https://www.aicpa-cima.com/resources/download/2017-trust-services-criteria-with-revised-points-of-focus-2022
ISO 27001:2022, Annex A: https://www.iso.org/standard/27001
Neither SOC 2 nor ISO names settings of AWS: theirs are the criteria that these settings serve.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any, NamedTuple

from trailbell.errors import ConfigError
from trailbell.model import Severity

FRAMEWORKS = {  # a column of the CSV, and how people call it
    "cis_5_0_0": "CIS AWS 5.0.0",
    "cis_3_0_0": "CIS AWS 3.0.0",
    "nist_800_53_r5": "NIST 800-53 r5",
    "soc_2": "SOC 2",
    "iso_27001_2022": "ISO 27001:2022",
}
NOT_READ = "not-read"


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that an audit looks for."""

    id: str
    severity: Severity
    title: str
    fix: str
    controls: tuple[str, str, str, str, str] = ("",) * 5
    """As FRAMEWORKS has them."""

    @property
    def named(self) -> dict[str, str]:
        """Framework -> control, of those that have one."""
        pairs = zip(FRAMEWORKS.values(), self.controls, strict=True)
        return {framework: control for framework, control in pairs if control}


STRONG = "IA-2(1), IA-2(2), IA-2(6), IA-2(8)"
CHECKS = {
    check.id: check
    for check in (
        Check(
            "root-mfa-missing",
            Severity.CRITICAL,
            "The root user has no MFA",
            "Sign in as root and register two devices; or remove root's password centrally.",
            ("1.4", "1.5", STRONG, "CC6.1", "A.8.5"),
        ),
        Check(
            "root-access-key",
            Severity.CRITICAL,
            "The root user has an access key",
            "Delete it: whoever has it can do anything, and nothing can limit it.",
            ("1.3", "1.4", "AC-6, AC-6(2), AC-6(10)", "CC6.1, CC6.3", "A.8.2"),
        ),
        Check(
            "root-used",
            Severity.HIGH,
            "The root user was used lately",
            "Find out who and why; use roles for daily work.",
            ("1.6", "1.7", "AC-6(2), AC-6(5)", "CC6.1, CC6.3", "A.8.2"),
        ),
        Check(
            "root-mfa-virtual",
            Severity.LOW,
            "The root user's MFA is an app on a phone",
            "Register a hardware security key.",
            ("1.5", "1.6", STRONG, "CC6.1", "A.8.5"),
        ),
        Check(
            "console-without-mfa",
            Severity.HIGH,
            "A user signs in to the console without MFA",
            "Have them register a device, or delete the password.",
            ("1.9", "1.10", STRONG, "CC6.1", "A.8.5"),
        ),
        Check(
            "access-key-old",
            Severity.MEDIUM,
            "An active access key is old",
            "Make a new one, switch over, deactivate this one; or use a role.",
            ("1.13", "1.14", "AC-2(1), AC-2(3), AC-3(15)", "CC6.1", "A.5.17"),
        ),
        Check(
            "access-key-never-used",
            Severity.MEDIUM,
            "An active access key was never used",
            "Deactivate it, and delete it when nobody misses it.",
            ("1.11", "1.12", "AC-2, AC-2(3)", "CC6.2, CC6.3", "A.5.18"),
        ),
        Check(
            "access-key-idle",
            Severity.MEDIUM,
            "An active access key lies idle",
            "Deactivate it, and delete it when nobody misses it.",
            ("1.11", "1.12", "AC-2, AC-2(3)", "CC6.2, CC6.3", "A.5.18"),
        ),
        Check(
            "user-idle",
            Severity.MEDIUM,
            "A user who can sign in did nothing for long",
            "Delete the password and the keys, or the user.",
            ("1.11", "1.12", "AC-2, AC-2(3)", "CC6.2, CC6.3", "A.5.18"),
        ),
        Check(
            "two-active-keys",
            Severity.LOW,
            "A user has two active access keys",
            "Deactivate the older one once nothing uses it.",
            ("1.12", "1.13", "AC-2(1)", "CC6.1", "A.5.17"),
        ),
        Check(
            "password-policy-missing",
            Severity.MEDIUM,
            "The account has no password policy of its own",
            "Set one: 14 characters, and no reuse of the last 24.",
            ("1.7, 1.8", "1.8, 1.9", "IA-5(1)", "CC6.1", "A.5.17"),
        ),
        Check(
            "password-policy-length",
            Severity.MEDIUM,
            "Passwords may be short",
            "Set the minimum length to 14.",
            ("1.7", "1.8", "IA-5(1)", "CC6.1", "A.5.17"),
        ),
        Check(
            "password-policy-reuse",
            Severity.LOW,
            "Old passwords may be used again",
            "Prevent the reuse of the last 24.",
            ("1.8", "1.9", "IA-5(1)", "CC6.1", "A.5.17"),
        ),
        Check(
            NOT_READ,
            Severity.MEDIUM,
            "Something could not be read: nobody knows how it stands",
            "Give the audit's role the right that is named, and run it again.",
        ),
    )
}


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that somebody should look at."""

    check: Check
    severity: Severity
    account: str
    account_name: str
    resource: str
    """``root``, ``account``, ``user/deploy``, or ``user/deploy AKIA...`` for a key."""
    detail: str

    @property
    def rank(self) -> tuple[int, str, str, str]:
        """The worst first."""
        return -self.severity, self.check.id, self.account, self.resource

    @property
    def key(self) -> Key:
        return Key(self.check.id, self.account, self.resource)

    def cells(self) -> tuple[str, ...]:
        return (
            str(self.severity),
            self.check.id,
            self.account,
            self.account_name,
            self.resource,
            self.check.title,
            self.detail,
            self.check.fix,
            *self.check.controls,
        )

    def described(self) -> dict[str, str]:
        return dict(zip(COLUMNS, self.cells(), strict=True))


COLUMNS = (
    "severity", "check", "account_id", "account_name", "resource", "title", "detail", "fix",
    *FRAMEWORKS,
)  # fmt: skip


class Key(NamedTuple):
    """What makes a finding the same one in the next audit."""

    check: str
    account: str
    resource: str


class Fate(Enum):
    """What became of a finding between two audits."""

    NEW = "new"
    OPEN = "still open"
    FIXED = "fixed"
    UNKNOWN = "not read"
    """It was there, and the later audit could not read whether it still is."""


class Change(NamedTuple):
    """A finding, and what became of it."""

    fate: Fate
    finding: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Standing:
    """The findings of one audit, from its file."""

    kind: str
    """``root`` or ``mfa``: what was looked for."""
    accounts: frozenset[str]
    """Whose answers it holds; an account beside them was not looked at."""
    findings: Mapping[Key, Mapping[str, str]]

    @classmethod
    def load(cls, path: Path) -> Standing:
        """Of a JSON file of `audit root` or `audit mfa`, or of the newest one in a folder.

        :raises ConfigError: there is none, or it is something else.
        """
        file = _newest(path) if path.is_dir() else path
        try:
            said = json.loads(file.read_text("utf-8"))
            findings = said["findings"]
            accounts = frozenset(map(str, said["metadata"]["accounts"]))
            if "checks" in said["metadata"]:
                found = {_key(one): one for one in findings}
                return cls("root", accounts, found)
            (only,) = accounts if len(accounts) == 1 else ("",)
            failed = (_of_mfa(one, only) for one in findings)
            return cls("mfa", accounts, {_key(one): one for one in failed if one})
        except FileNotFoundError:
            raise ConfigError(f"{file}: there is no such file") from None
        except OSError as error:
            raise ConfigError(f"{file}: {error.strerror}") from None
        except (ValueError, KeyError, TypeError, AttributeError):
            raise ConfigError(
                f"{file} is no JSON file of `trailbell audit root` or `audit mfa`"
            ) from None

    def unread(self) -> tuple[set[str], set[tuple[str, str]]]:
        """Accounts, and users of accounts, of which this audit could not read everything."""
        gaps = [key for key in self.findings if key.check == NOT_READ]
        accounts = {key.account for key in gaps if key.resource == "account"}
        return accounts, {(key.account, key.resource) for key in gaps}


def _newest(folder: Path) -> Path:
    for pattern in ("iam_findings_*.json", "iam_audit_*.json"):
        if found := sorted(folder.glob(pattern)):
            return found[-1]  # the name ends with the time
    raise ConfigError(f"{folder} holds no JSON file of `trailbell audit root` or `audit mfa`")


def _key(finding: Mapping[str, str]) -> Key:
    return Key(finding["check"], finding["account_id"], finding["resource"])


def _of_mfa(row: Mapping[str, Any], account: str) -> dict[str, str] | None:
    """A finding of `audit mfa`, as `audit root` would put it."""
    ids = {"FAIL": "console-without-mfa", "ERROR": NOT_READ}
    if row["compliance_status"] not in ids:
        return None
    check = CHECKS[ids[row["compliance_status"]]]
    where = row.get("account_id", account)
    finding = Finding(check, check.severity, where, row.get("account_name", where),
                      f"user/{row['username']}", row.get("problem", ""))  # fmt: skip
    return finding.described()


def diff(old: Standing, new: Standing) -> Iterator[Change]:
    """What became of each finding; the worst first among those of one fate.

    What the new audit did not look at, or could not read, is not fixed: nobody knows.

    :raises ConfigError: the two did not look for the same.
    """
    if old.kind != new.kind:
        raise ConfigError(f"one is of `audit {old.kind}`, the other of `audit {new.kind}`")
    accounts, users = new.unread()

    def fate(key: Key) -> Fate:
        if key in new.findings:
            return Fate.OPEN if key in old.findings else Fate.NEW
        user = key.resource.partition(" ")[0]
        gone = key.account not in new.accounts or key.account in accounts
        return Fate.UNKNOWN if gone or (key.account, user) in users else Fate.FIXED

    both = {**old.findings, **new.findings}
    changes = [Change(fate(key), finding) for key, finding in both.items()]
    order = list(Fate)
    return iter(sorted(changes, key=lambda one: (order.index(one.fate), _rank(one.finding))))


def _rank(finding: Mapping[str, str]) -> tuple[int, str, str, str]:
    by_name = {str(severity): severity for severity in Severity}
    severity = by_name.get(finding["severity"], Severity.INFO)
    return -severity, finding["check"], finding["account_id"], finding["resource"]


def worst_first(findings: Iterable[Finding]) -> list[Finding]:
    return sorted(findings, key=lambda finding: finding.rank)
