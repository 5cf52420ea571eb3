"""Group -> Message: the wording, once for all channels.

The order of a message is the order of its reader's questions: how bad and where, what happened,
who and from where, what to do first.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, tzinfo

from trailbell.model import Alert, Event, Group, Line, Link, Message, Severity, Text, say
from trailbell.runs import LENGTH, Run
from trailbell.text import EMPTY, join

SHOWN_EVENTS = 5  # of a group, each with its id or link
SHOWN_NAMES = 3  # actions, addresses, sentences of a group; the rest is counted
CONSOLES = {  # the console's domain, by the beginning of the region's name
    "cn-": "console.amazonaws.cn",
    "us-gov-": "console.amazonaws-us-gov.com",
    "": "console.aws.amazon.com",
}
REGION = re.compile(r"[a-z]{2}(-[a-z]+)+-\d{1,2}\Z")
EVENT_ID = re.compile(r"[0-9A-Za-z-]{8,64}\Z")
COMMAND = re.compile(r"aws [ -_a-~]+\Z")  # a line of ASCII without a back-tick
SHOWN_COMMANDS = 2
ACCOUNT = re.compile(r"[0-9]{12}\Z")
ACCESS_KEY = re.compile(r"AKIA[0-9A-Z]{12,124}\Z")
TOOLS = (  # a word in the user agent, and the word for it; the first that fits
    ("terraform", "terraform"),
    ("pulumi", "pulumi"),
    ("aws-cli", "aws-cli"),
    ("boto3", "boto3"),
    ("botocore", "boto3"),
    ("aws-sdk", "sdk"),
    ("aws-cdk", "cdk"),
)


@dataclass(frozen=True, slots=True)
class Reader:
    """What the wording depends on besides the alerts: where and when its reader is."""

    zone: tzinfo = UTC
    accounts: Mapping[str, str] = field(default_factory=dict)
    """Account id -> the name that its owner gave it."""
    request: str = ""
    """The invocation's id, under which the function's log holds what a message leaves out."""
    year: int = 0
    """The reader's year: a date in it is told without."""

    def clock(self, time: datetime, *, date: bool = True) -> str:
        """``Tue 17 Mar, 17:09:52 CET``."""
        local = time.astimezone(self.zone)
        day = f"{local:%a} {local.day} {local:%b}"
        if local.year != self.year:
            day += f" {local.year}"
        zone = local.tzname() or "UTC"
        label = f"UTC{zone}" if zone[:1] in "+-" else zone
        return f"{day}, {local:%H:%M:%S} {label}" if date else f"{local:%H:%M:%S}"


def compose(group: Group, reader: Reader, *, opens_run: bool = False) -> Message:
    """The message of a group.

    :param opens_run: more of the same will be told in one message.
    """
    if group.rest:
        return _counts(group, reader)
    told = _several(group, reader) if len(group.alerts) > 1 else _single(group.alerts[0], reader)
    if opens_run:
        note = f"More of the same within {LENGTH // 60} minutes will come as one message"
        told = replace(told, lines=(*told.lines, Line("", say(note))))
    return told


def of_run(run: Run, reader: Reader) -> Message:
    """The message that closes a run: what came after the alert that was posted at once."""
    count = len(run.members)
    did = f" {run.many or f'set off {run.rule}'} {count + 1:,} times in all"
    title = say("{}", run.phrase) + Text((did,))
    start, end = run.began, run.members[-1].time
    if start and end and start < end:
        title += say(f", {reader.clock(start, date=False)} to {reader.clock(end, date=False)}")
    lines = [Line("Who", run.about)]
    failed = Counter(member.outcome for member in run.members if member.outcome != "succeeded")
    if failed:
        told = ", ".join(f"{times:,} {outcome}" for outcome, times in sorted(failed.items()))
        lines.append(Line("Of these", Text((told,))))
    if start:
        lines.append(Line("When", say(reader.clock(start))))
    mute = {"rule": run.rule, "actor": run.actor, "reason": "…"}
    lines.append(Line("To mute it", say("{} in MUTES", json.dumps(mute, ensure_ascii=False))))
    more = say(f"{count:,} more in {LENGTH // 60} minutes")
    place = _place(run.account, reader)
    shown = run.members[:SHOWN_EVENTS]
    return Message(
        run.severity,
        title,
        place=place + say(" · ") + more if place else more,
        what=_most([say("{}", member.action) for member in run.members if member.action]),
        lines=tuple(lines),
        rule=run.rule,
        links=_links([(member.region, member.event_id) for member in shown], ""),
        events=tuple(member.event_id for member in shown if member.event_id),
        count=count,
        account=_id(run.account),
        time=run.members[0].time,
        follows=True,
    )


def _single(alert: Alert, reader: Reader) -> Message:
    event = alert.event
    lines = list(alert.details)
    if event.raw:
        who = event.actor.about
        key = event.text("userIdentity.accessKeyId")
        if ACCESS_KEY.match(key):
            who += say(", key {}", key)
        lines += [Line("Who", who), *_line("From", _source(event))]
    lines += _when(event, reader)
    return Message(
        alert.severity,
        alert.title,
        place=_place(event.account, reader),
        what=_what(event),
        lines=tuple(lines),
        check_first=alert.check_first if alert.severity >= Severity.HIGH else "",
        commands=_commands(alert) if alert.severity >= Severity.HIGH else (),
        rule=alert.rule,
        links=_links([(event.region, event.id)], "Open in CloudTrail"),
        events=_ids([event]),
        account=_id(event.account),
        time=event.time,
    )


def _several(group: Group, reader: Reader) -> Message:
    alerts = group.alerts
    events = [alert.event for alert in alerts]
    first = alerts[0]
    count = len(alerts)
    actor = first.event.actor.phrase if first.event.raw else say("trailbell")
    sentences = Counter(alert.title for alert in alerts)
    title = _title(alerts, sentences, actor)
    times = [event.time for event in events if event.time]
    if times:
        start, end = (reader.clock(time, date=False) for time in (times[0], times[-1]))
        title += say(f", {start}" if start == end else f", {start} to {end}")
    sources = [source for event in events if (source := _source(event))]
    lines = []
    if len(sentences) > 1:  # else the title says it
        for sentence, n in sentences.most_common(SHOWN_NAMES):
            lines.append(Line("", sentence + say(_times(n))))
    if len(sentences) > SHOWN_NAMES:
        lines.append(Line("", say(f"and {len(sentences) - SHOWN_NAMES:,} others")))
    if first.event.raw:
        lines.append(Line("Who", first.event.actor.about))
    lines += _line("From", _most(sources))
    lines += _when(first.event, reader)
    worst = max(alerts, key=lambda alert: alert.severity)
    return Message(
        group.severity,
        title,
        place=_place(first.event.account, reader),
        what=_most([say("{}", event.action) for event in events if event.action]),
        lines=tuple(lines),
        check_first=worst.check_first if group.severity >= Severity.HIGH else "",
        rule=first.rule,
        links=_links([(event.region, event.id) for event in events[:SHOWN_EVENTS]], ""),
        events=_ids(events[:SHOWN_EVENTS]),
        count=count,
        account=_id(first.event.account),
        time=first.event.time,
    )


def _title(alerts: Sequence[Alert], sentences: Counter[Text], actor: Text) -> Text:
    """What all of them have in common, in a sentence that is true of each."""
    times = f"{len(alerts):,} times"
    if len(sentences) == 1:
        return alerts[0].title + say(f" {times}")
    failed = [alert.event for alert in alerts if not alert.many and not alert.event.succeeded]
    refused = sum(event.denied for event in failed)
    if refused == len(alerts):
        return say("{}", actor) + say(f" was refused {times}")
    said = {alert.many for alert in alerts} - {""}
    did = said.pop() if len(said) == 1 else f"set off {alerts[0].rule}"
    others = ((refused, "refused"), (len(failed) - refused, "failed"))
    told = ", ".join(f"{count:,} {word}" for count, word in others if count)
    return say("{}", actor) + Text((f" {did} {times}" + (f" ({told})" if told else ""),))


def _counts(group: Group, reader: Reader) -> Message:
    """What the cap left over, most severe first."""
    count = len(group.alerts)
    alerts = group.alerts
    at = f" at {reader.clock(time, date=False)}" if (time := alerts[0].event.time) else ""
    lines = []
    for severity in sorted(Severity, reverse=True):
        rules: dict[str, list[Alert]] = {}
        for alert in alerts:
            if alert.severity is severity:
                rules.setdefault(alert.rule, []).append(alert)
        counts = sorted(rules.items(), key=lambda item: (-len(item[1]), item[0]))
        told = " · ".join(f"{rule} ×{len(of):,} ({_actors(of)})" for rule, of in counts)
        lines += [Line(str(severity), Text((told,)))] if told else []
    where = say("their event ids are in the function's log")
    if reader.request:
        where += say(", request {}", reader.request)
    shown = [alert.event for alert in alerts[:SHOWN_EVENTS]]
    accounts = {alert.event.account for alert in alerts}
    return Message(
        group.severity,
        say(f"{count:,} more alerts{at}, shown as counts only"),
        lines=(*lines, Line("Note", where)),
        links=_links([(event.region, event.id) for event in shown], ""),
        events=_ids(shown),
        count=count,
        account=_id(accounts.pop()) if len(accounts) == 1 else "",
        time=alerts[0].event.time,
    )


def _what(event: Event) -> Text:
    """The API's name for it, and how it ended."""
    if not event.action:
        return EMPTY
    result = say("succeeded") if event.succeeded else say("{}", event.error or "failed")
    return say("{} · ", event.action) + result


def _source(event: Event) -> Text:
    """Address, tool and region, as far as the record tells."""
    ip = event.ip
    parts = [say("inside AWS") if ip == "AWS Internal" else say("{}", ip)] if ip else []
    if tool := tool_of(event):
        parts.append(say(tool))
    if event.region:
        parts.append(say("{}", event.region))
    if (service := event.text("userIdentity.invokedBy")) and service != ip:
        parts.append(say("via {}", service))
    return join(", ", parts)


def tool_of(event: Event) -> str:
    """What made the call, in a word of ours; "" where the agent says nothing that we know."""
    agent = event.agent.lower()
    for needle, word in TOOLS:
        if needle in agent:
            return word
    return "console" if event.from_console else ""


def _when(event: Event, reader: Reader) -> list[Line]:
    """The time, and the account's id where the headline says only its name."""
    named = event.account in reader.accounts
    account = say("account {}", event.account) if named else EMPTY
    time = say(reader.clock(event.time)) if event.time else EMPTY
    told = [text for text in (time, account) if text]
    return _line("When" if time else "Where", join(", ", told))


def _place(account: str, reader: Reader) -> Text:
    """Where, for the headline: the account's name, else its id."""
    if name := reader.accounts.get(account):
        return Text((name,))
    return say("{}", account) if account else EMPTY


def _id(account: str) -> str:
    """The account's id, where it is one: machines compare it."""
    return account if ACCOUNT.match(account) else ""


def _most(texts: Iterable[Text]) -> Text:
    """The commonest of the texts with their counts, and how many others there are."""
    counts = Counter(texts)
    if len(counts) == 1:
        return next(iter(counts))
    shown = [text + say(_times(n)) for text, n in counts.most_common(SHOWN_NAMES)]
    others = counts.total() - sum(n for _, n in counts.most_common(SHOWN_NAMES))
    return join(", ", shown) + say(f" and {others:,} others" if others else "")


def _times(count: int) -> str:
    return f" ×{count:,}" if count > 1 else ""


def _actors(alerts: list[Alert]) -> str:
    count = len({alert.event.actor.name for alert in alerts})
    return f"{count:,} actors" if count > 1 else "1 actor"


def _line(label: str, text: Text) -> list[Line]:
    """A line, unless it would say nothing."""
    return [Line(label, text)] if text else []


def _commands(alert: Alert) -> tuple[str, ...]:
    """The first aid of an alert. What a user's rule made of an event is looked at again."""
    found = [command for command in dict.fromkeys(alert.commands) if COMMAND.match(command)]
    return tuple(found[:SHOWN_COMMANDS])


def _ids(events: Iterable[Event]) -> tuple[str, ...]:
    return tuple(event.id for event in events if event.id)


def _links(events: Iterable[tuple[str, str]], label: str) -> tuple[Link, ...]:
    """Events (region, id) in the CloudTrail console; only where both are safe in a URL."""
    links = []
    for number, (region, event_id) in enumerate(events, 1):
        if not (REGION.match(region) and EVENT_ID.match(event_id)):
            continue
        domain = next(host for start, host in CONSOLES.items() if region.startswith(start))
        url = f"https://{region}.{domain}/cloudtrailv2/home?region={region}#/events/{event_id}"
        links.append(Link(label or str(number), url, event_id))
    return tuple(links)
