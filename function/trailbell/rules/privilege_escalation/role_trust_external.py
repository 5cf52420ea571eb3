from __future__ import annotations

import json
import re
from collections.abc import Iterator

from trailbell.first_aid import deny_all, stop_key
from trailbell.model import Event, Line, Severity, Text, say
from trailbell.policy import Trust, trusts
from trailbell.rules.base import Quiet, Rings, Rule, did, listed
from trailbell.rules.privilege_escalation._document import document_of, unreadable
from trailbell.testing import ACCOUNT, Identity, iam_call, role

GITHUB = "token.actions.githubusercontent.com"
SHARED = (
    f"{GITHUB}*", "*gitlab*", "accounts.google.com", "agent.buildkite.com", "app.terraform.io",
    "cognito-identity.amazonaws.com", "graph.facebook.com", "www.amazon.com",
)  # fmt: skip
"""Providers (globs) that sign in strangers too: a role must say whom of them it means."""
UNIQUE_ID = re.compile(r"A(IDA|ROA)[A-Z0-9]+")
"""Of a user or a role, in whatever account it is."""
IDENTITY_CENTER = "/aws-service-role/sso.amazonaws.com/"


class RoleTrustExternal(Rule):
    """A role was opened to somebody outside the account.

    A role's trust policy says who may wear it. One line there lets another account in for good,
    without a key or a user that anybody would notice. The policy is read: it rings when it lets
    in anybody, another account, or users of an identity provider. A condition that narrows it
    down lowers the severity; worst is a provider such as GitHub without a word on which of its
    repositories is meant. Roles for AWS services do not ring.

    Check that you know the account and what the role may do. It is noisy when vendors are given
    roles, and where another account of yours manages this one: name them in `trusted_accounts`.
    Clusters and pipelines that sign in with tokens go into `trusted_providers`, as `oidc.eks.*`.
    Roles that IAM Identity Center makes for its own users stay quiet.
    """

    id = "role-trust-external"
    severity = Severity.CRITICAL
    actions = ("iam:CreateRole", "iam:UpdateAssumeRolePolicy")
    failed_calls = "denied-lower"
    service_calls = "keep"
    check_first = (
        "Do you know who was let in? If not, deny the role everything, then restore its trust."
    )
    many = "opened roles to outsiders"
    attack = "T1098.003"
    references = (
        "https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_create_for-user_externalid.html",
        "https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_providers_create_oidc.html",
    )
    since = "0.1.0"

    trusted_accounts: tuple[str, ...] = ()
    """Accounts (12 digits each) that may assume roles."""
    trusted_providers: tuple[str, ...] = ()
    """Identity providers (globs) whose users may assume roles: an ARN, or what follows
    ``oidc-provider/`` or ``saml-provider/`` in it. Those that sign in strangers too go on ringing
    where a role does not say whom of them it means."""
    report_all: bool = False
    """Whether each other change of who may assume a role rings too, as low."""

    def match(self, event: Event) -> bool:
        key = document_key(event)
        reported = self.report_all and event.action == "iam:UpdateAssumeRolePolicy"
        return reported or unreadable(event, key) or bool(self.let_in(event))

    def severity_of(self, event: Event) -> Severity:
        outsiders = self.let_in(event)
        if outsiders:
            return danger(outsiders[0])
        return Severity.MEDIUM if unreadable(event, document_key(event)) else Severity.LOW

    def title(self, event: Event) -> Text:
        name = event.text("requestParameters.roleName")
        new = event.action == "iam:CreateRole"
        if name:
            which = say("the new role {}" if new else "the role {}", name)
        else:
            which = say("a new role" if new else "an unknown role")
        outsiders = self.let_in(event)
        if outsiders:
            others = len(outsiders) - 1
            more = f" and {others} other{'' if others == 1 else 's'}" if others else ""
            return did(event, "let", "let", f"{{}}{more} assume {{}}", whom(outsiders[0]), which)
        if not unreadable(event, document_key(event)):
            return did(event, "changed", "change", "who may assume {}", which)
        return did(event, "gave", "give", "{} a trust policy that could not be read", which)

    def details(self, event: Event) -> tuple[Line, ...]:
        outsiders = self.let_in(event)
        if not outsiders:
            return ()
        lines = [Line("Statement", say("{}", outsiders[0].statement))]
        if outsiders[0].condition not in outsiders[0].statement:  # it was cut off
            lines.append(Line("Condition", say("{}", outsiders[0].condition)))
        return tuple(lines)

    def first_aid(self, event: Event) -> tuple[str, ...]:
        # The record does not tell the old trust policy. A role that may do nothing is of no use
        # to those who were let in, and to those who are in already.
        if not event.succeeded or not self.let_in(event):
            return ()
        return deny_all(event, "role", event.text("requestParameters.roleName")), stop_key(event)

    def let_in(self, event: Event) -> list[Trust]:
        """Everybody from outside whom the policy lets in, the most dangerous first."""
        # An id here is not that of a deleted principal: IAM refuses to write such a policy.
        found = trusts(document_of(event, document_key(event)), event.account, ids=True)
        outsiders = [
            trust
            for trust in found
            if not self.trusted(trust) and not of_identity_center(trust, event)
        ]
        # Anyone who comes from account X is told as account X.
        named = {trust.statement for trust in outsiders if trust.kind == "account"}
        outsiders = [
            trust
            for trust in outsiders
            if not (trust.kind == "anyone" and trust.limited and trust.statement in named)
        ]
        outsiders.sort(key=danger, reverse=True)
        return outsiders

    def trusted(self, trust: Trust) -> bool:
        if trust.kind == "account":
            return trust.who in self.trusted_accounts
        provider = provider_of(trust)
        known = listed(trust.who, self.trusted_providers) or listed(
            provider, self.trusted_providers
        )
        return trust.kind == "federated" and known and not open_to_strangers(trust)

    @staticmethod
    def examples() -> Iterator[Rings | Quiet]:
        outsider = {"AWS": "arn:aws:iam::999988887777:root"}
        yield Rings(
            "another account",
            update(outsider),
            "alice let account 999988887777 assume the role deploy",
            Severity.CRITICAL,
        )
        yield Rings(
            "a user of another account who must know a secret, and a new role",
            create(
                {"AWS": "arn:aws:iam::999988887777:user/scanner"},
                {"StringEquals": {"sts:ExternalId": "7f3a"}},
            ),
            "alice let account 999988887777, under a condition, assume the new role deploy",
            Severity.HIGH,
        )
        yield Rings(
            "anybody",
            update({"AWS": ["arn:aws:iam::111122223333:root", "*"]}),
            "alice let anybody on the internet assume the role deploy",
            Severity.CRITICAL,
        )
        yield Rings(
            "anybody of an organization",
            update("*", {"StringEquals": {"aws:PrincipalOrgID": "o-exampleorg"}}),
            "alice let anybody who meets a condition assume the role deploy",
            Severity.HIGH,
        )
        yield Rings(
            "two accounts",
            update({"AWS": ["999988887777", "888877776666"]}),
            "alice let account 999988887777 and 1 other assume the role deploy",
            Severity.CRITICAL,
        )
        yield Rings(
            "somebody of an unknown account: written as an id, in order not to be noticed",
            update({"AWS": "AIDAEXAMPLE1234567890"}),
            "alice let somebody with the id AIDAEXAMPLE1234567890 assume the role deploy",
            Severity.HIGH,
        )
        yield Rings(
            "an identity provider",
            update({"Federated": f"arn:aws:iam::{ACCOUNT}:saml-provider/okta"}),
            "alice let users of okta assume the role deploy",
            Severity.HIGH,
        )
        yield Rings(
            "one repository at GitHub",
            update(
                {"Federated": f"arn:aws:iam::{ACCOUNT}:oidc-provider/{GITHUB}"},
                {"StringEquals": {f"{GITHUB}:sub": "repo:example/app:ref:refs/heads/main"}},
            ),
            f"alice let users of {GITHUB} assume the role deploy",
            Severity.HIGH,
        )
        yield Rings(
            "any repository at GitHub",
            update({"Federated": f"arn:aws:iam::{ACCOUNT}:oidc-provider/{GITHUB}"}),
            f"alice let anybody at {GITHUB} assume the role deploy",
            Severity.CRITICAL,
        )
        yield Rings(
            "a refused attempt that is recorded with its parameters",
            update(outsider, error="AccessDenied"),
            "alice tried to let account 999988887777 assume the role deploy and was refused",
            Severity.HIGH,
        )
        yield Rings(
            "a policy too large for CloudTrail, which leaves out all parameters then",
            iam_call("UpdateAssumeRolePolicy", by="alice", request={"omitted": True}),
            "alice gave an unknown role a trust policy that could not be read",
            Severity.MEDIUM,
        )
        yield Rings(
            "anybody who comes from one account, which is another way to write it",
            update("*", {"StringEquals": {"aws:PrincipalAccount": "999988887777"}}),
            "alice let account 999988887777, under a condition, assume the role deploy",
            Severity.HIGH,
        )
        yield Quiet("the account itself", update({"AWS": f"arn:aws:iam::{ACCOUNT}:root"}))
        yield Quiet("a service", update({"Service": "ec2.amazonaws.com"}))
        yield Quiet(
            "IAM Identity Center makes a role for its own users",
            create(
                {"Federated": f"arn:aws:iam::{ACCOUNT}:saml-provider/AWSSSO_0123_DO_NOT_DELETE"},
                by=role("AWSServiceRoleForSSO", "SSO-Provisioner", path=IDENTITY_CENTER),
            ),
        )
        yield Quiet(
            "a refused attempt that is recorded without them: nobody knows which policy",
            iam_call("UpdateAssumeRolePolicy", by="mallory", error="AccessDenied"),
        )
        yield Quiet(
            "a mistake changed nothing", update(outsider, error="MalformedPolicyDocumentException")
        )


def document_key(event: Event) -> str:
    """Under which name the request has the trust policy."""
    return "assumeRolePolicyDocument" if event.action == "iam:CreateRole" else "policyDocument"


def danger(trust: Trust) -> Severity:
    """How severe it is that they may assume the role."""
    if trust.kind == "federated":
        return Severity.CRITICAL if open_to_strangers(trust) else Severity.HIGH
    if trust.limited or UNIQUE_ID.fullmatch(trust.who):
        return Severity.HIGH
    return Severity.CRITICAL


def whom(trust: Trust) -> Text:
    """Them, in a sentence."""
    if trust.kind == "federated":
        everybody = "anybody at {}" if open_to_strangers(trust) else "users of {}"
        return say(everybody, provider_of(trust))
    if trust.kind == "anyone":
        return say("anybody who meets a condition" if trust.limited else "anybody on the internet")
    if re.fullmatch(r"\d{12}", trust.who):
        who = say("account {}", trust.who)
    elif UNIQUE_ID.fullmatch(trust.who):
        who = say("somebody with the id {}", trust.who)
    else:
        who = say("{} from outside", trust.who)
    return who + say(", under a condition," if trust.limited else "")


def provider_of(trust: Trust) -> str:
    """The provider without the front of its ARN: an issuer's host and path, or a name."""
    return re.sub(r"arn:[^/]*:(oidc|saml)-provider/", "", trust.who)


def open_to_strangers(trust: Trust) -> bool:
    """Whether a provider that signs in everybody was let in with everybody."""
    return trust.open_subject and listed(provider_of(trust).lower(), SHARED)


def of_identity_center(trust: Trust, event: Event) -> bool:
    """Whether IAM Identity Center let its own users in; only AWS can make a role of such a path."""
    ours = trust.kind == "federated" and provider_of(trust).startswith("AWSSSO_")
    return ours and IDENTITY_CENTER in event.actor.role_arn


def update(principal: object, condition: object = None, *, error: str | None = None) -> Event:
    request = {"roleName": "deploy", "policyDocument": trust_policy(principal, condition)}
    return iam_call("UpdateAssumeRolePolicy", by="alice", request=request, error=error)


def create(principal: object, condition: object = None, *, by: Identity | str = "alice") -> Event:
    request = {"roleName": "deploy", "assumeRolePolicyDocument": trust_policy(principal, condition)}
    return iam_call("CreateRole", by=by, request=request)


def trust_policy(principal: object, condition: object) -> str:
    statement = {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}
    if condition:
        statement["Condition"] = condition
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})
