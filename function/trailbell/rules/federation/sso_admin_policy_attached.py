from __future__ import annotations

import json
from collections.abc import Iterator

from trailbell.model import Event, Line, Severity, Text, say
from trailbell.policy import Grant, Worst, omitted, worst
from trailbell.rules.base import Quiet, Rings, Rule, did, listed
from trailbell.rules.federation._permission_set import (
    INSTANCE,
    PERMISSION_SET,
    REQUEST,
    permission_set,
    sso_admin,
)
from trailbell.rules.privilege_escalation._document import document_of, unreadable
from trailbell.rules.privilege_escalation._rights import rights_in
from trailbell.rules.privilege_escalation.admin_policy_attached import (
    MEANING,
    POLICY,
    AdminPolicyAttached,
)
from trailbell.testing import call, person, service

MANAGED = "sso:AttachManagedPolicyToPermissionSet"
INLINE = "sso:PutInlinePolicyToPermissionSet"
CUSTOMER = "sso:AttachCustomerManagedPolicyReferenceToPermissionSet"
REFERENCE = f"{REQUEST}.customerManagedPolicyReference"


class SsoAdminPolicyAttached(Rule):
    """A permission set of IAM Identity Center got an administrator policy.

    Everybody who has the permission set gets the rights, in every account where they have it, as
    soon as the set is provisioned again. AWS's own policies are told by name and inline policies
    are read; of your own managed policies the call says only the name.

    Check that it was planned. If not, take the policy off and provision the set again: before
    that nothing changes in the accounts.
    """

    id = "sso-admin-policy-attached"
    severity = Severity.CRITICAL
    actions = (MANAGED, INLINE, CUSTOMER)
    failed_calls = "denied-lower"
    service_calls = "drop-aws"
    check_first = "Was this planned? If not, take the policy off and provision the set again."
    many = "gave permission sets administrator policies"
    attack = "T1098.003"
    references = (
        "https://docs.aws.amazon.com/singlesignon/latest/APIReference/"
        "API_AttachManagedPolicyToPermissionSet.html",
        "https://docs.aws.amazon.com/singlesignon/latest/APIReference/"
        "API_ProvisionPermissionSet.html",
    )
    since = "0.1.0"

    admin_policies: tuple[str, ...] = AdminPolicyAttached.admin_policies
    """Names of AWS's own policies that ring."""
    admin_name_patterns: tuple[str, ...] = AdminPolicyAttached.admin_name_patterns
    """Names (globs, in any case) of your own policies that ring as high."""

    def match(self, event: Event) -> bool:
        if event.action == INLINE:
            return unreadable(event, "inlinePolicy") or inline(event).grant > Grant.NONE
        return bool(self.powerful(event)) or omitted(event.get(REQUEST))

    def severity_of(self, event: Event) -> Severity:
        if event.action != INLINE:
            if not self.powerful(event):
                return Severity.MEDIUM
            return Severity.HIGH if event.action == CUSTOMER else self.severity
        found = inline(event)
        if found.grant == Grant.NONE:
            return Severity.MEDIUM
        severity = self.severity if found.grant >= Grant.SERVICE_ADMIN else Severity.HIGH
        return severity.lowered() if found.conditional else severity

    def title(self, event: Event) -> Text:
        target = permission_set(event)
        if event.action == INLINE:
            rights = rights_in(inline(event))
            return did(event, "put", "put", "an inline policy on {} that {}", target, rights)
        name = self.powerful(event)
        if not name:
            return did(event, "gave", "give", "{} a policy that could not be read", target)
        if event.action == CUSTOMER:
            means = "what looks like administrator rights"
        else:
            means = MEANING.get(name, "far-reaching rights")
        return did(event, "gave", "give", f"{{}} {means} ({{}})", target, name)

    def details(self, event: Event) -> tuple[Line, ...]:
        statement = inline(event).statement if event.action == INLINE else ""
        return (Line("Allows", say("{}", statement)),) if statement else ()

    def first_aid(self, event: Event) -> tuple[str, ...]:
        if not event.succeeded:
            return ()
        if event.action == INLINE:
            off = sso_admin("delete-inline-policy-from-permission-set", event)
        elif event.action == CUSTOMER:
            off = sso_admin(
                "detach-customer-managed-policy-reference-from-permission-set"
                " --customer-managed-policy-reference Name={policy},Path={policy_path}",
                event,
                policy=event.text(f"{REFERENCE}.name"),
                policy_path=event.text(f"{REFERENCE}.path") or "/",
            )
        else:
            off = sso_admin(
                "detach-managed-policy-from-permission-set --managed-policy-arn {managed_policy}",
                event,
                managed_policy=event.text(f"{REQUEST}.managedPolicyArn"),
            )
        again = "provision-permission-set --target-type ALL_PROVISIONED_ACCOUNTS"
        return (off, sso_admin(again, event)) if off else ()

    def powerful(self, event: Event) -> str:
        """The name of the managed policy, if it is one that rings; else ""."""
        if event.action == CUSTOMER:
            name = event.text(f"{REFERENCE}.name")
            patterns = (pattern.lower() for pattern in self.admin_name_patterns)
            return name if listed(name.lower(), patterns) else ""
        arn = POLICY.fullmatch(event.text(f"{REQUEST}.managedPolicyArn"))
        return arn[2] if arn and arn[1] == "aws" and arn[2] in self.admin_policies else ""

    @staticmethod
    def examples() -> Iterator[Rings | Quiet]:
        yield Rings(
            "administrator rights",
            attach(MANAGED, managedPolicyArn="arn:aws:iam::aws:policy/AdministratorAccess"),
            "carol@example.com gave permission set ps-1a2b3c4d5e6f7a8b full administrator rights "
            "(AdministratorAccess)",
            Severity.CRITICAL,
        )
        yield Rings(
            "an inline policy with all of a service that hands out rights",
            attach(INLINE, inlinePolicy=policy({"Action": "sts:*", "Resource": "*"})),
            "carol@example.com put an inline policy on permission set ps-1a2b3c4d5e6f7a8b that "
            "allows sts:*",
            Severity.CRITICAL,
        )
        yield Rings(
            "everything under a condition",
            attach(
                INLINE,
                inlinePolicy=policy(
                    {
                        "Action": "*",
                        "Resource": "*",
                        "Condition": {"IpAddress": {"aws:SourceIp": "192.0.2.0/24"}},
                    }
                ),
            ),
            "carol@example.com put an inline policy on permission set ps-1a2b3c4d5e6f7a8b that "
            "allows everything, under a condition",
            Severity.HIGH,
        )
        yield Rings(
            "a way to more rights",
            attach(INLINE, inlinePolicy=policy({"Action": "iam:PassRole", "Resource": "*"})),
            "carol@example.com put an inline policy on permission set ps-1a2b3c4d5e6f7a8b that "
            "allows iam:PassRole, a way to more rights",
            Severity.HIGH,
        )
        yield Rings(
            "an inline policy that is hidden",
            attach(INLINE, inlinePolicy="HIDDEN_DUE_TO_SECURITY_REASONS"),
            "carol@example.com put an inline policy on permission set ps-1a2b3c4d5e6f7a8b that "
            "could not be read",
            Severity.MEDIUM,
        )
        yield Rings(
            "a policy of one's own, by its name",
            attach(CUSTOMER, customerManagedPolicyReference={"name": "TeamAdmin", "path": "/"}),
            "carol@example.com gave permission set ps-1a2b3c4d5e6f7a8b what looks like "
            "administrator rights (TeamAdmin)",
            Severity.HIGH,
        )
        yield Rings(
            "a refused attempt that is recorded with its parameters",
            attach(
                MANAGED,
                error="AccessDeniedException",
                managedPolicyArn="arn:aws:iam::aws:policy/AdministratorAccess",
            ),
            "carol@example.com tried to give permission set ps-1a2b3c4d5e6f7a8b full "
            "administrator rights (AdministratorAccess) and was refused",
            Severity.HIGH,
        )
        yield Rings(
            "a request too large for CloudTrail, which leaves out all parameters then",
            call(INLINE, by="alice", request={"omitted": True}),
            "alice put an inline policy on an unknown permission set that could not be read",
            Severity.MEDIUM,
        )
        yield Rings(
            "a policy that nobody can name, for the same reason",
            call(MANAGED, by="alice", request={"omitted": True}),
            "alice gave an unknown permission set a policy that could not be read",
            Severity.MEDIUM,
        )
        yield Quiet(
            "a policy that only reads",
            attach(MANAGED, managedPolicyArn="arn:aws:iam::aws:policy/ReadOnlyAccess"),
        )
        yield Quiet(
            "ordinary rights",
            attach(INLINE, inlinePolicy=policy({"Action": "s3:*", "Resource": "*"})),
        )
        yield Quiet(
            "an ordinary policy of one's own",
            attach(CUSTOMER, customerManagedPolicyReference={"name": "Billing", "path": "/"}),
        )
        yield Quiet(
            "a refused attempt that is recorded without them: nobody knows which policy",
            call(MANAGED, by="mallory", error="AccessDeniedException"),
        )
        yield Quiet(
            "a mistake attached nothing",
            attach(
                MANAGED,
                error="ConflictException",
                managedPolicyArn="arn:aws:iam::aws:policy/AdministratorAccess",
            ),
        )
        yield Quiet(
            "AWS itself",
            call(
                MANAGED,
                by=service("controltower"),
                request={"managedPolicyArn": "arn:aws:iam::aws:policy/AdministratorAccess"},
            ),
        )


def inline(event: Event) -> Worst:
    return worst(document_of(event, "inlinePolicy"))


def attach(action: str, *, error: str | None = None, **request: object) -> Event:
    return call(
        action,
        by=person("carol@example.com", "OrgAdmin"),
        request={"instanceArn": INSTANCE, "permissionSetArn": PERMISSION_SET, **request},
        error=error,
    )


def policy(statement: dict[str, object]) -> str:
    document = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **statement}]}
    return json.dumps(document)
