from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from trailbell.actor import HIDDEN, UNKNOWN
from trailbell.first_aid import aws, deny_all
from trailbell.model import Event, Line, Severity, Text, say
from trailbell.rules.base import Quiet, Rings, Rule
from trailbell.rules.console_sign_in.console_login_failed import ConsoleLoginFailed
from trailbell.rules.reconnaissance._address import address
from trailbell.rules.root.root_console_login_failed import RootConsoleLoginFailed
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
from trailbell.testing import Identity, person, root, sign_in

FAILURES = (ConsoleLoginFailed(), RootConsoleLoginFailed())
FAILED, SIGNED_IN = "-", "+"
"""How remembered values begin; behind it stands who, or from where."""
NO_PASSWORD = ("AssumedRole", "FederatedUser", "SAMLUser", "WebIdentityUser", "IdentityCenterUser")
"""Whose passwords, if they have any, are not asked for by AWS's own sign-in page."""
WEEK = 7 * 24 * 60  # minutes


class Attack(NamedTuple):
    """Many failures, and what came of them. The higher stage is told rather than the lower."""

    stage: int
    failures: tuple[Entry, ...]
    mark: str
    every: timedelta
    time: datetime | None
    by_address: bool
    who: str = ""
    """Who got in, in the end."""


BURST, SPRAYING, SUCCESS = range(3)


class ConsoleLoginBruteforce(Rule):
    """Somebody guessed console passwords.

    Many failed sign-ins in a few minutes, for one user or from one address, are a program at
    work. Where it tries one password on many users (spraying), none of them fails often enough
    to be locked out or noticed. A sign-in that succeeds after such a burst is the worst case: the
    guess may have been right. It rings once per window, and again when it comes to spraying or a
    success.

    Ask the user. If somebody got in, deny the user everything at once, then look at what was
    done since. It is noisy for an office behind one address where many people mistype. Names
    that do not exist count for the address only: AWS does not record them. Without a table it
    remembers only what one replay reads.
    """

    id = "console-login-bruteforce"
    severity = Severity.HIGH
    actions = ("signin:ConsoleLogin",)
    failed_calls = "report-same"
    service_calls = "keep"
    needs_state = True
    check_first = "Ask the user. Did somebody get in? Then deny the user everything at once."
    many = "had bursts of failed sign-ins"
    attack = "T1110.001"
    references = (
        "https://docs.aws.amazon.com/awscloudtrail/latest/userguide/"
        "cloudtrail-event-reference-aws-console-sign-in-events.html",
    )
    since = "0.1.0"

    threshold: int = 5
    """How many failures for one user, or from one address, are too many."""
    window_minutes: int = 15
    """The time in which they happen."""
    spray_users: int = 10
    """How many users an address fails for before it counts as spraying."""
    spray_minutes: int = 60
    """The time in which that happens."""
    success_minutes: int = 30
    """How long after the failures a sign-in that succeeds rings as critical."""

    def check(self) -> None:
        check_numbers(self, 1_000, "threshold", "spray_users")
        check_numbers(self, WEEK, "window_minutes", "spray_minutes", "success_minutes")

    def match(self, event: Event) -> bool:
        return self.attack_of(event) is not None

    def severity_of(self, event: Event) -> Severity:
        attack = self.attack_of(event)
        return Severity.CRITICAL if attack and attack.stage == SUCCESS else self.severity

    def title(self, event: Event) -> Text:
        attack = self.attack_of(event)
        if attack is None:  # asked of an event that did not match
            return say("{} signed in, or tried to", event.actor)
        times, time = f"{len(attack.failures)} times", lasted(attack.failures)
        whence = kinds(attack.failures)
        if attack.stage == SUCCESS:
            after = f"after {len(attack.failures)} failed sign-ins {time}"
            if attack.by_address:
                return say(f"{{}} signed in from {{}} {after}", named(attack.who), event.ip)
            return say(f"{{}} signed in to the console {after}", named(attack.who))
        if attack.stage == SPRAYING:
            return say(f"Somebody at {{}} tried passwords of {len(whence)} users {time}", event.ip)
        if not attack.by_address:
            where = f", from {len(whence)} addresses" if len(whence) > 1 else ""
            return say(f"Somebody failed to sign in as {{}} {times} {time}{where}", event.actor)
        if len(whence) == 1:
            return say(
                f"Somebody failed to sign in as {{}} {times} {time}, from {{}}",
                event.actor,
                event.ip,
            )
        failed = say(f"Somebody at {{}} failed to sign in {times} {time}", event.ip)
        if len(whence) > 2:
            return failed + say(f", as {len(whence)} users")
        one, other = sorted((value[1:] for value in whence), key=lambda name: name == HIDDEN)
        return failed + say(", as {} and {}", named(one), named(other))

    def details(self, event: Event) -> tuple[Line, ...]:
        attack = self.attack_of(event)
        if attack is None:
            return ()
        values = [value[1:] for value in kinds(attack.failures) if value != FAILED]
        if not attack.by_address:
            return (Line("Failures from", some(values, 5)),) if values else ()
        return (Line("Failures of", some(values, 5, named)),) if len(values) > 2 else ()

    def first_aid(self, event: Event) -> tuple[str, ...]:
        if not event.succeeded or event.identity != "IAMUser":
            return ()
        user = event.actor.name
        return (
            deny_all(event, "user", user),
            aws("iam delete-login-profile --user-name {user}", user=user),
        )

    def attack_of(self, event: Event) -> Attack | None:
        """What the event is the first to tell; None for one that tells nothing new."""
        failed = any(rule.rings(event) for rule in FAILURES)
        if not failed and not got_in(event):
            return None
        name, ip = event.actor.name, event.ip if address(event.ip) else ""
        mark = FAILED if failed else SIGNED_IN
        reached: list[Attack] = []
        if name not in (HIDDEN, UNKNOWN):
            about = subject(self, event, "user", name)
            entries = note(self, about, event, self.reach, mark + ip)
            reached += self.reached(about, event, entries, failed, by_address=False)
        if ip:
            about = subject(self, event, "address", ip)
            entries = note(self, about, event, self.reach, mark + name)
            reached += self.reached(about, event, entries, failed, by_address=True)
        # Each mark is set, so that the next event does not tell the lower stage after the higher.
        told = [a for a in reached if is_first(self, a.mark, event, a.every, at=a.time)]
        return max(told, key=lambda attack: attack.stage, default=None)

    @property
    def reach(self) -> timedelta:
        """How far from an event there may be others that matter to it."""
        longest = max(self.window_minutes, self.spray_minutes)
        return timedelta(minutes=longest + self.success_minutes)

    def reached(
        self,
        about: str,
        event: Event,
        entries: tuple[Entry, ...],
        failed: bool,
        *,
        by_address: bool,
    ) -> Iterator[Attack]:
        """The stages that the user, or the address, has reached with this event."""
        failures = tuple(entry for entry in entries if entry.value.startswith(FAILED))
        window = timedelta(minutes=self.window_minutes)
        spray = timedelta(minutes=self.spray_minutes)
        soon = timedelta(minutes=self.success_minutes)
        if failed and failures:
            burst = densest(failures, event.id, window)
            # From one address it is that address's burst, and told as such.
            one_address = len(kinds(burst)) == 1 and burst[0].value != FAILED
            if len(burst) >= self.threshold and (by_address or not one_address):
                yield Attack(BURST, burst, f"{about}:burst", window, None, by_address)
            sprayed = densest(failures, event.id, spray, distinct=True)
            if by_address and len(kinds(sprayed)) >= self.spray_users:
                yield Attack(SPRAYING, sprayed, f"{about}:spray", spray, None, by_address)
        for entry in entries:
            if entry.value.startswith(FAILED) or (not failed and entry.event_id != event.id):
                continue
            tries = self.before(entry, failures, window)
            many = len(tries) >= self.threshold
            if not many and by_address:
                tries = self.before(entry, failures, spray, distinct=True)
                many = len(kinds(tries)) >= self.spray_users
            if many:
                who = entry.value[1:] if by_address else event.actor.name
                mark = f"{about}:success"
                yield Attack(SUCCESS, tries, mark, soon, entry.time, by_address, who)

    def before(
        self,
        success: Entry,
        failures: tuple[Entry, ...],
        window: timedelta,
        *,
        distinct: bool = False,
    ) -> tuple[Entry, ...]:
        """The most failures of one window that ended not long before the success."""
        soon = timedelta(minutes=self.success_minutes)
        earlier = tuple(entry for entry in failures if entry.time <= success.time)
        recent = tuple(entry for entry in earlier if success.time - entry.time <= soon)
        if not recent:
            return ()
        within = densest(recent, "", window, distinct=distinct)
        across = densest(earlier, recent[0].event_id, window, distinct=distinct)
        key = (lambda found: len(kinds(found))) if distinct else len
        return max(within, across, key=key)

    @staticmethod
    def examples() -> Iterator[Rings | Quiet]:
        def fail(second: int, by: Identity | str = "dave", **fields: Any) -> Event:
            message = "Failed authentication"
            return sign_in(by=by, mfa="No", failure=message, **{**at(second), **fields})

        def win(second: int, by: Identity | str = "dave", **fields: Any) -> Event:
            return sign_in(by=by, mfa="No", **at(second), **fields)

        hidden = {"type": "IAMUser", "accountId": "111122223333", "userName": HIDDEN}
        four = several(fail, 4)
        yield Rings(
            "the fifth failure in a row",
            fail(40),
            "Somebody failed to sign in as dave 5 times in 40 seconds, from 192.0.2.10",
            Severity.HIGH,
            before=four,
        )
        yield Rings(
            "the root user",
            fail(40, root()),
            "Somebody failed to sign in as the root user 5 times in 40 seconds, from 192.0.2.10",
            before=several(lambda second: fail(second, root()), 4),
        )
        yield Rings(
            "names that do not exist",
            fail(40, hidden),
            "Somebody failed to sign in as an unknown user 5 times in 40 seconds, from 192.0.2.10",
            before=several(lambda second: fail(second, hidden), 4),
        )
        yield Rings(
            "one address, and a user who does not exist",
            fail(180, hidden),
            "Somebody at 192.0.2.10 failed to sign in 5 times in 3 minutes, as dave and an unknown"
            " user",
            before=several(lambda second: fail(second), 4, 30),
        )
        yield Rings(
            "one address, several users",
            fail(240, "erin"),
            "Somebody at 192.0.2.10 failed to sign in 5 times in 4 minutes, as 3 users",
            before=(fail(0, hidden), fail(60), fail(120), fail(180)),
        )
        yield Rings(
            "one user, several addresses",
            fail(40, sourceIPAddress="198.51.100.7"),
            "Somebody failed to sign in as dave 5 times in 40 seconds, from 2 addresses",
            Severity.HIGH,
            before=four,
        )
        yield Rings(
            "a user, and no address recorded",
            fail(40, sourceIPAddress=None),
            "Somebody failed to sign in as dave 5 times in 40 seconds",
            before=several(lambda second: fail(second, sourceIPAddress=None), 4),
        )
        yield Rings(
            "slowly, one user after the other",
            fail(3240, "user-9"),
            "Somebody at 192.0.2.10 tried passwords of 10 users in 54 minutes",
            Severity.HIGH,
            before=several(lambda second: fail(second, f"user-{second // 360}"), 9, 360),
        )
        yield Rings(
            "a sign-in that succeeds in the end",
            win(90),
            "dave signed in to the console after 5 failed sign-ins in 40 seconds",
            Severity.CRITICAL,
            before=(*four, fail(40)),
        )
        yield Rings(
            "a user who has not failed, at an address that has",
            win(90, "erin"),
            "erin signed in from 192.0.2.10 after 5 failed sign-ins in 40 seconds",
            Severity.CRITICAL,
            before=(*four, fail(40)),
        )
        yield Rings(
            "the success was recorded before the last of the failures",
            fail(40),
            "dave signed in to the console after 5 failed sign-ins in 40 seconds",
            Severity.CRITICAL,
            before=(*four, win(90)),
        )
        yield Rings(
            "the fifth failure comes late",
            fail(20),
            "Somebody failed to sign in as dave 5 times in 40 seconds, from 192.0.2.10",
            before=(fail(0), fail(10), fail(30), fail(40)),
        )
        yield Rings(
            "a sign-in that succeeds after slow spraying",
            win(3300, "user-4"),
            "user-4 signed in from 192.0.2.10 after 10 failed sign-ins in 54 minutes",
            Severity.CRITICAL,
            before=several(lambda second: fail(second, f"user-{second // 360}"), 10, 360),
        )
        yield Quiet("the fourth failure", fail(30), before=four[:3])
        yield Quiet(
            "names that do not exist, from many addresses",
            fail(40, hidden),
            before=several(lambda s: fail(s, hidden, sourceIPAddress=f"198.51.100.{s}"), 4, 3),
        )
        yield Quiet("the sixth: it was told", fail(60), before=(*four, fail(40)))
        yield Quiet("the same record again and again", fail(30), before=four * 2)
        yield Quiet(
            "too far apart", fail(4 * 240), before=several(lambda second: fail(second), 4, 240)
        )
        yield Quiet("other accounts", fail(40), before=several(elsewhere(fail), 4))
        yield Quiet("a sign-in after few failures", win(90), before=four)
        yield Quiet("a sign-in long after", win(2000), before=(*four, fail(40)))
        yield Quiet(
            "somebody from IAM Identity Center, who has no password to guess",
            win(90, person("bob@example.com")),
            before=(*four, fail(40)),
        )
        yield Quiet("no id recorded", fail(40, eventID=None), before=four)
        yield Quiet("no time recorded", fail(40, eventTime=None), before=four)


def got_in(event: Event) -> bool:
    """Whether somebody signed in with a password that AWS asked for."""
    answer = event.text("responseElements.ConsoleLogin")
    return event.succeeded and answer == "Success" and event.identity not in NO_PASSWORD


def named(name: str) -> Text:
    """A remembered user in a sentence."""
    if name == HIDDEN:
        return say("an unknown user")
    return say("the root user") if name.startswith("root of ") else say("{}", name)


def elsewhere(make: Any) -> Any:
    return lambda second: make(second, recipientAccountId="444455556666")
