"""The users of an account and what they can sign in with."""

from __future__ import annotations

import csv
import io
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import chain
from typing import Any, NamedTuple

from trailbell import aws
from trailbell.audit.accounts import Coverage
from trailbell.errors import AwsError
from trailbell.model import moment

AT_ONCE = 4  # users of an account
PAGE = 1000  # users that ListUsers gives at once
ABSENT = "NoSuchEntity"
PATIENCE = 60  # seconds that AWS may take to make the credential report
ROOT = "<root_account>"
GONE = "deleted while the audit ran"


class Device(NamedTuple):
    """A second factor."""

    serial: str

    @property
    def kind(self) -> str:
        """``virtual``, ``passkey``, ``sms`` or ``hardware``, from the serial number.

        Virtual devices and passkeys have an ARN; what is printed on a token is none.
        https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-arns

        >>> Device("arn:aws:iam::111122223333:mfa/phone").kind
        'virtual'
        >>> Device("GAHT12345678").kind
        'hardware'
        """
        what = self.serial.split(":", 5)[-1].partition("/")[0] if ":" in self.serial else ""
        return {"mfa": "virtual", "u2f": "passkey", "sms-mfa": "sms"}.get(what, "hardware")


class Key(NamedTuple):
    """An access key."""

    id: str
    """"" where the credential report told of it, which names no ids."""
    active: bool
    created: datetime | None
    last_used: datetime | None = None
    service: str = ""
    region: str = ""
    unread: bool = False
    """Whether nobody would say when it was last used."""


@dataclass(frozen=True, slots=True)
class User:
    """A user. None stands for what could not be read, and never for "no"."""

    name: str
    arn: str
    created: datetime | None
    password: bool | None
    password_used: datetime | None = None
    mfa: bool | None = None
    keys: tuple[Key, ...] | None = None
    devices: tuple[Device, ...] | None = None
    """None where only the credential report was read: it names no devices."""
    problems: tuple[str, ...] = ()


def listed(iam: Any) -> Iterator[list[dict[str, Any]]]:
    """All users, a page at a time.

    https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListUsers.html
    """
    for page in aws.pages(iam, "list_users", PaginationConfig={"PageSize": PAGE}):
        yield page["Users"]


def read_all(
    iam: Any, coverage: Coverage, stopped: Callable[[], bool] = lambda: False
) -> Iterator[User]:
    """Every user with everything, in the order of their names; a page at a time in memory."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for page in listed(iam):
            for one, user in zip(page, pool.map(_unless(iam, stopped), page), strict=True):
                if stopped():
                    return
                noted = note(coverage, one["UserName"], user)
                if noted:
                    yield noted


def _unless(iam: Any, stopped: Callable[[], bool]) -> Callable[[dict[str, Any]], User | None]:
    return lambda one: None if stopped() else read(iam, one)


def note(coverage: Coverage, name: str, user: User | None) -> User | None:
    """Count a user; note what could not be read, and one who is gone."""
    if user is None:
        coverage.notes.append((name, GONE))
        return None
    coverage.users += 1
    if user.problems:
        coverage.problems.append((name, "; ".join(user.problems)))
    return user


def read(iam: Any, one: dict[str, Any], *, keys: bool = True) -> User | None:
    """A user, by single calls; None where they were deleted meanwhile.

    :param one: the user as ListUsers has it.
    :param keys: whether to read the access keys too.
    """
    name = one["UserName"]
    problems: list[str] = []
    password = has_password(iam, name, problems)
    devices = mfa_devices(iam, name, problems)
    found = access_keys(iam, name, problems) if keys else ()
    if GONE in problems:
        return None
    return User(
        name,
        one["Arn"],
        one.get("CreateDate"),
        password,
        one.get("PasswordLastUsed"),
        None if devices is None else bool(devices),
        found,
        devices,
        tuple(problems),
    )


def has_password(iam: Any, name: str, problems: list[str]) -> bool | None:
    """https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetLoginProfile.html"""
    try:
        aws.call(iam, "get_login_profile", UserName=name)
        return True
    except AwsError as error:
        if error.code == ABSENT:
            return False
        problems.append(str(error))
        return None


def mfa_devices(iam: Any, name: str, problems: list[str]) -> tuple[Device, ...] | None:
    """https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListMFADevices.html"""
    try:
        pages = list(aws.pages(iam, "list_mfa_devices", UserName=name))
    except AwsError as error:
        problems.append(GONE if error.code == ABSENT else str(error))
        return None
    return tuple(Device(one["SerialNumber"]) for page in pages for one in page["MFADevices"])


def access_keys(iam: Any, name: str, problems: list[str]) -> tuple[Key, ...] | None:
    """https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetAccessKeyLastUsed.html"""
    try:
        pages = list(aws.pages(iam, "list_access_keys", UserName=name))
    except AwsError as error:
        problems.append(GONE if error.code == ABSENT else str(error))
        return None
    keys = []
    for one in (one for page in pages for one in page["AccessKeyMetadata"]):
        key = Key(one["AccessKeyId"], one["Status"] == "Active", one.get("CreateDate"))
        try:
            said = aws.call(iam, "get_access_key_last_used", AccessKeyId=key.id)
            used = said.get("AccessKeyLastUsed", {})
            key = key._replace(
                last_used=used.get("LastUsedDate"),
                service=_known(used.get("ServiceName")),
                region=_known(used.get("Region")),
            )
        except AwsError as error:
            problems.append(f"{key.id}: {error}")
            key = key._replace(unread=True)
        keys.append(key)
    return tuple(keys)


def _known(value: object) -> str:
    """AWS writes N/A for a key that was never used."""
    return "" if value in (None, "N/A") else str(value)


class Report(NamedTuple):
    """The credential report: what AWS knew of all users up to four hours ago.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_getting-report.html
    """

    made: datetime
    users: dict[str, User]
    root: User | None


def report(iam: Any, sleep: Callable[[float], None] = time.sleep) -> Report:
    """
    :raises AwsError: AWS refused it, or did not make it in time.
    """
    for _ in range(PATIENCE):
        if aws.call(iam, "generate_credential_report")["State"] == "COMPLETE":
            break
        sleep(1)
    said = aws.call(iam, "get_credential_report")
    root = None
    users = {}
    for row in csv.DictReader(io.StringIO(said["Content"].decode())):
        user = _from_row(row)
        if user.name == ROOT:
            root = user
        else:
            users[user.name] = user
    return Report(said["GeneratedTime"], users, root)


def _from_row(row: dict[str, str]) -> User:
    keys = []
    known = True
    for slot in ("access_key_1", "access_key_2"):
        active = _flag(row.get(f"{slot}_active"))
        created = moment(row.get(f"{slot}_last_rotated"))
        known = known and active is not None
        if active or created:
            used = moment(row.get(f"{slot}_last_used_date"))
            service = _known(row.get(f"{slot}_last_used_service"))
            keys.append(Key("", bool(active), created, used, service))
    return User(
        row["user"],
        row["arn"],
        moment(row.get("user_creation_time")),
        _flag(row.get("password_enabled")),
        moment(row.get("password_last_used")),
        _flag(row.get("mfa_active")),
        tuple(keys) if known else None,
    )


def _flag(value: str | None) -> bool | None:
    """None where the report has neither yes nor no."""
    return {"true": True, "false": False}.get((value or "").lower())


def cheaply(
    iam: Any,
    coverage: Coverage,
    accused: Callable[[User], bool],
    *,
    fresh: bool = False,
    keys: bool = True,
    stopped: Callable[[], bool] = lambda: False,
) -> tuple[Report | None, Iterator[User]]:
    """Every user, mostly from the credential report: one call for all of them.

    By single calls are read those that it lacks or does not know enough of, and those that it
    accuses, since they may have mended it meanwhile.

    :param accused: whether something is wrong with a user.
    :param fresh: read everybody by single calls.
    :raises AwsError: neither the report nor the list of users can be read.
    """
    found: Report | None = None
    try:
        found = report(iam)
    except AwsError as error:
        if not fresh:
            coverage.notes.append(("", f"{error}: users were read one by one"))
    pages = listed(iam)
    try:
        first = next(pages, [])
    except AwsError as error:
        if found is None:
            raise
        coverage.notes.append(("", f"{error}: users are those of the credential report"))
        return found, _only_reported(found, coverage)

    def ask(one: dict[str, Any]) -> User | None:
        known = found.users.get(one["UserName"]) if found and not fresh else None
        if known and not _same(known, one):
            known = None
        if known and enough(known, keys) and not accused(known):
            return known
        if stopped():
            return None
        user = read(iam, one, keys=keys)
        if user and user.problems and known and enough(known, keys):
            return replace(known, problems=user.problems)
        return user

    def users() -> Iterator[User]:
        with ThreadPoolExecutor(AT_ONCE) as pool:
            try:
                for page in chain([first], pages):
                    for one, user in zip(page, pool.map(ask, page), strict=True):
                        if stopped():
                            return
                        if noted := note(coverage, one["UserName"], user):
                            yield noted
            except AwsError as error:  # of ListUsers: `ask` raises none
                coverage.problems.append(("", f"{error}: the users after the last one are missing"))

    return found, users()


def _same(known: User, one: dict[str, Any]) -> bool:
    """Whether a user was not deleted and made again under the same name since the report."""
    made = one.get("CreateDate")
    if made is None or known.created is None:
        return False
    return bool(abs(made - known.created) < timedelta(seconds=2))


def _only_reported(found: Report, coverage: Coverage) -> Iterator[User]:
    for user in found.users.values():
        coverage.users += 1
        yield user


def enough(user: User, keys: bool) -> bool:
    """Whether the credential report says all that an audit asks."""
    return None not in (user.password, user.mfa) and (user.keys is not None or not keys)
