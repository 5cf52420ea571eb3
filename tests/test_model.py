from __future__ import annotations

from copy import deepcopy
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trailbell.compose import Reader, compose
from trailbell.model import (
    Alert,
    Event,
    Group,
    Origin,
    Severity,
    action_name,
    moment,
    say,
)
from trailbell.testing import Identity, call, person, role, root, service, sign_in, user

WRONG: list[Any] = [None, 0, 7, 1.5, True, [], ["a"], {}, {"a": 1}, "", "x"]
NOON = datetime(2026, 3, 17, 12, tzinfo=UTC)
RECEIVED = datetime(2026, 3, 18, tzinfo=UTC)


def described(event: Event) -> dict[str, Any]:
    """Everything that an event says of itself."""
    names = [name for name, item in vars(Event).items() if isinstance(item, property)]
    return {name: getattr(event, name) for name in names}


def test_a_whole_record() -> None:
    """What a usual record says."""
    event = call("iam:CreateAccessKey", by="alice")

    assert (event.id, event.name, event.source) == (
        "6e4a2f0c-0000-4000-8000-000000000001",
        "CreateAccessKey",
        "iam.amazonaws.com",
    )
    assert (event.action, event.account, event.region) == (
        "iam:CreateAccessKey",
        "111122223333",
        "us-east-1",
    )
    assert (event.ip, event.agent, event.identity) == ("192.0.2.10", "aws-cli/2.17.32", "IAMUser")
    assert event.time == datetime(2026, 3, 17, 16, 9, 52, tzinfo=UTC)
    assert (event.outcome, event.error, event.read_only) == ("succeeded", "", False)


def test_an_empty_record() -> None:
    """What a record says that holds nothing: empty texts, and no guess."""
    assert described(Event({})) | {"actor": None} == {
        "id": "", "name": "", "source": "", "action": "", "account": "", "region": "", "ip": "",
        "agent": "", "time": None, "actor": None, "identity": "", "error": "", "succeeded": True,
        "denied": False, "outcome": "succeeded", "read_only": False, "from_console": False,
        "by_aws": False, "by_automation": False,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("path", "default", "expected"),
    [
        ("a", None, 1),
        ("b.c", None, "x"),
        ("b.d.e", None, [1]),
        ("b", None, {"c": "x", "d": {"e": [1]}, "n": None}),
        ("z", None, None),
        ("z", 7, 7),
        ("z.y.x", 7, 7),
        ("a.b", 7, 7),
        ("b.c.d", 7, 7),
        ("b.n", 7, 7),
        ("b.n.m", 7, 7),
        ("b.d.e.0", 7, 7),
        ("n", 7, 7),
        ("", 7, 7),
        (".", 7, 7),
    ],
)
def test_get(path: str, default: object, expected: object) -> None:
    """A dotted path leads to its value, or to the default where a step is absent or null."""
    event = Event({"a": 1, "b": {"c": "x", "d": {"e": [1]}, "n": None}, "n": None})

    assert event.get(path, default) == expected


@pytest.mark.parametrize(
    ("value", "text", "flag", "items"),
    [
        ("x", "x", False, []),
        ("", "", False, []),
        (5, "5", False, []),
        (1.5, "1.5", False, []),
        (True, "", True, []),
        (False, "", False, []),
        ("true", "true", True, []),
        ("True", "True", True, []),
        ("TRUE", "TRUE", True, []),
        ("false", "false", False, []),
        ("yes", "yes", False, []),
        (1, "1", False, []),
        (None, "", False, []),
        ([], "", False, []),
        ([1, None], "", False, [1, None]),
        ({}, "", False, []),
        ({"a": 1}, "", False, []),
        ([True], "", False, [True]),
    ],
)
def test_readers(value: object, text: str, flag: bool, items: list[Any]) -> None:
    """A text is a string or a number, a flag is what CloudTrail writes for true, items a list."""
    event = Event({"a": {"b": value}})

    assert (event.text("a.b"), event.flag("a.b"), event.items("a.b")) == (text, flag, items)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("CreateAccessKey", "CreateAccessKey"),
        ("UpdateFunctionCode20150331v2", "UpdateFunctionCode"),
        ("DeleteFunction20150331", "DeleteFunction"),
        ("CreateDistribution2020_05_31", "CreateDistribution2020_05_31"),
        ("ListObjectsV2", "ListObjectsV2"),
        ("GetEc2", "GetEc2"),
        ("X2015033", "X2015033"),
        ("20150331", ""),
        ("", ""),
    ],
)
def test_action_name(name: str, expected: str) -> None:
    """Only the version that some services append is dropped: eight digits, maybe a v."""
    assert action_name(name) == expected


@pytest.mark.parametrize(
    ("source", "name", "expected"),
    [
        ("iam.amazonaws.com", "CreateUser", "iam:CreateUser"),
        ("lambda.amazonaws.com", "UpdateFunctionCode20150331v2", "lambda:UpdateFunctionCode"),
        ("sso-directory.amazonaws.com", "CreateUser", "sso-directory:CreateUser"),
        ("example.com", "X", "example.com:X"),
        (None, "CreateUser", ":CreateUser"),
        ("iam.amazonaws.com", None, ""),
        (5, 5, ""),
    ],
)
def test_action(source: object, name: object, expected: str) -> None:
    """The action as a policy would write it; a record without a name has none."""
    assert Event({"eventSource": source, "eventName": name}).action == expected


OUTCOMES: list[tuple[dict[str, Any], str]] = [
    ({}, "succeeded"),
    ({"errorCode": None}, "succeeded"),
    ({"errorCode": ""}, "succeeded"),
    ({"errorCode": "Success"}, "succeeded"),
    ({"errorCode": "Success", "errorMessage": ""}, "succeeded"),
    ({"responseElements": {"ConsoleLogin": "Success"}}, "succeeded"),
    ({"responseElements": {"CheckMfa": "Failure"}}, "succeeded"),
    ({"responseElements": {"ConsoleLogin": None}}, "succeeded"),
    ({"responseElements": ""}, "succeeded"),
    ({"errorCode": "AccessDenied"}, "denied"),
    ({"errorCode": "AccessDeniedException"}, "denied"),
    ({"errorCode": "UnauthorizedOperation"}, "denied"),
    ({"errorCode": "Client.UnauthorizedOperation"}, "denied"),
    ({"errorCode": "AuthorizationError"}, "denied"),
    ({"errorCode": "UnauthorizedAccess"}, "denied"),
    ({"errorCode": "Forbidden"}, "denied"),
    ({"errorCode": "ForbiddenException"}, "failed"),
    ({"errorCode": "accessdenied"}, "failed"),
    ({"errorCode": "NotAccessDenied"}, "failed"),
    ({"errorCode": "NoSuchEntityException"}, "failed"),
    ({"errorCode": "ThrottlingException"}, "failed"),
    ({"errorCode": 5}, "failed"),
    ({"errorCode": {"a": 1}}, "failed"),
    ({"errorMessage": "Failed authentication"}, "failed"),
    ({"errorCode": "Success", "errorMessage": "No username found"}, "failed"),
    ({"responseElements": {"ConsoleLogin": "Failure"}}, "failed"),
    ({"responseElements": "Failure"}, "failed"),
]


@pytest.mark.parametrize(("fields", "expected"), OUTCOMES)
def test_outcome(fields: dict[str, Any], expected: str) -> None:
    """How a call ended, from error code, error message and, for a sign-in, its answer."""
    event = Event({"eventName": "ConsoleLogin", **fields})

    assert event.outcome == expected
    assert event.succeeded is (expected == "succeeded")
    assert event.denied is (expected == "denied")


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, ""),
        ({"errorCode": ""}, ""),
        ({"errorCode": "Success"}, ""),
        ({"errorCode": "AccessDenied", "errorMessage": "no"}, "AccessDenied"),
        ({"errorMessage": "Failed authentication"}, "Failed authentication"),
        ({"errorCode": {"a": 1}}, ""),
    ],
)
def test_error(fields: dict[str, Any], expected: str) -> None:
    """The error's code, else its message; nothing for a call that succeeded."""
    assert Event(fields).error == expected


def test_outcome_of_the_builders() -> None:
    """A sign-in that failed has no error code, as CloudTrail records it."""
    failed = sign_in(failure="Failed authentication")

    assert "errorCode" not in failed.raw
    assert (failed.outcome, failed.error) == ("failed", "Failed authentication")
    assert sign_in().outcome == "succeeded"
    assert call("iam:CreateUser", error="AccessDenied").outcome == "denied"


@pytest.mark.parametrize(
    ("name", "flag", "expected"),
    [
        ("CreateUser", True, True),
        ("CreateUser", "true", True),
        ("CreateUser", "True", True),
        ("CreateUser", False, False),
        ("ListUsers", False, False),
        ("ListUsers", "false", False),
        ("ListUsers", None, True),
        ("GetUser", None, True),
        ("DescribeInstances", None, True),
        ("HeadObject", None, True),
        ("BatchGetImage", None, True),
        ("LookupEvents", None, True),
        ("SearchResources", None, True),
        ("QueryObjects", None, True),
        ("CreateUser", None, False),
        ("AssumeRole", None, False),
        (None, None, False),
        ("ListUsers", [], False),
    ],
)
def test_read_only(name: object, flag: object, expected: bool) -> None:
    """The record's flag decides, the verb only where there is none."""
    assert Event({"eventName": name, "readOnly": flag}).read_only is expected


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"eventType": "AwsConsoleSignIn"}, True),
        ({"eventType": "AwsConsoleAction"}, True),
        ({"eventType": "AwsApiCall"}, False),
        ({"sessionCredentialFromConsole": "true"}, True),
        ({"sessionCredentialFromConsole": True}, True),
        ({"sessionCredentialFromConsole": "false"}, False),
        ({"userAgent": "console.amazonaws.com"}, True),
        ({"userAgent": "signin.amazonaws.com"}, True),
        ({"userAgent": "AWS Internal"}, True),
        ({"userAgent": "Mozilla/5.0 (X11)"}, True),
        ({"userAgent": "aws-internal/3 aws-sdk-java/1.12"}, True),
        ({"userAgent": "aws-internal/4"}, False),
        ({"userAgent": "aws-cli/2.17 Mozilla/5.0"}, False),
        ({"userAgent": None}, False),
        ({}, False),
    ],
)
def test_from_console(fields: dict[str, Any], expected: bool) -> None:
    """Whether a person clicked, by type, session or agent."""
    assert Event(fields).from_console is expected


LINKED = role("AWSServiceRoleForSupport", "s", path="/aws-service-role/support.amazonaws.com/")


@pytest.mark.parametrize(
    ("identity", "fields", "by_aws", "by_automation"),
    [
        (service(), {}, True, True),
        (user("alice"), {"eventType": "AwsServiceEvent"}, True, True),
        (None, {"eventType": "AwsServiceEvent"}, True, True),
        (LINKED, {}, True, True),
        ({"arn": LINKED["arn"]}, {}, True, True),
        (user("alice", invokedBy="cloudformation.amazonaws.com"), {}, False, True),
        (user("alice", invokedBy="AWS Internal"), {}, False, False),
        (user("alice"), {"sourceIPAddress": "autoscaling.amazonaws.com"}, False, True),
        (user("alice"), {"sourceIPAddress": "autoscaling.amazonaws.com.evil"}, False, False),
        (role("deploy", "b-1"), {}, False, False),
        (role("AWSServiceRoleForMe", "s"), {}, False, False),
        (role("x", "s", path="/aws-service-role-not/"), {}, False, False),
        (role("deploy", "AWSServiceRoleForX"), {}, False, False),
        (person("bob"), {}, False, False),
        (root(), {}, False, False),
        (None, {}, False, False),
        ("AWSService", {}, False, False),
    ],
)
def test_by_aws(
    identity: Identity | str | None, fields: dict[str, Any], by_aws: bool, by_automation: bool
) -> None:
    """AWS for itself, and AWS for somebody, are told apart."""
    event = Event({"userIdentity": identity, **fields})

    assert (event.by_aws, event.by_automation) == (by_aws, by_automation)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"recipientAccountId": "1" * 12}, "1" * 12),
        ({"recipientAccountId": 111122223333}, "111122223333"),
        ({"recipientAccountId": "1" * 12, "userIdentity": {"accountId": "2" * 12}}, "1" * 12),
        ({"recipientAccountId": None, "userIdentity": {"accountId": "2" * 12}}, "2" * 12),
        ({"userIdentity": {"accountId": None}}, "9" * 12),
        ({"userIdentity": None}, "9" * 12),
        ({}, "9" * 12),
    ],
)
def test_account(fields: dict[str, Any], expected: str) -> None:
    """The account in which it happened, else the caller's, else the log group's."""
    assert Event(fields, origin=Origin("9" * 12)).account == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2026-03-17T12:00:00Z", NOON),
        ("2026-03-17T12:00:00.000Z", NOON),
        ("2026-03-17 12:00:00", NOON),
        ("2026-03-17 12:00:00.000", NOON),
        ("2026-03-17T13:00:00+01:00", NOON),
        ("2026-03-17T07:00:00-05:00", NOON),
        ("20260317T120000Z", NOON),
        ("2026-03-17", datetime(2026, 3, 17, tzinfo=UTC)),
        ("2026-03-17T12:00:00.5Z", NOON.replace(microsecond=500_000)),
        ("1971-01-01T00:00:00Z", datetime(1971, 1, 1, tzinfo=UTC)),
        ("9998-12-31T23:59:59Z", datetime(9998, 12, 31, 23, 59, 59, tzinfo=UTC)),
        ("0001-01-01T00:00:00Z", None),
        ("1970-01-01T00:00:00Z", None),
        ("9999-12-31T23:59:59Z", None),
        ("9999-12-31T23:59:59-14:00", None),
        ("May 24, 2025, 2:51:14\u202fPM", None),
        ("2026-02-30T00:00:00Z", None),
        ("2026-03-17T25:00:00Z", None),
        ("yesterday", None),
        ("", None),
        (1_773_748_800, None),
        (None, None),
        ([], None),
        ({}, None),
    ],
)
def test_time(value: object, expected: datetime | None) -> None:
    """A time in any of CloudTrail's spellings, in UTC; without one, when it was received."""
    assert moment(value) == expected
    assert Event({"eventTime": value}).time == expected
    assert Event({"eventTime": value}, received=RECEIVED).time == (expected or RECEIVED)


@given(st.datetimes(timezones=st.timezones() | st.just(UTC)) | st.datetimes())
def test_any_time(time: datetime) -> None:
    """Whatever its zone, a time is itself in UTC, or none at the ends of the calendar."""
    found = moment(time.isoformat())

    if found is None:
        assert not 1970 < time.year < 9999 or time.utcoffset()
    else:
        assert found.tzinfo is UTC
        assert 1970 <= found.year <= 9999


@pytest.mark.parametrize(
    ("severity", "lowered", "text"),
    [
        (Severity.CRITICAL, Severity.HIGH, "critical"),
        (Severity.HIGH, Severity.MEDIUM, "high"),
        (Severity.MEDIUM, Severity.LOW, "medium"),
        (Severity.LOW, Severity.INFO, "low"),
        (Severity.INFO, Severity.INFO, "info"),
    ],
)
def test_severity(severity: Severity, lowered: Severity, text: str) -> None:
    """The steps that the catalogue names."""
    assert (severity.lowered(), str(severity)) == (lowered, text)


def test_the_severity_of_a_group() -> None:
    """A group is as severe as its worst alert."""
    alerts = [Alert("a-rule", severity, say("x"), Event({})) for severity in Severity]

    assert Group(tuple(alerts)).severity is Severity.CRITICAL
    assert Group.single(alerts[0]).severity is Severity.INFO


RECORDS = [
    call("iam:CreateAccessKey", by="alice", request={"userName": "bob"}).raw,
    call("iam:CreateAccessKey", by=role("deploy", "b-1"), error="AccessDenied").raw,
    sign_in(by=root(), failure="Failed authentication").raw,
    sign_in(by=person("bob@example.com"), mfa=None).raw,
]


def survives(record: dict[str, Any]) -> None:
    """Every property has the type that it promises, and a message can be made of it."""
    event = Event(record, received=RECEIVED)
    for name, value in described(event).items():
        promised = type(described(Event(RECORDS[0]))[name])
        assert isinstance(value, promised), name
    alert = Alert("a-rule", Severity.HIGH, say("{} did it", event.actor), event)
    compose(Group.single(alert), Reader())
    compose(Group((alert, alert)), Reader())
    compose(Group((alert, alert), rest=True), Reader())


@pytest.mark.parametrize("value", WRONG, ids=repr)
@pytest.mark.parametrize("record", RECORDS, ids=["call", "refused", "root", "person"])
def test_one_field_of_a_wrong_type(record: dict[str, Any], value: object) -> None:
    """Each field in turn may be null or of another type, top-level or of the identity."""
    for field in record:
        survives(record | {field: value})
    for field in record["userIdentity"]:
        survives(record | {"userIdentity": record["userIdentity"] | {field: value}})


@pytest.mark.parametrize("record", RECORDS, ids=["call", "refused", "root", "person"])
def test_one_field_missing(record: dict[str, Any]) -> None:
    """Each field in turn may be absent."""
    for field in record:
        survives({name: value for name, value in record.items() if name != field})


def nested(value: Any, depth: int) -> Any:
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize("field", [*sorted(RECORDS[0]), "sessionCredentialFromConsole"])
def test_a_deep_field(field: str) -> None:
    """A value nested as deep as the JSON reader goes is walked by nobody else."""
    survives(RECORDS[0] | {field: nested("x", 190)})


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@given(st.data())
def test_any_fields_of_any_type(data: st.DataObject) -> None:
    """Several fields at once, absent or of any type."""
    record = deepcopy(data.draw(st.sampled_from(RECORDS)))
    for place in (record, record["userIdentity"]):
        for field in data.draw(st.lists(st.sampled_from(sorted(place)), max_size=4, unique=True)):
            if data.draw(st.booleans()):
                place[field] = data.draw(JUNK)
            else:
                del place[field]
    survives(record)
