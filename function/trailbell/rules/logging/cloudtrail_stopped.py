from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from trailbell.first_aid import aws
from trailbell.model import Event, Line, Severity, Text
from trailbell.rules.base import Quiet, Rings, Rule, did, listed
from trailbell.rules.logging._trail import (
    SELECTORS,
    UPDATE,
    changes,
    switched_off,
    trail_of,
    weaker,
)
from trailbell.testing import call, person, role
from trailbell.text import join

A_TRAIL = ("a trail", "the trail {}")
A_STORE = ("an event data store", "event data store {}")
STOPPED = ("stopped", "stop", *A_TRAIL)
WORDS = {
    "cloudtrail:StopLogging": STOPPED,
    "cloudtrail:DeleteTrail": ("deleted", "delete", *A_TRAIL),
    "cloudtrail:DeleteEventDataStore": ("deleted", "delete", *A_STORE),
    "cloudtrail:StopEventDataStoreIngestion": ("stopped filling", "stop filling", *A_STORE),
    SELECTORS: ("cut down", "cut down", "what a trail records", "what the trail {} records"),
    UPDATE: ("weakened", "weaken", *A_TRAIL),
}
"""What was done, what was tried, and to what, without its name and with it."""
REMEDIES = {
    "cloudtrail:StopLogging": "start-logging --name {trail}",
    "cloudtrail:DeleteEventDataStore": "restore-event-data-store --event-data-store {event_store}",
    "cloudtrail:StopEventDataStoreIngestion": (
        "start-event-data-store-ingestion --event-data-store {event_store}"
    ),
}
SWITCHES = {
    "isMultiRegionTrail": " --is-multi-region-trail",
    "includeGlobalServiceEvents": " --include-global-service-events",
    "enableLogFileValidation": " --enable-log-file-validation",
}
"""What switches it on again."""


class CloudtrailStopped(Rule):
    """CloudTrail was stopped, deleted or blinded.

    Whoever wants to work unseen stops the trail first. What follows is not recorded, so that
    nothing will ring for it: this rule included.

    Start the trail again, then look at what this actor did before, and at what changed since by
    other means: billing, AWS Config, the event history of each region (which cannot be switched
    off). Updates of a trail ring only for values that weaken it or send its records elsewhere.
    The record does not tell the old values, so that an update which repeats the bucket or log
    group that the trail already has rings too.
    """

    id = "cloudtrail-stopped"
    severity = Severity.CRITICAL
    actions = tuple(WORDS)
    failed_calls = "denied-lower"
    check_first = "Was this planned? If not, start the trail again before anything else."
    many = "stopped or weakened trails"
    attack = "T1562.008"
    cis: ClassVar = {
        "1.2": "3.5",
        "1.4-5.0": "4.5",
        "6.0-7.0": "5.5",
        "securityhub": "CloudWatch.5",
    }
    references = (
        "https://docs.aws.amazon.com/awscloudtrail/latest/userguide/best-practices-security.html",
        "https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_StopLogging.html",
    )
    since = "0.1.0"

    allow_actors: tuple[str, ...] = ()
    """Actors (globs) that stop and change trails as their job."""

    def match(self, event: Event) -> bool:
        if listed(event.actor.name, self.allow_actors):
            return False
        return event.action not in (SELECTORS, UPDATE) or bool(changes(event))

    def title(self, event: Event) -> Text:
        past, infinitive, unnamed, named = WORDS.get(event.action, STOPPED)
        if event.action == UPDATE and not weaker(event):
            past, infinitive = "redirected", "redirect"
        if target := trail_of(event):
            return did(event, past, infinitive, named, target)
        return did(event, past, infinitive, unnamed)

    def details(self, event: Event) -> tuple[Line, ...]:
        found = changes(event)
        return (Line("Change", join("; ", found)),) if found else ()

    def first_aid(self, event: Event) -> tuple[str, ...]:
        remedy = REMEDIES.get(event.action, "")
        if off := switched_off(event):
            switches = "".join(SWITCHES[field] for field in off)
            remedy = f"update-trail --name {{trail}}{switches}"
        if not remedy or not event.succeeded:
            return ()
        command = aws(
            f"cloudtrail {remedy} --region {{region}}",
            trail=event.text("requestParameters.name"),
            event_store=event.text("requestParameters.eventDataStore"),
            region=event.region,
        )
        return (command,)

    @staticmethod
    def examples() -> Iterator[Rings | Quiet]:
        yield Rings(
            "stopped",
            call(
                "cloudtrail:StopLogging",
                by="mallory",
                request={"name": "arn:aws:cloudtrail:eu-west-1:111122223333:trail/org-trail"},
                awsRegion="eu-west-1",
            ),
            "mallory stopped the trail org-trail",
            Severity.CRITICAL,
        )
        yield Rings(
            "a refused attempt",
            call(
                "cloudtrail:StopLogging",
                by=person("alice@example.com", "PowerUser"),
                request={"name": "org-trail"},
                error="AccessDenied",
            ),
            "alice@example.com tried to stop the trail org-trail and was refused",
            Severity.HIGH,
        )
        yield Rings(
            "a refused attempt whose request is not recorded",
            call("cloudtrail:StopLogging", by="mallory", error="AccessDenied"),
            "mallory tried to stop a trail and was refused",
        )
        yield Rings(
            "deleted, by a stack",
            call(
                "cloudtrail:DeleteTrail",
                by=role("deploy", "build-42") | {"invokedBy": "cloudformation.amazonaws.com"},
                request={"name": "org-trail"},
            ),
            "deploy/build-42 deleted the trail org-trail",
        )
        yield Rings(
            "an event data store deleted",
            call(
                "cloudtrail:DeleteEventDataStore", by="mallory", request={"eventDataStore": STORE}
            ),
            "mallory deleted event data store EXAMPLE-f852-4e8f-8bd1-bcf6cEXAMPLE",
        )
        yield Rings(
            "an event data store that takes no more events",
            call("cloudtrail:StopEventDataStoreIngestion", by="mallory"),
            "mallory stopped filling an event data store",
        )
        yield Rings(
            "no management events",
            put_selectors(eventSelectors=[{"includeManagementEvents": False}]),
            "mallory cut down what the trail org-trail records",
            Severity.CRITICAL,
        )
        yield Rings(
            "reads only",
            put_selectors(
                eventSelectors=[{"readWriteType": "ReadOnly", "includeManagementEvents": True}]
            ),
            "mallory cut down what the trail org-trail records",
        )
        yield Rings(
            "without one of the services",
            put_selectors(
                eventSelectors=[{"excludeManagementEventSources": ["kms.amazonaws.com"]}]
            ),
            "mallory cut down what the trail org-trail records",
        )
        yield Rings(
            "advanced selectors without management events",
            put_selectors(advancedEventSelectors=[selector("Data")]),
            "mallory cut down what the trail org-trail records",
        )
        yield Rings(
            "advanced selectors that keep reads only",
            put_selectors(advancedEventSelectors=[selector("Management", readOnly="true")]),
            "mallory cut down what the trail org-trail records",
        )
        yield Rings(
            "one region only",
            update(isMultiRegionTrail=False),
            "mallory weakened the trail org-trail",
            Severity.CRITICAL,
        )
        yield Rings(
            "without global services",
            update(includeGlobalServiceEvents=False),
            "mallory weakened the trail org-trail",
        )
        yield Rings(
            "without validation",
            update(enableLogFileValidation="false"),
            "mallory weakened the trail org-trail",
        )
        yield Rings(
            "no longer sent to CloudWatch Logs",
            update(cloudWatchLogsLogGroupArn="", cloudWatchLogsRoleArn=""),
            "mallory weakened the trail org-trail",
        )
        yield Rings(
            "sent to another log group",
            update(
                cloudWatchLogsLogGroupArn="arn:aws:logs:us-east-1:111122223333:log-group:other:*"
            ),
            "mallory redirected the trail org-trail",
        )
        yield Rings(
            "kept in another bucket",
            update(s3BucketName="example-other"),
            "mallory redirected the trail org-trail",
            Severity.CRITICAL,
        )
        yield Quiet(
            "a mistake stopped nothing",
            call(
                "cloudtrail:StopLogging",
                by="mallory",
                request={"name": "no-such-trail"},
                error="TrailNotFoundException",
            ),
        )
        yield Quiet(
            "selectors that leave nothing out",
            put_selectors(
                eventSelectors=[
                    {
                        "readWriteType": "All",
                        "includeManagementEvents": True,
                        "dataResources": [],
                        "excludeManagementEventSources": [],
                    }
                ]
            ),
        )
        yield Quiet(
            "advanced selectors with management events",
            put_selectors(advancedEventSelectors=[selector("Data"), selector("Management")]),
        )
        yield Quiet(
            "advanced selectors that keep reads and writes apart",
            put_selectors(
                advancedEventSelectors=[
                    selector("Management", readOnly="true"),
                    selector("Management", readOnly="false"),
                ]
            ),
        )
        yield Quiet("no selectors", put_selectors(eventSelectors=[]))
        yield Quiet("a stronger trail", update(isMultiRegionTrail=True))
        yield Quiet(
            "a refused update whose request is not recorded",
            call(UPDATE, by="mallory", error="AccessDenied"),
        )


STORE = (
    "arn:aws:cloudtrail:us-east-1:111122223333:eventdatastore/EXAMPLE-f852-4e8f-8bd1-bcf6cEXAMPLE"
)


def put_selectors(**request: object) -> Event:
    return call(SELECTORS, by="mallory", request={"trailName": "org-trail", **request})


def selector(category: str, **more: str) -> dict[str, object]:
    fields = {"eventCategory": category, **more}
    return {"fieldSelectors": [{"field": key, "equals": [fields[key]]} for key in fields]}


def update(**request: object) -> Event:
    return call(UPDATE, by="mallory", request={"name": "org-trail", **request})
