from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, tzinfo
from functools import cache
from typing import Any

from trailbell.model import Event, Line, Severity, Text, say
from trailbell.rules.activity._calls import SIGN_IN, call_listed, deed
from trailbell.rules.base import Quiet, Rings, Rule, listed
from trailbell.testing import Identity, call, person, role, root, service, sign_in

PEOPLE = frozenset({"IAMUser", "Root", "FederatedUser", "IdentityCenterUser"})
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


class OffHoursActivity(Rule):
    """A person signed in or changed something outside working hours.

    Stolen credentials are used when their owner sleeps. So are good ones, by people who deploy at
    night, so that this is a weak sign on its own and off until you ask for it.

    Ask the person, then look at their other calls of that night. Set the time zone and hours of
    your team, and put people who are on call into `ignore_users`.
    """

    id = "off-hours-activity"
    severity = Severity.LOW
    failed_calls = "ignore"
    service_calls = "drop-aws"
    on_by_default = False
    many = "was active outside working hours"
    attack = "T1078.004"
    references = (
        "https://docs.aws.amazon.com/awscloudtrail/latest/userguide/"
        "cloudtrail-event-reference-user-identity.html",
    )
    since = "0.1.0"

    timezone: str = ""
    """Time zone of the hours below, such as ``Europe/Berlin``; empty for that of the settings."""
    start: int = 22
    """The hour at which work ends and this rule begins to listen. It may be past midnight."""
    end: int = 6
    """The hour at which work begins. The same as ``start``: no hours, only the days below."""
    weekend_days: tuple[str, ...] = ("Sat", "Sun")
    """Days without work."""
    holidays: tuple[str, ...] = ()
    """Dates without work, such as ``2026-12-25``."""
    human_role_patterns: tuple[str, ...] = ("AWSReservedSSO_*",)
    """Names of roles (globs) that people work in."""
    only_events: tuple[str, ...] = ()
    """Calls (globs) to look at, as ``RunInstances`` or ``ec2:Run*``; empty for all."""
    ignore_users: tuple[str, ...] = ()
    """People (globs) who work at such hours."""

    def check(self) -> None:
        """Refuse settings that would never ring, or ring at the wrong time."""
        for name, hour, last in (("start", self.start, 23), ("end", self.end, 24)):
            if not 0 <= hour <= last:
                raise ValueError(f"{name} must be an hour from 0 to {last}, not {hour}")
        try:
            zone_named(self.timezone)
        except (KeyError, ValueError, OSError):  # each is raised for some kind of wrong name
            raise ValueError(
                f"timezone {self.timezone!r} is no time zone; use a name such as 'Europe/Berlin'"
            ) from None
        for day in self.weekend_days:
            if not any(is_day(day, full) for full in DAYS):
                raise ValueError(f"weekend_days: {day!r} is no day; use a name such as 'Sat'")
        for holiday in self.holidays:
            if not is_date(holiday):
                raise ValueError(f"holidays: {holiday!r} is no date such as '2026-12-25'")

    def match(self, event: Event) -> bool:
        return (
            (event.action == SIGN_IN or not event.read_only)
            and self.is_human(event)
            and (not self.only_events or call_listed(event, self.only_events))
            and self.why(event) is not None
        )

    def is_human(self, event: Event) -> bool:
        actor = event.actor
        if event.identity == "AssumedRole":
            if not listed(actor.role, self.human_role_patterns):
                return False
        elif event.identity not in PEOPLE:
            return False
        # The name of somebody from Identity Center holds more than the e-mail that people write.
        return not any(listed(name, self.ignore_users) for name in (actor.name, str(actor.phrase)))

    def local(self, event: Event) -> datetime | None:
        time = event.time
        try:
            return time.astimezone(zone_named(self.timezone)) if time else None
        except OverflowError:  # a time at either end of the calendar
            return None

    def why(self, event: Event) -> Text | None:
        """What is unusual about the time of the event, to end a sentence with; None if nothing."""
        time = self.local(event)
        if time is None:
            return None
        day = DAYS[time.weekday()]
        if time.date().isoformat() in self.holidays:
            return say("on a holiday")
        if any(is_day(weekend, day) for weekend in self.weekend_days):
            return say(f"on a {day}")
        if self.start > self.end:
            off = time.hour >= self.start or time.hour < self.end
        else:
            off = self.start <= time.hour < self.end
        return say("outside working hours") if off else None

    def title(self, event: Event) -> Text:
        time, why = self.local(event), self.why(event)
        if time is None or why is None:  # asked of an event that did not match
            return deed(event)
        return deed(event) + say(" {}, at {}", why, Text((time.strftime("%H:%M %Z"),)))

    def details(self, event: Event) -> tuple[Line, ...]:
        if self.start == self.end:
            return ()
        hours = f"{self.end % 24:02}:00 to {self.start or 24:02}:00"
        return (Line("Working hours", Text((hours,))),)

    @staticmethod
    def examples() -> Iterator[Rings | Quiet]:
        def at(time: str, *, by: Identity | str = "", **fields: Any) -> Event:
            return call(
                "ec2:StopInstances",
                by=by or person("bob@example.com"),
                eventTime=time,
                **fields,
            )

        yield Rings(
            "at night",
            at("2026-03-17T02:47:00Z"),
            "bob@example.com called ec2:StopInstances outside working hours, at 02:47 UTC",
            Severity.LOW,
        )
        yield Rings(
            "the first minute after work",
            at("2026-03-17T22:00:00Z"),
            "bob@example.com called ec2:StopInstances outside working hours, at 22:00 UTC",
        )
        yield Rings(
            "at noon, at the weekend",
            at("2026-03-14T12:00:00Z", by="alice"),
            "alice called ec2:StopInstances on a Saturday, at 12:00 UTC",
        )
        yield Rings(
            "a sign-in",
            sign_in(by="alice", eventTime="2026-03-17T03:00:00Z"),
            "alice signed in to the console outside working hours, at 03:00 UTC",
        )
        yield Rings(
            "root, in a record that says nothing of what was asked",
            at("2026-03-17T03:00:00Z", by=root(), requestParameters=None),
            "The root user called ec2:StopInstances outside working hours, at 03:00 UTC",
        )
        yield Quiet("during work", at("2026-03-17T06:00:00Z"))
        yield Quiet("no time recorded", at(""))
        yield Quiet(
            "a call that only reads",
            call("ec2:DescribeInstances", by="alice", eventTime="2026-03-17T02:47:00Z"),
        )
        yield Quiet(
            "a refused call",
            at("2026-03-17T02:47:00Z", error="AccessDenied"),
        )
        yield Quiet("a role of a machine", at("2026-03-17T02:47:00Z", by=role("deploy", "b-42")))
        yield Quiet("AWS itself", at("2026-03-17T02:47:00Z", by=service("autoscaling")))


@cache
def zone_named(name: str) -> tzinfo:
    from zoneinfo import ZoneInfo  # only this rule, off at first, pays for it

    return ZoneInfo(name) if name not in ("", "UTC") else UTC


def is_day(name: str, day: str) -> bool:
    """Whether a name, such as "sat" or "Saturday", means that day."""
    return name.lower() in (day.lower(), day[:3].lower())


def is_date(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False
