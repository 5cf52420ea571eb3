from __future__ import annotations

import re
from collections.abc import Iterator

from trailbell.first_aid import aws, stop_key
from trailbell.model import Event, Line, Severity, Text, say
from trailbell.rules.base import Quiet, Rings, Rule, did, listed
from trailbell.rules.privilege_escalation._target import kind_of, target_name, target_of
from trailbell.testing import Identity, iam_call, role

ADMINISTRATOR = "arn:aws:iam::aws:policy/AdministratorAccess"
POLICY = re.compile(r"arn:aws[a-z-]*:iam::(aws|\d{12}):policy/(?:.*/)?([^/]+)")
MEANING = {
    "AdministratorAccess": "full administrator rights",
    "IAMFullAccess": "full control of IAM",
    "PowerUserAccess": "power user rights",
    "AWSSSOMasterAccountAdministrator": "full control of IAM Identity Center",
    "AWSSSOMemberAccountAdministrator": "control of IAM Identity Center",
    "AWSIdentityCenterFullAccess": "full control of IAM Identity Center",
    "AWSOrganizationsFullAccess": "full control of the organization",
    "AWSAccountManagementFullAccess": "full control of the account's settings",
    "SystemAdministrator": "system administrator rights",
}
WHOLE_ACCOUNT = ("AdministratorAccess", "IAMFullAccess")
"""Either is the whole account: who has all of IAM can give themselves the rest."""


class AdminPolicyAttached(Rule):
    """An administrator policy was attached to a user, group or role.

    One call, and the one who gets the policy may do anything: the shortest way to take over an
    account, and to keep it. Policies of AWS are told by their whole name, so that
    AdministratorAccess-Amplify is not taken for AdministratorAccess; your own policies only by
    words in their names, and less severely.

    Check that it was planned. If not, stop the actor's keys before you detach the policy, or they
    attach it again. IAM Identity Center attaches policies whenever it provisions a permission set:
    that rings as medium. It is noisy where a pipeline sets up administrators: name it in
    `allow_actors`, or its roles in `allow_targets`.
    """

    id = "admin-policy-attached"
    severity = Severity.CRITICAL
    actions = ("iam:AttachUserPolicy", "iam:AttachGroupPolicy", "iam:AttachRolePolicy")
    failed_calls = "denied-lower"
    service_calls = "keep"
    check_first = "Was this planned? If not, stop the actor's keys, then detach the policy."
    many = "attached administrator policies"
    attack = "T1098.003"
    references = (
        "https://docs.aws.amazon.com/aws-managed-policy/latest/reference/AdministratorAccess.html",
    )
    since = "0.1.0"

    admin_policies: tuple[str, ...] = (
        "AdministratorAccess",
        "IAMFullAccess",
        "PowerUserAccess",
        "AWSSSOMasterAccountAdministrator",
        "AWSSSOMemberAccountAdministrator",
        "AWSIdentityCenterFullAccess",
        "AWSOrganizationsFullAccess",
        "AWSAccountManagementFullAccess",
        "SystemAdministrator",
    )
    """Names of AWS's own policies that ring; the first two as critical, the others as high."""
    admin_name_patterns: tuple[str, ...] = ("*admin*", "*fullaccess-all*")
    """Names (globs, in any case) of your own policies that ring as medium."""
    allow_actors: tuple[str, ...] = ()
    """Actors (globs) that make administrators as their job."""
    allow_targets: tuple[str, ...] = ()
    """Users, groups and roles (globs) that may be administrators."""

    def match(self, event: Event) -> bool:
        owner, name = policy_of(event)
        if not name:
            return False
        if owner == "aws":
            powerful = name in self.admin_policies
        else:
            patterns = (pattern.lower() for pattern in self.admin_name_patterns)
            powerful = listed(name.lower(), patterns)
        return (
            powerful
            and not listed(event.actor.name, self.allow_actors)
            and not listed(target_name(event), self.allow_targets)
        )

    def severity_of(self, event: Event) -> Severity:
        owner, name = policy_of(event)
        if owner != "aws" or provisioned(event):
            return Severity.MEDIUM
        return self.severity if name in WHOLE_ACCOUNT else Severity.HIGH

    def title(self, event: Event) -> Text:
        owner, name = policy_of(event)
        if owner == "aws":
            rights = MEANING.get(name, "far-reaching rights")
        else:
            rights = "what looks like administrator rights"
        return did(event, "gave", "give", f"{{}} {rights} ({{}})", target_of(event), name)

    def details(self, event: Event) -> tuple[Line, ...]:
        if policy_of(event)[0] == "aws":
            return ()
        return (Line("Policy", say("{}", event.text("requestParameters.policyArn"))),)

    def first_aid(self, event: Event) -> tuple[str, ...]:
        if not event.succeeded:
            return ()
        kind = kind_of(event)
        detach = aws(
            f"iam detach-{kind}-policy --{kind}-name {{{kind}}} --policy-arn {{policy_arn}}",
            policy_arn=event.text("requestParameters.policyArn"),
            **{kind: target_name(event)},
        )
        return stop_key(event), detach

    @staticmethod
    def examples() -> Iterator[Rings | Quiet]:
        yield Rings(
            "administrator rights for a user",
            attach("User", "bob", ADMINISTRATOR),
            "alice gave user bob full administrator rights (AdministratorAccess)",
            Severity.CRITICAL,
        )
        yield Rings(
            "administrator rights for a group",
            attach("Group", "interns", ADMINISTRATOR),
            "alice gave group interns full administrator rights (AdministratorAccess)",
            Severity.CRITICAL,
        )
        yield Rings(
            "all of IAM for a role, in another partition",
            attach("Role", "worker", "arn:aws-us-gov:iam::aws:policy/IAMFullAccess"),
            "alice gave role worker full control of IAM (IAMFullAccess)",
            Severity.CRITICAL,
        )
        yield Rings(
            "a policy of AWS that is powerful, but not the whole account",
            attach("Role", "worker", "arn:aws:iam::aws:policy/job-function/SystemAdministrator"),
            "alice gave role worker system administrator rights (SystemAdministrator)",
            Severity.HIGH,
        )
        yield Rings(
            "a policy of one's own, by its name",
            attach("Role", "worker", "arn:aws:iam::111122223333:policy/team/TeamAdmin"),
            "alice gave role worker what looks like administrator rights (TeamAdmin)",
            Severity.MEDIUM,
        )
        identity_center = "/aws-service-role/sso.amazonaws.com/"
        yield Rings(
            "IAM Identity Center provisions a permission set",
            attach(
                "Role",
                "AWSReservedSSO_Admin_0123456789abcdef",
                ADMINISTRATOR,
                by=role("AWSServiceRoleForSSO", "SSO-Provisioner", path=identity_center),
            ),
            "AWSServiceRoleForSSO/SSO-Provisioner gave role AWSReservedSSO_Admin_0123456789abcdef"
            " full administrator rights (AdministratorAccess)",
            Severity.MEDIUM,
        )
        yield Rings(
            "a refused attempt that is recorded with its parameters",
            attach("User", "bob", ADMINISTRATOR, error="AccessDenied"),
            "alice tried to give user bob full administrator rights (AdministratorAccess)"
            " and was refused",
            Severity.HIGH,
        )
        yield Rings(
            "a record that does not name the user",
            iam_call("AttachUserPolicy", by="alice", request={"policyArn": ADMINISTRATOR}),
            "alice gave an unknown user full administrator rights (AdministratorAccess)",
        )
        yield Quiet(
            "a policy whose name only begins like it",
            attach("Role", "amplify", "arn:aws:iam::aws:policy/AdministratorAccess-Amplify"),
        )
        yield Quiet(
            "a refused attempt that is recorded without them: nobody knows which policy",
            iam_call("AttachUserPolicy", by="mallory", error="AccessDenied"),
        )
        yield Quiet(
            "a mistake attached nothing",
            attach("User", "bbo", ADMINISTRATOR, error="NoSuchEntityException"),
        )


def policy_of(event: Event) -> tuple[str, str]:
    """Whose policy it is, ``aws`` or an account, and its name without the path."""
    arn = POLICY.fullmatch(event.text("requestParameters.policyArn"))
    return (arn[1], arn[2]) if arn else ("", "")


def provisioned(event: Event) -> bool:
    """Whether IAM Identity Center did it; only AWS can make a role with such a path."""
    by_identity_center = ":role/aws-service-role/sso.amazonaws.com/" in event.actor.role_arn
    return by_identity_center and event.action == "iam:AttachRolePolicy"


def attach(
    kind: str, name: str, policy: str, *, by: Identity | str = "alice", error: str | None = None
) -> Event:
    request = {f"{kind.lower()}Name": name, "policyArn": policy}
    return iam_call(f"Attach{kind}Policy", by=by, request=request, error=error)
