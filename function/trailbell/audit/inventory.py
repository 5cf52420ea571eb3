"""Every user and access key of every account, and who came, went or got a key lately."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TextIO

from trailbell import aws
from trailbell.audit.accounts import COVERAGE, Access, Account, Coverage
from trailbell.audit.users import Key, User, read_all
from trailbell.audit.write import Folder, write_rows
from trailbell.errors import AwsError
from trailbell.model import Event

COLUMNS = (
    "account_id", "account_name", "username", "password_status", "password_last_used",
    "access_key_id", "status", "created_date", "last_used_date", "service_name", "mfa_status",
)  # fmt: skip
"""In this order, since spreadsheets and queries that people have go by it."""
MORE = ("mfa_devices", "user_arn", "user_created", "last_used_region", "problem")
EVENT_COLUMNS = (
    "eventTime", "eventName", "username", "account_id", "account_name", "resources",
)  # fmt: skip
MORE_OF_EVENTS = ("outcome", "region")
EVENTS = ("DeleteUser", "DeleteAccessKey", "DeleteLoginProfile", "CreateAccessKey", "CreateUser")
KEPT = 90  # days that the event history goes back
UNREAD = "ERROR"
IN_MEMORY = 1 << 18  # bytes of an account's rows, before they go to a temporary file


@dataclass(frozen=True, slots=True)
class Labels:
    """What stands in a cell for an answer that is no value of AWS."""

    password: str
    no_password: str
    never: str
    never_used: str
    no_service: str
    no_mfa: str
    virtual: str = "Virtual"
    hardware: str = "Hardware"
    passkey: str = "Passkey"
    sms: str = "SMS"


LABELS = {
    "es": Labels("Configurada", "No configurada", "Nunca", "Nunca utilizada", "N/A", "None"),
    # "None" and "N/A" are read as nothing by pandas, unless it is told otherwise.
    "en": Labels("Configured", "Not configured", "Never", "Never used", "No service", "No MFA"),
}
STRENGTH = ("virtual", "hardware", "passkey", "sms")


def stamp(time: datetime | None, never: str) -> str:
    """``2026-03-04 09:15:22+00:00``, in UTC.

    >>> stamp(None, "Nunca")
    'Nunca'
    """
    return str(time.astimezone(UTC)) if time else never


def rows(account: Account, user: User, labels: Labels) -> Iterator[tuple[str, ...]]:
    """A row for each access key, or one for a user who has none."""
    password = {True: labels.password, False: labels.no_password, None: UNREAD}[user.password]
    mfa, serials = _mfa(user, labels)
    first = (account.id, account.name, user.name, password,
             stamp(user.password_used, labels.never))  # fmt: skip
    for key in user.keys if user.keys else (None,):
        yield (
            *first,
            *_key(key, labels, unread=user.keys is None),
            mfa,
            serials,
            user.arn,
            stamp(user.created, ""),
            key.region if key else "",
            "; ".join(user.problems),
        )


def _key(key: Key | None, labels: Labels, *, unread: bool) -> tuple[str, ...]:
    if key is None:
        return ((UNREAD,) if unread else ("",)) * 5
    last = (UNREAD, UNREAD)
    if not key.unread:
        last = (stamp(key.last_used, labels.never_used), key.service or labels.no_service)
    status = "Active" if key.active else "Inactive"
    return key.id, status, stamp(key.created, ""), *last


def _mfa(user: User, labels: Labels) -> tuple[str, str]:
    """The kinds of a user's devices, each once, and all their serial numbers."""
    if user.devices is None:
        return UNREAD, UNREAD
    kinds = {device.kind for device in user.devices}
    shown = ", ".join(getattr(labels, kind) for kind in STRENGTH if kind in kinds)
    return shown or labels.no_mfa, ", ".join(device.serial for device in user.devices)


def events(
    trail: Any, account: Account, since: datetime, until: datetime
) -> Iterator[tuple[str, ...]]:
    """A row for each event of EVENTS, as EVENT_COLUMNS and MORE_OF_EVENTS name the columns.

    LookupEvents takes one condition: each kind of event is asked for by itself.
    https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_LookupEvents.html

    :raises AwsError: AWS refused to tell.
    """
    found: dict[str, tuple[datetime, tuple[str, ...]]] = {}
    for name in EVENTS:
        for page in aws.pages(
            trail,
            "lookup_events",
            LookupAttributes=[{"AttributeKey": "EventName", "AttributeValue": name}],
            StartTime=since,
            EndTime=until,
        ):
            for one in page.get("Events", ()):
                found[one["EventId"]] = one["EventTime"], _event_row(one, account)
    for _, row in sorted(found.values(), key=lambda pair: pair[0], reverse=True):
        yield row


def _event_row(one: Mapping[str, Any], account: Account) -> tuple[str, ...]:
    try:
        record = json.loads(one.get("CloudTrailEvent") or "{}")
    except ValueError:
        record = None
    event = Event(record if isinstance(record, dict) else {})
    names = (resource.get("ResourceName") or "" for resource in one.get("Resources") or ())
    return (
        stamp(one["EventTime"], ""),
        one["EventName"],
        one.get("Username") or "N/A",
        account.id,
        account.name,
        ", ".join(filter(None, names)),
        event.outcome if event.raw else "",
        event.region,
    )


@dataclass(slots=True)
class Part:
    """What one account gave. Its rows wait in a file of their own, so that memory stays flat."""

    coverage: Coverage
    keys: int = 0
    no_mfa: int = 0
    """Users with a password and no second factor."""
    events: int = 0
    rows: TextIO | None = None
    event_rows: TextIO | None = None

    def close(self) -> None:
        for file in filter(None, (self.rows, self.event_rows)):
            file.close()


def look(
    access: Access, account: Account, labels: Labels, since: datetime, until: datetime
) -> Part:
    """One account.

    :raises AwsError: its users cannot be listed.
    """
    make = access.clients(account)
    part = Part(access.covering(account), rows=_spool(), event_rows=_spool())
    try:
        for user in read_all(make("iam"), part.coverage, access.stopped.is_set):
            part.keys += len(user.keys or ())
            part.no_mfa += user.password is True and user.mfa is False
            write_rows(part.rows, rows(account, user, labels))  # type: ignore[arg-type]
    except AwsError as error:
        if not part.coverage.users:
            part.close()
            raise
        part.coverage.problems.append(("", f"{error}: the users after the last one are missing"))
    try:
        for row in events(make("cloudtrail"), account, since, until):
            part.events += 1
            write_rows(part.event_rows, [row])  # type: ignore[arg-type]
    except AwsError as error:
        part.coverage.problems.append(("", str(error)))
    except Exception as error:  # what nobody foresaw costs the events, not the users
        part.coverage.problems.append(("", f"lookup_events: unforeseen: {type(error).__name__}"))
    return part


def _spool() -> TextIO:
    return tempfile.SpooledTemporaryFile(  # type: ignore[return-value]
        IN_MEMORY, mode="w+", encoding="utf-8", errors="backslashreplace", newline=""
    )


def inventory(
    access: Access,
    accounts: Sequence[Account],
    labels: Labels,
    since: datetime,
    until: datetime,
    seen: Callable[[Part], None],
) -> list[Part]:
    """All accounts, in their order.

    :param seen: is told of each, as soon as it is done.
    """
    parts = {one.id: Part(Coverage(one)) for one in accounts if one.skipped}
    todo = [one for one in accounts if not one.skipped]
    for part in parts.values():
        seen(part)
    for account, came in access.each(
        todo, lambda account: look(access, account, labels, since, until)
    ):
        if isinstance(came, str):
            came = Part(Coverage(account, whole=False, problems=[("", came)]))
        parts[account.id] = came
        seen(came)
    return [parts[one.id] for one in accounts]


def write(folder: Folder, parts: Iterable[Part], began: datetime) -> None:
    """The three files."""
    parts = list(parts)
    when = f"{began:%Y%m%d_%H%M%S}"
    with folder.open(f"iam_audit_report_{when}.csv") as file:
        write_rows(file, [(*COLUMNS, *MORE)])
        _copy(file, (part.rows for part in parts))
    with folder.open(f"cloudtrail_events_{when}.csv") as file:
        write_rows(file, [(*EVENT_COLUMNS, *MORE_OF_EVENTS)])
        _copy(file, (part.event_rows for part in parts))
    write_coverage(folder, (part.coverage for part in parts), when)


def write_coverage(folder: Folder, coverage: Iterable[Coverage], when: str) -> None:
    rows = (row for one in coverage for row in one.rows())
    folder.csv(f"coverage_{when}.csv", COVERAGE, rows)


def _copy(file: TextIO, sources: Iterable[TextIO | None]) -> None:
    for source in filter(None, sources):
        source.seek(0)
        while chunk := source.read(1 << 16):
            file.write(chunk)
        source.close()
