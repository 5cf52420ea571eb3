"""Who signs in without MFA: the lines, the files and the rates, and nobody is taken for fine."""

from __future__ import annotations

import json
import re
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from moto.iam.models import iam_backends

from audit.cloud import OWN, Cloud, K, P, audit, organization, passkey, table, the, virtual
from trailbell import aws
from trailbell.audit import users
from trailbell.errors import AwsError

pytestmark = pytest.mark.slow  # moto takes its time

CSV_HEADER = b"username,has_console_access,mfa_enabled,compliance_status\r\n"


def found(folder: Path) -> Any:
    return json.loads(the(folder, "iam_audit_*.json").read_text())


def test_three(tmp_path: Path) -> None:
    """The lines, the summary, the CSV and the JSON, as people's scripts know them."""
    with organization(1) as (cloud, _):
        cloud.account(
            OWN, P("alice", 3, [], [virtual(OWN, "a")]), P("bob", -1), P("ci", None, [K()])
        )
        ran = audit("mfa", "--output", str(tmp_path))
    start = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00"
    stamp = r"iam_audit_\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d"

    assert ran.code == 1
    assert re.fullmatch(
        rf"""Checking: alice
    \[PASS\] MFA enabled for console user\.
Checking: bob
    \[FAIL\] Console access WITHOUT MFA!
Checking: ci
    \[INFO\] No console access \(MFA not required\)\.

={{40}}
Total users: 3
Compliant \(MFA enabled\): 1
No console access: 1
Non-compliant: 1

Audit started: {start}
Audit completed: {start}
Elapsed time: \d+\.\d\d seconds
Compliance rate: 33\.3%
Compliance rate of console users: 50\.0%

Results exported to:
  - .*/{stamp}\.csv
  - .*/{stamp}\.json
""",
        ran.out,
    )
    assert the(tmp_path, "iam_audit_*.csv").read_bytes() == (
        CSV_HEADER + b"alice,True,True,PASS\r\nbob,True,False,FAIL\r\nci,False,False,INFO\r\n"
    )
    text = the(tmp_path, "iam_audit_*.json").read_text()
    said = json.loads(text)
    assert text.startswith('{\n    "metadata": {\n        "audit_start": "')
    assert list(said) == ["metadata", "findings"]
    assert list(said["metadata"])[:5] == [
        "audit_start", "audit_end", "elapsed_seconds", "total_users", "compliance_rate",
    ]  # fmt: skip
    assert said["metadata"]["compliance_rate"] == "33.3%"
    assert said["metadata"]["compliance_rate_console_users"] == "50.0%"
    assert said["metadata"]["elapsed_seconds"] == round(said["metadata"]["elapsed_seconds"], 2)
    assert said["findings"] == [
        {"username": "alice", "has_console_access": True, "mfa_enabled": True,
         "compliance_status": "PASS"},
        {"username": "bob", "has_console_access": True, "mfa_enabled": False,
         "compliance_status": "FAIL"},
        {"username": "ci", "has_console_access": False, "mfa_enabled": False,
         "compliance_status": "INFO"},
    ]  # fmt: skip
    assert list(said["findings"][0]) == [
        "username", "has_console_access", "mfa_enabled", "compliance_status",
    ]  # fmt: skip


def mixture(cloud: Cloud, count: int = 150) -> dict[str, str]:
    """Users of every kind; name -> what becomes of them."""
    kinds = [*product((None, -1, 4), ((), ("v",), ("h",), ("p",), ("v", "p")))]
    expected = {}
    for number in range(count):
        password, devices = kinds[number % len(kinds)]
        name = f"user-{number:03}"
        of = {"v": virtual(OWN, name), "h": f"GAHT{number:08}", "p": passkey(OWN, name)}
        cloud.account(OWN, P(name, password, (), [of[one] for one in devices]))
        expected[name] = "INFO" if password is None else "PASS" if devices else "FAIL"
    return expected


def statuses(folder: Path) -> dict[str, str]:
    return {row["username"]: row["compliance_status"] for row in table(folder, "iam_audit_*.csv")}


def test_one_call(tmp_path: Path) -> None:
    """Everybody comes from one report; only those whom it accuses are asked for one by one."""
    with organization(1) as (cloud, _):
        expected = mixture(cloud)
        audit("mfa", "--output", str(tmp_path))
        calls = cloud.calls
    fails = [*expected.values()].count("FAIL")

    assert statuses(tmp_path) == expected
    assert calls["GetCredentialReport"] == 1
    assert calls["GetLoginProfile"] == calls["ListMFADevices"] == fails == 20
    assert calls["ListAccessKeys"] == 0


@pytest.mark.parametrize("how", ["fresh", "denied"])
def test_single_calls(tmp_path: Path, how: str) -> None:
    """The same comes out where there is no report, or none is wanted."""
    with organization(1) as (cloud, _):
        expected = mixture(cloud)
        if how == "denied":
            cloud.denied.add(("GenerateCredentialReport", ""))
        audit("mfa", "--output", str(tmp_path), *(["--fresh"] if how == "fresh" else []))
        assert cloud.calls["GetLoginProfile"] == 150

    assert statuses(tmp_path) == expected
    assert found(tmp_path)["metadata"]["credential_reports"] == {}


def test_denied(tmp_path: Path) -> None:
    """What is denied is ERROR and never INFO or PASS, for 150 users, and the exit says so."""
    with organization(1) as (cloud, _):
        mixture(cloud)
        cloud.denied |= {("GenerateCredentialReport", ""), ("GetLoginProfile", "")}
        ran = audit("mfa", "--output", str(tmp_path))

    assert {*statuses(tmp_path).values()} == {"ERROR"}
    assert ran.code == 1
    assert "Non-compliant: 0\nCould not be read: 150\n" in ran.out
    assert "    [ERROR] Could not be read: get_login_profile: AccessDenied" in ran.out
    rows = table(tmp_path, "iam_audit_*.csv")
    assert {row["has_console_access"] for row in rows} == {"ERROR"}
    assert found(tmp_path)["findings"][0]["problem"] == "get_login_profile: AccessDenied"


def test_mfa_denied(tmp_path: Path) -> None:
    """Without the devices a console user is ERROR; one without a password needs none."""
    with organization(1) as (cloud, _):
        cloud.account(OWN, P("ana", 3, (), ["GAHT00000001"]), P("bob", 3), P("ci"))
        cloud.denied |= {("GetCredentialReport", ""), ("ListMFADevices", "")}
        audit("mfa", "--output", str(tmp_path))

    assert statuses(tmp_path) == {"ana": "ERROR", "bob": "ERROR", "ci": "INFO"}


def test_stale_report(tmp_path: Path) -> None:
    """The report is hours old: newcomers, the reborn and those who mended it count as they are."""
    with organization(1) as (cloud, _):
        device = [virtual(OWN, "x")]
        cloud.account(OWN, P("mended", 3, (), device), P("newcomer", 3), P("left", 3))
        cloud.stale["mended"] = P("mended", 3)
        cloud.account(OWN, P("reborn", 3, made=0.1))
        cloud.stale["reborn"] = P("reborn", 3, (), device, made=800)
        cloud.unreported.add("newcomer")
        iam_backends[OWN]["aws"].users.pop("left")
        audit("mfa", "--output", str(tmp_path))

    assert statuses(tmp_path) == {"mended": "PASS", "newcomer": "FAIL", "reborn": "FAIL"}


def test_list_denied(tmp_path: Path) -> None:
    """Where users cannot be listed, those of the report do."""
    with organization(1) as (cloud, _):
        cloud.account(OWN, P("ana", 3, (), ["GAHT00000001"]), P("ci"))
        cloud.denied.add(("ListUsers", ""))
        ran = audit("mfa", "--output", str(tmp_path))

    assert statuses(tmp_path) == {"ana": "PASS", "ci": "INFO"}
    assert ran.code == 0
    assert "users are those of the credential report" in table(tmp_path, "cov*.csv")[0]["problem"]


def test_nobody(tmp_path: Path) -> None:
    """An account without users is 0.0 % of none, and no failure."""
    with organization(1):
        ran = audit("mfa", "--output", str(tmp_path))

    assert ran.code == 0
    assert "Total users: 0\n" in ran.out and "Compliance rate: 0.0%\n" in ran.out
    assert the(tmp_path, "iam_audit_*.csv").read_bytes() == CSV_HEADER


def test_organization(tmp_path: Path) -> None:
    """Several accounts: two more columns say which, and one that was not read fails the run."""
    with organization(26) as (cloud, ids):
        for one in ids:
            cloud.account(one, P(f"ana-{one}", 3, (), ["GAHT00000001"]))
        cloud.denied.add(("AssumeRole", f"arn:aws:iam::{ids[3]}:role/Audit"))
        ran = audit("mfa", "--role", "Audit", "--output", str(tmp_path))
    rows = table(tmp_path, "iam_audit_*.csv")

    assert list(rows[0]) == [
        *CSV_HEADER.decode().strip().split(","), "account_id", "account_name",
    ]  # fmt: skip
    assert [row["account_id"] for row in rows] == sorted({*ids} - {ids[3]})
    assert {row["compliance_status"] for row in rows} == {"PASS"}
    assert ran.code == 1
    assert "not read: team 03 (012345600004): assume_role: AccessDenied" in ran.err
    assert [one["account_id"] for one in found(tmp_path)["findings"]] == sorted({*ids} - {ids[3]})


def test_json(tmp_path: Path) -> None:
    """--format json: an object a line, and nothing else on stdout."""
    with organization(1) as (cloud, _):
        cloud.account(OWN, P("bob", 3))
        ran = audit("mfa", "--output", str(tmp_path), "--format", "json")
    lines = [json.loads(line) for line in ran.out.splitlines()]

    assert lines[0]["username"] == "bob"
    assert lines[1]["summary"]["non_compliant"] == 1
    assert [*lines[2]] == ["folder", "files"]


@pytest.mark.parametrize("unfinished", [0, 2, 10**6])
def test_report_takes_its_time(unfinished: int) -> None:
    """AWS makes the report when it is asked for; who asked waits a minute, and no longer."""
    with organization(1) as (cloud, _):
        cloud.unfinished = unfinished
        cloud.account(OWN, P("bob", 3))
        slept: list[float] = []
        iam = aws.client("iam")
        if unfinished < 60:
            assert [*users.report(iam, slept.append).users] == ["bob"]
        else:
            cloud.denied.add(("GetCredentialReport", ""))
            with pytest.raises(AwsError):
                users.report(iam, slept.append)

    assert sum(slept) == min(unfinished, 60)
