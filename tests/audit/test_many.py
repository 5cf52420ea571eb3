"""10,000 users: so many calls each, so much time, and no more memory than for 2,000."""

from __future__ import annotations

import threading
import time
import tracemalloc
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from trailbell.audit import inventory, mfa, root
from trailbell.audit.accounts import Access, Account, Caller
from trailbell.audit.write import Folder

ACCOUNT = Account("012345678901", "big")
NOW = datetime(2026, 3, 17, tzinfo=UTC)
COLUMNS = (
    "user,arn,user_creation_time,password_enabled,password_last_used,mfa_active,"
    "access_key_1_active,access_key_1_last_rotated,access_key_1_last_used_date,"
    "access_key_2_active,access_key_2_last_rotated,access_key_2_last_used_date"
)


class Iam:
    """An account of IAM; every second user has a password, every one a key, every tenth no MFA."""

    def __init__(self, users: int) -> None:
        self.users = users
        self.calls: Counter[str] = Counter()
        self._lock = threading.Lock()

    def _count(self, operation: str) -> None:
        with self._lock:
            self.calls[operation] += 1

    def get_paginator(self, operation: str) -> Any:
        iam = self

        class Pages:
            def paginate(self, **request: Any) -> Iterator[dict[str, Any]]:
                return iam.pages(operation, **request)

        return Pages()

    def pages(self, operation: str, **request: Any) -> Iterator[dict[str, Any]]:
        if operation == "list_users":
            size = request["PaginationConfig"]["PageSize"]
            for first in range(0, self.users, size):
                self._count(operation)
                yield {
                    "Users": [self._user(n) for n in range(first, min(first + size, self.users))]
                }
            return
        self._count(operation)
        if operation == "list_mfa_devices":
            number = int(request["UserName"][5:])
            yield {"MFADevices": [] if number % 10 == 0 else [{"SerialNumber": "GAHT00000001"}]}
        elif operation == "list_access_keys":
            key = {"AccessKeyId": f"AKIA{request['UserName']}", "Status": "Active",
                   "CreateDate": NOW - timedelta(days=5)}  # fmt: skip
            yield {"AccessKeyMetadata": [key]}
        elif operation == "list_virtual_mfa_devices":
            yield {"VirtualMFADevices": []}
        else:
            yield {"Events": []}

    def _user(self, number: int) -> dict[str, Any]:
        name = f"user-{number:06}"
        return {"UserName": name, "Arn": f"arn:aws:iam::{ACCOUNT.id}:user/{name}",
                "CreateDate": NOW - timedelta(days=5)}  # fmt: skip

    def get_login_profile(self, UserName: str) -> dict[str, Any]:
        self._count("get_login_profile")
        if int(UserName[5:]) % 2:
            raise ClientError({"Error": {"Code": "NoSuchEntity"}}, "GetLoginProfile")
        return {"LoginProfile": {}}

    def get_access_key_last_used(self, AccessKeyId: str) -> dict[str, Any]:
        self._count("get_access_key_last_used")
        return {"AccessKeyLastUsed": {"LastUsedDate": NOW, "ServiceName": "s3", "Region": "x"}}

    def generate_credential_report(self) -> dict[str, Any]:
        self._count("generate_credential_report")
        return {"State": "COMPLETE"}

    def get_credential_report(self) -> dict[str, Any]:
        self._count("get_credential_report")
        day = "2026-03-12T00:00:00+00:00"
        none = "false,N/A,N/A"
        lines = [COLUMNS, f"<root_account>,x,{day},not_supported,no_information,true,{none},{none}"]
        for number in range(self.users):
            user = self._user(number)
            lines.append(
                f"{user['UserName']},{user['Arn']},{day},{number % 2 == 0},{day},"
                f"{number % 10 != 0},true,{day},{day},{none}"
            )
        return {"Content": "\n".join(lines).encode(), "GeneratedTime": NOW}

    def get_account_summary(self) -> dict[str, Any]:
        return {"SummaryMap": {"AccountMFAEnabled": 1}}

    def get_account_password_policy(self) -> dict[str, Any]:
        return {"PasswordPolicy": {"MinimumPasswordLength": 14, "PasswordReusePrevention": 24}}


class _Access(Access):
    """A way into one account, whose client is not AWS's."""

    def __init__(self, iam: Iam) -> None:
        super().__init__(None, Caller(f"arn:aws:iam::{ACCOUNT.id}:user/me", ACCOUNT.id))
        self._iam = iam

    def clients(self, account: Account) -> Any:
        return lambda service: self._iam


def measured(users: int, folder: Path, what: str) -> tuple[Iam, int, float]:
    """The account after an audit, its peak of memory in bytes, and its seconds."""
    iam = Iam(users)
    access = _Access(iam)
    began = time.perf_counter()
    tracemalloc.start()
    if what == "inventory":
        words = inventory.LABELS["es"]
        parts = inventory.inventory(access, [ACCOUNT], words, NOW, NOW, lambda part: None)
        inventory.write(Folder(folder), parts, NOW)
        assert parts[0].coverage.users == users, parts[0].coverage
    elif what == "mfa":
        found = mfa.check(access, [ACCOUNT], lambda part: None)
        assert len(found[0].rows) == users
        assert mfa.Summary.of(found, NOW, NOW).counts == {
            "PASS": users * 4 // 10, "FAIL": users // 10, "INFO": users // 2,
        }  # fmt: skip
    else:
        standing = root.check(access, [ACCOUNT], root.Limits(NOW), lambda part: None)
        assert len(standing[0].findings) == users // 10
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return iam, peak, time.perf_counter() - began


@pytest.mark.slow
def test_inventory(tmp_path: Path) -> None:
    """Four calls a user with one key, ten for the list; memory is that of a page."""
    _, small, _ = measured(2_000, tmp_path / "small", "inventory")
    iam, large, seconds = measured(10_000, tmp_path / "large", "inventory")
    (file,) = (tmp_path / "large").glob("iam_audit_report_*.csv")

    assert file.read_text().count("\n") == 10_001
    assert iam.calls.pop("list_users") == 10
    assert iam.calls.pop("lookup_events") == 5
    assert iam.calls == dict.fromkeys(
        ("get_login_profile", "list_mfa_devices", "list_access_keys", "get_access_key_last_used"),
        10_000,
    )
    print(f"inventory of 10,000 users: {seconds:.1f} s, {large / 1e6:.1f} MB")  # noqa: T201
    assert large < small * 1.2, (small, large)
    assert seconds < 120  # of our own, with tracemalloc and a busy machine


@pytest.mark.slow
@pytest.mark.parametrize("what", ["mfa", "root"])
def test_report(what: str, tmp_path: Path) -> None:
    """One report for 10,000 users; calls only for those it accuses; a few KB a user at most."""
    iam, peak, seconds = measured(10_000, tmp_path, what)

    assert iam.calls.pop("get_credential_report") == 1
    assert iam.calls.pop("generate_credential_report") == 1
    assert iam.calls.pop("list_users") == 10
    assert iam.calls.pop("get_login_profile") == iam.calls.pop("list_mfa_devices") == 1_000
    assert sum(iam.calls.values()) <= (2_001 if what == "root" else 0), iam.calls
    print(f"{what} of 10,000 users: {seconds:.1f} s, {peak / 1e6:.1f} MB")  # noqa: T201
    assert peak < 10_000 * 4_000
    assert seconds < 120
