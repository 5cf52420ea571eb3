"""Who made a call: one answer for each of the ways in which CloudTrail writes `userIdentity`.

https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-user-identity.html
lists the types and their fields. Any field may be absent, null or of another type.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from trailbell.text import Text, say

HIDDEN = "HIDDEN_DUE_TO_SECURITY_REASONS"
"""CloudTrail writes this for the user name of a failed sign-in with a name that does not exist."""
UNKNOWN = "unknown"
_SSO_ROLE = re.compile(r"AWSReservedSSO_(.+)_[0-9a-f]{16}")


class Actor:
    """The caller: a name to compare and mute by, a phrase for titles, and a line that says more."""

    __slots__ = ("about", "name", "phrase", "role", "role_arn")

    def __init__(
        self, name: str, phrase: Text, about: Text, *, role: str = "", role_arn: str = ""
    ) -> None:
        self.name = name
        """The text that `replay` prints and mutes compare: ``alice``, ``deploy/build-42``."""
        self.phrase = phrase
        """How a sentence names them, values apart from words."""
        self.about = about
        """What kind of caller this is, for the "Who" line."""
        self.role = role
        """The role's name where the caller wears one, else empty."""
        self.role_arn = role_arn

    def __str__(self) -> str:
        return self.name

    def __repr__(self) -> str:
        return f"Actor({self.name!r})"


def who(text: Callable[[str], str]) -> Actor:
    """The actor of a record.

    :param text: reads the string at a dotted path of the record, "" where there is none.
    """
    kind = text("userIdentity.type")
    return _KINDS.get(kind, _other)(text)


def _iam_user(text: Callable[[str], str]) -> Actor:
    name = text("userIdentity.userName") or _tail(text("userIdentity.arn"))
    if not name:
        return _other(text)
    if name == HIDDEN:
        return Actor(name, say("an unknown user"), say("a user name that does not exist"))
    return Actor(name, say("{}", name), say("{} (IAM user)", name))


def _root(text: Callable[[str], str]) -> Actor:
    # userName of root is the account's alias, never a person.
    account = text("userIdentity.accountId") or text("recipientAccountId") or UNKNOWN
    return Actor(f"root of {account}", say("the root user"), say("the root user of {}", account))


def _assumed_role(text: Callable[[str], str]) -> Actor:
    arn = text("userIdentity.arn")
    role_arn = text("userIdentity.sessionContext.sessionIssuer.arn")
    role = (
        text("userIdentity.sessionContext.sessionIssuer.userName")
        or _tail(role_arn)
        or (arn.split("/")[1] if arn.count("/") >= 2 else "")
    )
    session = _tail(arn) if "/" in arn else text("userIdentity.principalId").partition(":")[2]
    if not role and not session:
        return _other(text)
    if permission_set := _SSO_ROLE.fullmatch(role):
        person = session or UNKNOWN
        name = f"{permission_set[1]} (SSO) {person}"
        about = say("{} (Identity Center, {})", person, permission_set[1])
        return Actor(name, say("{}", person), about, role=role, role_arn=role_arn)
    name = f"{role or UNKNOWN}/{session or UNKNOWN}"
    about = say("{} as {} (role session)", role or UNKNOWN, session or UNKNOWN)
    return Actor(name, say("{}", name), about, role=role, role_arn=role_arn)


def _federated_user(text: Callable[[str], str]) -> Actor:
    person = _tail(text("userIdentity.arn")) or text("userIdentity.principalId").rpartition(":")[2]
    issuer = text("userIdentity.sessionContext.sessionIssuer.userName")
    if not person:
        return _other(text)
    name = f"{person}, issued by {issuer}" if issuer else person
    about = say("{} (federated user, issued by {})", person, issuer or UNKNOWN)
    return Actor(name, say("{}", person), about)


def _service(text: Callable[[str], str]) -> Actor:
    service = text("userIdentity.invokedBy") or text("sourceIPAddress") or "an AWS service"
    return Actor(service, say("{}", service), say("{} (AWS service)", service))


def _account(text: Callable[[str], str]) -> Actor:
    account, principal = text("userIdentity.accountId"), text("userIdentity.principalId")
    name = f"account {account or UNKNOWN} {principal}".rstrip()
    about = say("{} of another account, {}", principal or UNKNOWN, account or UNKNOWN)
    return Actor(name, say("account {}", account or UNKNOWN), about)


def _identity_center_user(text: Callable[[str], str]) -> Actor:
    person = text("additionalEventData.UserName")
    name = text("userIdentity.onBehalfOf.userId") or person
    if not name:
        return _other(text)
    return Actor(name, say("{}", person or name), say("{} (Identity Center)", person or name))


def _web_or_saml_user(text: Callable[[str], str]) -> Actor:
    name = text("userIdentity.userName") or text("userIdentity.principalId")
    if not name:
        return _other(text)
    provider = text("userIdentity.identityProvider") or UNKNOWN
    return Actor(name, say("{}", name), say("{} (signed in through {})", name, provider))


def _role_or_directory(text: Callable[[str], str]) -> Actor:
    name = _tail(text("userIdentity.arn"))
    if not name:
        return _other(text)
    return Actor(name, say("{}", name), say("{} ({})", name, text("userIdentity.type")))


def _other(text: Callable[[str], str]) -> Actor:
    """A type that is new, missing or without its usual fields: whatever names the caller."""
    kind = text("userIdentity.type")
    name = text("userIdentity.principalId") or text("userIdentity.accessKeyId")
    if not name and kind not in ("", "Unknown"):  # a type that is new, or lacks its own fields
        name = _tail(text("userIdentity.arn"))
    shown = (
        text("userIdentity.userName")
        or text("additionalEventData.UserName")
        or name
        or text("userIdentity.invokedBy")
    )
    name = name or (UNKNOWN if kind in ("", "Unknown") else shown)
    if not shown:
        return Actor(UNKNOWN, say("an unknown caller"), say("not in the record"))
    about = say("{} ({})", shown, kind) if kind else say("{}", shown)
    return Actor(name, say("{}", shown), about)


def _tail(arn: str) -> str:
    """The last part of an ARN or path: ``user/team/bob`` is bob."""
    return arn.rpartition("/")[2] if "/" in arn else arn.rpartition(":")[2]


_KINDS: dict[str, Callable[[Callable[[str], str]], Actor]] = {
    "IAMUser": _iam_user,
    "Root": _root,
    "AssumedRole": _assumed_role,
    "FederatedUser": _federated_user,
    "AWSService": _service,
    "AWSAccount": _account,
    "IdentityCenterUser": _identity_center_user,
    "SAMLUser": _web_or_saml_user,
    "WebIdentityUser": _web_or_saml_user,
    "Role": _role_or_directory,
    "Directory": _role_or_directory,
}
