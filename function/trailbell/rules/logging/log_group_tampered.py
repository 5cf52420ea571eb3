from __future__ import annotations

from collections.abc import Iterator

from trailbell.first_aid import aws
from trailbell.model import Event, Line, Severity, Text, say
from trailbell.rules.base import Quiet, Rings, Rule, listed
from trailbell.rules.logging._deed import Deed, named
from trailbell.testing import call, role, service

RETENTION = "logs:PutRetentionPolicy"
GROUP = "the log group {}", "", "a log group", ("logGroupName", "logGroupIdentifier")
ALARM = "the alarm {}", "alarms", "an alarm", ("alarmNames",)
RULE = "the event rule {}", "", "an event rule", ("name", "rule")
DEEDS = {
    "logs:DeleteLogGroup": Deed("deleted", "delete", "{}", *GROUP),
    "logs:DeleteLogStream": Deed("deleted", "delete", "a log stream of {}", *GROUP),
    "logs:DeleteSubscriptionFilter": Deed(
        "removed", "remove", "a subscription filter of {}", *GROUP
    ),
    "logs:DeleteMetricFilter": Deed("removed", "remove", "a metric filter of {}", *GROUP),
    "monitoring:DeleteAlarms": Deed("deleted", "delete", "{}", *ALARM),
    "monitoring:DisableAlarmActions": Deed("silenced", "silence", "{}", *ALARM),
    "events:DeleteRule": Deed("deleted", "delete", "{}", *RULE),
    "events:DisableRule": Deed("switched off", "switch off", "{}", *RULE),
    "events:RemoveTargets": Deed("disconnected", "disconnect", "{} from its targets", *RULE),
    RETENTION: Deed("made", "make", "{} forget", *GROUP),
}
LOW = frozenset(
    {"logs:DeleteLogStream", "monitoring:DeleteAlarms", "monitoring:DisableAlarmActions"}
    | {"events:DeleteRule", "events:DisableRule", "events:RemoveTargets"}
)
"""What teams do daily, and what removes less."""
NAMES = ("logGroupName", "logGroupIdentifier", "alarmNames", "name", "rule")


class LogGroupTampered(Rule):
    """Logs, alarms or event rules were deleted, silenced or cut short.

    A deleted log group is evidence gone. A filter, an alarm or an event rule that is gone means
    that the next thing happens without anybody being told.

    Look at which log or alarm it was, and whether it had to do with security. Name yours in
    `protected_patterns`: those ring as high. It is noisy where people delete log groups of things
    they tried out; put pipelines that do so into `allow_actors`. A retention of fewer days than
    `min_retention_days` rings too.
    """

    id = "log-group-tampered"
    severity = Severity.MEDIUM
    actions = tuple(DEEDS)
    failed_calls = "denied-lower"
    service_calls = "drop-aws"
    check_first = "Is it a log or an alarm of your security? If so, restore it, then ask the actor."
    many = "deleted or silenced logs and alarms"
    attack = "T1562.008"
    references = (
        "https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/Working-with-log-groups-and-streams.html",
        "https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/SubscriptionFilters.html",
    )
    since = "0.1.0"

    protected_patterns: tuple[str, ...] = ("*cloudtrail*", "*CloudTrail*")
    """Log groups, alarms and event rules (globs) that ring as high."""
    min_retention_days: int = 30
    """A log group that is told to keep its events for fewer days than this rings."""
    allow_actors: tuple[str, ...] = ()
    """Actors (globs) that delete logs, alarms and event rules as their job."""

    def match(self, event: Event) -> bool:
        if listed(event.actor.name, self.allow_actors):
            return False
        return event.action != RETENTION or days(event) < self.min_retention_days

    def severity_of(self, event: Event) -> Severity:
        names = [name for field in NAMES for name in named(event, f"requestParameters.{field}")]
        if any(listed(name, self.protected_patterns) for name in names):
            return Severity.HIGH
        return Severity.LOW if event.action in LOW else self.severity

    def title(self, event: Event) -> Text:
        deed = DEEDS.get(event.action, DEEDS[RETENTION])
        if event.action == RETENTION:
            kept = days(event)
            unit = "day" if kept == 1 else "days"
            deed = deed._replace(rest=f"{{}} forget after {kept:g} {unit}")
        return deed.title(event)

    def details(self, event: Event) -> tuple[Line, ...]:
        found = {
            "Stream": event.text("requestParameters.logStreamName"),
            "Filter": event.text("requestParameters.filterName"),
        }
        return tuple(Line(label, say("{}", value)) for label, value in found.items() if value)

    def first_aid(self, event: Event) -> tuple[str, ...]:
        bus = event.text("requestParameters.eventBusName")
        names = named(event, "requestParameters.alarmNames")
        if event.action == "monitoring:DisableAlarmActions":
            remedy = "cloudwatch enable-alarm-actions --alarm-names {name}"
        elif event.action == "events:DisableRule":
            remedy = "events enable-rule --name {event_rule}"
            remedy += " --event-bus-name {event_bus}" if bus else ""
            names = named(event, "requestParameters.name")
        else:
            return ()
        if not event.succeeded or len(names) != 1:
            return ()
        values = {"name": names[0], "event_rule": names[0], "event_bus": bus}
        return (aws(f"{remedy} --region {{region}}", **values, region=event.region),)

    @staticmethod
    def examples() -> Iterator[Rings | Quiet]:
        yield Rings(
            "a log group",
            call("logs:DeleteLogGroup", by="alice", request={"logGroupName": "/ecs/shop"}),
            "alice deleted the log group /ecs/shop",
            Severity.MEDIUM,
        )
        yield Rings(
            "the log group of a trail",
            call(
                "logs:DeleteLogGroup", by="alice", request={"logGroupName": "aws-cloudtrail-logs"}
            ),
            "alice deleted the log group aws-cloudtrail-logs",
            Severity.HIGH,
        )
        yield Rings(
            "a refused attempt that is recorded without its parameters",
            call("logs:DeleteLogGroup", by="mallory", error="AccessDenied"),
            "mallory tried to delete a log group and was refused",
            Severity.LOW,
        )
        yield Rings(
            "a log stream",
            call(
                "logs:DeleteLogStream",
                by="alice",
                request={"logGroupName": "/ecs/shop", "logStreamName": "web/1"},
            ),
            "alice deleted a log stream of the log group /ecs/shop",
            Severity.LOW,
        )
        yield Rings(
            "a short retention",
            retain(7),
            "alice made the log group /ecs/shop forget after 7 days",
            Severity.MEDIUM,
        )
        yield Rings(
            "a subscription filter",
            call(
                "logs:DeleteSubscriptionFilter",
                by="alice",
                request={"logGroupName": "org-cloudtrail", "filterName": "to-siem"},
            ),
            "alice removed a subscription filter of the log group org-cloudtrail",
            Severity.HIGH,
        )
        yield Rings(
            "a metric filter, by a stack",
            call(
                "logs:DeleteMetricFilter",
                by=role("deploy", "build-42") | {"invokedBy": "cloudformation.amazonaws.com"},
                request={"logGroupName": "/ecs/shop", "filterName": "errors"},
            ),
            "deploy/build-42 removed a metric filter of the log group /ecs/shop",
            Severity.MEDIUM,
        )
        yield Rings(
            "alarms",
            call("monitoring:DeleteAlarms", by="alice", request={"alarmNames": ["cpu", "disk"]}),
            "alice deleted 2 alarms",
            Severity.LOW,
        )
        yield Rings(
            "an alarm about trails",
            call(
                "monitoring:DisableAlarmActions",
                by="alice",
                request={"alarmNames": ["CloudTrailChanges"]},
            ),
            "alice silenced the alarm CloudTrailChanges",
            Severity.HIGH,
        )
        yield Rings(
            "an event rule",
            call("events:DisableRule", by="alice", request={"name": "nightly"}),
            "alice switched off the event rule nightly",
            Severity.LOW,
        )
        yield Rings(
            "an event rule without targets",
            call("events:RemoveTargets", by="alice", request={"rule": "nightly", "ids": ["1"]}),
            "alice disconnected the event rule nightly from its targets",
            Severity.LOW,
        )
        yield Quiet("a retention that is long enough", retain(30))
        yield Quiet(
            "a refused retention whose request is not recorded: nobody knows how short",
            call(RETENTION, by="mallory", error="AccessDenied"),
        )
        yield Quiet(
            "a mistake deleted nothing",
            call("logs:DeleteLogGroup", by="alice", error="ResourceNotFoundException"),
        )
        yield Quiet(
            "a rule of a load balancer",
            call("elasticloadbalancing:DeleteRule", by="alice", request={"ruleArn": "x"}),
        )
        yield Quiet(
            "AWS itself",
            call("events:DeleteRule", by=service("config"), request={"name": "managed"}),
        )


def days(event: Event) -> float:
    """For how long the log group is to keep its events; for ever where nothing is said."""
    try:
        return float(event.text("requestParameters.retentionInDays"))
    except ValueError:
        return float("inf")


def retain(days: int) -> Event:
    request = {"logGroupName": "/ecs/shop", "retentionInDays": days}
    return call(RETENTION, by="alice", request=request)
