from __future__ import annotations

from collections.abc import Iterator

from trailbell.first_aid import aws
from trailbell.model import Event, Severity, Text
from trailbell.rules.base import Quiet, Rings, Rule
from trailbell.rules.organization._words import REQUEST, deed
from trailbell.testing import OTHER_ACCOUNT, call, person, role, root

GONE = (
    "LeaveOrganization",
    "RemoveAccountFromOrganization",
    "CloseAccount",
    "DeleteOrganization",
    "DisablePolicyType",
)
"""After these the guardrails hold an account no more, or there is no account."""
LOOSENED = (
    "DetachPolicy",
    "DeletePolicy",
    "UpdatePolicy",
    "MoveAccount",
    "DeregisterDelegatedAdministrator",
)


class OrganizationGuardrailRemoved(Rule):
    """An account left the organization or was closed, or a guardrail was taken away.

    Service control policies hold even the root user of an account. Whoever takes the account out
    of the organization, or the policy off the account, may do everything from then on; the trail
    of the organization stays behind too. Even a refused attempt to leave is an alarm.

    Ask the owners of the organization. If it was not planned, attach the policy again or move the
    account back, and treat the actor as taken over. An account that is gone must be invited
    again. It is noisy where policies are deployed by a pipeline: their updates ring as high.
    """

    id = "organization-guardrail-removed"
    severity = Severity.CRITICAL
    actions = (*(f"organizations:{name}" for name in GONE + LOOSENED), "account:CloseAccount")
    failed_calls = "report-lower"
    check_first = "Did the owners of the organization plan this? If not, put the guardrail back."
    many = "took away guardrails of the organization"
    attack = "T1562.001"
    references = (
        "https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_scps.html",
        "https://stratus-red-team.cloud/attack-techniques/AWS/"
        "aws.defense-evasion.organizations-leave/",
    )
    since = "0.1.0"

    def match(self, event: Event) -> bool:
        return True

    def severity_of(self, event: Event) -> Severity:
        return self.severity if event.action.rpartition(":")[2] in GONE else Severity.HIGH

    def title(self, event: Event) -> Text:
        return deed(event)

    def first_aid(self, event: Event) -> tuple[str, ...]:
        if not event.succeeded:
            return ()

        def given(name: str) -> str:
            return event.text(f"{REQUEST}.{name}")

        match event.action:
            case "organizations:DetachPolicy":
                back = aws(
                    "organizations attach-policy --policy-id {guardrail}"
                    " --target-id {guardrail_target}",
                    guardrail=given("policyId"),
                    guardrail_target=given("targetId"),
                )
            case "organizations:DisablePolicyType":
                back = aws(
                    "organizations enable-policy-type --root-id {root} --policy-type {policy_type}",
                    root=given("rootId"),
                    policy_type=given("policyType"),
                )
            case "organizations:MoveAccount":
                back = aws(
                    "organizations move-account --account-id {account}"
                    " --source-parent-id {moved_to} --destination-parent-id {parent}",
                    account=given("accountId"),
                    moved_to=given("destinationParentId"),
                    parent=given("sourceParentId"),
                )
            case "organizations:DeregisterDelegatedAdministrator":
                back = aws(
                    "organizations register-delegated-administrator --account-id {account}"
                    " --service-principal {service}",
                    account=given("accountId"),
                    service=given("servicePrincipal"),
                )
            case _:
                return ()
        return (back,)

    @staticmethod
    def examples() -> Iterator[Rings | Quiet]:
        admin = person("carol@example.com", "OrgAdmin")
        yield Rings(
            "an account leaves",
            call("organizations:LeaveOrganization", by=role("deploy", "build-42")),
            "deploy/build-42 took account 111122223333 out of its organization",
            Severity.CRITICAL,
        )
        yield Rings(
            "a refused attempt to leave",
            call(
                "organizations:LeaveOrganization",
                by=role("deploy", "build-42"),
                error="AccessDenied",
            ),
            "deploy/build-42 tried to take account 111122223333 out of its organization and was "
            "refused",
            Severity.HIGH,
        )
        yield Rings(
            "an account is thrown out",
            call(
                "organizations:RemoveAccountFromOrganization",
                by=admin,
                request={"accountId": OTHER_ACCOUNT},
            ),
            "carol@example.com removed account 444455556666 from the organization",
            Severity.CRITICAL,
        )
        yield Rings(
            "an account closed by its own root user",
            call("account:CloseAccount", by=root()),
            "The root user closed account 111122223333",
            Severity.CRITICAL,
        )
        yield Rings(
            "the end of the organization",
            call("organizations:DeleteOrganization", by=admin),
            "carol@example.com deleted the whole organization",
            Severity.CRITICAL,
        )
        yield Rings(
            "no service control policies any more",
            call(
                "organizations:DisablePolicyType",
                by=admin,
                request={"rootId": "r-abcd", "policyType": "SERVICE_CONTROL_POLICY"},
            ),
            "carol@example.com switched off all service control policies in the organization",
            Severity.CRITICAL,
        )
        yield Rings(
            "a policy detached",
            call(
                "organizations:DetachPolicy",
                by=admin,
                request={"policyId": "p-examplepolicy", "targetId": OTHER_ACCOUNT},
            ),
            "carol@example.com detached organization policy p-examplepolicy from account "
            "444455556666",
            Severity.HIGH,
        )
        yield Rings(
            "a policy changed, by a stack",
            call(
                "organizations:UpdatePolicy",
                by=role("deploy", "build-42") | {"invokedBy": "cloudformation.amazonaws.com"},
                request={"policyId": "p-examplepolicy"},
            ),
            "deploy/build-42 changed organization policy p-examplepolicy",
            Severity.HIGH,
        )
        yield Rings(
            "an account moved to where other policies hold",
            call(
                "organizations:MoveAccount",
                by=admin,
                request={
                    "accountId": OTHER_ACCOUNT,
                    "sourceParentId": "ou-abcd-12345678",
                    "destinationParentId": "r-abcd",
                },
            ),
            "carol@example.com moved account 444455556666 from organizational unit "
            "ou-abcd-12345678 to the root of the organization",
            Severity.HIGH,
        )
        yield Rings(
            "an administrator dismissed",
            call(
                "organizations:DeregisterDelegatedAdministrator",
                by=admin,
                request={
                    "accountId": OTHER_ACCOUNT,
                    "servicePrincipal": "guardduty.amazonaws.com",
                },
            ),
            "carol@example.com dismissed account 444455556666 as the administrator of "
            "guardduty.amazonaws.com",
            Severity.HIGH,
        )
        yield Rings(
            "a refused attempt, whose request is not recorded",
            call("organizations:DetachPolicy", by="mallory", error="AccessDeniedException"),
            "mallory tried to detach an organization policy from an unknown account or unit "
            "and was refused",
            Severity.MEDIUM,
        )
        yield Quiet(
            "a policy attached",
            call("organizations:AttachPolicy", by=admin, request={"policyId": "p-examplepolicy"}),
        )
