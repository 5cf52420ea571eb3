from __future__ import annotations

from collections.abc import Iterator

from trailbell.model import Event, Line, Severity, Text, say
from trailbell.rules.base import Quiet, Rings, Rule, did, listed
from trailbell.testing import ACCOUNT, call, iam_call, role, service

EVERYTHING = "iam:GetAccountAuthorizationDetails"
ACCOUNTS = "organizations:ListAccounts"
RIGHTS = "which rights an account of the organization uses"
WORDS = {
    EVERYTHING: (
        "downloaded",
        "download",
        "the whole of IAM: all users, groups, roles and policies",
    ),
    "iam:GenerateCredentialReport": ("asked for", "ask for", "a report on all users' credentials"),
    "iam:GetCredentialReport": ("downloaded", "download", "the report on all users' credentials"),
    "iam:GenerateServiceLastAccessedDetails": (
        "asked",
        "ask",
        "which rights somebody has used lately",
    ),
    "iam:GenerateOrganizationsAccessReport": ("asked", "ask", RIGHTS),
    ACCOUNTS: ("listed", "list", "the accounts of the organization"),
}
"""What was done, what was tried, and to what."""


class IamEnumeration(Rule):
    """Somebody downloaded the inventory of IAM or of the organization.

    One call tells all users, roles and policies, and with them the way to more rights. People
    rarely need it; attackers look here first. The other calls (credential reports, rights used
    lately, accounts) are told as low.

    Ask the actor. It is noisy where a tool reviews the account's security: most are known by the
    names of their roles, others belong into `allow_roles`. Calls by AWS's own services do not
    ring.
    """

    id = "iam-enumeration"
    severity = Severity.MEDIUM
    actions = tuple(WORDS)
    failed_calls = "report-same"
    service_calls = "drop-aws"
    many = "read the inventory of IAM"
    attack = "T1087.004"
    references = (
        "https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetAccountAuthorizationDetails.html",
    )
    since = "0.1.0"

    allow_roles: tuple[str, ...] = (
        "AWSServiceRole*",
        "*Prisma*",
        "*Wiz*",
        "*Orca*",
        "*prowler*",
        "*SecurityAudit*",
    )
    """Roles (globs) of tools that review the account's security."""

    def match(self, event: Event) -> bool:
        if event.actor.role and listed(event.actor.role, self.allow_roles):
            return False
        return event.action != ACCOUNTS or event.identity == "IAMUser"

    def severity_of(self, event: Event) -> Severity:
        return self.severity if event.action == EVERYTHING else Severity.LOW

    def title(self, event: Event) -> Text:
        return did(event, *WORDS.get(event.action, WORDS[EVERYTHING]))

    def details(self, event: Event) -> tuple[Line, ...]:
        about = event.text("requestParameters.arn") or event.text("requestParameters.entityPath")
        return (Line("About", say("{}", about)),) if about else ()

    @staticmethod
    def examples() -> Iterator[Rings | Quiet]:
        yield Rings(
            "everything at once",
            iam_call("GetAccountAuthorizationDetails", by="alice"),
            "alice downloaded the whole of IAM: all users, groups, roles and policies",
            Severity.MEDIUM,
        )
        yield Rings(
            "a refused attempt",
            iam_call("GetAccountAuthorizationDetails", by="mallory", error="AccessDenied"),
            "mallory tried to download the whole of IAM: all users, groups, roles and policies "
            "and was refused",
            Severity.MEDIUM,
        )
        yield Rings(
            "the credential report",
            iam_call("GetCredentialReport", by=role("deploy", "build-42")),
            "deploy/build-42 downloaded the report on all users' credentials",
            Severity.LOW,
        )
        yield Rings(
            "what somebody uses",
            iam_call(
                "GenerateServiceLastAccessedDetails",
                by="mallory",
                request={"arn": f"arn:aws:iam::{ACCOUNT}:role/deploy"},
            ),
            "mallory asked which rights somebody has used lately",
            Severity.LOW,
        )
        yield Rings(
            "the accounts, by an IAM user",
            call(ACCOUNTS, by="ci-deploy", error="AccessDeniedException"),
            "ci-deploy tried to list the accounts of the organization and was refused",
            Severity.LOW,
        )
        yield Quiet("the accounts, by a role", call(ACCOUNTS, by=role("deploy", "build-42")))
        yield Quiet(
            "a tool that reviews the account",
            iam_call("GetAccountAuthorizationDetails", by=role("prowler-scan", "daily")),
        )
        yield Quiet("AWS itself", iam_call("GenerateCredentialReport", by=service("config")))
        yield Quiet(
            "AWS itself, by a role",
            iam_call(
                "GenerateCredentialReport",
                by=role(
                    "AWSServiceRoleForTrustedAdvisor",
                    "TrustedAdvisor",
                    path="/aws-service-role/trustedadvisor.amazonaws.com/",
                ),
            ),
        )
        yield Quiet("a summary", iam_call("GetAccountSummary", by="alice"))
