"""What is new, open and fixed; and what nobody knows is none of these."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from moto.iam.models import iam_backends

from audit.cloud import OWN, K, P, audit, organization, the, virtual


def finding(check: str, account: str, resource: str, severity: str = "high") -> dict[str, str]:
    return {
        "severity": severity, "check": check, "account_id": account, "account_name": account,
        "resource": resource, "title": "A title", "detail": "", "fix": "",
    }  # fmt: skip


def file(folder: Path, name: str, accounts: list[str], *findings: dict[str, Any]) -> Path:
    metadata = {"accounts": accounts, "checks": []}
    path = folder / name
    path.write_text(json.dumps({"metadata": metadata, "findings": findings}))
    return path


def changes(*args: object) -> tuple[int, list[tuple[str, str]]]:
    ran = audit("diff", *map(str, args), "--format", "json")
    lines = [json.loads(line) for line in ran.out.splitlines()]
    return ran.code, [(line["change"], line["resource"]) for line in lines]


def test_fates(tmp_path: Path) -> None:
    """New first, then open, fixed, and what the later audit did not see."""
    old = file(
        tmp_path, "old.json", ["1", "2", "3"],
        finding("user-idle", "1", "user/open"), finding("user-idle", "1", "user/fixed"),
        finding("user-idle", "1", "user/denied"),
        finding("access-key-old", "1", "user/denied AKIA1"),
        finding("user-idle", "2", "user/closed-account"), finding("user-idle", "3", "user/refused"),
    )  # fmt: skip
    new = file(
        tmp_path, "new.json", ["1", "3"],
        finding("user-idle", "1", "user/open"), finding("user-idle", "1", "user/new", "low"),
        finding("root-used", "1", "root", "critical"), finding("not-read", "1", "user/denied"),
        finding("not-read", "3", "account"),
    )  # fmt: skip

    assert changes(old, new) == (
        1,
        [
            ("new", "root"),
            ("new", "user/denied"),
            ("new", "account"),
            ("new", "user/new"),
            ("still open", "user/open"),
            ("fixed", "user/fixed"),
            ("not read", "user/denied AKIA1"),
            ("not read", "user/denied"),
            ("not read", "user/closed-account"),
            ("not read", "user/refused"),
        ],
    )
    assert changes(old, old)[0] == 0


def test_folders(tmp_path: Path) -> None:
    """Two real runs, a week of work between them; a folder stands for its newest file."""
    before, after = tmp_path / "before", tmp_path / "after"
    with organization(1) as (cloud, _):
        cloud.account(OWN, P("ana", 3), P("bob", 3), P("ci", None, [K(made=200, used=1)]))
        assert audit("root", "--output", str(before)).code == 1
        ana, ci = (iam_backends[OWN]["aws"].users[name] for name in ("ana", "ci"))
        ana.enable_mfa_device(virtual(OWN, "ana"), "1", "2")
        cloud.people[OWN][0] = P("ana", 3, (), [virtual(OWN, "ana")])
        ci.access_keys.clear()
        cloud.people[OWN][2] = P("ci")
        cloud.account(OWN, P("eve", 3))
        assert audit("root", "--output", str(after)).code == 1
    old = json.loads(the(before, "iam_findings_*.json").read_text())
    shutil.copy(the(before, "iam_findings_*.json"), after / "iam_findings_2020-01-01T00-00-00.json")
    (key,) = [one["resource"] for one in old["findings"] if one["check"] == "access-key-old"]

    code, found = changes(before, after)

    assert code == 1
    assert found == [
        ("new", "user/eve"),
        ("still open", "user/bob"),
        ("still open", "account"),
        ("fixed", "user/ana"),
        ("fixed", key),
    ]
    ran = audit("diff", str(before), str(after))
    assert "1 new, 2 still open, 2 fixed, 0 not read" in ran.err
    assert f"new         high      {OWN} ({OWN})" in ran.out


def test_mfa(tmp_path: Path) -> None:
    """Files of `audit mfa` are compared by their FAIL; an ERROR fixes nothing."""
    before, after = tmp_path / "before", tmp_path / "after"
    with organization(1) as (cloud, _):
        cloud.account(OWN, P("ana", 3), P("bob", 3))
        audit("mfa", "--fresh", "--output", str(before))
        cloud.denied.add(("ListMFADevices", "ana"))
        audit("mfa", "--fresh", "--output", str(after))

    assert changes(before, after) == (
        1,
        [("new", "user/ana"), ("still open", "user/bob"), ("not read", "user/ana")],
    )


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "holds no JSON file of `trailbell audit root` or `audit mfa`"),
        ("nonsense", "is no JSON file of"),
        ("[]", "is no JSON file of"),
        ('{"metadata": {}, "findings": []}', "is no JSON file of"),
        ('{"metadata": {"accounts": [], "checks": []}, "findings": [1]}', "is no JSON file of"),
        ('{"metadata": {"accounts": ["1"]}, "findings": []}', "one is of `audit root`, the other"),
    ],
)
def test_wrong(content: str | None, said: str, tmp_path: Path) -> None:
    """What is no audit is told in a line."""
    good = file(tmp_path, "old.json", ["1"])
    other = tmp_path / "other"
    if content is None:
        other.mkdir()
    else:
        other.write_text(content)
    ran = audit("diff", str(good), str(other))

    assert ran.code == 2
    assert said in ran.err and ran.err.count("\n") == 1
