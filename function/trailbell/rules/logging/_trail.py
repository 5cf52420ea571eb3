"""What a change to a trail takes away from what is recorded, or sends elsewhere."""

from __future__ import annotations

from collections.abc import Iterator

from trailbell.model import Event, Text, say

UPDATE = "cloudtrail:UpdateTrail"
SELECTORS = "cloudtrail:PutEventSelectors"

SWITCHED_OFF = {
    "isMultiRegionTrail": "one region only",
    "includeGlobalServiceEvents": "no global services, such as IAM",
    "enableLogFileValidation": "no validation of log files",
}


def trail_of(event: Event) -> str:
    """The name of the trail or event data store, whichever way the request names it; or ""."""
    name = (
        event.text("requestParameters.name")
        or event.text("requestParameters.trailName")
        or event.text("requestParameters.eventDataStore")
    )
    return name.rpartition("/")[2]  # an ARN ends with /org-trail


def changes(event: Event) -> list[Text]:
    """What the call took away or sent elsewhere, each in a few words."""
    if event.action == SELECTORS:
        return list(dict.fromkeys(left_out(event)))
    return weaker(event) + diverted(event) if event.action == UPDATE else []


def weaker(event: Event) -> list[Text]:
    """What an update of a trail switched off."""
    request = "requestParameters"
    found = [say(SWITCHED_OFF[field]) for field in switched_off(event)]
    if "" in (
        event.get(f"{request}.cloudWatchLogsLogGroupArn"),
        event.get(f"{request}.cloudWatchLogsRoleArn"),
    ):
        found.append(say("not sent to CloudWatch Logs"))
    return found


def switched_off(event: Event) -> list[str]:
    """The switches that an update of a trail set to off, as the request names them."""
    if event.action != UPDATE:
        return []
    return [field for field in SWITCHED_OFF if is_off(event.get(f"requestParameters.{field}"))]


def diverted(event: Event) -> list[Text]:
    """Where an update sends the records: it names only what it sets."""
    named = {
        "sent to {}": event.text("requestParameters.cloudWatchLogsLogGroupArn"),
        "sent to CloudWatch Logs as {}": event.text("requestParameters.cloudWatchLogsRoleArn"),
        "kept in bucket {}": event.text("requestParameters.s3BucketName"),
    }
    return [say(words, value) for words, value in named.items() if value]


def left_out(event: Event) -> Iterator[Text]:
    """What the selectors of a trail leave out."""
    for basic in nested(event, "requestParameters.eventSelectors"):
        if is_off(basic.get("includeManagementEvents")):
            yield say("no management events")
        if basic.text("readWriteType") not in ("", "All"):
            yield say("only {}", basic.text("readWriteType"))
        for source in basic.items("excludeManagementEventSources"):
            yield say("nothing of {}", source)
    if event.items("requestParameters.advancedEventSelectors"):
        kinds = managed(event)
        if not kinds:
            yield say("no management events")
        elif kinds in ({"true"}, {"false"}):
            yield say("only {}", "ReadOnly" if "true" in kinds else "WriteOnly")


def managed(event: Event) -> set[str]:
    """Which management events the advanced selectors take, by their readOnly flag."""
    kinds: set[str] = set()
    for advanced in nested(event, "requestParameters.advancedEventSelectors"):
        wanted: dict[str, list[object]] = {
            field.text("field"): field.items("equals")
            for field in nested(advanced, "fieldSelectors")
        }
        if "Management" in wanted.get("eventCategory", ()):
            kinds.update(str(flag).lower() for flag in wanted.get("readOnly", ("true", "false")))
    return kinds


def nested(event: Event, path: str) -> list[Event]:
    """The objects of a list, to be read as safely as a record is."""
    return [Event(item) for item in event.items(path) if isinstance(item, dict)]


def is_off(value: object) -> bool:
    return str(value).lower() == "false"
