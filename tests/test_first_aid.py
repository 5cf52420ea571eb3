"""The commands that messages offer: whole, valid for AWS, and of the effect that they promise."""

from __future__ import annotations

import copy
import re
import shlex
from collections.abc import Iterator
from functools import cache, partial
from string import Formatter
from typing import Any, NamedTuple

import boto3
import botocore.session
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, EndpointConnectionError
from hypothesis import given, settings
from hypothesis import strategies as st
from moto import mock_aws

from aws_commands import Call, argument, do, input_of, misfit, options, parsed, value_of
from aws_effects import EFFECTS
from trailbell import first_aid, rules
from trailbell.engine import Engine
from trailbell.first_aid import PATTERNS, aws, deny_all, revoke_sessions, several, stop_key
from trailbell.model import Event
from trailbell.rules.base import Rings, Rule, find
from trailbell.state.memory import MemoryState
from trailbell.testing import ACCOUNT, call, person, role, root, user

DETECTOR = {"detectorId": "12abc34d567e8fa901bc2d34e56789f0"}
FOUND = find(rules)


class Case(NamedTuple):
    """An event that rings, what happened before it, and the rule."""

    rule: type[Rule]
    event: Event
    before: tuple[Event, ...] = ()


MORE = [
    # Events that no example of the rule needs, for each command to be offered at least once.
    ("cloudtrail-stopped", call(
        "cloudtrail:StopEventDataStoreIngestion",
        request={"eventDataStore": "EXAMPLE-f852-4e8f-8bd1-bcf6cEXAMPLE"})),
    ("guardduty-tampered", call(
        "guardduty:CreateIPSet", request={**DETECTOR, "name": "x", "activate": True},
        response={"ipSetId": "0cb0141ab9fbde177613ab9436212e90"})),
    ("guardduty-tampered", call(
        "guardduty:StopMonitoringMembers", request={**DETECTOR, "accountIds": ["444455556666"]})),
    ("security-service-disabled", call("macie2:DisableMacie")),
    ("log-group-tampered", call(
        "events:DisableRule", request={"name": "nightly", "eventBusName": "orders"})),
    ("unexpected-region", call(
        "account:EnableRegion",
        request={"RegionName": "me-south-1", "AccountId": "444455556666"})),
    ("root-credential-changed", call(
        "account:PutAlternateContact",
        request={"alternateContactType": "SECURITY", "accountId": "444455556666"})),
    ("resource-made-public", call(
        "lambda:AddPermission20150331v2",
        request={"functionName": "report", "statementId": "s1", "principal": "*",
                 "action": "lambda:InvokeFunction", "qualifier": "live"})),
    ("resource-made-public", call(
        "lambda:UpdateFunctionUrlConfig20211031",
        request={"functionName": "report", "authType": "NONE", "qualifier": "live"})),
    ("alerting-self-tampered", call("events:DisableRule", request={"name": "trailbell-hourly"})),
]  # fmt: skip


def cases() -> Iterator[Case]:
    for rule in FOUND.values():
        for example in rule.examples():
            if isinstance(example, Rings):
                yield Case(rule, example.event, example.before)
    for rule_id, event in MORE:
        yield Case(FOUND[rule_id], event)


def offered(case: Case) -> list[str]:
    """The commands of the alert, if there is one."""
    engine = Engine([case.rule()], MemoryState())
    engine.alerts(case.before)
    alerts = engine.alerts([case.event])
    assert all(alert.rule == case.rule.id for alert in alerts), "the rule failed"
    return [command for alert in alerts for command in alert.commands]


CASES = [case for case in cases() if offered(case)]
COMMANDS = {command: case.rule.id for case in CASES for command in offered(case)}
each_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.rule.id)
each_command = pytest.mark.parametrize("command", COMMANDS, ids=COMMANDS.get)

# Not in moto: checked against the API's shape only.
NOT_IN_MOTO = {
    "account disable_region",
    "cloudtrail restore_event_data_store",
    "cloudtrail start_event_data_store_ingestion",
    "guardduty start_monitoring_members",
    "guardduty update_ip_set",
    "iam remove_client_id_from_open_id_connect_provider",
    "iam update_service_specific_credential",
    "macie2 update_macie_session",
    "rolesanywhere disable_profile",
    "rolesanywhere disable_trust_anchor",
    "sso-admin delete_application",
    "sso-admin delete_trusted_token_issuer",
}


def operation(command: str) -> str:
    """``iam create_user``"""
    made = parsed(command)
    return f"{made.service} {made.operation}"


# One command of each kind: with the same options, and as many values of each.
KINDS = {
    (operation(command), *((k, len(v) if isinstance(v, list) else 1) for k, v in of.items())):
    command for command in COMMANDS for of in [parsed(command).given]
}  # fmt: skip


@each_case
def test_what_is_offered(case: Case) -> None:
    """At most two commands, each a line that begins with aws, and none of them twice."""
    commands = offered(case)

    assert 1 <= len(commands) <= 2
    assert len(set(commands)) == len(commands)
    for command in commands:
        assert command.startswith("aws ")
        assert command.isprintable() and command.isascii()


@each_command
def test_shape(command: str) -> None:
    """AWS knows the operation and each option, and takes each value."""
    parsed(command)


# What it does


@cache
def session() -> boto3.Session:
    core = botocore.session.Session()
    core.set_default_client_config(Config(retries={"total_max_attempts": 1}))
    core.set_credentials("testing", "testing")
    return boto3.Session(botocore_session=core)


def local(command: str) -> Call:
    """The call in moto's account and partition."""
    return parsed(command.replace(ACCOUNT, "123456789012").replace("arn:aws-us-gov:", "arn:aws:"))


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Moto lets through what it does not know."""

    def refuse(*_: object, **__: object) -> None:
        raise OSError("no network in a test")

    monkeypatch.setattr("socket.getaddrinfo", refuse)


@pytest.mark.slow
@pytest.mark.usefixtures("no_network")
@pytest.mark.parametrize(
    "command", [one for one in KINDS.values() if operation(one) not in NOT_IN_MOTO], ids=operation
)
def test_effect(command: str) -> None:
    """The command does what it is offered for."""
    made = local(command)
    effect = EFFECTS[operation(command)]
    with mock_aws(config={"iam": {"load_aws_managed_policies": "iam::aws:" in command}}):
        steps = effect(partial(session().client, region_name=made.region), made)
        next(steps)
        do(made, session())
        assert next(steps, "done") == "done"


@pytest.mark.usefixtures("no_network")
@pytest.mark.parametrize(
    "command", [one for one in KINDS.values() if operation(one) in NOT_IN_MOTO], ids=operation
)
def test_not_in_moto(command: str) -> None:
    """Moto still lacks the operation; once it has it, it belongs into aws_effects.py."""
    missing = (NotImplementedError, ClientError, EndpointConnectionError)
    said = "not been implemented|Not yet implemented|Could not connect"
    with mock_aws(), pytest.raises(missing, match=said):
        do(local(command), session())


def test_each_effect_is_needed() -> None:
    """Nothing is proved of commands that nobody is offered."""
    assert EFFECTS.keys() | NOT_IN_MOTO == set(map(operation, COMMANDS))
    assert not EFFECTS.keys() & NOT_IN_MOTO


# What it holds

MARK = "zq7zq"
HOSTILE = (
    f"{MARK}'; rm -rf / #{MARK}",
    f'{MARK}"; rm -rf / #{MARK}',
    f"{MARK};reboot;{MARK}",
    f"$({MARK})",
    f"`{MARK}`",
    f"{MARK}\naws iam delete-user --user-name {MARK}",
    f"{MARK}\n",
    f"-{MARK}",
    f"--{MARK}",
    f"{MARK} --profile {MARK}",
    f"{MARK}\u00a0{MARK}",
    f"{MARK}%s{MARK}",
    f"{MARK}*{MARK}",
    f"{MARK}?",
    f"{{{MARK}}}",
    f"~{MARK}",
    f"{MARK}\\{MARK}",
    f"{MARK}\u202e{MARK}",
    f"{MARK}\N{CYRILLIC SMALL LETTER A}",
    f"file://{MARK}",
    f"https://{MARK}",
    f'["{MARK}", "; {MARK}"]',
    "\N{FULLWIDTH DIGIT ONE}" * 12,
    "\N{ARABIC-INDIC DIGIT ONE}" * 12,
    MARK * 5_000,
)


def fields(value: Any, *path: Any) -> Iterator[tuple[Any, ...]]:
    """Where a record has a text."""
    if isinstance(value, str):
        yield path
    for key, inner in (
        value.items() if isinstance(value, dict)
        else enumerate(value) if isinstance(value, list)
        else ()
    ):  # fmt: skip
        yield from fields(inner, *path, key)


def spiked(event: Event, path: tuple[Any, ...], value: str) -> Event:
    raw = copy.deepcopy(event.raw)
    inner: Any = raw
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = value
    return Event(raw)


@cache
def shape_of(command: str) -> Call:
    return parsed(command)


@pytest.mark.slow
@each_case
def test_hostile_values(case: Case) -> None:
    """A value that is not what its field should hold is in no command, nor is a part of it."""
    for path in fields(case.event.raw):
        for value in HOSTILE:
            event = spiked(case.event, path, value)
            for command in offered(case._replace(event=event)):
                assert MARK not in command and value not in command, path
                shape_of(command)


@each_case
def test_a_call_that_failed(case: Case) -> None:
    """What did not happen needs no first aid."""
    event = Event(
        case.event.raw
        | {"errorCode": "AccessDenied", "errorMessage": "no", "responseElements": None}
    )

    assert offered(case._replace(event=event)) == []


# How it is made


def templates() -> set[str]:
    """What the rules give to ``aws`` for all cases."""
    seen = set[str]()

    def spy(template: str, **values: str) -> str:
        seen.add(template)
        return aws(template, **values)

    with pytest.MonkeyPatch.context() as patch:
        for rule in FOUND.values():
            for module in [rule.first_aid.__globals__, *helpers(rule)]:
                if module.get("aws") is aws:
                    patch.setitem(module, "aws", spy)
        patch.setattr(first_aid, "aws", spy)
        for case in cases():
            offered(case)
    return seen


def helpers(rule: type[Rule]) -> Iterator[dict[str, Any]]:
    """The modules of functions that the rule's module imported."""
    for item in rule.first_aid.__globals__.values():
        if getattr(item, "__module__", "").startswith("trailbell.rules.") and callable(item):
            yield getattr(item, "__globals__", {})


TEMPLATES = sorted(templates())


def places() -> dict[str, tuple[str, Any]]:
    """Each placeholder that is a whole value, with the shape that AWS gives that value."""
    found = {}
    for template in TEMPLATES:
        service, operation, *words = shlex.split(template)
        words = [*map(str, words)]
        service = {"s3api": "s3", "configservice": "config"}.get(service, service)
        members = input_of(service, operation)
        for option, values in options(words):
            if option == "region" and option not in members:
                continue
            if len(values) == 1 and (name := re.fullmatch(r"\{(\w+)\}", values[0])):
                member, _ = argument(members, option, ["1"])
                found[f"{name[1]} in {service} {operation}"] = (name[1], members[member])
    return found


PLACES = places()


def test_no_placeholder_is_left_over() -> None:
    """A pattern that no command uses goes."""
    used = {name for template in TEMPLATES for _, name, _, _ in Formatter().parse(template)}

    assert set(PATTERNS) == used - {None}


def values_of(name: str) -> st.SearchStrategy[str]:
    """Values that the placeholder may hold."""
    whole = re.compile(PATTERNS[name], re.ASCII)
    loose = re.compile(re.sub(r"\(\?=.*?\\Z\)", "", PATTERNS[name]), re.ASCII)
    return st.from_regex(loose, fullmatch=True).filter(lambda value: bool(whole.fullmatch(value)))


@pytest.mark.slow
@pytest.mark.parametrize("place", PLACES)
def test_patterns_are_those_of_aws(place: str) -> None:
    """What a placeholder lets in, AWS takes there; of words that AWS lists it lets in all."""
    name, shape = PLACES[place]

    @settings(max_examples=25, deadline=None, database=None)
    @given(values_of(name))
    def check(value: str) -> None:
        assert misfit(shape, value_of(shape, [value])) is None

    if shape.type_name == "string" and shape.enum:
        assert all(re.fullmatch(PATTERNS[name], word) for word in shape.enum)
    else:
        check()


@pytest.mark.parametrize("name", PATTERNS)
def test_patterns(name: str) -> None:
    """No value looks like an option, breaks a line, or makes a command longer than a message."""

    @settings(max_examples=25, deadline=None, database=None)
    @given(values_of(name))
    def check(value: str) -> None:
        assert not value.startswith("-")
        assert value.isascii() and value.isprintable() and " " not in value
        assert len(value) <= 3_000
        assert shlex.split(aws(f"x --y {{{name}}}", **{name: value})) == ["aws", "x", "--y", value]

    check()


TEXTS = st.text() | st.sampled_from(HOSTILE)


@settings(deadline=None)
@given(st.data())
def test_any_value(data: st.DataObject) -> None:
    """A shell reads out of a command what went into it, or there is no command."""
    names = data.draw(st.lists(st.sampled_from(sorted(PATTERNS)), unique=True, max_size=3))
    values = {name: data.draw(values_of(name) | TEXTS) for name in names}
    template = "".join(["x y", *(f" --{name} {{{name}}}" for name in names)])

    command = aws(template, **values)

    words = [word for name in names for word in (f"--{name}", values[name])]
    assert command == "" or shlex.split(command) == ["aws", "x", "y", *words]
    right = (re.fullmatch(PATTERNS[name], values[name], re.ASCII) for name in names)
    assert bool(command) == all(right)


@pytest.mark.parametrize(
    ("template", "values", "command"),
    [
        ("iam x --user-name {user}", {"user": "bob"}, "aws iam x --user-name bob"),
        ("iam x --user-name {user}", {"user": "a,b=@c+d"}, "aws iam x --user-name a,b=@c+d"),
        ("iam x --user-name {user}", {"user": ""}, ""),
        ("iam x --user-name {user}", {"user": "-bob"}, ""),
        ("iam x --user-name {user}", {"user": "bob\n"}, ""),
        ("iam x --user-name {user}", {"user": "b ob"}, ""),
        ("iam x --user-name {user}", {"user": "b" * 129}, ""),
        ("iam x --role-name {role}", {"role": "AWSReservedSSO_Admin_0123456789abcdef"}, ""),
        ("iam x --role-name {role}", {"role": "AWSServiceRoleForSupport"}, ""),
        ("x --region {region}", {"region": "eusc-de-east-1"}, "aws x --region eusc-de-east-1"),
        ("x --region {region}", {"region": "us-gov-west-1"}, "aws x --region us-gov-west-1"),
        ("x --region {region}", {"region": "us-east-1.evil.example"}, ""),
        ("x --account-id {account}", {"account": "1" * 13}, ""),
        ("x --qualifier {qualifier}", {"qualifier": "$LATEST"}, "aws x --qualifier '$LATEST'"),
        ("x --qualifier {alias}", {"alias": "12"}, ""),
        ("x --name {trail}", {"trail": "arn:aws:iam::111122223333:trail/x"}, ""),
        ("x --name {repository}", {"repository": "a--b/c.d"}, "aws x --name a--b/c.d"),
        ("x --name {repository}", {"repository": "a/"}, ""),
        ("x '{{\"a\":1}}'", {}, "aws x '{\"a\":1}'"),
        ("x --user-name {user} --region {region}", {"user": "bob", "region": ""}, ""),
    ],
)  # fmt: skip
def test_aws(template: str, values: dict[str, str], command: str) -> None:
    """Values are quoted for a shell, and each must be what its placeholder's name says."""
    assert aws(template, **values) == command


def test_several() -> None:
    """One value stands alone, several are a JSON list, none make no command."""
    assert several(["a"]) == "a"
    assert several(["a", "b"]) == '["a","b"]'
    assert aws("x {accounts}", accounts=several(["1" * 12, "2" * 12])) == (
        f"""aws x '["{"1" * 12}","{"2" * 12}"]'"""
    )
    assert aws("x {accounts}", accounts=several([])) == ""
    assert aws("x {accounts}", accounts=several(["1" * 12] * 21)) == ""


@pytest.mark.parametrize(
    ("by", "offers"),
    [
        (user("bob"), True),
        (user("bob", accessKeyId="ASIAIOSFODNN7EXAMPLE"), False),
        (user("bob", accessKeyId=""), False),
        (user("b ob"), False),
        (role("deploy", "b-1"), False),
        (person("bob@example.com"), False),
        (root(accessKeyId="AKIAIOSFODNN7EXAMPLE"), False),
    ],
)
def test_stop_key(by: dict[str, Any], offers: bool) -> None:
    """Only a user's own lasting key can be deactivated."""
    command = stop_key(call("iam:CreateUser", by=by))

    assert command == offers * (
        "aws iam update-access-key --user-name bob --access-key-id AKIAIOSFODNN7EXAMPLE"
        " --status Inactive"
    )


def test_deny_all_in_another_partition() -> None:
    """AWS's own policy has the partition of the caller in its ARN."""
    event = call("iam:CreateUser", by=user("bob", arn="arn:aws-cn:iam::111122223333:user/bob"))

    assert deny_all(event, "user", "bob").endswith("arn:aws-cn:iam::aws:policy/AWSDenyAll")


def test_revoke_sessions_of_an_unknown_time() -> None:
    """Without a time nothing can be said of what is older."""
    assert revoke_sessions(call("iam:CreateUser", eventTime=None), "deploy") == ""
    assert revoke_sessions(call("iam:CreateUser", eventTime="yesterday"), "deploy") == ""
