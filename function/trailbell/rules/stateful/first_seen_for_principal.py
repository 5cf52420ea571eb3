from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from ipaddress import ip_network
from typing import Any, NamedTuple

from trailbell.first_aid import stop_key
from trailbell.model import Event, Line, Severity, Text, say
from trailbell.rules.base import Quiet, Rings, Rule
from trailbell.rules.reconnaissance._address import address, is_public
from trailbell.rules.stateful._examples import at
from trailbell.rules.stateful._memory import is_first, note, subject
from trailbell.testing import Identity, call, person, role, service, user
from trailbell.text import join

FAMILIES = ("terraform", "pulumi", "aws-cli", "boto3", "botocore", "aws-cdk", "aws-sdk")
"""Words in user agents that say more than their beginning does."""
SSO = "AWSReservedSSO_"


class New(NamedTuple):
    """A value that was never seen before, and how long its principal has been watched."""

    dimension: str
    value: str
    days: int


class FirstSeenForPrincipal(Rule):
    """A user or role was used in a way that was never seen before.

    Stolen credentials are used elsewhere and with other tools than by their owner. For each user,
    role and person of IAM Identity Center it learns the networks from which access keys are used
    (the first 24 bits of an address, 48 of IPv6) and the tools, and tells what is new once the
    principal has been watched for some days. Services, regions and assumed roles can be watched
    too.

    Ask the owner. If it was not them, deactivate the key. It is off by default: it has to learn,
    for which it needs the table and all calls, and people travel and change their tools. What is
    not seen for `history_days` is forgotten within the same time again. Without a table it knows
    only what one replay reads.
    """

    id = "first-seen-for-principal"
    severity = Severity.MEDIUM
    gate = '"arn"'
    failed_calls = "ignore"
    service_calls = "drop-aws"
    on_by_default = False
    needs_state = True
    check_first = "Ask the owner. If it was not them, deactivate the key."
    many = "was used in new ways"
    attack = "T1078.004"
    references = (
        "https://docs.aws.amazon.com/guardduty/latest/ug/guardduty_finding-types-iam.html",
    )
    since = "0.1.0"

    dimensions: tuple[str, ...] = ("ip", "user_agent")
    """What is watched: ``ip``, ``user_agent``, ``event_source``, ``region``, ``role``."""
    learning_days: int = 10
    """How long a principal is watched before anything is news."""
    history_days: int = 90
    """How long a value is known at least."""

    def check(self) -> None:
        for dimension in self.dimensions:
            if dimension not in DIMENSIONS:
                raise ValueError(f"dimensions: {dimension!r} is none of {', '.join(DIMENSIONS)}")
        if not 0 <= self.learning_days < self.history_days <= 1_000:
            raise ValueError("learning_days must be less than history_days, and that at most 1,000")

    def match(self, event: Event) -> bool:
        return bool(self.news(event))

    def title(self, event: Event) -> Text:
        told = [say(DIMENSIONS[new.dimension].words, new.value) for new in self.news(event)]
        return say("{} {} for the first time", event.actor, join(" and ", told))

    def details(self, event: Event) -> tuple[Line, ...]:
        days = max((new.days for new in self.news(event)), default=0)
        lines = [Line("Watched for", say(f"{days} day" if days == 1 else f"{days} days"))]
        if event.agent:
            lines.append(Line("User agent", say("{}", event.agent)))
        return tuple(lines)

    def first_aid(self, event: Event) -> tuple[str, ...]:
        return (stop_key(event),) if event.succeeded else ()

    def news(self, event: Event) -> list[New]:
        """What is new about the event."""
        who, ip = principal(event), address(event.ip)
        if not who or ip is None or not is_public(ip):
            return []
        seen = [(name, DIMENSIONS[name].read(event)) for name in self.dimensions]
        found = [self.new(event, who, name, value) for name, value in seen if value]
        return [new for new in found if new]

    def new(self, event: Event, who: str, dimension: str, value: str) -> New | None:
        about = subject(self, event, who, dimension)
        history = timedelta(days=self.history_days)
        mark, now = f"{about}:{value}", event.time
        # A mark lasts to the end of the stretch of history after its own. What it stands for is
        # new if it is the first in its stretch, and there was none in the stretch before.
        if now is None or not is_first(self, mark, event, history, stretches=2):
            return None
        known = note(self, about, event, 2 * history, value)
        if not is_first(self, mark, event, history, at=now - history):
            return None
        watched = now - known[0].time
        if watched < timedelta(days=self.learning_days) or len(known) == 1:
            return None
        return New(dimension, value, watched.days)

    @staticmethod
    def examples() -> Iterator[Rings | Quiet]:
        def used(
            day: int, ip: str = "192.0.2.10", by: Identity | str = "ci-deploy", **fields: Any
        ) -> Event:
            when = at(day * 24 * 3600)
            return call("s3:PutObject", by=by, sourceIPAddress=ip, **{**when, **fields})

        elsewhere = "203.0.113.66"
        bob = person("bob@example.com")
        yield Rings(
            "a key, from another network",
            used(11, elsewhere),
            "ci-deploy called from 203.0.113.0/24 for the first time",
            Severity.MEDIUM,
            before=(used(0), used(5)),
        )
        yield Rings(
            "another network, of IPv6",
            used(11, "2001:db8:1:2::3"),
            "ci-deploy called from 2001:db8:1::/48 for the first time",
            before=(used(0),),
        )
        yield Rings(
            "another tool",
            used(12, userAgent="Boto3/1.34.100 md/Botocore#1.34.100"),
            "ci-deploy used boto3 for the first time",
            before=(used(0),),
        )
        yield Rings(
            "another network and another tool",
            used(30, elsewhere, userAgent="TruffleHog"),
            "ci-deploy called from 203.0.113.0/24 and used trufflehog for the first time",
            before=(used(0),),
        )
        yield Rings(
            "a person from IAM Identity Center, whose network is not watched",
            used(11, elsewhere, bob, userAgent="Boto3/1.34.100"),
            "bob@example.com used boto3 for the first time",
            before=(used(0, by=bob),),
        )
        yield Quiet("still learning", used(9, elsewhere), before=(used(0), used(5)))
        yield Quiet("the first that is seen of a user", used(11), before=(used(0, by="alice"),))
        yield Quiet("the same network", used(11, "192.0.2.77"), before=(used(0),))
        yield Quiet(
            "the same network: it was told",
            used(12, "203.0.113.7"),
            before=(used(0), used(11, elsewhere)),
        )
        yield Quiet(
            "another session of the same role",
            used(11, by=role("deploy", "build-43")),
            before=(used(0, by=role("deploy", "build-42")),),
        )
        yield Quiet("an inside address", used(11, "10.0.0.1"), before=(used(0),))
        yield Quiet("no address", used(11, "AWS Internal"), before=(used(0),))
        yield Quiet(
            "a key that does not last",
            used(11, elsewhere, role("app", "i-0abc")),
            before=(used(0, by=role("app", "i-0abc")),),
        )
        yield Quiet("a refused call", used(11, elsewhere, error="AccessDenied"), before=(used(0),))
        yield Quiet("no name", used(11, elsewhere, user("x", arn=None)), before=(used(0),))
        yield Quiet("AWS itself", used(11, elsewhere, service("config")), before=(used(0),))
        yield Quiet("no id recorded", used(11, elsewhere, eventID=None), before=(used(0),))


def principal(event: Event) -> str:
    """Who is watched: a user or a role, or the person where the role is that of many people."""
    actor = event.actor
    if event.identity == "AssumedRole" and not actor.role.startswith(SSO):
        return actor.role_arn
    return event.text("userIdentity.arn")


def network_of(event: Event) -> str:
    """The network that a lasting key was used from."""
    ip = address(event.ip)
    if ip is None or not event.text("userIdentity.accessKeyId").startswith("AKIA"):
        return ""
    return str(ip_network((ip, 24 if ip.version == 4 else 48), strict=False))


def family_of(event: Event) -> str:
    """The tool that made the call, without its version."""
    if event.from_console:
        return "the console"
    agent = event.agent.lower()
    for family in FAMILIES:
        if family in agent:
            return "boto3" if family == "botocore" else family
    return re.split(r"[/\s\]]", agent.lstrip("["), maxsplit=1)[0][:60]


class Dimension(NamedTuple):
    read: Callable[[Event], str]
    words: str
    """Behind the actor, and before "for the first time"."""


DIMENSIONS = {
    "ip": Dimension(network_of, "called from {}"),
    "user_agent": Dimension(family_of, "used {}"),
    "event_source": Dimension(lambda event: event.source, "called {}"),
    "region": Dimension(lambda event: event.region, "was active in {}"),
    "role": Dimension(
        lambda event: event.text("requestParameters.roleArn") if event.name == "AssumeRole" else "",
        "assumed {}",
    ),
}
