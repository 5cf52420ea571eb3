from __future__ import annotations

from collections.abc import Iterator

from trailbell.first_aid import aws
from trailbell.model import Event, Line, Severity, Text, say
from trailbell.rules.base import Quiet, Rings, Rule
from trailbell.rules.logging._deed import Deed
from trailbell.rules.logging._trail import is_off
from trailbell.testing import call, role, service


def detector(past: str, infinitive: str) -> Deed:
    words = "the GuardDuty detector {}", "", "a GuardDuty detector"
    return Deed(past, infinitive, "{}", *words, ("detectorId",))


def accounts(past: str, infinitive: str, rest: str) -> Deed:
    words = "account {}", "accounts", "other accounts"
    return Deed(past, infinitive, rest, *words, ("accountIds", "adminAccountId"))


def trusted(what: str) -> Deed:
    words = f"the {what} of the list {{}}", "", f"the {what} of a list"
    return Deed("made", "make", "GuardDuty trust {}", *words, ("name",))


CUT_OFF = Deed("cut", "cut", "this account off from its GuardDuty administrator")
FILTER = Deed(
    "made", "make", "{} archive findings unseen",
    "the GuardDuty filter {}", "", "a GuardDuty filter", ("name", "filterName"),
)  # fmt: skip
DEEDS = {
    "guardduty:DeleteDetector": detector("deleted", "delete"),
    "guardduty:UpdateDetector": detector("switched off", "switch off"),
    "guardduty:DisassociateFromAdministratorAccount": CUT_OFF,
    "guardduty:DisassociateFromMasterAccount": CUT_OFF,
    "guardduty:DisassociateMembers": accounts("cut", "cut", "{} off from GuardDuty"),
    "guardduty:DeleteMembers": accounts("removed", "remove", "{} from GuardDuty"),
    "guardduty:StopMonitoringMembers": accounts("stopped", "stop", "GuardDuty's watch over {}"),
    "guardduty:DeleteInvitations": accounts(
        "deleted", "delete", "invitations to GuardDuty from {}"
    ),
    "guardduty:DisableOrganizationAdminAccount": accounts(
        "took", "take", "the organization's GuardDuty away from {}"
    ),
    "guardduty:DeletePublishingDestination": Deed(
        "stopped", "stop", "the export of GuardDuty findings"
    ),
    "guardduty:CreateIPSet": trusted("addresses"),
    "guardduty:UpdateIPSet": trusted("addresses"),
    "guardduty:CreateTrustedEntitySet": trusted("addresses and domains"),
    "guardduty:UpdateTrustedEntitySet": trusted("addresses and domains"),
    "guardduty:CreateFilter": FILTER,
    "guardduty:UpdateFilter": FILTER,
    "guardduty:ArchiveFindings": Deed(
        "archived", "archive", "{}",
        "the GuardDuty finding {}", "GuardDuty findings", "GuardDuty findings", ("findingIds",),
    ),
}  # fmt: skip
REMEDIES = {
    "guardduty:DeleteDetector": "create-detector --enable",
    "guardduty:UpdateDetector": "update-detector --detector-id {id} --enable",
    "guardduty:CreateIPSet": "update-ip-set --detector-id {id} --ip-set-id {name} --no-activate",
    "guardduty:UpdateIPSet": "update-ip-set --detector-id {id} --ip-set-id {name} --no-activate",
    "guardduty:CreateFilter": "delete-filter --detector-id {id} --filter-name {name}",
    "guardduty:StopMonitoringMembers": (
        "start-monitoring-members --detector-id {id} --account-ids {account}"
    ),
}


class GuarddutyTampered(Rule):
    """GuardDuty was switched off, cut off or told to look away.

    GuardDuty sees what single records do not show, such as keys that are used from elsewhere.
    Who knows that it is there takes it out first: by deleting its detector, by cutting the
    account off from the one that watches over it, or, quieter, by a list of addresses to trust or
    a filter that archives findings before anybody reads them.

    Switch it on again, then look at what the same actor did next in that region. It is noisy when
    accounts leave an organization, and where a team tunes its filters: findings archived by hand
    ring as medium.
    """

    id = "guardduty-tampered"
    severity = Severity.HIGH
    actions = tuple(DEEDS)
    failed_calls = "denied-lower"
    service_calls = "drop-aws"
    check_first = "Was this planned? If not, undo it, then see what this actor did after it."
    many = "weakened GuardDuty"
    attack = "T1562.001"
    references = (
        "https://docs.aws.amazon.com/guardduty/latest/ug/guardduty_suspend-disable.html",
        "https://docs.aws.amazon.com/guardduty/latest/ug/findings_suppression-rule.html",
        "https://docs.aws.amazon.com/guardduty/latest/ug/guardduty_upload-lists.html",
    )
    since = "0.1.0"

    def match(self, event: Event) -> bool:
        operation = event.name
        if operation == "UpdateDetector":
            return is_off(event.get("requestParameters.enable"))
        if operation.endswith(("IPSet", "TrustedEntitySet")):
            return event.flag("requestParameters.activate")
        if operation.endswith("Filter"):
            return event.text("requestParameters.action") == "ARCHIVE"
        return True

    def severity_of(self, event: Event) -> Severity:
        operation = event.name
        if operation == "DeleteDetector" or operation.startswith("Disassociate"):
            return Severity.CRITICAL
        return Severity.MEDIUM if operation == "ArchiveFindings" else self.severity

    def title(self, event: Event) -> Text:
        return DEEDS.get(event.action, CUT_OFF).title(event)

    def details(self, event: Event) -> tuple[Line, ...]:
        found = {
            "Detector": event.text("requestParameters.detectorId"),
            "List": event.text("requestParameters.location"),
        }
        return tuple(Line(label, say("{}", value)) for label, value in found.items() if value)

    def first_aid(self, event: Event) -> tuple[str, ...]:
        remedy = REMEDIES.get(event.action)
        if not remedy or not event.succeeded:
            return ()
        members = event.items("requestParameters.accountIds")
        if event.name.endswith("IPSet"):
            name = event.text("requestParameters.ipSetId") or event.text("responseElements.ipSetId")
        else:
            name = event.text("requestParameters.name")
        command = aws(
            f"guardduty {remedy} --region {{region}}",
            id=event.text("requestParameters.detectorId"),
            name=name,
            account=str(members[0]) if len(members) == 1 else "",
            region=event.region,
        )
        return (command,)

    @staticmethod
    def examples() -> Iterator[Rings | Quiet]:
        yield Rings(
            "deleted",
            on_detector("DeleteDetector"),
            "mallory deleted the GuardDuty detector 12abc34d567e8fa901bc2d34e56789f0",
            Severity.CRITICAL,
        )
        yield Rings(
            "a refused attempt that is recorded without its parameters",
            call("guardduty:DeleteDetector", by="mallory", error="AccessDenied"),
            "mallory tried to delete a GuardDuty detector and was refused",
            Severity.HIGH,
        )
        yield Rings(
            "switched off",
            on_detector("UpdateDetector", enable=False),
            "mallory switched off the GuardDuty detector 12abc34d567e8fa901bc2d34e56789f0",
            Severity.HIGH,
        )
        yield Rings(
            "switched off, written as a text",
            on_detector("UpdateDetector", enable="false"),
            "mallory switched off the GuardDuty detector 12abc34d567e8fa901bc2d34e56789f0",
        )
        yield Rings(
            "cut off from the account that watches over it, by a stack",
            call(
                "guardduty:DisassociateFromAdministratorAccount",
                by=role("deploy", "build-42") | {"invokedBy": "cloudformation.amazonaws.com"},
                request={"detectorId": "12abc34d567e8fa901bc2d34e56789f0"},
            ),
            "deploy/build-42 cut this account off from its GuardDuty administrator",
            Severity.CRITICAL,
        )
        yield Rings(
            "members cut off",
            on_detector("DisassociateMembers", accountIds=["444455556666", "999988887777"]),
            "mallory cut 2 accounts off from GuardDuty",
            Severity.CRITICAL,
        )
        yield Rings(
            "a member no longer watched, refused",
            on_detector("StopMonitoringMembers", accountIds=["444455556666"], error="AccessDenied"),
            "mallory tried to stop GuardDuty's watch over account 444455556666 and was refused",
            Severity.MEDIUM,
        )
        yield Rings(
            "members removed, in a record that does not name them",
            on_detector("DeleteMembers"),
            "mallory removed other accounts from GuardDuty",
            Severity.HIGH,
        )
        yield Rings(
            "findings no longer exported",
            on_detector("DeletePublishingDestination", destinationId="d2"),
            "mallory stopped the export of GuardDuty findings",
        )
        yield Rings(
            "addresses to trust",
            on_detector(
                "CreateIPSet", name="office", activate=True, location="s3://example/list.txt"
            ),
            "mallory made GuardDuty trust the addresses of the list office",
            Severity.HIGH,
        )
        yield Rings(
            "domains to trust, in a record that does not name the list",
            on_detector("UpdateTrustedEntitySet", trustedEntitySetId="t1", activate="true"),
            "mallory made GuardDuty trust the addresses and domains of a list",
        )
        yield Rings(
            "findings archived unseen",
            on_detector("CreateFilter", name="quiet", action="ARCHIVE"),
            "mallory made the GuardDuty filter quiet archive findings unseen",
            Severity.HIGH,
        )
        yield Rings(
            "the organization's GuardDuty",
            call(
                "guardduty:DisableOrganizationAdminAccount",
                by="mallory",
                request={"adminAccountId": "444455556666"},
            ),
            "mallory took the organization's GuardDuty away from account 444455556666",
        )
        yield Rings(
            "findings archived by hand",
            on_detector("ArchiveFindings", findingIds=["f1", "f2", "f3"]),
            "mallory archived 3 GuardDuty findings",
            Severity.MEDIUM,
        )
        yield Quiet("left on", on_detector("UpdateDetector", enable=True))
        yield Quiet(
            "a setting that does not switch it off",
            on_detector("UpdateDetector", findingPublishingFrequency="SIX_HOURS"),
        )
        yield Quiet(
            "a list that is not in use", on_detector("CreateIPSet", name="office", activate=False)
        )
        yield Quiet("a filter that archives nothing", on_detector("CreateFilter", action="NOOP"))
        yield Quiet(
            "a refused update whose request is not recorded: nobody knows what it would do",
            call("guardduty:UpdateDetector", by="mallory", error="AccessDenied"),
        )
        yield Quiet(
            "a mistake deleted nothing",
            on_detector("DeleteDetector", error="BadRequestException"),
        )
        yield Quiet("AWS itself", call("guardduty:DeleteMembers", by=service("organizations")))


def on_detector(operation: str, *, error: str | None = None, **request: object) -> Event:
    request = {"detectorId": "12abc34d567e8fa901bc2d34e56789f0", **request}
    return call(f"guardduty:{operation}", by="mallory", request=request, error=error)
