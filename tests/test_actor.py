"""Names as the catalogue's definitions.vocabulary.actor writes them, for each identity type of
facts/cloudtrail.md (CT-30 to CT-44)."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conftest import records
from trailbell.actor import HIDDEN
from trailbell.model import Actor, Event
from trailbell.testing import person, role, root, service, user

ACCOUNT = "111122223333"


def actor(identity: object, **fields: Any) -> Actor:
    return Event({"userIdentity": identity, **fields}).actor


def without(identity: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in identity.items() if name not in names}


def federated(arn: str | None = "federated-user/bob", issuer: str = "alice") -> dict[str, Any]:
    return {
        "type": "FederatedUser",
        "principalId": f"{ACCOUNT}:bob",
        "arn": arn and f"arn:aws:sts::{ACCOUNT}:{arn}",
        "accountId": ACCOUNT,
        "sessionContext": {"sessionIssuer": {"type": "IAMUser", "userName": issuer}},
    }


HIDDEN_USER = {"type": "IAMUser", "accountId": ACCOUNT, "accessKeyId": "", "userName": HIDDEN}
PORTAL = {"UserName": "bob@example.com", "CredentialType": "PASSWORD"}
STORE = {
    "userId": "8aab9957-73c0",
    "identityStoreArn": "arn:aws:identitystore::1:identitystore/d-1",
}
CENTER = {"type": "IdentityCenterUser", "accountId": ACCOUNT, "onBehalfOf": STORE}
SAML = {
    "type": "SAMLUser",
    "principalId": "SampleUkh1i4+ExamplexL/jEvs=:SamlExample",
    "userName": "SamlExample",
    "identityProvider": "bdGOnTesti4+ExamplexL/jEvs=",
}
OIDC = "arn:aws:iam::444455556666:oidc-provider/token.actions.githubusercontent.com"
WEB = {
    "type": "WebIdentityUser",
    "principalId": f"{OIDC}:sts.amazonaws.com:repo:example/orders:ref:refs/heads/main",
    "userName": "repo:example/orders:ref:refs/heads/main",
    "identityProvider": OIDC,
}
UNKNOWN = {"type": "Unknown", "principalId": "p-1", "accountId": ACCOUNT}


@pytest.mark.parametrize(
    ("identity", "fields", "name", "phrase", "about"),
    [
        pytest.param(*row[1:], id=row[0])
        for row in [
            # CT-31
            ("an IAM user", user("alice"), {}, "alice", "alice", "alice (IAM user)"),
            ("an IAM user with a path", without(user("bob", path="/team/"), "userName"), {}, "bob",
             "bob", "bob (IAM user)"),
            ("an IAM user, name null", user("bob", userName=None), {}, "bob", "bob",
             "bob (IAM user)"),
            ("an IAM user, name empty", user("bob", userName=""), {}, "bob", "bob",
             "bob (IAM user)"),
            ("an IAM user with a key alone", {"type": "IAMUser", "accessKeyId": "AKIA1"}, {},
             "AKIA1", "AKIA1", "AKIA1 (IAMUser)"),
            ("an IAM user with nothing", {"type": "IAMUser"}, {}, "unknown", "an unknown caller",
             "not in the record"),
            ("a user name that does not exist", HIDDEN_USER, {}, HIDDEN, "an unknown user",
             "a user name that does not exist"),
            # CT-33
            ("root", root(), {}, f"root of {ACCOUNT}", "the root user",
             f"the root user of {ACCOUNT}"),
            ("root with the account's alias", root(userName="example-corp"), {},
             f"root of {ACCOUNT}", "the root user", f"the root user of {ACCOUNT}"),
            ("root, for which AWS acts", root(invokedBy="support.amazonaws.com"), {},
             f"root of {ACCOUNT}", "the root user", f"the root user of {ACCOUNT}"),
            ("root without an account", {"type": "Root"}, {"recipientAccountId": "444455556666"},
             "root of 444455556666", "the root user", "the root user of 444455556666"),
            ("root of nowhere", {"type": "Root"}, {}, "root of unknown", "the root user",
             "the root user of unknown"),
            # CT-32, CT-43, CT-44
            ("a role session", role("deploy", "build-42"), {}, "deploy/build-42",
             "deploy/build-42", "deploy as build-42 (role session)"),
            ("a role with a path", role("deploy", "build-42", path="/team/"), {},
             "deploy/build-42", "deploy/build-42", "deploy as build-42 (role session)"),
            ("an instance", role("web", "i-0abc"), {}, "web/i-0abc", "web/i-0abc",
             "web as i-0abc (role session)"),
            ("a session that an e-mail names", role("Admin", "bob@example.com"), {},
             "Admin/bob@example.com", "Admin/bob@example.com",
             "Admin as bob@example.com (role session)"),
            ("a role without an issuer", without(role("deploy", "b-1"), "sessionContext"), {},
             "deploy/b-1", "deploy/b-1", "deploy as b-1 (role session)"),
            ("an issuer without a name",
             role("deploy", "b-1") | {"sessionContext": {"sessionIssuer": {
                 "arn": f"arn:aws:iam::{ACCOUNT}:role/team/deploy"}}}, {},
             "deploy/b-1", "deploy/b-1", "deploy as b-1 (role session)"),
            ("the ARN wins over the principal",
             role("deploy", "b-1") | {"principalId": "AROA:other"}, {}, "deploy/b-1", "deploy/b-1",
             "deploy as b-1 (role session)"),
            ("a role without an ARN", without(role("deploy", "b-1"), "arn"), {}, "deploy/b-1",
             "deploy/b-1", "deploy as b-1 (role session)"),
            ("a role without a session",
             without(role("deploy", "b-1"), "arn", "principalId"), {}, "deploy/unknown",
             "deploy/unknown", "deploy as unknown (role session)"),
            ("a session without a role",
             {"type": "AssumedRole", "principalId": "AROA:b-1"}, {}, "unknown/b-1", "unknown/b-1",
             "unknown as b-1 (role session)"),
            ("a role with nothing", {"type": "AssumedRole"}, {}, "unknown", "an unknown caller",
             "not in the record"),
            # CT-32: Identity Center
            ("a person of Identity Center", person("bob@example.com", "Admin"), {},
             "Admin (SSO) bob@example.com", "bob@example.com",
             "bob@example.com (Identity Center, Admin)"),
            ("a permission set with underscores", person("bob", "Power_User-1"), {},
             "Power_User-1 (SSO) bob", "bob", "bob (Identity Center, Power_User-1)"),
            ("a role that only looks like it", role("AWSReservedSSO_Admin", "bob"), {},
             "AWSReservedSSO_Admin/bob", "AWSReservedSSO_Admin/bob",
             "AWSReservedSSO_Admin as bob (role session)"),
            ("a person of Identity Center without a session",
             without(person("bob", "Admin"), "arn", "principalId"), {}, "Admin (SSO) unknown",
             "unknown", "unknown (Identity Center, Admin)"),
            # CT-36
            ("a federated user", federated(), {}, "bob, issued by alice", "bob",
             "bob (federated user, issued by alice)"),
            ("a federated user without an ARN", federated(None), {}, "bob, issued by alice", "bob",
             "bob (federated user, issued by alice)"),
            ("a federated user of nobody", federated(issuer=""), {}, "bob", "bob",
             "bob (federated user, issued by unknown)"),
            ("a federated user with nothing", {"type": "FederatedUser"}, {}, "unknown",
             "an unknown caller", "not in the record"),
            # CT-30
            ("a service", service("config"), {}, "config.amazonaws.com", "config.amazonaws.com",
             "config.amazonaws.com (AWS service)"),
            ("a service that only the address names", {"type": "AWSService"},
             {"sourceIPAddress": "config.amazonaws.com"}, "config.amazonaws.com",
             "config.amazonaws.com", "config.amazonaws.com (AWS service)"),
            # CT-37
            ("another account",
             {"type": "AWSAccount", "accountId": "777788889999", "principalId": "AIDAEXAMPLE"}, {},
             "account 777788889999 AIDAEXAMPLE", "account 777788889999",
             "AIDAEXAMPLE of another account, 777788889999"),
            ("another account, nobody in it", {"type": "AWSAccount", "accountId": "777788889999"},
             {}, "account 777788889999", "account 777788889999",
             "unknown of another account, 777788889999"),
            # CT-38
            ("a user of Identity Center", CENTER, {"additionalEventData": PORTAL},
             "8aab9957-73c0", "bob@example.com", "bob@example.com (Identity Center)"),
            ("a user of Identity Center without a name", CENTER, {}, "8aab9957-73c0",
             "8aab9957-73c0", "8aab9957-73c0 (Identity Center)"),
            ("a user of Identity Center without an id", without(CENTER, "onBehalfOf"),
             {"additionalEventData": PORTAL}, "bob@example.com", "bob@example.com",
             "bob@example.com (Identity Center)"),
            # CT-39, CT-40
            ("a SAML user", SAML, {}, "SamlExample", "SamlExample",
             "SamlExample (signed in through bdGOnTesti4+ExamplexL/jEvs=)"),
            ("a SAML user without a name", without(SAML, "userName"), {}, SAML["principalId"],
             SAML["principalId"],
             f"{SAML['principalId']} (signed in through bdGOnTesti4+ExamplexL/jEvs=)"),
            ("a web identity", WEB, {}, "repo:example/orders:ref:refs/heads/main",
             "repo:example/orders:ref:refs/heads/main",
             f"repo:example/orders:ref:refs/heads/main (signed in through {OIDC})"),
            # CT-35
            ("unknown, with a principal", UNKNOWN, {}, "p-1", "p-1", "p-1 (Unknown)"),
            ("unknown, with a key alone", {"type": "Unknown", "accessKeyId": "AKIA1"}, {}, "AKIA1",
             "AKIA1", "AKIA1 (Unknown)"),
            ("unknown, with nothing", {"type": "Unknown"}, {}, "unknown", "an unknown caller",
             "not in the record"),
            # CT-34
            ("no type, with a principal", {"principalId": "p-1"}, {}, "p-1", "p-1", "p-1"),
            ("a type that is new", {"type": "RobotUser", "principalId": "p-1"}, {}, "p-1", "p-1",
             "p-1 (RobotUser)"),
            ("a type of another type", {"type": {"a": 1}, "principalId": "p-1"}, {}, "p-1", "p-1",
             "p-1"),
            ("no identity", None, {}, "unknown", "an unknown caller", "not in the record"),
            ("an identity of another type", "root", {}, "unknown", "an unknown caller",
             "not in the record"),
            ("an empty identity", {}, {}, "unknown", "an unknown caller", "not in the record"),
        ]
    ],
)  # fmt: skip
def test_who(identity: object, fields: dict[str, Any], name: str, phrase: str, about: str) -> None:
    """Each way in which CloudTrail writes a caller has one name, one phrase and one line."""
    found = actor(identity, **fields)

    assert (found.name, str(found.phrase), str(found.about)) == (name, phrase, about)
    assert str(found) == name


@pytest.mark.parametrize(
    ("identity", "name"),
    [
        (UNKNOWN | {"userName": "bob"}, "p-1"),
        ({"type": "Unknown", "accessKeyId": "AKIA1", "userName": "bob"}, "AKIA1"),
        ({"principalId": "p-1", "userName": "bob"}, "p-1"),
    ],
    ids=["a name too", "a key and a name", "no type, a name too"],
)
def test_unknown_by_the_vocabulary(identity: dict[str, Any], name: str) -> None:
    """Unknown or no type: the principal, else the key; contracts.md makes that the mute's word."""
    assert actor(identity).name == name


@pytest.mark.parametrize("kind", ["Role", "Directory"])
def test_types_that_only_the_documentation_knows(kind: str) -> None:
    """The last part of the ARN, else the principal (CT-41)."""
    arn = f"arn:aws:iam::{ACCOUNT}:role/team/deploy"

    assert actor({"type": kind, "arn": arn, "principalId": "p-1"}).name == "deploy"
    assert actor({"type": kind, "arn": arn}).name == "deploy"
    assert actor({"type": kind, "principalId": "p-1"}).name == "p-1"


@pytest.mark.parametrize(
    ("identity", "role_name", "role_arn"),
    [
        (role("deploy", "b-1"), "deploy", f"arn:aws:iam::{ACCOUNT}:role/deploy"),
        (
            person("bob", "Admin"),
            "AWSReservedSSO_Admin_0123456789abcdef",
            f"arn:aws:iam::{ACCOUNT}:role/aws-reserved/sso.amazonaws.com/"
            "AWSReservedSSO_Admin_0123456789abcdef",
        ),
        (without(role("deploy", "b-1"), "sessionContext"), "deploy", ""),
        (user("deploy"), "", ""),
        (root(), "", ""),
        (federated(issuer="deploy"), "", ""),
        (SAML, "", ""),
        (service(), "", ""),
    ],
)
def test_the_role_of_a_session(identity: object, role_name: str, role_arn: str) -> None:
    """Only who wears a role has one, by its name and its ARN: mutes compare both."""
    found = actor(identity)

    assert (found.role, found.role_arn) == (role_name, role_arn)


def test_names_are_values() -> None:
    """Whoever may choose a name must not choose our words: it is a value in phrase and line."""
    for found in (
        actor(user("<!channel>")),
        actor(role("<!channel>", "<!channel>")),
        actor(person("<!channel>")),
        actor(federated("federated-user/<!channel>")),
        actor(SAML | {"userName": "<!channel>"}),
        actor(CENTER, additionalEventData={"UserName": "<!channel>"}),
        actor({"type": "AWSService", "invokedBy": "<!channel>"}),
        actor({"type": "AWSAccount", "accountId": "<!channel>", "principalId": "<!channel>"}),
        actor({"type": "<!channel>", "principalId": "<!channel>"}),
        actor({"type": "Root", "accountId": "<!channel>"}),
    ):
        for text in (found.phrase, found.about):
            assert "channel" not in "".join(text.words)


REAL = [
    ("grycap", "AWSService", "elasticmapreduce.amazonaws.com"),
    ("panther_labels", "FederatedUser", "federated-user"),
    ("awsdocs", "AWSAccount", "account 123456789012 AIDAJ45Q7YFFAREXAMPLE"),
    ("awsdocs", "SAMLUser", "SamlExample"),
    ("sample_day", "IdentityCenterUser", "8cc51fc6-0e1f-5d25-79a8-2059e672fcc3"),
    ("sample_day", "WebIdentityUser", "repo:example/orders:ref:refs/heads/main"),
    ("panther_labels", "Unknown", "<internal victim user id>"),
]


def identities(found: Iterable[dict[str, Any]], kind: str) -> list[Event]:
    events = [Event(record) for record in found]
    return [event for event in events if event.identity == kind]


@pytest.mark.parametrize(("corpus", "kind", "name"), REAL)
def test_recorded(shared: Path, corpus: str, kind: str, name: str) -> None:
    """The rarer types, as they were recorded."""
    events = identities(records(shared, corpus), kind)

    assert name in {event.actor.name for event in events}


def test_everybody_recorded_has_a_name(shared: Path) -> None:
    """Nobody in the corpora is nameless, but where the record holds nothing that names them."""
    for record in records(shared):
        event = Event(record)
        identity = record.get("userIdentity")
        if event.actor.name == "unknown":
            assert not isinstance(identity, dict) or not {"principalId", "accessKeyId"} & set(
                identity
            )
        if event.identity == "Root":
            assert event.actor.name.startswith("root of ")


JUNK: st.SearchStrategy[Any] = (
    st.none() | st.integers() | st.text(max_size=5) | st.just([]) | st.just({}) | st.just(["a"])
)
FIELDS = [
    "type", "userName", "arn", "principalId", "accountId", "accessKeyId", "invokedBy",
    "sessionContext", "onBehalfOf", "identityProvider",
]  # fmt: skip
KINDS = [
    "IAMUser", "Root", "AssumedRole", "FederatedUser", "AWSService", "AWSAccount", "SAMLUser",
    "IdentityCenterUser", "WebIdentityUser", "Unknown", "Role",
]  # fmt: skip


@given(
    st.sampled_from(KINDS) | JUNK,
    st.dictionaries(st.sampled_from(FIELDS), JUNK | st.dictionaries(
        st.sampled_from(["sessionIssuer", "userId"]),
        JUNK | st.dictionaries(st.sampled_from(["userName", "arn"]), JUNK))),
    JUNK | st.dictionaries(st.just("UserName"), JUNK),
)  # fmt: skip
def test_any_identity(kind: object, identity: dict[str, Any], more: object) -> None:
    """Whatever stands in an identity, its caller has a name and a line, and nothing raises."""
    found = actor({"type": kind} | identity, additionalEventData=more)

    assert found.name and str(found.phrase) and str(found.about)
    assert isinstance(found.role, str) and isinstance(found.role_arn, str)
