from __future__ import annotations

from collections.abc import Iterator

from trailbell.first_aid import aws
from trailbell.model import Event, Severity, Text
from trailbell.rules.base import Quiet, Rings, Rule
from trailbell.rules.logging._deed import Deed
from trailbell.testing import call, role, service

BATCH_UPDATE = "securityhub:BatchUpdateFindings"
DISABLE = "securityhub:DisableSecurityHub"
PAUSED = ("", "PAUSED", "DISABLED")
"""Status of Macie; a request without one may be a pause that was recorded without it."""


def switched_off(product: str) -> Deed:
    return Deed("switched off", "switch off", product)


def cut_off(product: str) -> Deed:
    return Deed("cut", "cut", f"this account off from its {product} administrator")


def on(past: str, infinitive: str, kind: str, *fields: str, several: str = "") -> Deed:
    article = "an" if kind[0] in "aeiou" else "a"
    return Deed(past, infinitive, "{}", f"the {kind} {{}}", several, f"{article} {kind}", fields)


def accounts(past: str, infinitive: str, rest: str, unnamed: str = "other accounts") -> Deed:
    fields = ("AccountIds", "accountIds", "accountId", "id", "AdminAccountId", "adminAccountId")
    return Deed(past, infinitive, rest, "account {}", "accounts", unnamed, fields)


def members_removed(product: str) -> Deed:
    return accounts("removed", "remove", f"{{}} from {product}")


def members_cut_off(product: str) -> Deed:
    return accounts("cut", "cut", f"{{}} off from {product}")


def organization(product: str) -> Deed:
    return accounts("took", "take", f"the organization's {product} away from {{}}")


HIDING = Deed(
    "made", "make", "{} archive findings unseen",
    "the Macie filter {}", "", "a Macie filter", ("name", "id"),
)  # fmt: skip
EDITS = {
    "securityhub:UpdateFindings": Deed("edited", "edit", "findings of Security Hub"),
    BATCH_UPDATE: Deed("edited", "edit", "findings of Security Hub"),
    "securityhub:DeleteInsight": on("deleted", "delete", "Security Hub insight", "InsightArn"),
    "securityhub:UpdateInsight": on("changed", "change", "Security Hub insight", "InsightArn"),
    "securityhub:CreateAutomationRule": Deed(
        "made", "make", "{} change findings by itself",
        "the Security Hub rule {}", "", "a Security Hub rule", ("RuleName",),
    ),
    "macie2:CreateFindingsFilter": HIDING,
    "macie2:UpdateFindingsFilter": HIDING,
}  # fmt: skip
"""What changes findings, and leaves the service on."""
OFF = {
    DISABLE: switched_off("Security Hub"),
    "securityhub:DisableSecurityHubV2": switched_off("Security Hub"),
    "securityhub:BatchDisableStandards": on(
        "switched off", "switch off", "Security Hub standard", "StandardsSubscriptionArns",
        several="Security Hub standards",
    ),
    "securityhub:DisableImportFindingsForProduct": Deed(
        "cut", "cut", "Security Hub off from the findings of {}",
        "{}", "", "a product", ("ProductSubscriptionArn",),
    ),
    "securityhub:DisassociateFromAdministratorAccount": cut_off("Security Hub"),
    "securityhub:DisassociateMembers": members_cut_off("Security Hub"),
    "securityhub:DeleteMembers": members_removed("Security Hub"),
    "securityhub:DisableOrganizationAdminAccount": organization("Security Hub"),
    "macie2:DisableMacie": switched_off("Macie"),
    "macie2:UpdateMacieSession": Deed("paused", "pause", "Macie"),
    "macie2:UpdateMemberSession": accounts("paused", "pause", "Macie for {}", "another account"),
    "macie2:DisassociateFromAdministratorAccount": cut_off("Macie"),
    "macie2:DisassociateMember": members_cut_off("Macie"),
    "macie2:DeleteMember": members_removed("Macie"),
    "macie2:DisableOrganizationAdminAccount": organization("Macie"),
    "inspector2:Disable": accounts("switched off", "switch off", "Inspector for {}", "an account"),
    "inspector2:DisassociateMember": members_cut_off("Inspector"),
    "access-analyzer:DeleteAnalyzer": on("deleted", "delete", "access analyzer", "analyzerName"),
    "detective:DeleteGraph": switched_off("Detective"),
    "detective:DeleteMembers": members_removed("Detective"),
    "detective:DisableOrganizationAdminAccount": organization("Detective"),
    "wafv2:DisassociateWebACL": Deed(
        "took", "take", "the web firewall off {}", "{}", "", "a resource", ("resourceArn",)
    ),
    "wafv2:DeleteWebACL": on("deleted", "delete", "web firewall", "name"),
    "shield:DeleteProtection": on("deleted", "delete", "Shield protection", "protectionId"),
}  # fmt: skip
DEEDS = OFF | EDITS
# Macie had another event source in its first years.
DEEDS |= {f"macie:{a.partition(':')[2]}": d for a, d in DEEDS.items() if a.startswith("macie2:")}
REMEDIES = {
    DISABLE: "securityhub enable-security-hub",
    "macie2:DisableMacie": "macie2 enable-macie",
    "macie2:UpdateMacieSession": "macie2 update-macie-session --status ENABLED",
}


class SecurityServiceDisabled(Rule):
    """A security service was switched off, cut off or had its findings edited.

    Security Hub, Macie, Inspector, Access Analyzer, Detective, the web firewall and Shield each
    see what the others miss. Switching one off leaves no trace but this record, and editing its
    findings hides what it saw.

    Switch it on again, then look at what the same actor did next. It is noisy when accounts are
    closed, and when load balancers with a web firewall are taken down by hand. Edited findings
    ring as medium. `BatchUpdateFindings` is left out at first: every tool that works off findings
    calls it.
    """

    id = "security-service-disabled"
    severity = Severity.HIGH
    actions = tuple(DEEDS)
    failed_calls = "denied-lower"
    service_calls = "drop-aws"
    check_first = "Was this planned? If not, undo it, then see what this actor did after it."
    many = "weakened security services"
    attack = "T1562.001"
    references = (
        "https://docs.aws.amazon.com/securityhub/latest/userguide/securityhub-disable.html",
        "https://docs.aws.amazon.com/macie/latest/user/suspend-macie.html",
        "https://docs.aws.amazon.com/waf/latest/developerguide/web-acl-associating-aws-resource.html",
    )
    since = "0.1.0"

    include_batch_update: bool = False
    """Whether ``BatchUpdateFindings`` of Security Hub rings too."""

    def match(self, event: Event) -> bool:
        operation = event.name
        if operation in ("UpdateMacieSession", "UpdateMemberSession"):
            return event.text("requestParameters.status") in PAUSED
        if operation.endswith("FindingsFilter"):
            return event.text("requestParameters.action") == "ARCHIVE"
        return event.action != BATCH_UPDATE or self.include_batch_update

    def severity_of(self, event: Event) -> Severity:
        edited = event.action in EDITS or event.name.endswith("FindingsFilter")
        return Severity.MEDIUM if edited else self.severity

    def title(self, event: Event) -> Text:
        return DEEDS.get(event.action, DEEDS[DISABLE]).title(event)

    def first_aid(self, event: Event) -> tuple[str, ...]:
        remedy = REMEDIES.get(event.action)
        if not remedy or not event.succeeded:
            return ()
        return (aws(f"{remedy} --region {{region}}", region=event.region),)

    @staticmethod
    def examples() -> Iterator[Rings | Quiet]:
        yield Rings(
            "Security Hub switched off",
            call(DISABLE, by="mallory"),
            "mallory switched off Security Hub",
            Severity.HIGH,
        )
        yield Rings(
            "a refused attempt",
            call(DISABLE, by="mallory", error="AccessDeniedException"),
            "mallory tried to switch off Security Hub and was refused",
            Severity.MEDIUM,
        )
        yield Rings(
            "standards switched off",
            call(
                "securityhub:BatchDisableStandards",
                by="mallory",
                request={"StandardsSubscriptionArns": [standard("cis"), standard("pci-dss")]},
            ),
            "mallory switched off 2 Security Hub standards",
        )
        yield Rings(
            "a product's findings",
            call(
                "securityhub:DisableImportFindingsForProduct",
                by="mallory",
                request={
                    "ProductSubscriptionArn": "arn:aws:securityhub:eu-west-1:111122223333"
                    ":product-subscription/aws/guardduty"
                },
            ),
            "mallory cut Security Hub off from the findings of aws/guardduty",
        )
        yield Rings(
            "members, in a refused call that is recorded with its parameters",
            call(
                "securityhub:DeleteMembers",
                by="mallory",
                request={"AccountIds": ["444455556666"]},
                error="AccessDenied",
            ),
            "mallory tried to remove account 444455556666 from Security Hub and was refused",
            Severity.MEDIUM,
        )
        yield Rings(
            "this account cut off, by a stack",
            call(
                "securityhub:DisassociateFromAdministratorAccount",
                by=role("deploy", "build-42") | {"invokedBy": "cloudformation.amazonaws.com"},
            ),
            "deploy/build-42 cut this account off from its Security Hub administrator",
            Severity.HIGH,
        )
        yield Rings(
            "Macie paused",
            call("macie2:UpdateMacieSession", by="mallory", request={"status": "PAUSED"}),
            "mallory paused Macie",
            Severity.HIGH,
        )
        yield Rings(
            "Macie paused for another account, in a record without parameters",
            call("macie2:UpdateMemberSession", by="mallory"),
            "mallory paused Macie for another account",
        )
        yield Rings(
            "Inspector switched off",
            call("inspector2:Disable", by="mallory", request={"accountIds": ["111122223333"]}),
            "mallory switched off Inspector for account 111122223333",
        )
        yield Rings(
            "nobody looks for what is open to strangers",
            call(
                "access-analyzer:DeleteAnalyzer", by="mallory", request={"analyzerName": "account"}
            ),
            "mallory deleted the access analyzer account",
        )
        yield Rings(
            "a load balancer without its web firewall",
            call(
                "wafv2:DisassociateWebACL",
                by="mallory",
                request={
                    "resourceArn": "arn:aws:elasticloadbalancing:eu-west-1:111122223333"
                    ":loadbalancer/app/shop/50dc6c495c0c9188"
                },
            ),
            "mallory took the web firewall off app/shop/50dc6c495c0c9188",
            Severity.HIGH,
        )
        yield Rings(
            "findings edited",
            call("securityhub:UpdateFindings", by="mallory", request={"RecordState": "ARCHIVED"}),
            "mallory edited findings of Security Hub",
            Severity.MEDIUM,
        )
        yield Rings(
            "an insight deleted",
            call(
                "securityhub:DeleteInsight",
                by="mallory",
                request={
                    "InsightArn": "arn:aws:securityhub:us-west-2:111122223333:insight/custom/i1"
                },
            ),
            "mallory deleted the Security Hub insight custom/i1",
            Severity.MEDIUM,
        )
        yield Rings(
            "findings that archive themselves",
            call(
                "macie2:CreateFindingsFilter",
                by="mallory",
                request={"name": "quiet", "action": "ARCHIVE"},
            ),
            "mallory made the Macie filter quiet archive findings unseen",
            Severity.MEDIUM,
        )
        yield Quiet(
            "findings worked off by a tool",
            call(BATCH_UPDATE, by=role("triage", "i-0abc"), request={"FindingIdentifiers": []}),
        )
        yield Quiet(
            "Macie switched on",
            call("macie2:UpdateMacieSession", by="alice", request={"status": "ENABLED"}),
        )
        yield Quiet(
            "a filter that archives nothing",
            call("macie2:UpdateFindingsFilter", by="alice", request={"action": "NOOP"}),
        )
        yield Quiet(
            "a mistake switched off nothing",
            call(DISABLE, by="alice", error="ResourceNotFoundException"),
        )
        yield Quiet("the same word of another service", call("ec2:Disable", by="alice"))
        yield Quiet(
            "AWS itself",
            call("securityhub:DisassociateMembers", by=service("organizations")),
        )


def standard(name: str) -> str:
    return f"arn:aws:securityhub:us-east-1:111122223333:subscription/{name}/v/1.4.0"
