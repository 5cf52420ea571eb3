from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from trailbell.model import Event, Line, Severity, Text
from trailbell.rules.base import Quiet, Rings, Rule
from trailbell.rules.logging._deed import Deed
from trailbell.rules.logging._trail import UPDATE, changes
from trailbell.testing import call, service
from trailbell.text import join

TRAIL = "arn:aws:cloudtrail:eu-west-1:111122223333:trail/org-trail"


def trail(past: str, infinitive: str, rest: str = "{}") -> Deed:
    return Deed(past, infinitive, rest, "the trail {}", "", "a trail", ("name", "trailName"))


def administrator(past: str, infinitive: str, rest: str, field: str) -> Deed:
    return Deed(past, infinitive, rest, "account {}", "", "an account", (field,))


DEEDS = {
    "cloudtrail:CreateTrail": trail("created", "create"),
    UPDATE: trail("changed", "change"),
    "cloudtrail:DeleteTrail": trail("deleted", "delete"),
    "cloudtrail:StartLogging": trail("started", "start"),
    "cloudtrail:StopLogging": trail("stopped", "stop"),
    "cloudtrail:PutInsightSelectors": trail(
        "changed", "change", "which unusual activity {} looks for"
    ),
    "cloudtrail:RegisterOrganizationDelegatedAdmin": administrator(
        "made", "make", "{} administrator of the organization's trails", "memberAccountId"
    ),
    "cloudtrail:DeregisterOrganizationDelegatedAdmin": administrator(
        "took", "take", "the organization's trails away from {}", "delegatedAdminAccountId"
    ),
}


class CloudtrailChanged(Rule):
    """A trail was created, changed, deleted, started or stopped.

    The whole record of what was done to the trails of an account, as the CIS benchmark asks for
    it. What stops or weakens a trail is told by `cloudtrail-stopped` as critical, so that this
    rule is off until you need the record, and on in the preset `compliance`.

    Check that the change was planned. Tools that set up accounts ring with each of their runs.
    """

    id = "cloudtrail-changed"
    severity = Severity.LOW
    actions = tuple(DEEDS)
    failed_calls = "ignore"
    service_calls = "drop-aws"
    on_by_default = False
    many = "changed trails"
    attack = "T1562.008"
    cis: ClassVar = {
        "1.2": "3.5",
        "1.4-5.0": "4.5",
        "6.0-7.0": "5.5",
        "securityhub": "CloudWatch.5",
    }
    references = (
        "https://docs.aws.amazon.com/awscloudtrail/latest/userguide/best-practices-security.html",
        "https://docs.aws.amazon.com/securityhub/latest/userguide/cloudwatch-controls.html",
    )
    since = "0.1.0"

    def match(self, event: Event) -> bool:
        return True

    def title(self, event: Event) -> Text:
        return DEEDS.get(event.action, DEEDS[UPDATE]).title(event)

    def details(self, event: Event) -> tuple[Line, ...]:
        found = changes(event)
        return (Line("Change", join("; ", found)),) if found else ()

    @staticmethod
    def examples() -> Iterator[Rings | Quiet]:
        yield Rings(
            "created",
            call(
                "cloudtrail:CreateTrail",
                by="alice",
                request={
                    "name": "org-trail",
                    "s3BucketName": "example-logs",
                    "includeGlobalServiceEvents": True,
                },
                response={"name": "org-trail", "isMultiRegionTrail": False, "trailARN": TRAIL},
            ),
            "alice created the trail org-trail",
            Severity.LOW,
        )
        yield Rings("started", on_trail("StartLogging"), "alice started the trail org-trail")
        yield Rings(
            "stopped, which is told as critical too",
            on_trail("StopLogging"),
            "alice stopped the trail org-trail",
        )
        yield Rings("deleted", on_trail("DeleteTrail"), "alice deleted the trail org-trail")
        yield Rings(
            "changed in a way that does not weaken it",
            on_trail("UpdateTrail", isMultiRegionTrail=True),
            "alice changed the trail org-trail",
        )
        yield Rings(
            "a record that does not name the trail",
            call("cloudtrail:StartLogging", by="alice"),
            "alice started a trail",
        )
        yield Rings(
            "other unusual activity",
            call(
                "cloudtrail:PutInsightSelectors",
                by="alice",
                request={
                    "trailName": "org-trail",
                    "insightSelectors": [{"insightType": "ApiCallRateInsight"}],
                },
            ),
            "alice changed which unusual activity the trail org-trail looks for",
        )
        yield Rings(
            "another account that may change the organization's trails",
            call(
                "cloudtrail:RegisterOrganizationDelegatedAdmin",
                by="alice",
                request={"memberAccountId": "444455556666"},
            ),
            "alice made account 444455556666 administrator of the organization's trails",
        )
        yield Rings(
            "no longer another account",
            call(
                "cloudtrail:DeregisterOrganizationDelegatedAdmin",
                by="alice",
                request={"delegatedAdminAccountId": "444455556666"},
            ),
            "alice took the organization's trails away from account 444455556666",
        )
        yield Quiet(
            "a refused attempt changed nothing",
            call("cloudtrail:UpdateTrail", by="mallory", error="AccessDenied"),
        )
        yield Quiet(
            "AWS itself",
            call("cloudtrail:CreateTrail", by=service("controltower"), request={"name": "org"}),
        )


def on_trail(operation: str, **request: object) -> Event:
    return call(f"cloudtrail:{operation}", by="alice", request={"name": TRAIL, **request})
