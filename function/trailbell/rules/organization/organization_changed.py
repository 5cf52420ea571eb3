from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from trailbell.model import Event, Severity, Text
from trailbell.rules.base import Quiet, Rings, Rule
from trailbell.rules.organization._words import WORDS, deed
from trailbell.testing import OTHER_ACCOUNT, call, iam_call, person, role, service


class OrganizationChanged(Rule):
    """The organization was changed: its accounts, units, policies, invitations or services.

    A record for compliance: each change of the structure that the guardrails hang on. What takes
    a guardrail away is told more loudly by `organization-guardrail-removed`.

    Check that the change was planned. It is off by default, since whatever vends accounts makes
    such calls all day.
    """

    id = "organization-changed"
    severity = Severity.LOW
    actions = tuple(f"organizations:{name}" for name in WORDS if name != "CloseAccount")
    failed_calls = "ignore"
    service_calls = "drop-automation"
    on_by_default = False
    many = "changed the organization"
    attack = "T1484"
    cis: ClassVar = {"1.4-5.0": "4.15", "6.0-7.0": "5.15"}
    references = (
        "https://docs.aws.amazon.com/organizations/latest/userguide/orgs_security_incident-response.html",
    )
    since = "0.1.0"

    def match(self, event: Event) -> bool:
        return True

    def title(self, event: Event) -> Text:
        return deed(event)

    @staticmethod
    def examples() -> Iterator[Rings | Quiet]:
        admin = person("carol@example.com", "OrgAdmin")
        yield Rings(
            "a new account, whose name and address are hidden",
            call(
                "organizations:CreateAccount",
                by=admin,
                request={"email": "HIDDEN_DUE_TO_SECURITY_REASONS"},
            ),
            "carol@example.com created a new account in the organization",
            Severity.LOW,
        )
        yield Rings(
            "a policy attached",
            call(
                "organizations:AttachPolicy",
                by=admin,
                request={"policyId": "p-examplepolicy", "targetId": "ou-abcd-12345678"},
            ),
            "carol@example.com attached organization policy p-examplepolicy to organizational "
            "unit ou-abcd-12345678",
        )
        yield Rings(
            "an account invited",
            call(
                "organizations:InviteAccountToOrganization",
                by=admin,
                request={"target": {"id": OTHER_ACCOUNT, "type": "ACCOUNT"}},
            ),
            "carol@example.com invited account 444455556666 into the organization",
        )
        yield Rings(
            "a service gets in",
            call(
                "organizations:EnableAWSServiceAccess",
                by=admin,
                request={"servicePrincipal": "sso.amazonaws.com"},
            ),
            "carol@example.com let sso.amazonaws.com into the organization",
        )
        yield Rings(
            "a record without a request",
            call("organizations:RegisterDelegatedAdministrator", by=admin),
            "carol@example.com made an account the administrator of a service",
        )
        yield Quiet(
            "a failed call",
            call("organizations:CreateAccount", by=admin, error="AccessDeniedException"),
        )
        yield Quiet(
            "a service for a user",
            call(
                "organizations:CreateAccount",
                by=role("vending", "main") | {"invokedBy": "controltower.amazonaws.com"},
            ),
        )
        yield Quiet("AWS itself", call("organizations:CreateAccount", by=service("controltower")))
        yield Quiet("a policy of IAM", iam_call("CreatePolicy", by=admin))
