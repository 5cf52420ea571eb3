"""Findings of root, keys, users and the password policy; each with its controls."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import boto3
import pytest

from audit.cloud import (
    OWN,
    Cloud,
    K,
    P,
    Root,
    ago,
    audit,
    organization,
    passkey,
    table,
    the,
    virtual,
)
from pages import Page
from trailbell.audit.findings import CHECKS, NOT_READ
from trailbell.audit.users import Device

pytestmark = pytest.mark.slow  # moto takes its time

HEADER = (
    "severity,check,account_id,account_name,resource,title,detail,fix,"
    "cis_5_0_0,cis_3_0_0,nist_800_53_r5,soc_2,iso_27001_2022"
)


def policy(length: int = 14, reuse: int = 24) -> None:
    boto3.client("iam").update_account_password_policy(
        MinimumPasswordLength=length, PasswordReusePrevention=reuse
    )


Found = set[tuple[str, str, str]]


def found(folder: Path) -> Found:
    """Severity, check and resource."""
    rows = table(folder, "iam_findings_*.csv")
    return {(row["severity"], row["check"], row["resource"]) for row in rows}


def test_fine(tmp_path: Path) -> None:
    """Where all is well there is no finding, and the exit is 0."""
    with organization(1) as (cloud, _):
        policy()
        cloud.roots[OWN] = Root(mfa=True, signed_in=200)
        cloud.account(
            OWN,
            P("ana", 3, [K(made=10, used=1)], [passkey(OWN, "ana")]),
            P("ci", None, [K(made=89, used=89), K(False, 700, 600)]),
            P("nobody", made=700),
            P("newcomer", -1, (), ["GAHT00000001"], made=5),
        )
        ran = audit("root", "--output", str(tmp_path))

    assert (ran.code, found(tmp_path), ran.err) == (0, set(), "")
    assert the(tmp_path, "iam_findings_*.csv").read_text().strip() == HEADER
    assert "0 findings" in ran.out


CASES = {  # a user, and what is found of them: check, resource, severity
    "no-mfa": (P("u", 3), [("high", "console-without-mfa", "user/u")]),
    "no-password": (P("u", None, [K(used=1)]), []),
    "old-key": (P("u", None, [K(made=91, used=1)]), [("medium", "access-key-old", "user/u KEY0")]),
    "very-old-key": (P("u", None, [K(made=366, used=1)]),
                     [("high", "access-key-old", "user/u KEY0")]),
    "on-the-day": (P("u", 90, [K(made=90, used=90)], ["GAHT00000001"]), []),
    "inactive-key": (P("u", None, [K(False, 900)]), []),
    "never-used": (P("u", None, [K(made=20)], made=20),
                   [("medium", "access-key-never-used", "user/u KEY0")]),
    "new-key": (
        P("u", None, [K(made=6)], made=6),
        [("low", "access-key-never-used", "user/u KEY0")],
    ),
    "idle-key": (P("u", 3, [K(made=80), K(False)], ["GAHT00000001"]),
                 [("medium", "access-key-never-used", "user/u KEY0")]),
    "idle": (P("u", 91, (), ["GAHT00000001"]), [("medium", "user-idle", "user/u")]),
    "never-signed-in": (P("u", -1, (), ["GAHT00000001"], made=91),
                        [("medium", "user-idle", "user/u")]),
    "busy-by-key": (P("u", 300, [K(made=60, used=2)], ["GAHT00000001"]), []),
    "idle-with-key": (P("u", None, [K(made=500, used=100)]),
                      [("high", "access-key-old", "user/u KEY0"),
                       ("medium", "access-key-idle", "user/u KEY0"),
                       ("medium", "user-idle", "user/u")]),
    "two-keys": (P("u", None, [K(used=1), K(used=2)]), [("low", "two-active-keys", "user/u")]),
}  # fmt: skip


@pytest.mark.parametrize("report", [True, False], ids=["report", "single"])
def test_users(report: bool, tmp_path: Path) -> None:
    """The same is found with AWS's report and without; keys by their ids."""
    with organization(1) as (cloud, _):
        policy()
        cloud.account(OWN, *(user._replace(name=case) for case, (user, _) in CASES.items()))
        if not report:
            cloud.denied.add(("GetCredentialReport", ""))
        audit("root", "--output", str(tmp_path))
    wanted = {
        (severity, check, where.replace("user/u", f"user/{case}").replace(
            "KEY0", cloud.key_ids.get((case, 0), "")))
        for case, (_, expected) in CASES.items()
        for severity, check, where in expected
    }  # fmt: skip

    assert {one for one in found(tmp_path) if one[1] != NOT_READ} == wanted


@pytest.mark.parametrize("operation", ["ListAccessKeys", "GetLoginProfile"])
def test_idle_unknown(operation: str, tmp_path: Path) -> None:
    """Who may have signed in or used a key yesterday is not called idle."""
    with organization(1) as (cloud, _):
        policy()
        cloud.account(OWN, P("u", 300, (), ["GAHT00000001"]))
        cloud.denied |= {("GetCredentialReport", ""), (operation, "u")}
        audit("root", "--output", str(tmp_path))

    assert ("medium", "not-read", "user/u") in found(tmp_path)
    assert "user-idle" not in {check for _, check, _ in found(tmp_path)}


ROOTS = {
    "no-mfa": (Root(mfa=False), {("critical", "root-mfa-missing", "root")}),
    "app": (Root(virtual=True), {("low", "root-mfa-virtual", "root")}),
    "key": (Root(key=400), {("critical", "root-access-key", "root")}),
    "used": (Root(signed_in=90), {("high", "root-used", "root")}),
    "no-credentials": (Root(mfa=False, password=False), set()),
    "long-ago": (Root(signed_in=91), set()),
}


def test_root(tmp_path: Path) -> None:
    """What is wrong with root is found, and in the file of accounts too."""
    with organization(len(ROOTS)) as (cloud, ids):
        of = dict(zip(ids, ROOTS.values(), strict=True))
        cloud.roots.update({one: root for one, (root, _) in of.items()})
        audit("root", "--role", "A", "--output", str(tmp_path))
    rows = table(tmp_path, "iam_findings_*.csv")
    lines = the(tmp_path, "root_audit_report_*.csv").read_text("utf-8").splitlines()

    for one, (root, expected) in of.items():
        assert {
            (row["severity"], row["check"], row["resource"])
            for row in rows
            if row["account_id"] == one and row["resource"] == "root"
        } == expected
        last = "Nunca" if root.signed_in is None else f"{ago(root.signed_in):%Y-%m-%d}"
        (line,) = [line for line in lines if line.startswith(one)]
        assert line.split(",", 2)[2] == f"{root.mfa},{root.key is not None},{last}"
    assert lines[0] == "account_id,account_name,mfa_enabled,access_key_present,root_last_login"


@pytest.mark.parametrize(
    ("length", "reuse", "expected"),
    [
        (0, 0, {("medium", "password-policy-missing", "account")}),
        (13, 24, {("medium", "password-policy-length", "account")}),
        (14, 23, {("low", "password-policy-reuse", "account")}),
    ],
)
def test_policy(
    length: int, reuse: int, expected: set[tuple[str, str, str]], tmp_path: Path
) -> None:
    """No password policy, a short one, and one that forgets."""
    with organization(1):
        if length:
            policy(length, reuse)
        audit("root", "--output", str(tmp_path))

    assert found(tmp_path) == expected


def test_limits(tmp_path: Path) -> None:
    """--key-days and --idle-days say how long is too long."""
    with organization(1) as (cloud, _):
        policy()
        cloud.account(OWN, P("u", 50, [K(made=50, used=1)], ["GAHT00000001"]))
        audit("root", "--output", str(tmp_path), "--key-days", "45", "--idle-days", "45")

    assert {check for _, check, _ in found(tmp_path)} == {"access-key-old"}


DENIED = {
    "GetAccountSummary": ("get_account_summary", "ERROR,ERROR,Nunca"),
    "GetAccountPasswordPolicy": ("get_account_password_policy", "True,False,Nunca"),
    "ListVirtualMFADevices": ("list_virtual_mfa_devices", "True,False,Nunca"),
    "GetCredentialReport": ("does not tell of root", "True,False,ERROR"),
}


@pytest.mark.parametrize("operation", DENIED)
def test_denied(operation: str, tmp_path: Path) -> None:
    """What is denied is a finding of its own, and never looks like a no."""
    problem, cells = DENIED[operation]
    with organization(1) as (cloud, _):
        policy()
        cloud.denied.add((operation, ""))
        ran = audit("root", "--output", str(tmp_path))
    (row,) = table(tmp_path, "iam_findings_*.csv")

    assert ran.code == 1
    assert (row["check"], row["resource"]) == (NOT_READ, "account")
    assert problem in row["detail"]
    # Of MFA and keys the credential report tells too, which the summary's denial leaves.
    root = the(tmp_path, "root_audit_report_*.csv").read_text().splitlines()[1]
    assert root.split(",", 2)[2] == (
        "ERROR,False,Nunca" if operation == "GetAccountSummary" else cells
    )


def test_organization(tmp_path: Path) -> None:
    """26 accounts: the worst first, everywhere; all formats tell the same."""
    with organization(26) as (cloud, ids):
        for place, one in enumerate(ids):
            cloud.account(one, P(f"ana-{place}", 3, [K(used=1)], [virtual(one, "a")]))
            cloud.roots[one] = Root(mfa=place != 7)
        cloud.account(ids[4], P("bob", 3), P("old", None, [K(made=800, used=1)]))
        cloud.denied.add(("AssumeRole", f"arn:aws:iam::{ids[9]}:role/A"))
        cloud.denied.add(("ListMFADevices", "bob"))
        ran = audit("root", "--role", "A", "--output", str(tmp_path), "--format", "json")
    rows = table(tmp_path, "iam_findings_*.csv")
    said = json.loads(the(tmp_path, "iam_findings_*.json").read_text())
    severities = [row["severity"] for row in rows]
    order = ["critical", "high", "medium", "low", "info"]

    assert ran.code == 1
    assert severities == sorted(severities, key=order.index)
    assert (rows[0]["check"], rows[0]["account_id"]) == ("root-mfa-missing", ids[7])
    assert said["findings"] == rows
    assert said["metadata"]["counts"] == {one: severities.count(one) for one in order}
    assert [json.loads(line) for line in ran.out.splitlines()[:-1]] == rows
    unread = {(row["account_id"], row["resource"]) for row in rows if row["check"] == NOT_READ}
    assert unread == {(ids[9], "account"), (ids[4], "user/bob")}
    # The report knew of bob, and what it knew is not thrown away.
    assert (ids[4], "user/bob") in {
        (row["account_id"], row["resource"])
        for row in rows
        if row["check"] == "console-without-mfa"
    }
    page = Page.read(the(tmp_path, "iam_report_*.html").read_text())
    for row in rows:
        assert row["resource"] in page.text


def test_controls() -> None:
    """Every check but the one of our own names its controls in every framework."""
    for check in CHECKS.values():
        assert all(check.controls) or check.id == NOT_READ, check.id
    wanted = CHECKS["console-without-mfa"].named
    assert wanted["CIS AWS 3.0.0"] == "1.10"
    assert "IA-2" in wanted["NIST 800-53 r5"]
    assert wanted["SOC 2"] == "CC6.1"
    assert len(next(csv.reader([HEADER]))) == 13


@pytest.mark.parametrize(
    ("serial", "kind"),
    [
        (virtual(OWN, "phone"), "virtual"),
        ("arn:aws-cn:iam::111122223333:mfa/root-account-mfa-device", "virtual"),
        (passkey(OWN, "ana"), "passkey"),
        ("arn:aws:iam::111122223333:u2f/root-account/x-ABC", "passkey"),
        ("arn:aws:iam::111122223333:sms-mfa/ana", "sms"),
        ("GAHT12345678", "hardware"),
        ("virtual-looking", "hardware"),
    ],
)
def test_kinds(serial: str, kind: str) -> None:
    """The kind of a device is in its serial number, not in its name."""
    assert Device(serial).kind == kind


def test_calls(tmp_path: Path) -> None:
    """With AWS's report a user of whom nothing is wrong costs no call."""
    with organization(1) as (cloud, _):
        policy()
        cloud.account(OWN, *(P(f"u{n}", 3, (), ["GAHT00000001"]) for n in range(40)), P("bad", 3))
        audit("root", "--output", str(tmp_path))

    assert isinstance(cloud, Cloud)
    assert cloud.calls["GetLoginProfile"] == cloud.calls["ListAccessKeys"] == 1
