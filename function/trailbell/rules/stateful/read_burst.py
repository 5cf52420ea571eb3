from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any, NamedTuple

from trailbell.model import Event, Line, Severity, Text, say
from trailbell.rules.base import Quiet, Rings, Rule
from trailbell.rules.stateful._examples import at, several
from trailbell.rules.stateful._memory import (
    check_numbers,
    is_first,
    kinds,
    lasted,
    note,
    some,
    subject,
)
from trailbell.state.base import Entry, densest
from trailbell.testing import call, role, service

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
PER_WINDOW = 12
"""How often per window a thing that is read again and again is remembered, at most."""
READS = ("Get", "List", "Describe")
GATES = ('"Get', '"List', '"Describe', '"BatchGet')
TOOLS = ("aws-cli", "boto", "aws-sdk", "aws-tools", "aws-crt")
"""Words in the user agents of the CLI and of the SDKs."""
AROUND, LOOKED_AROUND = "discovery_distinct", "looked around with {} kinds of calls"


class Reading(NamedTuple):
    """What is read, and how much of it is too much: the tunable with the number."""

    tunable: str
    window: timedelta
    what: str


SECRETS = Reading("secrets", DAY, "asked for {} secrets")
BATCH = Reading("batch", DAY, "asked for batches of secrets {} times")
PARAMETERS = Reading("parameters", HOUR, "asked for {} decrypted parameters")
PASSWORDS = Reading("passwords", HOUR, "asked for passwords of Windows servers {} times")
USER_DATA = Reading("userdata", DAY, "asked for start scripts of servers {} times")
READINGS = {
    "secretsmanager:GetSecretValue": SECRETS,
    "secretsmanager:BatchGetSecretValue": BATCH,
    "ssm:GetParameter": PARAMETERS,
    "ssm:GetParameters": PARAMETERS,
    "ssm:GetParametersByPath": PARAMETERS,
    "ec2:GetPasswordData": PASSWORDS,
    "ec2:DescribeInstanceAttribute": USER_DATA,
}


class Burst(NamedTuple):
    reading: Reading
    entries: tuple[Entry, ...]
    named: bool
    """Whether what was read has names, and is not just counted."""


class ReadBurst(Rule):
    """An actor read many secrets, passwords or other things in a short time.

    Whoever has got in takes what is there: all secrets, the parameters with their passwords
    decrypted, the passwords of Windows servers, the start scripts of servers, in which people
    leave more of them. Before that comes a look around: many kinds of calls within seconds, as
    tools make them. Refused calls count too.

    Ask the actor. If it was not them, stop the key and change what was read. It is off by
    default: the function has to see reading calls, which the usual filter hides, and inventories
    and deployments read a lot. Without a table it remembers only what one replay reads.
    """

    id = "read-burst"
    severity = Severity.MEDIUM
    failed_calls = "report-same"
    service_calls = "drop-aws"
    on_by_default = False
    needs_state = True
    check_first = "Ask the actor. If it was not them, stop the key and change what was read."
    many = "read a lot"
    attack = "T1555.006"
    references = (
        "https://docs.aws.amazon.com/secretsmanager/latest/userguide/retrieve-ct-entries.html",
        "https://stratus-red-team.cloud/attack-techniques/AWS/",
    )
    since = "0.1.0"

    secrets: int = 20
    """How many different secrets in a day."""
    batch: int = 5
    """How many batches of secrets in a day."""
    parameters: int = 25
    """How many parameters, decrypted, in an hour."""
    passwords: int = 30
    """How many requests for passwords of Windows servers in an hour."""
    userdata: int = 10
    """How many requests for start scripts of servers in a day."""
    discovery_distinct: int = 6
    """How many different reading calls of the CLI or an SDK are a look around."""
    discovery_seconds: int = 10
    """The time in which that happens."""

    def check(self) -> None:
        check_numbers(
            self, 1_000, *(reading.tunable for reading in READINGS.values()), "discovery_distinct"
        )
        check_numbers(self, 3600, "discovery_seconds")

    def may_want(self, text: str) -> bool:
        return any(gate in text for gate in GATES)

    def match(self, event: Event) -> bool:
        return self.burst(event) is not None

    def title(self, event: Event) -> Text:
        burst = self.burst(event)
        if burst is None:  # asked of an event that did not match
            return say("{} called {}", event.actor, event.action)
        what = burst.reading.what.format(len(kinds(burst.entries)))
        return say(f"{{}} {what} {lasted(burst.entries)}", event.actor)

    def details(self, event: Event) -> tuple[Line, ...]:
        burst = self.burst(event)
        if burst is None or not burst.named:
            return ()
        label = "Calls" if burst.reading.tunable == AROUND else "Names"
        return (Line(label, some(kinds(burst.entries), 5)),)

    def burst(self, event: Event) -> Burst | None:
        """What the event is the first to tell; None for one that tells nothing new."""
        told = []
        reading, names = READINGS.get(event.action), names_in(event)
        if reading and names:
            # Programs that read the same again and again would fill the memory.
            about = subject(self, event, reading.tunable, event.actor.name)
            often = reading.window / PER_WINDOW
            fresh = [n for n in names if not n or is_first(self, f"{about}:{n}", event, often)]
            told.append(self.told(event, about, reading, fresh))
        if looks_around(event):
            about = subject(self, event, AROUND, event.actor.name)
            around = Reading(AROUND, timedelta(seconds=self.discovery_seconds), LOOKED_AROUND)
            told.append(self.told(event, about, around, [event.action]))
        return next((burst for burst in told if burst), None)

    def told(self, event: Event, about: str, reading: Reading, names: list[str]) -> Burst | None:
        entries: tuple[Entry, ...] = ()
        part = ""
        for number, name in enumerate(names):
            part = f"/{number}" if number else ""
            entries = note(self, about, event, reading.window, name or event.id, part)
        burst = densest(entries, event.id + part, reading.window, distinct=True)
        enough = len(kinds(burst)) >= getattr(self, reading.tunable)
        # Who looks around does so for longer than the seconds in which it shows.
        every = max(reading.window, HOUR)
        if enough and is_first(self, f"{about}:told", event, every):
            return Burst(reading, burst, any(names))
        return None

    @staticmethod
    def examples() -> Iterator[Rings | Quiet]:
        def read(action: str, second: int, request: Any = None, **fields: Any) -> Event:
            return call(action, by="alice", request=request, **{**at(second), **fields})

        def secret(second: int, **fields: Any) -> Event:
            request = {"secretId": f"prod/db-{second}"}
            return read("secretsmanager:GetSecretValue", second, request, **fields)

        def again(second: int) -> Event:
            return read("secretsmanager:GetSecretValue", second, {"secretId": "prod/db"})

        def batch(second: int) -> Event:
            return read("secretsmanager:BatchGetSecretValue", second)

        def parameters(second: int, decrypt: bool = True) -> Event:
            names = [f"/prod/{second}/{number}" for number in range(5)]
            request = {"names": names, "withDecryption": decrypt}
            return read("ssm:GetParameters", second, request)

        def page(second: int) -> Event:
            request = {"path": "/", "recursive": True, "withDecryption": True}
            return read("ssm:GetParametersByPath", second, request)

        def password(second: int) -> Event:
            request = {"instanceId": "i-0123456789abcdef0"}
            code = "Client.UnauthorizedOperation"
            return read("ec2:GetPasswordData", second, request, error=code)

        def script(second: int, attribute: str = "userData") -> Event:
            request = {"instanceId": "i-0123456789abcdef0", "attribute": attribute}
            return read("ec2:DescribeInstanceAttribute", second, request)

        def around(second: int, **fields: Any) -> Event:
            names = ("ListUsers", "ListRoles", "ListGroups", "GetUser", "ListPolicies", "ListKeys")
            return read(f"iam:{names[second % 6]}", second, **fields)

        def by_hand(second: int) -> Event:
            return around(second, userAgent="Mozilla/5.0 (X11; Linux x86_64)")

        yield Rings(
            "twenty secrets",
            secret(190),
            "alice asked for 20 secrets in 4 minutes",
            Severity.MEDIUM,
            before=several(secret, 19),
        )
        yield Rings(
            "five batches of secrets",
            batch(40),
            "alice asked for batches of secrets 5 times in 40 seconds",
            before=several(batch, 4),
        )
        yield Rings(
            "parameters, decrypted, several at a time",
            parameters(40),
            "alice asked for 25 decrypted parameters in 40 seconds",
            before=several(parameters, 4),
        )
        yield Rings(
            "parameters, page by page: the record does not say how many are on one",
            page(240),
            "alice asked for 25 decrypted parameters in 4 minutes",
            before=several(page, 24),
        )
        yield Rings(
            "passwords of servers, refused",
            password(290),
            "alice asked for passwords of Windows servers 30 times in 5 minutes",
            before=several(password, 29),
        )
        yield Rings(
            "start scripts",
            script(90),
            "alice asked for start scripts of servers 10 times in 2 minutes",
            before=several(script, 9),
        )
        yield Rings(
            "a look around",
            around(5),
            "alice looked around with 6 kinds of calls in 5 seconds",
            Severity.MEDIUM,
            before=several(around, 5, 1),
        )
        yield Quiet("nineteen secrets", secret(180), before=several(secret, 18))
        yield Quiet("the next one: it was told", secret(200), before=several(secret, 20))
        yield Quiet("the same secret", again(190), before=several(again, 19))
        yield Quiet("parameters as they are", parameters(40, False), before=several(parameters, 4))
        yield Quiet("another attribute", script(90, "ramdisk"), before=several(script, 9))
        yield Quiet("a look around by hand", by_hand(5), before=several(by_hand, 5, 1))
        yield Quiet("a look around goes on", around(58), before=several(around, 58, 1))
        yield Quiet("a slow look around", around(25), before=several(around, 5, 4))
        yield Quiet(
            "AWS itself",
            call("secretsmanager:GetSecretValue", by=service("rds"), **at(190)),
            before=several(secret, 19),
        )
        yield Quiet(
            "another session of the same role",
            call("secretsmanager:GetSecretValue", by=role("app", "i-0abc"), **at(190)),
            before=several(secret, 19),
        )
        yield Quiet("no id recorded", secret(190, eventID=None), before=several(secret, 19))


def names_in(event: Event) -> list[str]:
    """What is asked for; an empty name for what the record does not name, or need not."""
    reading = READINGS.get(event.action)
    if reading is SECRETS:
        return [event.text("requestParameters.secretId")]
    if reading is PARAMETERS:
        if not event.flag("requestParameters.withDecryption"):
            return []
        named = [name for name in event.items("requestParameters.names") if isinstance(name, str)]
        return named or [event.text("requestParameters.name")]
    if reading is USER_DATA:
        return [""] if event.text("requestParameters.attribute") == "userData" else []
    return [""] if reading else []


def looks_around(event: Event) -> bool:
    agent = event.agent.lower()
    return (
        event.name.startswith(READS)
        and event.read_only
        and not event.from_console
        and not event.by_automation
        and any(tool in agent for tool in TOOLS)
    )
