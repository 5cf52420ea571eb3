"""Wrong arguments, no credentials, no rights: one line and exit 2. And --notify."""

from __future__ import annotations

import json
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path

import boto3
import pytest

import tables
from audit.cloud import OWN, Cloud, K, P, audit, organization
from cli.conftest import Ran
from fakes import Receiver
from trailbell.model import Event
from trailbell.settings import Mute
from trailbell.testing import call, role

pytestmark = pytest.mark.slow  # moto takes its time

AUDITS = ("inventory", "mfa", "root")
SECRET = "wJalrXUtnFEMIs3cretKey"


@pytest.fixture(autouse=True)
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def one() -> Iterator[Cloud]:
    """An account with somebody to complain about."""
    with organization(1) as (cloud, _):
        cloud.account(OWN, P("ana", 3), P("ci", None, [K(made=800)]))
        yield cloud


def refused(ran: Ran, said: str) -> None:
    assert ran.code == 2, ran
    assert said in ran.err
    assert ran.err.startswith("trailbell: ") and ran.err.count("\n") == 1
    assert ran.out == ""


@pytest.mark.parametrize("command", AUDITS)
@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["--accounts", "123"], "--accounts '123' is no account: those have 12 digits"),
        (["--accounts", "١٢٣٤٥٦٧٨٩٠١٢"], "is no account"),
        (["--accounts", ","], "--accounts is empty"),
        (["--accounts", "111122223333"], "is not the caller's own (123456789012): --role"),
        (["--role", "a b"], "--role 'a b' is no name of a role"),
        (["--external-id", "x"], "--external-id goes with --role"),
        (["--profile", "nobody"], "there is no profile 'nobody'"),
        (["--output", "file"], "file"),
        (["--output", "file/x"], "cannot write into file/x"),
        (["--config", "nowhere.py"], "there is no such file"),
        (["--notify"], "--notify: CHANNELS is empty"),
        (["--nonsense"], "--nonsense"),
        (["surplus"], "surplus"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_wrong_arguments(command: str, args: list[str], said: str, one: Cloud) -> None:
    """One line that names the option."""
    Path("file").touch()
    refused(audit(command, *args), said)
    assert [file.name for file in Path().iterdir()] == ["file"]


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["inventory", "--since", "2020-01-01"], "goes back 90 days"),
        (["inventory", "--since", "2999-01-01"], "is in the future"),
        (["inventory", "--since", "soon"], "'soon' is no date"),
        (["inventory", "--since", "2026-01-01", "--days", "3"], "name one of them"),
        (["inventory", "--days", "91"], "--days"),
        (["inventory", "--labels", "fr"], "--labels"),
        (["root", "--key-days", "0"], "--key-days"),
        (["diff"], "OLD"),
        (["diff", "nowhere", "nowhere"], "nowhere"),
        (["everything"], "everything"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_wrong_values(args: list[str], said: str, one: Cloud) -> None:
    """The same of what only one command takes."""
    refused(audit(*args), said)


@pytest.mark.parametrize("command", AUDITS)
def test_no_credentials(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody is asked where there is nothing to ask with; and no file is left."""
    with tables.aws():
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere")
        monkeypatch.setenv("AWS_CONFIG_FILE", "/nowhere")
        refused(audit(command), "no AWS credentials were found")
    assert [*Path().iterdir()] == []


@pytest.mark.parametrize("command", AUDITS)
def test_credentials_refused(
    command: str, one: Cloud, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Credentials that ran out are told so; the secret is nowhere, at DEBUG neither."""
    caplog.set_level("DEBUG")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    one.denied.add(("GetCallerIdentity", ""))
    ran = audit(command)

    refused(ran, "the AWS credentials do not work: AccessDenied")
    assert SECRET not in ran.err + caplog.text


@pytest.mark.parametrize("command", ["mfa", "root"])
def test_no_rights(command: str, one: Cloud) -> None:
    """Where nothing at all could be read, there is nothing to report on."""
    one.denied |= {("ListUsers", ""), ("GetCredentialReport", "")}
    refused(audit(command), f"no account could be read: {OWN} ({OWN}): list_users: AccessDenied")


def test_no_rights_for_the_inventory(one: Cloud) -> None:
    """An account that could not be read is exit 1, the only one too; one line says why."""
    one.denied.add(("ListUsers", ""))
    ran = audit("inventory")

    assert ran.code == 1
    assert ran.err == f"not read: {OWN} ({OWN}): list_users: AccessDenied\n"


@pytest.mark.parametrize("command", AUDITS)
def test_organization_denied(command: str) -> None:
    """Without the right to list the organization's accounts, a role alone is not enough."""
    with organization(3) as (cloud, _):
        cloud.denied.add(("ListAccounts", ""))
        refused(audit(command, "--role", "A"), "list_accounts: AccessDenied")


@pytest.mark.parametrize("command", AUDITS)
@pytest.mark.parametrize("how", ["none", "empty"])
def test_no_organization(command: str, how: str, one: Cloud) -> None:
    """With a role and without an organization it is the caller's own account."""
    one.organization = how == "empty"
    assert audit(command, "--role", "A").code in (0, 1)
    assert one.calls["AssumeRole"] == 0
    assert one.calls["ListUsers"] == 1


def test_alias(one: Cloud) -> None:
    """The caller's own account is called by the settings, else by its alias."""
    assert audit("inventory").out.startswith(f"Account {OWN} ({OWN}): 2 users")
    boto3.client("iam").create_account_alias(AccountAlias="example-main")
    assert audit("inventory").out.startswith(f"Account example-main ({OWN}): 2 users")
    Path("configs.py").write_text(f"ACCOUNTS = {{{OWN!r}: 'main'}}\n")
    assert audit("inventory").out.startswith(f"Account main ({OWN}): 2 users")


def test_json(one: Cloud) -> None:
    """An object a line, and nothing else on stdout."""
    lines = [json.loads(line) for line in audit("inventory", "--format", "json").out.splitlines()]

    assert lines[0] == {
        "account": OWN, "name": OWN, "status": "read", "users": 2, "keys": 1, "events": 0,
        "problems": [],
    }  # fmt: skip
    assert [*lines[1]] == ["folder", "files"]


@pytest.mark.parametrize("command", AUDITS)
def test_bar(command: str, one: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a terminal a bar shows how far it is, on stderr; stdout has what it has without."""
    plain = [*map(json.loads, audit(command, "--format", "json").out.splitlines())]
    monkeypatch.setenv("FORCE_COLOR", "1")  # which rich takes for a terminal
    ran = audit(command, "--format", "json")
    with_bar = [*map(json.loads, ran.out.splitlines())]

    assert f"{command} " in ran.err and "users" in ran.err
    assert [[*line] for line in with_bar] == [[*line] for line in plain]


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("inventory", ["Inventory of 1 account: 2 users", "1 with a password and no MFA"]),
        ("mfa", ["MFA audit of 1 account: 1 console user without MFA", "ana"]),
        ("root", ["Audit of 1 account: 5 findings", "2 high, 3 medium", "user/ana"]),
    ],
)
def test_notify(
    command: str, said: list[str], one: Cloud, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One message to each channel: counts, and the worst first."""
    channels = [receiver.slack, receiver.telegram]
    monkeypatch.setenv("TRAILBELL_CHANNELS", json.dumps(channels))
    audit(command, "--notify")
    texts = [json.dumps(body, ensure_ascii=False) for body in receiver.taken]

    assert len(texts) == 2
    for text in texts:
        for part in said:
            assert part in text
    if command == "root":
        assert texts[1].index("without MFA") < texts[1].index("was never used")


def test_notify_many(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of hundreds the message names ten, and says how many more there are."""
    monkeypatch.setenv("TRAILBELL_CHANNELS", receiver.slack)
    with organization(1) as (cloud, _):
        cloud.account(OWN, *(P(f"user-{number:03}", 3) for number in range(120)))
        audit("mfa", "--notify")
    (body,) = receiver.taken
    text = json.dumps(body)

    assert text.count("user-0") == 10
    assert "110 in the files" in text


def test_notify_fails(one: Cloud, receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    """A channel that does not take it fails the run; the files are there all the same."""
    receiver.answer(lambda _: (404, {}, "no_service"))
    monkeypatch.setenv("TRAILBELL_CHANNELS", receiver.slack)
    ran = audit("inventory", "--notify")

    assert ran.code == 1
    assert "channel slack: " in ran.err
    assert Path("manifest.json").exists()


def test_mute_of_docs() -> None:
    """The mute that the page names hides what the audit itself makes ring."""
    event = call("iam:ListUsers", by=role("SecurityAudit", "trailbell-audit"))
    mute = Mute(actor="*trailbell-audit*", reason="the weekly audit")

    assert isinstance(event, Event)
    assert fnmatchcase(event.actor.name, mute.actor)
