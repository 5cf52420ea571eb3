from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from itertools import product
from typing import Any, NamedTuple

from trailbell.first_aid import aws, deactivate_key, deny_all
from trailbell.model import Event, Line, Severity, Text, say
from trailbell.rules.base import Quiet, Rings, Rule
from trailbell.rules.identity._owner import owner_of, user_named
from trailbell.rules.identity.access_key_created import key_owner
from trailbell.rules.identity.login_profile_set import is_own
from trailbell.rules.reconnaissance._address import address
from trailbell.rules.stateful._examples import at
from trailbell.rules.stateful._memory import LATE, check_numbers, is_first, length, note, subject
from trailbell.state.base import Entry
from trailbell.testing import Identity, call, iam_call, service, sign_in, user

CREATE_KEY = "iam:CreateAccessKey"
SET_PASSWORD = ("iam:CreateLoginProfile", "iam:UpdateLoginProfile")
SIGN_IN = "signin:ConsoleLogin"
GATES = ('"AKIA', 'LoginProfile"', '"ConsoleLogin"')
NOWHERE = "-"
"""Stands for an address that the record does not hold."""


class Use(NamedTuple):
    """A new key, or password, and its use."""

    key: str
    """The key's id; "" for a password."""
    owner: Text
    name: str
    """The owner's name, for commands."""
    maker: str
    ip: str
    after: timedelta
    own: bool = False
    """Whether the owner made it."""


class NewKeyUsedElsewhere(Rule):
    """A new access key was used from somewhere else, or a new password by whoever set it.

    Who makes a key and who uses it are mostly one, or sit in one place. A key that is used from
    another address within the hour was handed on; so was one that somebody made for another user
    and used at once. It is the same with passwords: somebody who sets another user's password and
    then signs in as that user has taken the user over.

    Ask the user and the maker. If it was not planned, deactivate the key, or deny the user
    everything. It is off by default: the function has to see every call by a key, reading ones
    too, and keys that are made for a pipeline ring, as does a help desk that shares an address
    with its users. Without a table it remembers only what one replay reads.
    """

    id = "new-key-used-elsewhere"
    severity = Severity.HIGH
    failed_calls = "ignore"
    service_calls = "drop-aws"
    on_by_default = False
    needs_state = True
    check_first = "Was it planned? If not, deactivate the key, or deny the user everything."
    many = "used new keys or passwords"
    attack = "T1098.001"
    references = (
        "https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_access-keys.html",
    )
    since = "0.1.0"

    window_minutes: int = 60
    """How long a key or a password is new."""

    def check(self) -> None:
        check_numbers(self, 7 * 24 * 60, "window_minutes")

    def may_want(self, text: str) -> bool:
        return any(gate in text for gate in GATES)

    def match(self, event: Event) -> bool:
        return self.use(event) is not None

    def title(self, event: Event) -> Text:
        use = self.use(event)
        if use is None:  # asked of an event that did not match
            return say("{} called {}", event.actor, event.action)
        if use.key and use.own:
            used = say("The new key {} of {} was used from {}", use.key, use.owner, use.ip)
            return used + say(", not from where it was made")
        if use.key:
            made = say("The new key {} of {}, made by {},", use.key, use.owner, use.maker)
            return made + say(" was used from {}", use.ip)
        who = say("{} signed in from {}, the address", use.owner, use.ip)
        return who + say(" from which {} had set that password", use.maker)

    def details(self, event: Event) -> tuple[Line, ...]:
        use = self.use(event)
        if use is None:
            return ()
        return (Line("Age", say(f"{length(use.after)} when it was used")),)

    def first_aid(self, event: Event) -> tuple[str, ...]:
        use = self.use(event)
        if use is None or not event.succeeded:
            return ()
        if use.key:
            return (deactivate_key(use.name, use.key),)
        delete = aws("iam delete-login-profile --user-name {user}", user=use.name)
        return deny_all(event, "user", use.name), delete

    @property
    def window(self) -> timedelta:
        return timedelta(minutes=self.window_minutes)

    def use(self, event: Event) -> Use | None:
        """What the event is the first to tell; None for one that tells nothing new."""
        found = [*self.of_new_key(event), *self.of_its_use(event), *self.of_password(event)]
        return found[0] if found else None

    def of_new_key(self, event: Event) -> Iterator[Use]:
        """The key that the event made, and that was used already."""
        key = event.text("responseElements.accessKey.accessKeyId")
        if event.action != CREATE_KEY or not key.startswith("AKIA"):
            return
        owner = key_owner(event)
        whose = "own" if owner == event.actor.name else "other's"
        value = f"made {whose} {address_of(event)} {event.actor.name}"
        about = subject(self, event, "key", key)
        entries = note(self, about, event, self.window, value)
        yield from self.key_uses(event, about, entries, key, user_named(owner), owner)

    def of_its_use(self, event: Event) -> Iterator[Use]:
        """The key that the event was called with, if it is a new one."""
        key = event.text("userIdentity.accessKeyId")
        ip = address_of(event)
        if not key.startswith("AKIA") or ip == NOWHERE:
            return
        about = subject(self, event, "key", key)
        # The other calls from the same address say nothing more.
        if not is_first(self, f"{about}:{ip}", event, self.window):
            return
        entries = note(self, about, event, self.window, f"used {ip}", "/use")
        owner = event.text("userIdentity.userName")
        yield from self.key_uses(event, about, entries, key, event.actor.phrase, owner)

    def key_uses(
        self, event: Event, about: str, entries: tuple[Entry, ...], key: str, owner: Text, name: str
    ) -> Iterator[Use]:
        for made, used in self.pairs(entries, "made", "used"):
            _, whose, where, maker = made.value.split(" ", 3)
            ip = used.value.split(" ", 1)[1]
            moved = where not in (NOWHERE, ip)
            if (moved or whose != "own") and self.first(f"{about}:told", event):
                age = used.time - made.time
                yield Use(key, owner, name, maker, ip, age, whose == "own")

    def of_password(self, event: Event) -> Iterator[Use]:
        """The password that the event set, or that was signed in with."""
        ip = address_of(event)
        if event.action in SET_PASSWORD and not is_own(event):
            name, value = owner_of(event), f"set {ip} {event.actor.name}"
        elif event.action == SIGN_IN and event.identity == "IAMUser":
            name, value = event.text("userIdentity.userName"), f"in {ip}"
        else:
            return
        if not name or ip == NOWHERE:
            return
        about = subject(self, event, "password", name)
        entries = note(self, about, event, self.window, value)
        for made, used in self.pairs(entries, "set", "in"):
            _, where, maker = made.value.split(" ", 2)
            if used.value == f"in {where}" and self.first(f"{about}:{made.event_id}", event):
                yield Use("", say("{}", name), name, maker, where, used.time - made.time)

    def pairs(
        self, entries: tuple[Entry, ...], first: str, then: str
    ) -> Iterator[tuple[Entry, Entry]]:
        """What was made, and how it was used not long after."""
        makings = [entry for entry in entries if entry.value.startswith(f"{first} ")]
        uses = [entry for entry in entries if entry.value.startswith(f"{then} ")]
        for made, used in product(makings, uses):
            if timedelta() <= used.time - made.time <= self.window:
                yield made, used

    def first(self, mark: str, event: Event) -> bool:
        return self.state.first(mark, event.id, self.window + LATE)

    @staticmethod
    def examples() -> Iterator[Rings | Quiet]:
        new, elsewhere = "AKIAI44QH8DHBEXAMPLE", "203.0.113.66"

        def make(second: int, by: Identity | str = "mallory", **fields: Any) -> Event:
            answer = {"accessKey": {"userName": "backup", "accessKeyId": new}}
            return call(CREATE_KEY, by=by, response=answer, **{**at(second), **fields})

        def use(second: int, ip: str = elsewhere, **fields: Any) -> Event:
            by = user("backup", accessKeyId=new)
            return call("s3:ListBuckets", by=by, sourceIPAddress=ip, **{**at(second), **fields})

        def password(second: int, by: Identity | str = "mallory", **fields: Any) -> Event:
            event = iam_call("UpdateLoginProfile", by=by, request={"userName": "bob"})
            event.raw.update(at(second), **fields)
            return event

        def enter(second: int, **fields: Any) -> Event:
            return sign_in(by="bob", **{**at(second), **fields})

        told = f"The new key {new} of backup, made by {{}}, was used from {{}}"
        yield Rings(
            "a key for another user, used elsewhere",
            use(180),
            told.format("mallory", elsewhere),
            Severity.HIGH,
            before=(make(0),),
        )
        yield Rings(
            "a key of one's own, used elsewhere",
            use(180),
            f"The new key {new} of backup was used from {elsewhere}, not from where it was made",
            before=(make(0, "backup"),),
        )
        yield Rings(
            "a key for another user, used by its maker",
            use(180, "192.0.2.10"),
            told.format("mallory", "192.0.2.10"),
            before=(make(0),),
        )
        yield Rings(
            "the use was recorded before the key",
            make(0),
            told.format("mallory", elsewhere),
            Severity.HIGH,
            before=(use(180),),
        )
        yield Rings(
            "a password for another user, used by whoever set it",
            enter(500),
            "bob signed in from 192.0.2.10, the address from which mallory had set that password",
            Severity.HIGH,
            before=(password(0),),
        )
        yield Rings(
            "the sign-in was recorded before the password",
            password(0),
            "bob signed in from 192.0.2.10, the address from which mallory had set that password",
            before=(enter(500),),
        )
        yield Quiet(
            "a key of one's own, used where it was made",
            use(180, "192.0.2.10"),
            before=(make(0, "backup"),),
        )
        yield Quiet(
            "a key of one's own, and nobody knows where it was made",
            use(180),
            before=(make(0, "backup", sourceIPAddress="AWS Internal"),),
        )
        yield Quiet("an old key", use(4000), before=(make(0),))
        yield Quiet("a key that nobody made", use(180))
        yield Quiet("it was told", use(190, "198.51.100.7"), before=(make(0), use(180)))
        yield Quiet("a call before the key was made", use(0), before=(make(180),))
        yield Quiet("a refused call", use(180, error="AccessDenied"), before=(make(0),))
        yield Quiet("a service for the user", use(180, "sqs.amazonaws.com"), before=(make(0),))
        yield Quiet("AWS itself", make(0, service("support")), before=(use(180),))
        yield Quiet("no id recorded", use(180, eventID=None), before=(make(0),))
        yield Quiet(
            "the user signs in at another place",
            enter(500, sourceIPAddress=elsewhere),
            before=(password(0),),
        )
        yield Quiet("a password of one's own", enter(500), before=(password(0, "bob"),))
        yield Quiet("an old password", enter(4000), before=(password(0),))


def address_of(event: Event) -> str:
    return event.ip if address(event.ip) else NOWHERE
