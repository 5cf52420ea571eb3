"""Policies of IAM, evaluated: identity policies, trusts, and policies of queues and functions.

It stands in for IAM's evaluation within one account. What it does not know (an operator, an element
such as NotAction) raises: a policy that it cannot judge must not pass for one that allows.
Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

ELEMENTS = {"Sid", "Effect", "Action", "Resource", "Condition", "Principal"}
Document = Mapping[str, Any]


@dataclass(frozen=True)
class Ask:
    """Whether somebody may do an action on a resource."""

    action: str
    resource: str
    context: Mapping[str, str] = field(default_factory=dict)
    """Condition keys, and what they are for this request. (All calls stand for such by TLS.)"""

    def value(self, key: str) -> str | None:
        known = {"aws:SecureTransport": "true", **self.context}
        return {name.lower(): value for name, value in known.items()}.get(key.lower())


def allowed(documents: Iterable[Document | str], ask: Ask, principal: str = "") -> bool:
    """Whether the documents allow it together: a statement says so, and none denies it.

    :param principal: a service (``sns.amazonaws.com``) that a resource's policy has to name; ""
        for identity policies, which name nobody.
    """
    found = [
        statement["Effect"]
        for document in documents
        for statement in _statements(document)
        if _applies(statement, ask, principal)
    ]
    return "Allow" in found and "Deny" not in found


def _statements(document: Document | str) -> list[dict[str, Any]]:
    value = json.loads(document) if isinstance(document, str) else document
    return _listed(value["Statement"])


def _applies(statement: dict[str, Any], ask: Ask, principal: str) -> bool:
    if unknown := statement.keys() - ELEMENTS:
        raise NotImplementedError(f"a policy has {', '.join(sorted(unknown))}")
    return (
        _names(statement.get("Principal"), principal)
        and any(_like(one.lower(), ask.action.lower()) for one in _listed(statement["Action"]))
        # A role's trust has no resource: it is about the role itself.
        and any(_like(one, ask.resource) for one in _listed(statement.get("Resource", "*")))
        and all(
            _holds(operator, key, _listed(wanted), ask)
            for operator, keys in statement.get("Condition", {}).items()
            for key, wanted in keys.items()
        )
    )


def _names(named: object, principal: str) -> bool:
    if not principal or named == "*":
        return True
    return isinstance(named, dict) and principal in _listed(named.get("Service", []))


def _holds(operator: str, key: str, wanted: list[str], ask: Ask) -> bool:
    value = ask.value(key)
    if operator not in OPERATORS:
        raise NotImplementedError(f"a policy has the condition operator {operator}")
    return value is not None and any(OPERATORS[operator](one, value) for one in wanted)


def _like(pattern: str, text: str) -> bool:
    """``*`` is any text, ``?`` one character."""
    parts = (".*" if c == "*" else "." if c == "?" else re.escape(c) for c in pattern)
    return re.fullmatch("".join(parts), text, re.DOTALL) is not None


def _arn_like(pattern: str, arn: str) -> bool:
    """Part by part: a ``*`` of the pattern does not reach over a colon, but in the last one."""
    wanted, found = pattern.split(":", 5), arn.split(":", 5)
    return len(wanted) == len(found) and all(map(_like, wanted, found))


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


OPERATORS: dict[str, Callable[[str, str], bool]] = {
    "StringEquals": lambda wanted, value: wanted == value,
    "StringLike": _like,
    "ArnEquals": _arn_like,
    "ArnLike": _arn_like,
    "Bool": lambda wanted, value: wanted.lower() == value.lower(),
}
