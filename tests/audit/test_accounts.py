"""Several accounts at once: none costs another, and nobody works on when nobody waits."""

from __future__ import annotations

import threading
import time

import pytest
from moto.organizations.models import organizations_backends

from audit.cloud import OWN, organization
from trailbell.audit.accounts import AT_ONCE, Access, Account, Caller
from trailbell.errors import AwsError

ACCOUNTS = [Account(f"{number:012}", f"team {number}") for number in range(30)]


def access(partition: str = "aws") -> Access:
    return Access(None, Caller(f"arn:{partition}:iam::{OWN}:user/me", OWN), role="A")


def test_failures() -> None:
    """What goes wrong with one is told of it, refused or unforeseen; the others are done."""

    def work(account: Account) -> int:
        if account == ACCOUNTS[3]:
            raise AwsError("list_users", "AccessDenied")
        if account == ACCOUNTS[4]:
            raise KeyError("Users")
        return int(account.id)

    came = dict(access().each(ACCOUNTS, work))

    assert came.pop(ACCOUNTS[3]) == "list_users: AccessDenied"
    assert came.pop(ACCOUNTS[4]) == "unforeseen: KeyError"
    assert came == {account: int(account.id) for account in [*ACCOUNTS[:3], *ACCOUNTS[5:]]}


def test_at_once() -> None:
    """Some accounts at a time, not all of them and not one."""
    lock, running, most = threading.Lock(), 0, 0
    met = threading.Barrier(AT_ONCE, timeout=10)

    def work(account: Account) -> None:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        if int(account.id) < AT_ONCE:
            met.wait()  # only who works beside others comes past it
        time.sleep(0.001)
        with lock:
            running -= 1

    assert len([*access().each(ACCOUNTS, work)]) == 30
    assert most == AT_ONCE


def test_interrupted() -> None:
    """After Ctrl-C those who read users are told, and no further account is begun."""
    begun: list[Account] = []
    of = access()

    def work(account: Account) -> None:
        begun.append(account)
        if account != ACCOUNTS[0]:
            assert of.stopped.wait(10)

    waiting = of.each(ACCOUNTS, work)
    with pytest.raises(KeyboardInterrupt):
        for _ in waiting:
            waiting.throw(KeyboardInterrupt)  # type: ignore[attr-defined]

    assert of.stopped.is_set()
    assert len(begun) <= AT_ONCE + 1


@pytest.mark.parametrize(
    ("partition", "region"),
    [("aws", "us-east-1"), ("aws-cn", "cn-north-1"), ("aws-us-gov", "us-gov-west-1")],
)
def test_partitions(partition: str, region: str) -> None:
    """China and GovCloud have an IAM of their own, elsewhere."""
    assert access(partition).home == region


def test_state() -> None:
    """Accounts that are not active are named and not begun, by either field that says so."""
    with organization(3) as (_, ids):
        backend = organizations_backends[OWN]["aws"]
        backend.get_account_by_id(ids[1]).state = "PENDING_CLOSURE"
        backend.get_account_by_id(ids[2]).state = ""
        backend.get_account_by_id(ids[2]).status = "SUSPENDED"
        found = {one.id: one.skipped for one in Access.enter(role="A").accounts()}

    assert found == {
        OWN: "", ids[1]: "the account is PENDING_CLOSURE", ids[2]: "the account is SUSPENDED",
    }  # fmt: skip
