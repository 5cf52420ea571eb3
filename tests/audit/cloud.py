"""An organization of AWS in moto, and what moto lacks: pages of users, a credential report with
root in it, CloudTrail's event history, denials and throttling.
"""

from __future__ import annotations

import base64
import csv
import json
import re
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from io import BytesIO, StringIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple
from urllib.parse import parse_qs

import boto3
import botocore.handlers
import pytest
from botocore.awsrequest import AWSResponse
from moto.cloudtrail.responses import CloudTrailResponse
from moto.core.responses import ActionResult
from moto.iam.models import AccessKeyLastUsed, MFADevice, get_account_id_from, iam_backends
from moto.iam.responses import IamResponse
from moto.organizations.models import organizations_backends
from moto.organizations.utils import PAGINATION_MODEL

import tables
from cli.conftest import Ran
from trailbell.cli import main

OWN = "123456789012"
"""The account of moto's caller, which manages the organization."""
NOW = datetime.now(UTC).replace(microsecond=0)
HEADER = (
    "user,arn,user_creation_time,password_enabled,password_last_used,password_last_changed,"
    "password_next_rotation,mfa_active,access_key_1_active,access_key_1_last_rotated,"
    "access_key_1_last_used_date,access_key_1_last_used_region,access_key_1_last_used_service,"
    "access_key_2_active,access_key_2_last_rotated,access_key_2_last_used_date,"
    "access_key_2_last_used_region,access_key_2_last_used_service,cert_1_active,"
    "cert_1_last_rotated,cert_2_active,cert_2_last_rotated"
)
"""https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_getting-report.html"""
PAGE = 7  # users, so that an account has several pages


def ago(days: float) -> datetime:
    return NOW - timedelta(days=days)


class K(NamedTuple):
    """An access key; days ago."""

    active: bool = True
    made: float = 10
    used: float | None = None
    service: str = "s3"


class P(NamedTuple):
    """A user; days ago. A password's number is when it was used last, -1 never, None is none."""

    name: str
    password: float | None = None
    keys: Sequence[K] = ()
    devices: Sequence[str] = ()
    made: float = 400


def virtual(account: str, name: str) -> str:
    return f"arn:aws:iam::{account}:mfa/{name}"


def passkey(account: str, name: str) -> str:
    return f"arn:aws:iam::{account}:u2f/user/{name}/yubi-ABCDEFGHIJ"


@dataclass
class Root:
    """An account's root user; days ago."""

    mfa: bool = True
    virtual: bool = False
    key: float | None = None
    signed_in: float | None = None
    password: bool = True


@dataclass
class Cloud:
    """What is in the accounts, and how AWS misbehaves."""

    people: dict[str, list[P]] = field(default_factory=lambda: defaultdict(list))
    roots: dict[str, Root] = field(default_factory=lambda: defaultdict(Root))
    events: dict[str, list[dict[str, Any]]] = field(default_factory=lambda: defaultdict(list))
    denied: set[tuple[str, str]] = field(default_factory=set)
    """Operation, and whose: an account, a user or a key, or "" for everybody's."""
    throttled: Counter[tuple[str, str]] = field(default_factory=Counter)
    """The same -> how often AWS says that it was too much."""
    calls: Counter[str] = field(default_factory=Counter)
    key_ids: dict[tuple[str, int], str] = field(default_factory=dict)
    """A user's name and the place of a key -> its id."""
    organization: bool = True
    unfinished: int = 0
    """How often AWS says that it has begun with the credential report."""
    stale: dict[str, P] = field(default_factory=dict)
    """Users as they were when the credential report was made."""
    unreported: set[str] = field(default_factory=set)
    """Users who came after it."""

    def account(self, id: str, *people: P) -> None:
        """Fill an account."""
        backend = iam_backends[id]["aws"]
        for one in people:
            self.people[id].append(one)
            user = backend.create_user("us-east-1", one.name)
            user = user[0] if isinstance(user, tuple) else user
            user.create_date = ago(one.made)
            if one.password is not None:
                user.password = "x"
                user.password_last_used = None if one.password < 0 else ago(one.password)
            for serial in one.devices:
                user.mfa_devices[serial] = MFADevice(serial, "1", "2")
            for place, key in enumerate(one.keys):
                made = backend.create_access_key(one.name, "AKIA")
                made.status = "Active" if key.active else "Inactive"
                made.create_date = ago(key.made)
                if key.used is not None:
                    made.last_used = AccessKeyLastUsed(
                        timestamp=ago(key.used), service=key.service, region="eu-west-1"
                    )
                self.key_ids[one.name, place] = made.access_key_id

    def report(self, account: str) -> str:
        """The credential report, as AWS writes it."""
        root = self.roots[account]
        lines = [HEADER]
        owner = P("<root_account>", -1 if root.signed_in is None else root.signed_in,
                  (K(made=root.key),) if root.key is not None else (), made=900)  # fmt: skip
        lines.append(_report_line(owner, f"arn:aws:iam::{account}:root", mfa=root.mfa, root=True))
        for one in self.people[account]:
            if one.name not in self.unreported:
                one = self.stale.get(one.name, one)
                arn = f"arn:aws:iam::{account}:user/{one.name}"
                lines.append(_report_line(one, arn, mfa=bool(one.devices)))
        return "\n".join(lines)

    def _answer(self, request: Any, event_name: str, **_: Any) -> AWSResponse | None:
        """What AWS says in place of moto, if anything."""
        service, operation = event_name.split(".")[1:]
        self.calls[operation] += 1
        key = re.search(r"Credential=(\w+)/", str(request.headers.get("Authorization")))
        account = get_account_id_from(key[1]) if key else OWN
        body = request.body or b""
        text = body.decode() if isinstance(body, bytes) else str(body)
        names = {"", account}
        if service in ("iam", "sts"):
            asked = parse_qs(text)
            for name in ("UserName", "AccessKeyId", "RoleArn"):
                names |= {*asked.get(name, ())}
        for name in names:
            if (operation, name) in self.denied:
                return _refused(request, service, 403, "AccessDenied")
            if self.throttled[operation, name] > 0:
                self.throttled[operation, name] -= 1
                return _refused(request, service, 400, "Throttling")
        if operation == "ListAccounts" and not self.organization:
            return _refused(request, service, 400, "AWSOrganizationsNotInUse")
        if operation == "GenerateCredentialReport":
            self.unfinished -= 1
            state = "COMPLETE" if self.unfinished < 0 else "STARTED"
            return _xml(request, operation, f"<State>{state}</State>")
        if operation == "GetCredentialReport":
            return self._report_answer(request, account)
        if operation == "GetAccountSummary":
            return _summary(request, self.roots[account])
        if operation == "ListVirtualMFADevices":
            return _virtual_devices(request, account, self.roots[account])
        if operation == "LookupEvents":
            return self._lookup(request, json.loads(text), account)
        return None

    def _report_answer(self, request: Any, account: str) -> AWSResponse:
        content = base64.b64encode(self.report(account).encode()).decode()
        xml = f"<Content>{content}</Content><ReportFormat>text/csv</ReportFormat>"
        xml += f"<GeneratedTime>{NOW:%Y-%m-%dT%H:%M:%SZ}</GeneratedTime>"
        return _xml(request, "GetCredentialReport", xml)

    def _lookup(self, request: Any, asked: dict[str, Any], account: str) -> AWSResponse:
        wanted = asked["LookupAttributes"][0]["AttributeValue"]
        start, end = asked["StartTime"], asked["EndTime"]
        found = [
            event
            for event in self.events[account]
            if event["EventName"] == wanted and start <= event["EventTime"] <= end
        ]
        first = int(asked.get("NextToken", 0))
        said: dict[str, Any] = {"Events": found[first : first + 50]}
        if first + 50 < len(found):
            said["NextToken"] = str(first + 50)
        return _response(request, 200, json.dumps(said))


def event(name: str, days: float, number: int, error: str = "", **more: Any) -> dict[str, Any]:
    """An event as LookupEvents has it."""
    record: dict[str, Any] = {"eventName": name, "eventSource": "iam.amazonaws.com",
                              "awsRegion": "us-east-1"}  # fmt: skip
    if error:
        record["errorCode"] = error
    return {
        "EventId": f"00000000-0000-4000-8000-{number:012}",
        "EventName": name,
        "EventTime": ago(days).timestamp(),
        "Username": "carla",
        "Resources": [{"ResourceType": "AWS::IAM::User", "ResourceName": "dana"}],
        "CloudTrailEvent": json.dumps(record),
        **more,
    }


def _report_line(one: P, arn: str, *, mfa: bool, root: bool = False) -> str:
    def when(days: float | None, none: str) -> str:
        return none if days is None or days < 0 else f"{ago(days):%Y-%m-%dT%H:%M:%S+00:00}"

    has = one.password is not None
    enabled = "not_supported" if root else str(has).lower()
    cells = [one.name, arn, when(one.made, ""), enabled,
             when(one.password, "no_information") if has else "N/A", "N/A", "N/A",
             str(mfa).lower()]  # fmt: skip
    for place in (0, 1):
        key = one.keys[place] if place < len(one.keys) else None
        if key is None:
            cells += ["false", "N/A", "N/A", "N/A", "N/A"]
        else:
            used = [when(key.used, "N/A"), *(("eu-west-1", key.service) if key.used is not None
                                             else ("N/A", "N/A"))]  # fmt: skip
            cells += [str(key.active).lower(), when(key.made, "N/A"), *used]
    return ",".join([*cells, "false", "N/A", "false", "N/A"])


def _summary(request: Any, root: Root) -> AWSResponse:
    said = {
        "AccountMFAEnabled": root.mfa,
        "AccountAccessKeysPresent": root.key is not None,
        "AccountPasswordPresent": root.password,
    }
    entries = "".join(
        f"<entry><key>{name}</key><value>{int(value)}</value></entry>"
        for name, value in said.items()
    )
    return _xml(request, "GetAccountSummary", f"<SummaryMap>{entries}</SummaryMap>")


def _virtual_devices(request: Any, account: str, root: Root) -> AWSResponse:
    member = ""
    if root.virtual:
        serial = f"arn:aws:iam::{account}:mfa/root-account-mfa-device"
        member = f"<member><SerialNumber>{serial}</SerialNumber><User><Arn>arn:aws:iam::{account}"
        member += ":root</Arn></User></member>"
    xml = f"<VirtualMFADevices>{member}</VirtualMFADevices><IsTruncated>false</IsTruncated>"
    return _xml(request, "ListVirtualMFADevices", xml)


def _xml(request: Any, operation: str, inner: str) -> AWSResponse:
    xml = (
        f"<{operation}Response><{operation}Result>{inner}</{operation}Result></{operation}Response>"
    )
    return _response(request, 200, xml)


def _refused(request: Any, service: str, status: int, code: str) -> AWSResponse:
    if service in ("iam", "sts"):
        text = f"<ErrorResponse><Error><Code>{code}</Code><Message>no</Message></Error>"
        text += "</ErrorResponse>"
    else:
        text = json.dumps({"__type": f"{code}Exception", "message": "no"})
    return _response(request, status, text)


def _response(request: Any, status: int, text: str) -> AWSResponse:
    raw = BytesIO(text.encode())
    raw.stream = lambda **_: iter([text.encode()])  # type: ignore[attr-defined]
    return AWSResponse(request.url, status, {}, raw)


def _list_users(self: IamResponse) -> ActionResult:
    """What moto lacks: pages, and when a password was used last."""
    users = [*self.backend.list_users(None, None, None)]
    first = int(self._get_param("Marker") or 0)
    page = [
        {
            "UserName": user.name,
            "Arn": user.arn,
            "UserId": user.id,
            "Path": "/",
            "CreateDate": user.create_date,
            **({"PasswordLastUsed": user.password_last_used} if user.password_last_used else {}),
        }
        for user in users[first : first + PAGE]
    ]
    more = {"Marker": str(first + PAGE)} if first + PAGE < len(users) else {}
    return ActionResult({"Users": page, "IsTruncated": bool(more), **more})


@contextmanager
def organization(accounts: int = 26) -> Iterator[tuple[Cloud, list[str]]]:
    """The cloud, and the ids of its accounts; ids of members begin with a zero."""
    cloud = Cloud()
    numbers = iter(range(1, 1000))
    with tables.aws(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(IamResponse, "list_users", _list_users)
        patch.setitem(PAGINATION_MODEL["list_accounts"], "limit_default", 20)  # as AWS has it
        # botocore asks all that answer, and takes the first answer, which is ours.
        patch.setattr(CloudTrailResponse, "lookup_events", lambda _: "{}", raising=False)
        patch.setattr(
            "moto.organizations.utils.make_random_account_id",
            lambda: f"0123456{next(numbers):05}",
        )
        patch.setattr(botocore.endpoint, "time", SimpleNamespace(sleep=lambda _: None))
        handlers = [
            (f"before-send.{service}", cloud._answer)
            for service in ("iam", "cloudtrail", "organizations", "sts")
        ]
        patch.setattr(
            botocore.handlers, "BUILTIN_HANDLERS", [*botocore.handlers.BUILTIN_HANDLERS, *handlers]
        )
        boto3.DEFAULT_SESSION = None
        ids = [OWN]
        if accounts > 1:
            client = boto3.client("organizations")
            client.create_organization(FeatureSet="ALL")
            for number in range(1, accounts):
                status = client.create_account(
                    AccountName=f"team {number:02}", Email=f"team{number}@example.com"
                )
                ids.append(status["CreateAccountStatus"]["AccountId"])
        cloud.calls.clear()
        try:
            yield cloud, ids
        finally:
            boto3.DEFAULT_SESSION = None


def close(account: str) -> None:
    """Close a member account."""
    backend = organizations_backends[OWN]["aws"]
    backend.get_account_by_id(account).close()


def audit(*args: str, command: str = "audit") -> Ran:
    """`trailbell audit ...`, as `run` runs it, for fixtures that last longer than a test."""
    out, err = StringIO(), StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
        patch.setattr(sys, "argv", ["trailbell", command, *args])
        with pytest.raises(SystemExit) as exit_:
            main()
    return Ran(int(exit_.value.code or 0), out.getvalue(), err.getvalue())


def the(folder: Path, pattern: str) -> Path:
    """The one file of that name."""
    (found,) = folder.glob(pattern)
    return found


def table(folder: Path, pattern: str) -> list[dict[str, str]]:
    """A CSV file's rows."""
    with the(folder, pattern).open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))
