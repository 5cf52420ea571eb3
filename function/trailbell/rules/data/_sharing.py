"""Whom a resource policy lets in, wherever the call that sets it keeps it."""

from __future__ import annotations

import re
from collections.abc import Collection

from trailbell import policy
from trailbell.model import Event, Line, Text, say
from trailbell.policy import Document, Trust

POLICIES = {
    "s3:PutBucketPolicy": "bucketPolicy",
    "sqs:SetQueueAttributes": "attributes.Policy",
    "sqs:CreateQueue": "attributes.Policy",
    "sns:CreateTopic": "attributes.Policy",
    "sns:SetTopicAttributes": "attributeValue",
    "ecr:SetRepositoryPolicy": "policyText",
    "secretsmanager:PutResourcePolicy": "resourcePolicy",
    "kms:CreateKey": "policy",
    "kms:PutKeyPolicy": "policy",
    "es:CreateElasticsearchDomain": "accessPolicies",
    "es:UpdateElasticsearchDomainConfig": "accessPolicies",
    "es:CreateDomain": "accessPolicies",
    "es:UpdateDomainConfig": "accessPolicies",
    "glacier:SetVaultAccessPolicy": "policy.policy",
}
"""Where each call keeps the policy in its request."""
ADD_PERMISSION = ("lambda:AddPermission", "sns:AddPermission", "sqs:AddPermission")
LAMBDA_CONDITIONS = {  # https://docs.aws.amazon.com/lambda/latest/api/API_AddPermission.html
    "principalOrgID": ("StringEquals", "aws:PrincipalOrgID"),
    "sourceAccount": ("StringEquals", "aws:SourceAccount"),
    "sourceArn": ("ArnLike", "aws:SourceArn"),
}

LONGEST_NAME = 48  # of a principal in a title; a canonical user id says nothing to anybody


def policy_of(event: Event) -> Document | None:
    """The policy that a call sets or adds to; None where there is none, or none to be read."""
    if event.action in ADD_PERMISSION:
        return _permission(event)
    return policy.read(_written(event))


def unreadable(event: Event) -> bool:
    """Whether a call sets a policy that is no JSON, or too large for CloudTrail to record."""
    if event.action not in POLICIES:
        return False
    written = _written(event)
    if written is None:
        return policy.omitted(event.get("requestParameters"))
    return policy.read(written) is None


def outsiders(
    document: Document | None, account: str, trusted: Collection[str] = ()
) -> list[Trust]:
    """The accounts, and the users of identity providers, that a policy lets in from outside."""
    # An id here is not that of a deleted principal: no service lets anybody write such a policy.
    found = [
        trust
        for trust in policy.trusts(document, account, ids=True)
        if trust.kind != "anyone" and trust.who not in trusted
    ]
    ours = f"::{account}:" if account else "\0"
    found = [trust for trust in found if trust.kind == "account" or ours not in trust.who]
    once: dict[str, Trust] = {}
    for trust in found:  # a principal and a condition, or two statements, may name the same one
        once.setdefault(trust.who, trust)
    return list(once.values())


def whom(found: list[Trust]) -> Text:
    """Them, in a sentence."""
    first = found[0]
    if first.kind == "federated":
        who = say("users of {}", first.who)
    elif re.fullmatch(r"[0-9]{12}", first.who):
        who = say("account {}", first.who)
    else:
        name = first.who.rpartition("/")[2]
        is_name = len(name) <= LONGEST_NAME
        who = say("{} from outside", name) if is_name else say("somebody from outside")
    others = len(found) - 1
    return who + say(f" and {others} other{'' if others == 1 else 's'}" if others else "")


def quoted(trust: Trust) -> tuple[Line, ...]:
    """The statement that lets somebody in, and its condition if that was cut off."""
    lines = [Line("Statement", say("{}", trust.statement))]
    if trust.condition not in trust.statement:
        lines.append(Line("Condition", say("{}", trust.condition)))
    return tuple(lines)


def _written(event: Event) -> object | None:
    """The policy as the request has it; None for one that is empty, which takes it away."""
    if event.action == "sns:SetTopicAttributes":
        name = event.get("requestParameters.attributeName")
        if name not in (None, "Policy"):
            return None
    path = POLICIES.get(event.action)
    return event.get(f"requestParameters.{path}") or None if path else None


def _permission(event: Event) -> Document | None:
    """The statement that AddPermission adds, as AWS makes it of the parameters."""
    request = event.get("requestParameters")
    if not isinstance(request, dict):
        return None
    statement: Document = {"Effect": "Allow"}
    if event.action == "lambda:AddPermission":
        principal = event.text("requestParameters.principal")
        is_service = "." in principal and ":" not in principal
        statement["Action"] = event.text("requestParameters.action") or "lambda:*"
        statement["Principal"] = {"Service" if is_service else "AWS": principal}
        condition: Document = {}
        for field, (operator, key) in LAMBDA_CONDITIONS.items():
            if value := event.text(f"requestParameters.{field}"):
                condition.setdefault(operator, {})[key] = value
        if condition:
            statement["Condition"] = condition
    else:
        fields = {key.lower(): value for key, value in request.items()}
        statement["Action"] = fields.get("actions") or fields.get("actionname")
        accounts = fields.get("awsaccountids") or fields.get("awsaccountid")
        statement["Principal"] = {"AWS": accounts}
    return {"Statement": [statement]}
