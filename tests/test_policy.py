from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trailbell import policy
from trailbell.policy import ESCALATION_ACTIONS, Grant, Trust

OWN = "111122223333"
OTHER = "999988887777"
GITHUB = f"arn:aws:iam::{OWN}:oidc-provider/token.actions.githubusercontent.com"
SAML = f"arn:aws:iam::{OWN}:saml-provider/okta"
DOCUMENT = {"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
JSON = json.dumps(DOCUMENT)


def encoded(text: str, times: int) -> str:
    for _ in range(times):
        text = quote(text, safe="")
    return text


def allow(action: object = "*", resource: object = "*", **more: object) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def trust(principal: object, condition: object = None, **more: object) -> dict[str, Any]:
    statement = {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole", **more}
    return {"Statement": statement if condition is None else statement | {"Condition": condition}}


def shown(found: list[Trust]) -> list[str]:
    """The findings in short, as the tables below write them."""
    return [
        " ".join(
            filter(
                None,
                [
                    one.kind,
                    one.who,
                    "limited" if one.limited else "",
                    "open" if one.open_subject else "",
                ],
            )
        )
        for one in found
    ]


@pytest.mark.parametrize(
    "document",
    [
        pytest.param(DOCUMENT, id="object"),
        pytest.param(JSON, id="json"),
        pytest.param(json.dumps(DOCUMENT, indent=2), id="pretty-printed"),
        pytest.param(f"\ufeff \r\n{JSON}\n", id="byte-order-mark"),
        pytest.param(encoded(JSON, 1), id="percent-encoded"),
        pytest.param(encoded(JSON, 2), id="percent-encoded-twice"),
        pytest.param(encoded(JSON, 3), id="percent-encoded-three-times"),
        pytest.param(encoded(f"\ufeff\n{JSON}", 1), id="percent-encoded-byte-order-mark"),
        pytest.param(JSON.replace('"', "%22"), id="percent-encoded-but-for-the-brace"),
        pytest.param(json.dumps(JSON), id="json-in-json"),
    ],
)
def test_reads(document: object) -> None:
    """A policy is the same whichever way a service writes it into the record."""
    assert policy.read(document) == DOCUMENT


@pytest.mark.parametrize(
    "document",
    [
        pytest.param(None, id="null"),
        pytest.param(7, id="number"),
        pytest.param([DOCUMENT], id="list"),
        pytest.param("", id="empty"),
        pytest.param("{", id="cut-short"),
        pytest.param("null", id="json-null"),
        pytest.param("[1]", id="json-list"),
        pytest.param('"{"', id="json-in-json-cut-short"),
        pytest.param("%7B%FF", id="percent-encoded-nonsense"),
        pytest.param(encoded(JSON, 4), id="percent-encoded-four-times"),
        pytest.param('{"a":' * 100_000, id="too-deep"),
        pytest.param('{"Statement":' + "9" * 5000 + "}", id="too-large-a-number"),
        pytest.param({"omitted": True}, id="omitted"),
        pytest.param({}, id="no-statement"),
    ],
)
def test_cannot_read(document: object) -> None:
    """What is not a policy is told apart from a policy that grants nothing."""
    assert policy.read(document) is None


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        pytest.param({"omitted": True, "reason": "requestParameters too large"}, True, id="true"),
        pytest.param({"omitted": "true"}, True, id="as-text"),
        pytest.param({"Omitted": "True"}, True, id="letter-case"),
        pytest.param({"omitted": False}, False, id="false"),
        pytest.param({"omitted": None}, False, id="nothing"),
        pytest.param({"policyDocument": JSON}, False, id="there"),
        pytest.param(None, False, id="null"),
        pytest.param("omitted", False, id="text"),
    ],
)
def test_omitted(parameters: object, expected: bool) -> None:
    """An oversize request is recognised by what CloudTrail puts in its place."""
    assert policy.omitted(parameters) is expected


@pytest.mark.parametrize(
    ("action", "grant"),
    [
        pytest.param("*", Grant.FULL_ADMIN, id="star"),
        pytest.param("**", Grant.FULL_ADMIN, id="two-stars"),
        pytest.param("*:*", Grant.FULL_ADMIN, id="star-colon-star"),
        pytest.param("?*:*?", Grant.FULL_ADMIN, id="question-marks-and-stars"),
        pytest.param(" * ", Grant.FULL_ADMIN, id="spaces"),
        pytest.param(["s3:GetObject", ["*"]], Grant.FULL_ADMIN, id="one-in-a-nested-list"),
        pytest.param("iam:*", Grant.SERVICE_ADMIN, id="service"),
        pytest.param("iAm:*", Grant.SERVICE_ADMIN, id="letter-case"),
        pytest.param("iam:?*", Grant.SERVICE_ADMIN, id="question-mark-and-star"),
        pytest.param("iam:***", Grant.SERVICE_ADMIN, id="three-stars"),
        pytest.param("i*:*", Grant.SERVICE_ADMIN, id="wildcard-in-service"),
        pytest.param("?am:*", Grant.SERVICE_ADMIN, id="question-mark-in-service"),
        pytest.param("i*", Grant.SERVICE_ADMIN, id="wildcard-over-the-colon"),
        pytest.param("sso-directory:*", Grant.SERVICE_ADMIN, id="service-with-a-dash"),
        pytest.param(["s3:*", "sts:*"], Grant.SERVICE_ADMIN, id="service-in-a-list"),
        pytest.param("iam:PassRole", Grant.ESCALATION, id="escalation"),
        pytest.param("IAM:PASSROLE", Grant.ESCALATION, id="escalation-in-capitals"),
        pytest.param("iam:Pa??Role", Grant.ESCALATION, id="escalation-by-question-marks"),
        pytest.param("iam:*Policy*", Grant.ESCALATION, id="escalation-by-stars"),
        pytest.param("iam:Put*", Grant.ESCALATION, id="escalation-by-prefix"),
        pytest.param("*:CreateAccessKey", Grant.ESCALATION, id="escalation-in-any-service"),
        pytest.param("lambda:*", Grant.ESCALATION, id="all-of-a-lesser-service"),
        pytest.param("s3:*", Grant.NONE, id="harmless-service"),
        pytest.param("iam:Get*", Grant.NONE, id="reading"),
        pytest.param("iam:[a-z]*", Grant.NONE, id="brackets-are-literal"),
        pytest.param("iam:[P]assRole", Grant.NONE, id="one-bracket-is-literal"),
        pytest.param("iam:????", Grant.NONE, id="a-short-name"),
        pytest.param([], Grant.NONE, id="empty-list"),
        pytest.param([None, {"a": 1}, 10**5000, -1.5], Grant.NONE, id="not-text"),
    ],
)
def test_actions(action: object, grant: Grant) -> None:
    """An action pattern is worth what it covers, however it is spelled."""
    assert policy.worst({"Statement": [allow(action)]}).grant is grant


@pytest.mark.parametrize("action", ESCALATION_ACTIONS)
def test_escalation_actions(action: str) -> None:
    """Each escalation action is found by its own name."""
    found = policy.worst({"Statement": allow(["s3:GetObject", action.upper()])})

    assert (found.grant, found.actions) == (Grant.ESCALATION, (action.upper(),))


@pytest.mark.parametrize(
    ("resource", "wide"),
    [
        pytest.param("*", True, id="star"),
        pytest.param("**", True, id="two-stars"),
        pytest.param(["arn:aws:s3:::example", "*"], True, id="star-in-a-list"),
        pytest.param("arn:aws:iam::111122223333:*", True, id="all-of-iam"),
        pytest.param("arn:aws:iam::*:*", True, id="all-of-iam-in-any-account"),
        pytest.param("arn:aws-cn:iam::*:*", True, id="china"),
        pytest.param("ARN:AWS-US-GOV:IAM::*:*", True, id="govcloud-in-capitals"),
        pytest.param("arn:*:*:*:*:*", True, id="stars-all-over"),
        pytest.param("arn:*", True, id="arn-star"),
        pytest.param("arn:aws:iam::111122223333:role/*", True, id="every-role"),
        pytest.param("arn:aws:iam::111122223333:u*", True, id="every-user-by-prefix"),
        pytest.param("arn:aws:iam::*:user/?*", True, id="every-user-by-question-mark"),
        pytest.param("arn:aws:sso:::*", True, id="all-of-another-admin-service"),
        pytest.param([], True, id="empty-list"),
        pytest.param(None, True, id="null"),
        pytest.param({"a": "b"}, True, id="object"),
        pytest.param("arn:aws:iam::111122223333:role/app", False, id="one-role"),
        pytest.param("arn:aws:iam::111122223333:role/app-*", False, id="some-roles"),
        pytest.param("arn:aws:iam::*:user/${aws:username}", False, id="oneself"),
        pytest.param("arn:aws:iam::*:mfa/*", False, id="a-kind-that-gives-nothing"),
        pytest.param("arn:aws:s3:::example/*", False, id="one-bucket"),
        pytest.param("arn:aws:s3:::*", False, id="another-service"),
    ],
)
def test_resources(resource: object, wide: bool) -> None:
    """A statement is dangerous where its resource leaves nothing out."""
    found = policy.worst({"Statement": [allow("iam:*", resource)]})

    assert found.grant is (Grant.SERVICE_ADMIN if wide else Grant.NONE)


@pytest.mark.parametrize(
    ("statement", "grant"),
    [
        pytest.param({"Effect": "Allow", "Action": "*"}, Grant.FULL_ADMIN, id="no-resource"),
        pytest.param(
            {"Effect": "Allow", "Action": "*", "NotResource": "arn:aws:s3:::example"},
            Grant.FULL_ADMIN,
            id="not-resource",
        ),
        pytest.param(
            {"Effect": "Allow", "NotAction": "s3:*", "Resource": "*"}, Grant.BROAD, id="not-action"
        ),
        pytest.param(
            {"Effect": "Allow", "NotAction": ["iam:*"], "NotResource": []},
            Grant.BROAD,
            id="not-action-and-not-resource",
        ),
        pytest.param(
            {"Effect": "Allow", "NotAction": [], "Resource": "*"},
            Grant.FULL_ADMIN,
            id="not-action-of-nothing",
        ),
        pytest.param(
            {"Effect": "Allow", "NotAction": "s3:*", "Resource": "arn:aws:s3:::example"},
            Grant.NONE,
            id="not-action-on-one-resource",
        ),
        pytest.param(
            allow("iam:PassRole", NotAction="s3:*"), Grant.BROAD, id="action-and-not-action"
        ),
        pytest.param(
            {"EFFECT": "aLLow ", "action": "*", "RESOURCE": "*"}, Grant.FULL_ADMIN, id="letter-case"
        ),
        pytest.param(allow() | {"Effect": "Deny"}, Grant.NONE, id="deny"),
        pytest.param(allow() | {"effect": "Deny"}, Grant.FULL_ADMIN, id="allow-and-deny"),
        pytest.param({"Action": "*", "Resource": "*"}, Grant.NONE, id="no-effect"),
        pytest.param({"Effect": "Allow", "Resource": "*"}, Grant.NONE, id="no-action"),
        pytest.param("Allow", Grant.NONE, id="not-an-object"),
    ],
)
def test_statements(statement: object, grant: Grant) -> None:
    """A statement is judged alike on its own, in a list, and beside a Deny of everything."""
    deny = {"Effect": "Deny", "Action": "*", "Resource": "*"}

    for statements in (statement, [statement], [[deny, statement]], [7, None, statement]):
        assert policy.worst({"Statement": statements}).grant is grant
        assert policy.worst({"sTATEMENT": statements}).grant is grant


@pytest.mark.parametrize(
    "text",
    [
        pytest.param('{"Effect":"Allow","Effect":"Deny","Action":"*"}', id="effect"),
        pytest.param('{"Effect":"Allow","Action":"*","Action":"s3:Get*"}', id="action"),
        pytest.param(
            '{"Effect":"Allow","Action":"*","Resource":"*","Resource":"arn:aws:s3:::example"}',
            id="resource",
        ),
        pytest.param(
            '{"Effect":"Allow","Action":"*","Condition":{"Bool":{"a:b":"true"}},"Condition":{}}',
            id="condition",
        ),
        pytest.param('{"Effect":"Allow","Action":"*"}, "Statement": []', id="statement"),
        pytest.param('{"Effect":"Allow","Action":"\\u002a"}', id="escaped-star"),
    ],
)
def test_repeated_keys(text: str) -> None:
    """Of a key that is written twice the worse value counts, be it the first or the last."""
    found = policy.worst(policy.read(f'{{"Statement": {text}}}'))

    assert (found.grant, found.conditional) == (Grant.FULL_ADMIN, False)


MFA = {"Bool": {"aws:MultiFactorAuthPresent": True}}


@pytest.mark.parametrize(
    ("statements", "grant", "conditional"),
    [
        pytest.param(
            [allow("iam:PassRole"), allow("*"), allow("iam:*")],
            Grant.FULL_ADMIN,
            False,
            id="the-worst-of-three",
        ),
        pytest.param(
            [allow("iam:*", Condition=MFA), allow("sts:*")],
            Grant.SERVICE_ADMIN,
            False,
            id="unconditional-first",
        ),
        pytest.param(
            [allow("*", Condition=MFA), allow("iam:*")],
            Grant.SERVICE_ADMIN,
            False,
            id="a-decoy-with-a-condition",
        ),
        pytest.param(
            [allow("iam:PassRole"), allow("iam:*", Condition=MFA)],
            Grant.SERVICE_ADMIN,
            True,
            id="a-condition-is-one-step",
        ),
        pytest.param(
            [allow("iam:PassRole"), {"Effect": "Allow", "NotAction": "s3:*"}],
            Grant.BROAD,
            False,
            id="broad-before-escalation",
        ),
        pytest.param([allow("*", Condition={})], Grant.FULL_ADMIN, False, id="empty-condition"),
        pytest.param([allow("*", Condition=None)], Grant.FULL_ADMIN, False, id="null-condition"),
        pytest.param([allow("*", Condition=[MFA])], Grant.FULL_ADMIN, True, id="in-a-list"),
        pytest.param(
            [allow("*", Condition={"StringLike": {"aws:username": "*"}})],
            Grant.FULL_ADMIN,
            False,
            id="condition-that-asks-nothing",
        ),
        pytest.param(
            [allow("*", Condition={"NumericLessThan": {"aws:MultiFactorAuthAge": 3600}})],
            Grant.FULL_ADMIN,
            True,
            id="number",
        ),
        pytest.param([], Grant.NONE, False, id="none"),
    ],
)
def test_worst(statements: list[object], grant: Grant, conditional: bool) -> None:
    """The statement that would ring loudest is the one that is told."""
    found = policy.worst({"Statement": statements})

    assert (found.grant, found.conditional) == (grant, conditional)


def test_order_of_grants() -> None:
    """Rules compare grants, so their order is part of the interface."""
    assert (
        Grant.NONE < Grant.ESCALATION < Grant.BROAD < Grant.SERVICE_ADMIN < Grant.FULL_ADMIN
    ) and not Grant.NONE


def test_worst_tells_what_it_found() -> None:
    """The message can name the actions, the resource and the condition, and quote the rest."""
    statement = allow(["s3:*", "IAM:*", "sts:*", "iam:PassRole"], ["x", "*"], Condition=MFA)

    found = policy.worst({"Statement": [allow("s3:*"), statement]})

    assert found.actions == ("IAM:*", "sts:*")
    assert found.resource == "*"
    assert found.condition == '{"Bool":{"aws:MultiFactorAuthPresent":true}}'
    assert found.statement.startswith('{"Effect":"Allow","Action":["s3:*","IAM:*"')


def test_worst_tells_what_is_spared() -> None:
    """A statement by exclusion is told as one."""
    found = policy.worst(
        {"Statement": {"Effect": "Allow", "NotAction": ["a:*", "b:*"], "NotResource": "c"}}
    )

    assert (found.actions, found.resource) == (("all but a:*, b:*",), "all but c")


def test_quotations_are_short_and_plain() -> None:
    """A quotation fits a message, and shows a letter that only looks like another."""
    statement = allow("iam:*", Sid="\u0430" + "x" * 500)

    found = policy.worst({"Statement": statement | {"Condition": {"Bool": {"a" * 500: "true"}}}})

    assert len(found.statement) == len(found.condition) == policy.QUOTE_LIMIT
    assert policy.worst({"Statement": {"Sid": "\u0430", **allow()}}).statement.startswith(
        '{"Sid":"\\u0430"'
    )


def test_nothing_to_quote() -> None:
    """An empty condition is no condition, and is not told as one."""
    assert policy.worst({"Statement": allow(Condition={})}).condition == ""
    assert policy.trusts(trust("*", {}), OWN)[0].condition == ""


def test_tuned_lists() -> None:
    """A user's own lists take the place of ours, in any letter case."""
    document = {"Statement": allow(["EC2:*", "s3:PutBucketPolicy"])}

    assert policy.worst(document, service_admin=["Ec2"]).grant is Grant.SERVICE_ADMIN
    assert policy.worst(document, escalation_actions=["S3:PutBucketPolicy"]).actions == (
        "s3:PutBucketPolicy",
    )
    everyone = {"Statement": allow("iam:*", "arn:aws:iam::*:user/*")}
    assert policy.worst(everyone, service_admin=[]).grant is Grant.ESCALATION


@pytest.mark.parametrize(
    ("principal", "expected"),
    [
        pytest.param("*", ["anyone *"], id="star"),
        pytest.param({"AWS": "*"}, ["anyone *"], id="aws-star"),
        pytest.param({"aws": ["*"]}, ["anyone *"], id="lower-case-list"),
        pytest.param({"AWS": [OWN, "*"]}, ["anyone *"], id="star-among-others"),
        pytest.param(["*"], ["anyone *"], id="list-in-place-of-the-object"),
        pytest.param([{"AWS": OWN}, {"AWS": "*"}], ["anyone *"], id="list-of-objects"),
        pytest.param({"AWS": "**"}, ["anyone *"], id="two-stars"),
        pytest.param({"AWS": "arn:aws:iam::*:root"}, ["anyone *"], id="any-account"),
        pytest.param({"AWS": "arn:aws:iam::*"}, ["anyone *"], id="short-arn"),
        pytest.param({"AWS": "arn:*"}, ["anyone *"], id="arn-star"),
        pytest.param({"AWS": f"arn:aws:iam::{OTHER}"}, [f"account {OTHER}"], id="short-account"),
        pytest.param({"Federated": "?*"}, ["anyone *"], id="any-provider-by-question-mark"),
        pytest.param({"Service": "*"}, ["anyone *"], id="any-service"),
        pytest.param({"Federated": "*"}, ["anyone *"], id="any-provider"),
        pytest.param({"AWS": OTHER}, [f"account {OTHER}"], id="digits"),
        pytest.param(OTHER, [f"account {OTHER}"], id="bare-digits"),
        pytest.param({"AWS": int(OTHER)}, [f"account {OTHER}"], id="number"),
        pytest.param({"AWS": 12345678901}, ["account 012345678901"], id="lost-leading-zero"),
        pytest.param({"AWS": f"arn:aws:iam::{OTHER}:root"}, [f"account {OTHER}"], id="root"),
        pytest.param({"AWS": f"arn:aws:iam::{OTHER}:user/a/b"}, [f"account {OTHER}"], id="user"),
        pytest.param({"AWS": f"arn:aws:iam::{OTHER}:role/*"}, [f"account {OTHER}"], id="roles"),
        pytest.param({"AWS": f"arn:aws-cn:iam::{OTHER}:root"}, [f"account {OTHER}"], id="china"),
        pytest.param(
            {"AWS": f"ARN:AWS-ISO-B:IAM::{OTHER}:ROOT"}, [f"account {OTHER}"], id="capitals"
        ),
        pytest.param(
            {"AWS": f"arn:aws-us-gov:sts::{OTHER}:assumed-role/admin/me"},
            [f"account {OTHER}"],
            id="assumed-role",
        ),
        pytest.param(
            {"AWS": f"arn:aws:sts::{OTHER}:federated-user/me"},
            [f"account {OTHER}"],
            id="federated-user",
        ),
        pytest.param({"CanonicalUser": "79a59df9"}, ["account 79a59df9"], id="canonical-user"),
        pytest.param(
            {"AWS": "arn:aws:iam::cloudfront:user/CloudFront Origin Access Identity E1"},
            ["account arn:aws:iam::cloudfront:user/CloudFront Origin Access Identity E1"],
            id="cloudfront",
        ),
        pytest.param(
            {"AWS": [OTHER, f"arn:aws:iam::{OTHER}:root"], "aws ": OTHER},
            [f"account {OTHER}"],
            id="once-each",
        ),
        pytest.param({"AWS": OWN}, [], id="own-digits"),
        pytest.param({"AWS": f"arn:aws:iam::{OWN}:root"}, [], id="own-root"),
        pytest.param({"AWS": f"arn:aws:sts::{OWN}:assumed-role/a/b"}, [], id="own-session"),
        pytest.param({"Service": "ec2.amazonaws.com"}, [], id="service"),
        pytest.param({"SERVICE": ["ec2.amazonaws.com"]}, [], id="service-in-capitals"),
        pytest.param({"AWS": "AIDAEXAMPLEEXAMPLE123"}, [], id="deleted-user"),
        pytest.param({"AWS": "AROAEXAMPLEEXAMPLE123"}, [], id="deleted-role"),
        pytest.param({"Federated": SAML}, [f"federated {SAML}"], id="saml"),
        pytest.param({"Federated": GITHUB}, [f"federated {GITHUB} open"], id="oidc"),
        pytest.param({}, [], id="nobody"),
        pytest.param(None, [], id="null"),
        pytest.param({"AWS": ["", None, {"AWS": "*"}]}, [], id="not-text"),
    ],
)
def test_principals(principal: object, expected: list[str]) -> None:
    """An outsider is recognised in every spelling; the account's own and services are not told."""
    assert shown(policy.trusts(trust(principal), OWN)) == expected


def test_ids_in_a_new_policy() -> None:
    """An id that a call writes is a living principal of an account that it does not show."""
    document = trust({"AWS": "AROAEXAMPLEEXAMPLE123"})

    assert shown(policy.trusts(document, OWN, ids=True)) == ["account AROAEXAMPLEEXAMPLE123"]


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        pytest.param(
            {"Statement": {"Effect": "Allow", "NotPrincipal": {"AWS": OWN}}},
            ["anyone *"],
            id="not-principal",
        ),
        pytest.param(
            {"statement": [{"EFFECT": "ALLOW", "notprincipal": []}]},
            ["anyone *"],
            id="not-principal-in-lower-case",
        ),
        pytest.param(trust("*", Effect="Deny"), [], id="deny"),
        pytest.param({"Statement": {"Effect": "Deny", "NotPrincipal": OWN}}, [], id="deny-all-but"),
        pytest.param({"Statement": allow()}, [], id="no-principal"),
        pytest.param(
            {"Statement": [*[trust("*")["Statement"]] * 2, trust(OTHER)["Statement"]]},
            ["anyone *", f"account {OTHER}"],
            id="two-statements",
        ),
        pytest.param(None, [], id="null"),
        pytest.param("*", [], id="text"),
    ],
)
def test_trusting_statements(document: object, expected: list[str]) -> None:
    """Each Allow counts once, whatever stands beside it."""
    assert shown(policy.trusts(document, OWN)) == expected


def test_trust_quotes() -> None:
    """The message can quote the condition and the statement."""
    (found,) = policy.trusts(trust("*", {"StringEquals": {"sts:ExternalId": "s"}}), OWN)

    assert found.condition == '{"StringEquals":{"sts:ExternalId":"s"}}'
    assert found.statement.startswith('{"Effect":"Allow","Principal":"*"')


@pytest.mark.parametrize(
    ("condition", "limited"),
    [
        pytest.param({"StringEquals": {"aws:PrincipalOrgID": "o-example"}}, True, id="org"),
        pytest.param({"stringequals": {"AWS:PRINCIPALORGID": "o-a"}}, True, id="letter-case"),
        pytest.param(
            {"StringEquals": {"aws:PrincipalOrgID": "${aws:ResourceOrgID}"}}, True, id="own-org"
        ),
        pytest.param(
            {"ForAnyValue:StringLike": {"aws:PrincipalOrgPaths": "o-a/r-b/ou-c/*"}},
            True,
            id="org-path",
        ),
        pytest.param({"StringEquals": {"aws:SourceOrgID": "o-a"}}, True, id="source-org"),
        pytest.param({"StringEquals": {"AWS:SourceOwner": OWN}}, True, id="default-topic"),
        pytest.param({"StringEquals": {"aws:SourceAccount": int(OWN)}}, True, id="number"),
        pytest.param(
            {"ArnLike": {"aws:SourceArn": f"arn:aws:sns:*:{OWN}:*"}}, True, id="arn-of-account"
        ),
        pytest.param({"ArnLike": {"aws:SourceArn": "arn:aws:s3:::example*"}}, True, id="bucket"),
        pytest.param({"StringEquals": {"aws:SourceVpc": "vpc-1"}}, True, id="vpc"),
        pytest.param({"StringEquals": {"aws:SourceVpce": ["vpce-1", "vpce-2"]}}, True, id="vpce"),
        pytest.param({"IpAddress": {"aws:SourceIp": "192.0.2.1"}}, True, id="address"),
        pytest.param(
            {"IpAddress": {"aws:SourceIp": ["10.0.0.0/8", "2001:db8::/32"]}}, True, id="ranges"
        ),
        pytest.param({"StringEquals": {"aws:PrincipalAccount": OWN}}, True, id="account"),
        pytest.param({"StringEquals": {"sts:ExternalId": "secret"}}, True, id="external-id"),
        pytest.param({"StringEquals": {"kms:CallerAccount": OWN}}, True, id="kms-caller"),
        pytest.param(
            {"StringEquals": {"kms:ViaService": "s3.us-east-1.amazonaws.com"}}, True, id="via"
        ),
        pytest.param({"StringEquals": {"s3:DataAccessPointAccount": OWN}}, True, id="access-point"),
        pytest.param(
            {"Bool": {"aws:SecureTransport": "true"}, "ArnEquals": {"aws:PrincipalArn": GITHUB}},
            True,
            id="one-of-two",
        ),
        pytest.param({"Bool": {"aws:SecureTransport": "true"}}, False, id="another-key"),
        pytest.param({"StringLike": {"aws:PrincipalOrgID": "*"}}, False, id="star"),
        pytest.param({"StringLike": {"aws:PrincipalOrgID": "o-*"}}, False, id="any-org"),
        pytest.param(
            {"StringLike": {"aws:PrincipalOrgPaths": "o-*/r-b/*"}}, False, id="any-org-path"
        ),
        pytest.param({"StringLike": {"aws:SourceAccount": "1*"}}, False, id="many-accounts"),
        pytest.param(
            {"StringEquals": {"aws:SourceAccount": [OWN, "*"]}}, False, id="star-among-others"
        ),
        pytest.param(
            {"StringLike": {"aws:PrincipalOrgID": ["o-a", "o-*"]}}, False, id="any-org-among-others"
        ),
        pytest.param({"StringEquals": {"aws:SourceAccount": []}}, False, id="no-values"),
        pytest.param({"StringEquals": {"aws:SourceAccount": ""}}, False, id="empty-value"),
        pytest.param(
            {"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/app"}}, False, id="any-account"
        ),
        pytest.param({"ArnLike": {"aws:SourceArn": "arn:aws:s3:::*"}}, False, id="any-bucket"),
        pytest.param({"ArnLike": {"aws:SourceArn": "arn:aws:*"}}, False, id="any-arn"),
        pytest.param(
            {"StringEquals": {"aws:PrincipalAccount": "${aws:PrincipalAccount}"}},
            False,
            id="variable-equal-to-itself",
        ),
        pytest.param({"StringLike": {"aws:SourceVpce": "vpce-*"}}, False, id="any-endpoint"),
        pytest.param({"StringNotEquals": {"aws:SourceVpc": "vpc-1"}}, False, id="not-equals"),
        pytest.param({"NotIpAddress": {"aws:SourceIp": "192.0.2.1"}}, False, id="not-address"),
        pytest.param({"StringEqualsIfExists": {"aws:SourceVpc": "v"}}, False, id="if-exists"),
        pytest.param(
            {"ForAllValues:StringEquals": {"aws:PrincipalOrgPaths": "o-a/r-b"}},
            False,
            id="for-all-values",
        ),
        pytest.param({"Null": {"aws:PrincipalOrgID": "false"}}, False, id="null-operator"),
        pytest.param({"IpAddress": {"aws:SourceIp": "0.0.0.0/0"}}, False, id="every-address"),
        pytest.param({"IpAddress": {"aws:SourceIp": "::/0"}}, False, id="every-ipv6-address"),
        pytest.param(
            {"IpAddress": {"aws:SourceIp": ["0.0.0.0/1", "128.0.0.0/1"]}}, False, id="two-halves"
        ),
        pytest.param(
            {"IpAddress": {"aws:SourceIp": [f"{n}.0.0.0/8" for n in range(1, 224)]}},
            False,
            id="many-slices",
        ),
        pytest.param(
            {"IpAddress": {"aws:SourceIp": ["192.0.2.1", "::/0"]}}, False, id="one-of-two-ranges"
        ),
        pytest.param({"IpAddress": {"aws:SourceIp": "here"}}, False, id="not-an-address"),
        pytest.param({"StringEquals": "aws:SourceVpc"}, False, id="not-an-object"),
        pytest.param([], False, id="empty"),
        pytest.param(
            [{"StringEquals": {"aws:SourceVpc": "v"}}, {}], False, id="repeated-condition"
        ),
    ],
)
def test_limits(condition: object, limited: bool) -> None:
    """A condition limits anyone only where it holds for a few and fails for the rest."""
    document = trust({"AWS": "*"}, condition)

    found = policy.trusts(document, OWN)[0]
    assert (found.kind, found.limited) == ("anyone", limited)
    assert (policy.public(document) is None) is limited


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        pytest.param({"StringEquals": {"aws:PrincipalAccount": OTHER}}, [OTHER], id="account"),
        pytest.param(
            {"ArnEquals": {"aws:PrincipalArn": f"arn:aws:iam::{OTHER}:role/a"}}, [OTHER], id="arn"
        ),
        pytest.param({"StringEquals": {"aws:SourceAccount": [OWN, OTHER]}}, [OTHER], id="both"),
        pytest.param({"StringEquals": {"aws:SourceOwner": OWN}}, [], id="own"),
        pytest.param({"StringEquals": {"sts:ExternalId": OTHER}}, [], id="external-id"),
        pytest.param({"StringEqualsIfExists": {"aws:SourceAccount": OTHER}}, [], id="no-limit"),
    ],
)
def test_accounts_named_by_a_condition(condition: object, expected: list[str]) -> None:
    """Anyone who comes from one account is that account, and told as such."""
    found = policy.trusts(trust("*", condition), OWN)

    assert [one.who for one in found if one.kind == "account"] == expected
    assert all(one.limited for one in found if one.kind == "account")


SUB = "token.actions.githubusercontent.com:sub"
AUD = {"StringEquals": {"token.actions.githubusercontent.com:aud": "sts.amazonaws.com"}}


@pytest.mark.parametrize(
    ("condition", "is_open"),
    [
        pytest.param(None, True, id="no-condition"),
        pytest.param(AUD, True, id="audience-alone"),
        pytest.param({"StringLike": {SUB: "*"}}, True, id="star"),
        pytest.param({"StringLike": {SUB: "repo:*"}}, True, id="any-repository"),
        pytest.param({"StringLike": {SUB: "repo:*/*:*"}}, True, id="any-organisation"),
        pytest.param({"StringLike": {SUB: "repo:*/infra:*"}}, True, id="a-name-in-any"),
        pytest.param({"StringLike": {SUB: "repo:octo*"}}, True, id="organisation-left-open"),
        pytest.param({"StringLike": {SUB: "repo:oct?/infra:*"}}, True, id="question-mark"),
        pytest.param({"StringLike": {SUB: ["repo:octo/a:*", "*"]}}, True, id="one-of-two"),
        pytest.param({"StringLike": {SUB: []}}, True, id="no-value"),
        pytest.param({"StringNotLike": {SUB: "repo:octo/a:*"}}, True, id="not-like"),
        pytest.param({"ForAllValues:StringLike": {SUB: "repo:octo/*"}}, True, id="for-all-values"),
        pytest.param({"StringEquals": {"gitlab.com:sub": "x"}}, True, id="another-issuer"),
        pytest.param({"StringEquals": {"x": "repo:octo/a"}}, True, id="another-key"),
        pytest.param({"StringLike": {SUB: "repo:octo/*"}}, False, id="one-organisation"),
        pytest.param({"StringLike": {SUB.upper(): "repo:octo/a:*"}}, False, id="letter-case"),
        pytest.param({"StringEquals": {SUB: "repo:octo/a:ref:refs/heads/main"}}, False, id="exact"),
        pytest.param(AUD | {"StringLike": {SUB: "repo:octo/a:*"}}, False, id="audience-too"),
    ],
)
def test_github_subject(condition: object, is_open: bool) -> None:
    """A subject that leaves the organisation open lets every user of GitHub in."""
    (found,) = policy.trusts(trust({"Federated": GITHUB}, condition), OWN)

    assert (found.kind, found.who) == ("federated", GITHUB)
    assert (found.open_subject, found.limited) == (is_open, not is_open)


@pytest.mark.parametrize(
    ("provider", "test", "is_open"),
    [
        pytest.param("gitlab.com", {"gitlab.com:sub": "project_path:*"}, True, id="gitlab-open"),
        pytest.param("gitlab.com", {"gitlab.com:sub": "project_path:g/*"}, False, id="gitlab"),
        pytest.param(
            "oidc.eks.eu-west-1.amazonaws.com/id/AB",
            {"oidc.eks.eu-west-1.amazonaws.com/id/AB:sub": "system:serviceaccount:*"},
            True,
            id="kubernetes-open",
        ),
        pytest.param(
            "oidc.eks.eu-west-1.amazonaws.com/id/AB",
            {"oidc.eks.eu-west-1.amazonaws.com/id/AB:sub": "system:serviceaccount:web:*"},
            False,
            id="kubernetes",
        ),
        pytest.param("example.com", {"example.com:aud": "app"}, True, id="any-provider"),
        pytest.param("", {"accounts.google.com:aud": "app"}, False, id="google"),
        pytest.param("", {"accounts.google.com:aud": "*"}, True, id="google-open"),
        pytest.param("", {"accounts.google.com:email": "a@example.com"}, True, id="google-email"),
    ],
)
def test_other_subjects(provider: str, test: dict[str, str], is_open: bool) -> None:
    """Each OIDC provider is held to its own keys; those built into IAM may go by the audience."""
    arn = f"arn:aws-cn:iam::{OWN}:oidc-provider/{provider}"
    document = trust({"Federated": arn if provider else "accounts.google.com"})
    document["Statement"]["Condition"] = {"StringLike": test}

    assert policy.trusts(document, OWN)[0].open_subject is is_open


def test_saml_has_no_subject() -> None:
    """The audience that every SAML trust has limits nobody, and its subject is never open."""
    condition = {"StringEquals": {"SAML:aud": "https://signin.aws.amazon.com/saml"}}

    assert shown(policy.trusts(trust({"Federated": SAML}, condition), OWN)) == [f"federated {SAML}"]


@pytest.mark.parametrize(
    ("statements", "is_public"),
    [
        pytest.param([trust("*")["Statement"]], True, id="anyone"),
        pytest.param([trust({"AWS": OTHER})["Statement"]], False, id="one-account"),
        pytest.param(
            [
                trust("*", {"StringEquals": {"aws:SourceVpc": "v"}})["Statement"],
                trust("*", {"Bool": {"aws:SecureTransport": "true"}})["Statement"],
            ],
            True,
            id="one-limited-and-one-not",
        ),
        pytest.param(
            [trust("*")["Statement"] | {"Effect": "Deny"}], False, id="a-deny-of-everybody"
        ),
        pytest.param([], False, id="none"),
    ],
)
def test_public(statements: list[object], is_public: bool) -> None:
    """A resource is public by any one statement that lets anyone in."""
    found = policy.public({"Statement": statements})

    assert (found is not None) is is_public


NAMES = [
    *("Statement", "Effect", "Action", "NotAction", "Resource", "NotResource", "Condition"),
    *("Principal", "NotPrincipal", "AWS", "Federated", "Service", "CanonicalUser", "omitted"),
    *("StringLike", "ForAnyValue:ArnLike", "IpAddress", "aws:SourceIp", "aws:SourceArn", SUB),
]
WORDS = ["Allow", "*", "iam:*", "arn:aws:iam::*:*", "::/0", "10.0.0.0/33", "o-*", GITHUB, OTHER]
SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(WORDS)
)
ANYTHING = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(NAMES) | st.text(), inner, max_size=4)
    ),
    max_leaves=30,
)
STATEMENTS = st.fixed_dictionaries(
    {"Effect": st.just("Allow") | ANYTHING},
    optional={
        name: ANYTHING
        if name != "Condition"
        else st.dictionaries(
            st.sampled_from(NAMES), st.dictionaries(st.sampled_from(NAMES), ANYTHING), max_size=3
        )
        for name in NAMES[2:9]
    },
)
POLICIES = st.fixed_dictionaries({"Statement": STATEMENTS | st.lists(STATEMENTS) | ANYTHING})


def ask_everything(document: object) -> None:
    for read in (document, policy.read(document)):
        policy.omitted(read)
        policy.worst(read)
        policy.trusts(read, OWN)
        policy.public(read)


@settings(deadline=None)
@given(ANYTHING | POLICIES)
def test_never_raises(document: object) -> None:
    """The document is anybody's, so no value of any type may break a rule that reads it."""
    ask_everything(document)


@settings(deadline=None)
@given(POLICIES)
def test_never_raises_on_text(document: object) -> None:
    """Nor may one that comes as JSON, encoded or not, whole or cut short."""
    text = json.dumps(document)

    for candidate in (text, quote(text), text[: len(text) // 2], text.replace(",", ",,")):
        ask_everything(candidate)
    assert policy.read(text) is not None


def nested(depth: int, inner: object, *, key: str = "") -> object:
    for _ in range(depth):
        inner = {key: inner} if key else [inner]
    return inner


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(nested(100_000, "*"), id="lists"),
        pytest.param(nested(100_000, "*", key="AWS"), id="objects"),
        pytest.param(10**5000, id="number"),
        pytest.param(["*a" * 50_000], id="pattern"),
        pytest.param("arn:" * 50_000, id="arn"),
        pytest.param(["*"] * 50_000, id="list"),
        pytest.param({f"k{n}": OTHER for n in range(20_000)}, id="keys"),
        pytest.param("\ud800\x00", id="lone-surrogate"),
    ],
)
@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES[:9])
def test_never_raises_on_extremes(name: str, value: object) -> None:
    """Depth and size are anybody's choice as well, and neither costs more than a moment."""
    statement = allow() | {"Principal": "*", name: value}

    ask_everything({"Statement": statement} if name != "Statement" else {name: value})
