"""Every user and every key is in the file, and what could not be read looks like nothing else."""

from __future__ import annotations

import hashlib
import json
import stat
from itertools import product
from pathlib import Path
from typing import NamedTuple

import botocore.handlers
import pytest

from audit.cloud import (
    OWN,
    Cloud,
    K,
    P,
    ago,
    audit,
    close,
    event,
    organization,
    passkey,
    table,
    the,
    virtual,
)
from cli.conftest import Ran
from trailbell.audit import accounts, inventory

# As the files of the seed begin, byte by byte.
KEYS_HEADER = (
    b"account_id,account_name,username,password_status,password_last_used,access_key_id,status,"
    b"created_date,last_used_date,service_name,mfa_status,"
)
EVENTS_HEADER = b"eventTime,eventName,username,account_id,account_name,resources,outcome,region\r\n"

pytestmark = pytest.mark.slow  # 26 accounts in moto

PASSWORDS = {  # how it is, and what the two cells say
    None: ("No configurada", "Nunca"),
    -1: ("Configurada", "Nunca"),
    5: ("Configurada", f"{ago(5)}"),
}
KEYS: dict[tuple[K, ...], list[tuple[str, str, str, str]]] = {
    (): [("", "", "", "")],
    (K(made=30, used=2, service="ec2"),): [("Active", f"{ago(30)}", f"{ago(2)}", "ec2")],
    (K(made=200),): [("Active", f"{ago(200)}", "Nunca utilizada", "N/A")],
    (K(False, 90, 80),): [("Inactive", f"{ago(90)}", f"{ago(80)}", "s3")],
    (K(made=3), K(False, 700)): [
        ("Active", f"{ago(3)}", "Nunca utilizada", "N/A"),
        ("Inactive", f"{ago(700)}", "Nunca utilizada", "N/A"),
    ],
}
DEVICES = ("", "virtual", "hardware", "passkey", "virtual passkey")
MFA = {
    "": "None",
    "virtual": "Virtual",
    "hardware": "Hardware",
    "passkey": "Passkey",
    "virtual passkey": "Virtual, Passkey",
}


def serials(account: str, name: str, kinds: str) -> list[str]:
    of = {
        "virtual": virtual(account, name),
        "hardware": f"GAHT{abs(hash(name)) % 10**8:08}",
        "passkey": passkey(account, name),
    }
    return [of[kind] for kind in kinds.split()]


class Done(NamedTuple):
    cloud: Cloud
    ids: list[str]
    folder: Path
    ran: Ran
    expected: list[tuple[str, ...]]
    """The seed's 11 columns, in the order of the file."""


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Done:
    """26 accounts, 158 users, every mixture; denials and throttling on the way."""
    folder = tmp_path_factory.mktemp("inventory") / "a" / "new folder"
    expected: dict[str, list[tuple[str, ...]]] = {}
    with organization(26) as (cloud, ids):
        names = {one: f"team {place:02}" for place, one in enumerate(ids)}
        names[OWN] = "master"
        mixtures = [*product(PASSWORDS, KEYS, DEVICES)] * 2
        for number, (password, keys, kinds) in enumerate(mixtures):
            account = ids[number % 24]  # two accounts stay empty
            name = f"user-{number:03}"
            devices = serials(account, name, kinds)
            cloud.account(account, P(name, password, keys, devices))
            ids_of = [cloud.key_ids.get((name, place), "") for place in range(max(1, len(keys)))]
            for key, cells in zip(ids_of, KEYS[keys], strict=True):
                expected.setdefault(account, []).append(
                    (account, names[account], name, *PASSWORDS[password], key, *cells, MFA[kinds])
                )
        denied(cloud, ids[1], names[ids[1]], expected)
        cloud.throttled.update(
            {("ListUsers", ids[2]): 2, ("ListMFADevices", "user-004"): 3,
             ("GetAccessKeyLastUsed", ""): 4, ("LookupEvents", ids[1]): 2}
        )  # fmt: skip
        role = f"arn:aws:iam::{ids[24]}:role/path/SecurityAudit"
        cloud.denied.add(("AssumeRole", role))
        close(ids[25])
        cloud.events[ids[1]] = [
            *(event("CreateUser", 1 + number / 10, number) for number in range(120)),
            event("DeleteUser", 2, 500, "AccessDenied"),
            event("CreateAccessKey", 3, 501, Username="", Resources=[]),
            event("DeleteAccessKey", 89, 502),
            event("UpdateUser", 1, 503),
            event("CreateUser", 95, 504),
        ]
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(accounts, "TRIES", 5)  # else it takes twice as long
            ran = audit("inventory", "--role", "path/SecurityAudit", "--output", str(folder))
    return Done(cloud, ids, folder, ran, [row for one in sorted(expected) for row in expected[one]])


def denied(
    cloud: Cloud, account: str, name: str, expected: dict[str, list[tuple[str, ...]]]
) -> None:
    """Users of whom one thing each is not told."""
    for what, user in {
        "GetLoginProfile": "deny-password",
        "ListMFADevices": "deny-mfa",
        "ListAccessKeys": "deny-keys",
    }.items():
        cloud.account(account, P(user, 5, [K(used=1)]))
        cloud.denied.add((what, user))
    cloud.account(account, P("deny-last-used", None, [K(used=1)]))
    key = {user: cloud.key_ids[user, 0] for user in ("deny-password", "deny-mfa", "deny-last-used")}
    cloud.denied.add(("GetAccessKeyLastUsed", key["deny-last-used"]))
    cloud.account(account, P("gone", 5))
    cloud.throttled["GetLoginProfile", "always-busy"] = 10**6
    cloud.account(account, P("always-busy", 5))
    key_cells = ("Active", f"{ago(10)}", f"{ago(1)}", "s3")
    since = f"{ago(5)}"
    expected[account] += [
        (account, name, "deny-password", "ERROR", since, key["deny-password"], *key_cells, "None"),
        (account, name, "deny-mfa", "Configurada", since, key["deny-mfa"], *key_cells, "ERROR"),
        (account, name, "deny-keys", "Configurada", since, *("ERROR",) * 5, "None"),
        (account, name, "deny-last-used", "No configurada", "Nunca", key["deny-last-used"],
         "Active", f"{ago(10)}", "ERROR", "ERROR", "None"),
        (account, name, "gone", "Configurada", since, *("",) * 5, "None"),
        (account, name, "always-busy", "ERROR", since, *("",) * 5, "None"),
    ]  # fmt: skip


def test_rows(done: Done) -> None:
    """A row for each access key, one for each user without; 26 accounts, all mixtures."""
    rows = table(done.folder, "iam_audit_report_*.csv")

    assert [tuple(row.values())[:11] for row in rows] == done.expected
    assert len({row["username"] for row in rows}) == 156
    assert len({row["account_id"] for row in rows}) == 24
    assert {row["account_id"][0] for row in rows} == {"0", "1"}  # ids keep their zeros


def test_devices(done: Done) -> None:
    """All devices of a user are named, whatever their kind."""
    rows = table(done.folder, "iam_audit_report_*.csv")

    for row in rows:
        kinds = next(kinds for kinds, shown in [*MFA.items(), ("", "ERROR")]
                     if shown == row["mfa_status"])  # fmt: skip
        if row["mfa_status"] != "ERROR":
            assert row["mfa_devices"] == ", ".join(
                serials(row["account_id"], row["username"], kinds)
            )


def test_headers(done: Done) -> None:
    """The columns that people's sheets and queries go by come first, byte by byte; CRLF."""
    for pattern, header in {
        "iam_audit_report_*.csv": KEYS_HEADER,
        "cloudtrail_events_*.csv": EVENTS_HEADER,
    }.items():
        content = the(done.folder, pattern).read_bytes()
        assert content.startswith(header)
        assert content.count(b"\n") == content.count(b"\r\n") > 1
    assert the(done.folder, "iam_audit_report_[0-9]*_[0-9]*.csv").name[17:].count("_") == 1


def test_events(done: Done) -> None:
    """Who came and went in the last 90 days, the latest first; failed calls are told apart."""
    rows = table(done.folder, "cloudtrail_events_*.csv")
    account = done.ids[1]

    assert len(rows) == 123
    assert [row["eventTime"] for row in rows] == sorted(
        (row["eventTime"] for row in rows), reverse=True
    )
    (refused,) = [row for row in rows if row["eventName"] == "DeleteUser"]
    assert refused == {
        "eventTime": f"{ago(2)}", "eventName": "DeleteUser", "username": "carla",
        "account_id": account, "account_name": "team 01", "resources": "dana",
        "outcome": "denied", "region": "us-east-1",
    }  # fmt: skip
    (key,) = [row for row in rows if row["eventName"] == "CreateAccessKey"]
    assert (key["username"], key["resources"], key["outcome"]) == ("N/A", "", "succeeded")


def test_coverage(done: Done) -> None:
    """Which account or user could not be read, and why; a closed account is only noted."""
    rows = table(done.folder, "coverage_*.csv")
    status = {(row["account_id"], row["username"]): (row["status"], row["problem"]) for row in rows}
    one = done.ids[1]

    assert list(rows[0]) == [
        "account_id", "account_name", "username", "status", "users", "problem",
    ]  # fmt: skip
    assert status.pop((done.ids[24], "")) == ("not read", "assume_role: AccessDenied")
    assert status.pop((done.ids[25], "")) == ("skipped", "the account is SUSPENDED")
    assert status.pop((one, ""))[0] == "partly read"
    assert status.pop((one, "deny-password")) == ("not read", "get_login_profile: AccessDenied")
    assert status.pop((one, "deny-mfa")) == ("not read", "list_mfa_devices: AccessDenied")
    assert status.pop((one, "deny-keys")) == ("not read", "list_access_keys: AccessDenied")
    assert status.pop((one, "always-busy")) == ("not read", "get_login_profile: Throttling")
    assert status.pop((one, "deny-last-used"))[1].endswith("get_access_key_last_used: AccessDenied")
    assert {*status.values()} == {("read", "")}
    assert len(status) == 23


def test_exit_and_words(done: Done) -> None:
    """Exit 1, since an account was not read; the console is English and says which."""
    ran = done.ran

    assert ran.code == 1
    assert "Account team 02 (012345600003): 7 users" in ran.out
    assert "not read: team 24" in ran.err
    assert f"Users: {156}" in ran.out
    assert "Nunca" not in ran.out + ran.err


def test_manifest(done: Done) -> None:
    """Who asked, what for, when; and the SHA-256 of every file, each for its owner only."""
    said = json.loads((done.folder / "manifest.json").read_text())
    others = {file.name: file for file in done.folder.iterdir() if file.name != "manifest.json"}

    assert said["caller"].startswith(f"arn:aws:sts::{OWN}:")
    assert [one["id"] for one in said["accounts"]] == sorted(done.ids)
    assert said["start"] <= said["end"]
    assert said["command"] == "audit inventory"
    assert said["trailbell"]
    assert said["files"] == {
        name: hashlib.sha256(file.read_bytes()).hexdigest() for name, file in others.items()
    }
    for file in done.folder.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_calls(done: Done) -> None:
    """Own credentials in the own account, a role in the others; pages of accounts and users."""
    calls = done.cloud.calls

    assert calls["AssumeRole"] == 24  # 23 that were read, and the one that refused
    assert calls["ListAccounts"] == 2
    assert calls["ListUsers"] >= 24 + 2  # and what was throttled


def test_english(tmp_path: Path) -> None:
    """--labels en: no cell that pandas takes for nothing."""
    with organization(1) as (cloud, _):
        cloud.account(OWN, P("ana"), P("bob", -1, [K()]), P("eve", 3, [K()], ["GAHT00000001"]))
        ran = audit("inventory", "--labels", "en", "--output", str(tmp_path), "--days", "3")
    rows = table(tmp_path, "iam_audit_report_*.csv")
    columns = ("password_status", "password_last_used", "last_used_date", "service_name",
               "mfa_status")  # fmt: skip

    assert (ran.code, ran.err) == (0, "")
    assert [[row[column] for column in columns] for row in rows] == [
        ["Not configured", "Never", "", "", "No MFA"],
        ["Configured", "Never", "Never used", "No service", "No MFA"],
        ["Configured", f"{ago(3)}", "Never used", "No service", "Hardware"],
    ]


def test_empty(tmp_path: Path) -> None:
    """An account without users leaves headers, and an event history of so many days is asked."""
    with organization(1) as (cloud, _):
        cloud.events[OWN] = [event("CreateUser", days, days) for days in (1, 4)]
        ran = audit("inventory", "--output", str(tmp_path), "--since", f"{ago(2):%Y-%m-%d}")

    assert ran.code == 0
    assert the(tmp_path, "iam_audit_report_*.csv").read_bytes().startswith(KEYS_HEADER)
    assert [row["eventTime"] for row in table(tmp_path, "cloudtrail_events_*.csv")] == [f"{ago(1)}"]


def test_formulas(tmp_path: Path) -> None:
    """A name that a spreadsheet would run is defused; in JSON it stands as it is."""
    with organization(1) as (cloud, _):
        cloud.account(OWN, *(P(name, 3) for name in ("=cmd", "+ops", "-x", "@all", "a=b")))
        audit("inventory", "--output", str(tmp_path))
        audit("mfa", "--output", str(tmp_path))
    names = [row["username"] for row in table(tmp_path, "iam_audit_report_*.csv")]

    assert names == ["'=cmd", "'+ops", "'-x", "'@all", "a=b"]
    found = json.loads(the(tmp_path, "iam_audit_*.json").read_text())["findings"]
    assert [one["username"] for one in found] == ["=cmd", "+ops", "-x", "@all", "a=b"]


def test_denied_in_the_middle(tmp_path: Path) -> None:
    """Where the list of users breaks off, those before are kept, and the gap is told."""
    with organization(1) as (cloud, _):
        cloud.account(OWN, *(P(f"user-{number:02}", 3) for number in range(20)))
        answer, pages = cloud._answer, []

        def second_page_denied(request, event_name, **more):  # type: ignore[no-untyped-def]
            if event_name.endswith("ListUsers"):
                pages.append(1)
                if len(pages) == 2:
                    cloud.denied.add(("ListUsers", ""))
            return answer(request, event_name, **more)

        handlers = botocore.handlers.BUILTIN_HANDLERS
        with pytest.MonkeyPatch.context() as patch:
            hook = ("before-send.iam", second_page_denied)
            kept = [one for one in handlers if one[0] != "before-send.iam"]
            patch.setattr(botocore.handlers, "BUILTIN_HANDLERS", [*kept, hook])
            ran = audit("inventory", "--output", str(tmp_path))

    assert ran.code == 1
    assert len(table(tmp_path, "iam_audit_report_*.csv")) == 7
    assert "list_users: AccessDenied: the users after the last one are missing" in ran.err


@pytest.mark.parametrize("how", ["denied", "unforeseen"])
def test_no_events(how: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the event history cannot be read, users are there all the same, and it is told."""
    with organization(1) as (cloud, _):
        cloud.account(OWN, P("ana", 3))
        cloud.denied.add(("LookupEvents", ""))
        if how == "unforeseen":
            monkeypatch.setattr(inventory, "events", lambda *_: [][0])
        ran = audit("inventory", "--output", str(tmp_path))

    assert ran.code == 1
    assert [row["username"] for row in table(tmp_path, "iam_audit_report_*.csv")] == ["ana"]
    assert the(tmp_path, "cloudtrail_events_*.csv").read_bytes() == EVENTS_HEADER
    said = {"denied": "AccessDeniedException", "unforeseen": "unforeseen: IndexError"}[how]
    assert ran.err == f"not read: {OWN} ({OWN}): lookup_events: {said}\n"


def test_without_a_role(tmp_path: Path) -> None:
    """It is the caller's own account; the organization's others are told to be left out."""
    with organization(4) as (cloud, ids):
        for one in ids:
            cloud.account(one, P(f"user-{one}", 3))
        ran = audit("inventory", "--output", str(tmp_path))
    coverage = table(tmp_path, "coverage_*.csv")

    assert ran.code == 0
    assert [row["account_id"] for row in table(tmp_path, "iam_audit_report_*.csv")] == [OWN]
    assert [(row["status"], row["problem"]) for row in coverage] == [
        *[("skipped", "no --role was named")] * 3,
        ("read", ""),
    ]
    assert ran.err == "not looked at: 3 accounts, since no --role was named\n"


def test_some_accounts(tmp_path: Path) -> None:
    """--accounts: those and no others, even where the organization may not be listed."""
    with organization(4) as (cloud, ids):
        cloud.denied.add(("ListAccounts", ""))
        for one in ids:
            cloud.account(one, P(f"user-{one}", 3))
        wanted = f"{ids[3]}, {ids[1]}"
        ran = audit("inventory", "--role", "A", "--accounts", wanted, "--output", str(tmp_path))
    rows = table(tmp_path, "iam_audit_report_*.csv")

    assert ran.code == 0, ran.err
    assert [row["account_id"] for row in rows] == [ids[1], ids[3]]
