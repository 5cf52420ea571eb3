"""Reads IAM policies, role trusts and resource policies: what they grant, and to whom.

A document comes from whoever made the call, so nothing here raises, whatever it is given. In
doubt the more alarming reading wins: a key that is repeated, or spelled in another letter case,
counts with all of its values, and a Deny never makes an Allow look better. Conditions are
judged by their shape and never evaluated.

How IAM reads a document:
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements.html
"""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from enum import IntEnum
from fnmatch import fnmatchcase
from typing import Any, Literal, NamedTuple
from urllib.parse import unquote

Document = dict[str, Any]
Kind = Literal["anyone", "account", "federated"]

SERVICE_ADMIN = ("iam", "sts", "organizations", "sso", "sso-directory", "identitystore")
"""Services whose ``<service>:*`` is as good as full control."""

ESCALATION_ACTIONS = (
    "iam:CreatePolicyVersion",
    "iam:SetDefaultPolicyVersion",
    "iam:PassRole",
    "iam:CreateAccessKey",
    "iam:CreateLoginProfile",
    "iam:UpdateLoginProfile",
    "iam:AttachUserPolicy",
    "iam:AttachGroupPolicy",
    "iam:AttachRolePolicy",
    "iam:PutUserPolicy",
    "iam:PutGroupPolicy",
    "iam:PutRolePolicy",
    "iam:AddUserToGroup",
    "iam:UpdateAssumeRolePolicy",
    "sts:AssumeRole",
    "lambda:UpdateFunctionCode",
    "iam:CreateServiceSpecificCredential",
    "iam:DeleteUserPermissionsBoundary",
    "iam:DeleteRolePermissionsBoundary",
    "sso:AttachManagedPolicyToPermissionSet",
    "sso:PutInlinePolicyToPermissionSet",
    "sso:CreateAccountAssignment",
)
"""Actions that let a principal give itself more, where no resource is left out.

https://github.com/RhinoSecurityLabs/AWS-IAM-Privilege-Escalation
"""

LIMITING_KEYS = frozenset(
    {
        "aws:principalaccount",
        "aws:principalarn",
        "aws:principalorgid",
        "aws:principalorgpaths",
        "aws:sourceaccount",
        "aws:sourcearn",
        "aws:sourceip",
        "aws:sourceorgid",
        "aws:sourceorgpaths",
        "aws:sourceowner",  # in the policy that every SNS topic is born with
        "aws:sourcevpc",
        "aws:sourcevpce",
        "kms:calleraccount",
        "kms:viaservice",
        "s3:dataaccesspointaccount",
        "s3:dataaccesspointarn",
        "sts:externalid",
    }
)
"""Condition keys that can narrow anyone down to a few, given a fixed value.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-control-block-public-access.html
"""

LIMITING_OPERATORS = frozenset(
    {"stringequals", "stringequalsignorecase", "stringlike", "arnequals", "arnlike", "ipaddress"}
)
"""Operators that hold for a few values only. A request without the key passes ``...IfExists``,
``ForAllValues:...`` and ``...Not...``, so those limit nobody.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
"""

WEB_IDENTITY = {
    "accounts.google.com": {"aud", "oaud", "sub"},
    "cognito-identity.amazonaws.com": {"aud", "sub"},
    "graph.facebook.com": {"app_id", "id"},
    "www.amazon.com": {"app_id", "user_id"},
}
"""Providers built into IAM, and their keys: here the audience names one application."""

DECODINGS = 3
QUOTE_LIMIT = 200
ANY = "\0" * 64
"""Stands for any name at all: a pattern that covers it leaves nothing out."""


class Grant(IntEnum):
    """How much an Allow gives away; the greater, the more."""

    NONE = 0
    ESCALATION = 1  # an action with which to get more
    BROAD = 2  # everything but some actions
    SERVICE_ADMIN = 3  # every action of a service that hands out rights
    FULL_ADMIN = 4


@dataclass(frozen=True, slots=True)
class Worst:
    """The most dangerous statement of a policy; the defaults say that there is none."""

    grant: Grant = Grant.NONE
    actions: tuple[str, ...] = ()
    """The patterns that make it so, as written; ``all but ...`` for NotAction."""
    resource: str = ""
    conditional: bool = False
    condition: str = ""
    """The condition as JSON, cut short; empty without one."""
    statement: str = ""
    """The statement as JSON, cut short."""


@dataclass(frozen=True, slots=True)
class Trust:
    """Somebody from elsewhere whom a statement lets in."""

    kind: Kind
    who: str
    """``*``, an account's 12 digits, a provider; or the principal as written, of any length."""
    limited: bool
    """Whether a condition narrows it down."""
    condition: str = ""
    """The condition as JSON, cut short; empty without one."""
    statement: str = ""
    """The statement as JSON, cut short."""
    open_subject: bool = False
    """Federated by OIDC, with a subject that a stranger's token has too."""


class _Test(NamedTuple):
    """One line of a Condition: operator and key in lower case, and the values (any will do)."""

    operator: str
    key: str
    values: list[str]


def read(document: object) -> Document | None:
    """The policy from a field of a record: an object, or JSON that may be percent-encoded.

    None when it cannot be read: it is not a JSON object, or has no Statement.
    """
    decodings = 0
    while isinstance(document, str):
        text = document.strip("\ufeff \t\r\n")
        document = _parse(text)
        if document is None and decodings < DECODINGS:
            document = unquote(text)
            decodings += 1
    return document if isinstance(document, dict) and _has(document, "statement") else None


def omitted(parameters: object) -> bool:
    """Whether CloudTrail left a request's parameters out because they were too large."""
    return any(text.lower() == "true" for text in _texts(_get(parameters, "omitted")))


def worst(
    document: object,
    *,
    service_admin: Collection[str] = SERVICE_ADMIN,
    escalation_actions: Collection[str] = ESCALATION_ACTIONS,
) -> Worst:
    """The statement of an identity's policy that gives away the most.

    A condition takes a statement one step down, so that a full admin whose condition never
    holds cannot stand in front of a service admin without one.
    """

    def danger(found: Worst) -> tuple[int, Grant]:
        return (found.grant >= Grant.SERVICE_ADMIN) - found.conditional, found.grant

    services = [service.lower() for service in service_admin]
    actions = [action.lower() for action in escalation_actions]
    judged = [_judge(statement, services, actions) for statement in _allowed(document)]
    return max((found for found in judged if found.grant), key=danger, default=Worst())


def trusts(document: object, account: str, *, ids: bool = False) -> list[Trust]:
    """Everybody from outside of ``account`` whom a role's trust or a resource policy lets in.

    Services are left out, and so are the unique ids (AIDA..., AROA...) that stand for deleted
    principals. That holds for a policy as stored; in one that a call has just written an id is
    that of a living principal of any account, which ``ids`` asks for:
    https://hackingthe.cloud/aws/enumeration/enumerate_principal_arn_from_unique_id
    """
    found: dict[Trust, None] = {}
    for statement in _allowed(document):
        tests = _tests(statement)
        limits = [test for test in tests if _limits(test)]
        condition, quoted = _condition(statement), _quote(statement)
        for kind, who in dict.fromkeys(_principals(statement)):
            if who == account or (not ids and re.fullmatch(r"A(IDA|ROA)[A-Z0-9]{12,}", who)):
                continue
            is_open = _open_subject(who, tests) if kind == "federated" else None
            limited = bool(limits) or is_open is False
            found[Trust(kind, who, limited, condition, quoted, bool(is_open))] = None
            if kind == "anyone":
                # Anyone, provided that they come from account X, is a way to write account X.
                for named in _accounts(limits):
                    if named != account:
                        found[Trust("account", named, True, condition, quoted)] = None
    return list(found)


def public(document: object) -> Trust | None:
    """The first statement of a resource policy that is open to anyone, no condition limiting."""
    everybody = (trust for trust in trusts(document, "") if trust.kind == "anyone")
    return next((trust for trust in everybody if not trust.limited), None)


# What a statement grants


def _judge(statement: Document, services: list[str], escalations: list[str]) -> Worst:
    """What one Allow statement gives away."""
    resource = _wide_resource(statement, services)
    if not resource:
        return Worst()
    grants = {
        pattern: _grant(pattern.lower(), services, escalations)
        for pattern in _texts(_get(statement, "action"))
    }
    if _has(statement, "notaction"):
        spared = ", ".join(_texts(_get(statement, "notaction")))
        grants[f"all but {_cut(spared) or 'nothing'}"] = Grant.BROAD if spared else Grant.FULL_ADMIN
    grant = max(grants.values(), default=Grant.NONE)
    return Worst(
        grant=grant,
        actions=tuple(action for action, given in grants.items() if given == grant),
        resource=resource,
        conditional=any(_binds(test) for test in _tests(statement)),
        condition=_condition(statement),
        statement=_quote(statement),
    )


def _grant(pattern: str, services: list[str], escalations: list[str]) -> Grant:
    """What one action pattern gives away, where it holds for every resource."""
    if _covers(pattern, f"{ANY}:{ANY}"):
        return Grant.FULL_ADMIN
    if any(_covers(pattern, f"{service}:{ANY}") for service in services):
        return Grant.SERVICE_ADMIN
    if any(_covers(pattern, action) for action in escalations):
        return Grant.ESCALATION
    return Grant.NONE


def _wide_resource(statement: Document, services: list[str]) -> str:
    """The resource that leaves nothing out, for the message; empty when all are particular."""
    if _has(statement, "notresource"):
        spared = ", ".join(_texts(_get(statement, "notresource")))
        return f"all but {_cut(spared) or 'nothing'}"
    resources = list(_texts(_get(statement, "resource"))) or ["*"]
    return next((text for text in resources if _is_wide(text.lower(), services)), "")


def _is_wide(resource: str, services: list[str]) -> bool:
    """Whether a resource pattern covers all of IAM, all of a kind in it, or all of a service."""
    parts = resource.split(":", 5)
    if len(parts) < 6:
        return "*" in resource  # "*", or an ARN whose wildcard spans the rest
    everything = [ANY, *(f"{kind}/{ANY}" for kind in ("user", "role", "group", "policy"))]
    return any(_covers(parts[2], service) for service in {"iam", *services}) and any(
        _covers(parts[5], name) for name in everything
    )


def _covers(pattern: str, name: str) -> bool:
    """Whether an IAM pattern matches: only * and ? are special, while fnmatch has [] as well."""
    return fnmatchcase(name, pattern.replace("[", "[[]"))


# Whom a statement lets in


def _principals(statement: Document) -> Iterator[tuple[Kind, str]]:
    """The principals that are not services; an account by its digits, if they are to be had."""
    if _has(statement, "notprincipal"):
        yield "anyone", "*"
    for principal in _get(statement, "principal"):
        by_type = principal if isinstance(principal, dict) else {"AWS": principal}
        for name, value in by_type.items():
            for text in filter(None, _texts(value)):
                if not text.strip("*?"):
                    yield "anyone", "*"
                elif _fold(name) == "federated":
                    yield "federated", text
                elif _fold(name) != "service":
                    yield _outsider(text)


def _outsider(text: str) -> tuple[Kind, str]:
    """The account behind a principal: an ARN, 12 digits, or a name that only AWS can resolve."""
    account = _account(text)
    if _is_loose(account):
        return "anyone", "*"
    return "account", account if re.fullmatch(r"[0-9]{12}", account) else text


def _account(text: str) -> str:
    """The account in an ARN of any partition; the text itself when it is not an ARN."""
    parts = text.split(":", 5)
    return parts[4] if len(parts) > 4 and _fold(parts[0]) == "arn" else text


def _accounts(tests: list[_Test]) -> Iterator[str]:
    """The accounts that conditions name."""
    for test in tests:
        if test.key != "sts:externalid":  # often 12 digits as well, but any secret will do
            found = (_account(value) for value in test.values)
            yield from (text for text in found if re.fullmatch(r"[0-9]{12}", text))


def _open_subject(provider: str, tests: list[_Test]) -> bool | None:
    """Whether an OIDC provider's subject is left open; None for a SAML provider, without one."""
    if ":saml-provider/" in provider.lower():
        return None
    issuer = provider.lower().rpartition("oidc-provider/")[2]
    keys = {f"{issuer}:{claim}" for claim in WEB_IDENTITY.get(issuer, {"sub"})}
    return not any(
        test.key in keys and _is_strict(test) and all(_is_tied(value) for value in test.values)
        for test in tests
    )


def _is_tied(subject: str) -> bool:
    """Whether a subject names its owner: ``repo:octo-org/*`` does, ``repo:octo*`` does not.

    The owner is the second part, closed by a separator before the first wildcard.
    """
    if not _is_loose(subject):
        return True
    subject = subject.lower().removeprefix("system:")  # Kubernetes puts one more part in front
    return re.match(r"[^*?$/:]+[/:][^*?$/:]+[/:]", subject) is not None


# Conditions


def _tests(statement: Document) -> list[_Test]:
    """The lines of the Condition; none when it is repeated, as nobody knows which one counts."""
    conditions = _get(statement, "condition")
    if len(conditions) != 1 or not isinstance(conditions[0], dict):
        return []
    return [
        _Test(_fold(operator), _fold(key), list(_texts(value)))
        for operator, block in conditions[0].items()
        if isinstance(block, dict)
        for key, value in block.items()
    ]


def _binds(test: _Test) -> bool:
    """Whether a line asks for anything, which a lone wildcard does not."""
    return bool(test.values) and all(value.strip("*?") for value in test.values)


def _is_strict(test: _Test) -> bool:
    """Whether a line can only be met by a request that has the key, with one of the values."""
    return _binds(test) and test.operator.removeprefix("foranyvalue:") in LIMITING_OPERATORS


def _limits(test: _Test) -> bool:
    """Whether a line narrows anyone down to a few."""
    if test.key not in LIMITING_KEYS or not _is_strict(test):
        return False
    if test.key == "aws:sourceip":
        return _is_narrow(test.values)
    return all(_is_fixed(value) for value in test.values)


def _is_narrow(ranges: list[str]) -> bool:
    """Whether address ranges stay below what S3 calls public: broader than /8, for IPv6 /32.

    Taken together, as two halves of the internet are the whole; up to two /8, as lists name
    the private ranges side by side.
    """
    size = {4: 0, 6: 0}
    for text in ranges:
        try:
            network = ipaddress.ip_network(text, strict=False)
        except ValueError:
            return False
        size[network.version] += network.num_addresses
    return size[4] < 2**25 and size[6] < 2**97


def _is_fixed(value: str) -> bool:
    """Whether a value leaves open neither the account nor the organisation that it names."""
    value = re.sub(r"\$\{aws:resource(account|orgid|orgpaths)\}", "own", value.lower())
    if not _is_loose(value):
        return True
    if value.startswith("o-"):  # a path: organisation/root/unit/*
        return not _is_loose(value.partition("/")[0])
    parts = value.split(":", 5)
    if parts[0] != "arn" or len(parts) < 6 or _is_loose(parts[4]):
        return False
    return bool(parts[4]) or not parts[5].startswith(("*", "?", "$"))  # S3 has no account there


def _is_loose(text: str) -> bool:
    """Whether a text has a wildcard or a policy variable in it."""
    return "*" in text or "?" in text or "${" in text


# JSON


def _parse(text: str) -> object:
    """The JSON value, with all the values of a repeated key in a list; None if it is not JSON."""
    try:
        return json.loads(text, object_pairs_hook=_merge)
    except (ValueError, RecursionError):
        return None


def _merge(pairs: list[tuple[str, Any]]) -> Document:
    """An object from its pairs; the standard library would keep a repeated key's last value."""
    every: dict[str, list[Any]] = {}
    for key, value in pairs:
        every.setdefault(key, []).append(value)
    return {key: values[0] if len(values) == 1 else values for key, values in every.items()}


def _allowed(document: object) -> Iterator[Document]:
    """The statements that allow something."""
    for statement in _get(document, "statement"):
        effects = _texts(_get(statement, "effect"))
        if isinstance(statement, dict) and any(effect.lower() == "allow" for effect in effects):
            yield statement


def _has(holder: Document, name: str) -> bool:
    """Whether an object has a key, in any letter case."""
    return any(_fold(key) == name for key in holder)


def _get(holder: object, name: str) -> list[object]:
    """Every value of a key, in any letter case; nothing if it is not even an object."""
    if not isinstance(holder, dict):
        return []
    return list(_flat([value for key, value in holder.items() if _fold(key) == name]))


def _flat(value: object) -> Iterator[object]:
    """A value, or those of a list, however deep. No recursion: the depth is anybody's choice."""
    waiting = [value]
    while waiting:
        value = waiting.pop()
        if isinstance(value, list):
            waiting.extend(reversed(value))
        else:
            yield value


def _texts(values: object) -> Iterator[str]:
    """Those values that are text, or a number or boolean that somebody left unquoted."""
    for value in _flat(values):
        if isinstance(value, str):
            yield value.strip()
        elif isinstance(value, bool | float):
            yield str(value).lower()
        elif isinstance(value, int) and 0 <= value < 10**12:
            yield f"{value:012d}"  # as an account, whose leading zeros a number has lost


def _fold(key: object) -> str:
    """A key as it is compared."""
    return key.strip().lower() if isinstance(key, str) else ""


def _condition(statement: Document) -> str:
    """The condition for a message; empty without one."""
    conditions = [condition for condition in _get(statement, "condition") if condition]
    return _quote(conditions[0] if len(conditions) == 1 else conditions) if conditions else ""


def _quote(value: object) -> str:
    """A value as compact JSON, cut short. Escaped to ASCII, which nothing can hide in."""
    try:
        return _cut(json.dumps(value, separators=(",", ":")))
    except (ValueError, RecursionError):
        return "(too large to quote)"


def _cut(text: str) -> str:
    return text if len(text) <= QUOTE_LIMIT else f"{text[: QUOTE_LIMIT - 3]}..."
