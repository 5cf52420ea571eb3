from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any, NamedTuple

from trailbell.first_aid import deny_all, stop_key
from trailbell.model import Event, Severity, Text, say
from trailbell.rules.base import Quiet, Rings, Rule
from trailbell.rules.identity._owner import owner_of
from trailbell.rules.identity.access_key_created import key_owner
from trailbell.rules.identity.iam_user_created import name_of
from trailbell.rules.privilege_escalation._target import target_name
from trailbell.rules.privilege_escalation.admin_policy_attached import AdminPolicyAttached
from trailbell.rules.privilege_escalation.dangerous_inline_policy import DangerousInlinePolicy
from trailbell.rules.privilege_escalation.role_trust_external import RoleTrustExternal
from trailbell.rules.privilege_escalation.user_added_to_group import UserAddedToGroup
from trailbell.rules.stateful._examples import at
from trailbell.rules.stateful._memory import LATE, check_numbers, lasted, note, subject
from trailbell.state.base import Entry, densest
from trailbell.testing import Identity, iam_call, role, service

ATTACHED, WRITTEN, JOINED = AdminPolicyAttached(), DangerousInlinePolicy(), UserAddedToGroup()
TRUST = RoleTrustExternal()
CREATED, OPENED = "created", "created, open to outsiders"
RIGHTS, PERHAPS = "rights", "perhaps rights"
CREDENTIAL = "credential"
STEP = {CREATED: 1, OPENED: 1, RIGHTS: 2, PERHAPS: 2, CREDENTIAL: 3}
"""What is remembered of a call, and which step it is. A role needs only the first two."""


class Built(NamedTuple):
    """A new administrator, and the steps that it took."""

    kind: str
    name: str
    steps: tuple[Entry, ...]
    opened: bool
    perhaps: bool
    """Whether its rights may be harmless: a policy that only sounds powerful, or is unreadable."""


class NewAdminSequence(Rule):
    """A new administrator was built within minutes.

    A user is created, is given far-reaching rights, and gets a key or a password, all in a short
    time: so do attackers, with a script, to have a door of their own. A role that is created and
    given such rights is told as high, and as critical if outsiders may assume it. Rights that
    only sound powerful count as well, one step less severe. The order in which the records come
    does not matter; it rings once per user or role.

    Check that it was planned. If not, deny the new user or role everything, then stop the actor's
    keys. It is noisy where a pipeline sets up administrators. Without a table it remembers only
    what one replay reads.
    """

    id = "new-admin-sequence"
    severity = Severity.CRITICAL
    actions = (
        "iam:CreateUser",
        "iam:AttachUserPolicy",
        "iam:PutUserPolicy",
        "iam:AddUserToGroup",
        "iam:CreateAccessKey",
        "iam:CreateLoginProfile",
        "iam:CreateRole",
        "iam:AttachRolePolicy",
        "iam:PutRolePolicy",
    )
    failed_calls = "ignore"
    service_calls = "drop-aws"
    needs_state = True
    check_first = "Was this planned? If not, deny it everything, then stop the actor's keys."
    many = "built new administrators"
    attack = "T1136.003"
    references = (
        "https://stratus-red-team.cloud/attack-techniques/AWS/aws.persistence.iam-create-admin-user/",
    )
    since = "0.1.0"

    window_minutes: int = 60
    """The time in which it is built."""

    def check(self) -> None:
        check_numbers(self, 7 * 24 * 60, "window_minutes")

    def match(self, event: Event) -> bool:
        return self.built(event) is not None

    def severity_of(self, event: Event) -> Severity:
        built = self.built(event)
        if built is None:
            return self.severity
        worst = built.kind == "user" or built.opened
        severity = self.severity if worst else self.severity.lowered()
        return severity.lowered() if built.perhaps else severity

    def title(self, event: Event) -> Text:
        built = self.built(event)
        if built is None:  # asked of an event that did not match
            return say("{} changed who may do what", event.actor)
        what = "what may be a new administrator" if built.perhaps else "a new administrator"
        which = say(f"{built.kind} {{}}", built.name)
        opened = " that outsiders may assume" if built.opened else ""
        return say(f"{{}} built {what}, {{}}{opened}, {lasted(built.steps)}", event.actor, which)

    def first_aid(self, event: Event) -> tuple[str, ...]:
        built = self.built(event)
        if built is None or not event.succeeded:
            return ()
        return deny_all(event, built.kind, built.name), stop_key(event)

    def built(self, event: Event) -> Built | None:
        """What the event is the first to complete; None for one that completes nothing new."""
        kind, name, step = step_of(event)
        if not name or not step:
            return None
        # IAM does not tell names apart by case.
        about = subject(self, event, kind, name.lower())
        window = timedelta(minutes=self.window_minutes)
        entries = note(self, about, event, window, step)
        numbered = tuple(e._replace(value=str(STEP.get(e.value, 0))) for e in entries)
        steps = densest(numbered, event.id, window, distinct=True)
        if len({entry.value for entry in steps}) < (3 if kind == "user" else 2):
            return None
        ids = {entry.event_id for entry in steps}
        taken = tuple(entry for entry in entries if entry.event_id in ids)
        values = {entry.value for entry in taken}
        created = next(entry for entry in taken if STEP.get(entry.value) == 1)
        perhaps = RIGHTS not in values
        # Both marks are set, so that the next event does not tell less after more.
        marks = ["perhaps"] if perhaps else ["perhaps", "surely"]
        told = [self.first(f"{about}:{created.event_id}:{mark}", event) for mark in marks]
        return Built(kind, name, taken, OPENED in values, perhaps) if any(told) else None

    def first(self, mark: str, event: Event) -> bool:
        return self.state.first(mark, event.id, timedelta(minutes=self.window_minutes) + LATE)

    @staticmethod
    def examples() -> Iterator[Rings | Quiet]:
        def iam(second: int, name: str, by: Identity | str = "mallory", **fields: Any) -> Event:
            event = iam_call(name, by=by, error=fields.pop("error", None), request=fields)
            event.raw.update(at(second))
            return event

        def create(second: int = 0, **fields: Any) -> Event:
            return iam(second, "CreateUser", userName="backdoor", **fields)

        def attach(second: int = 12, policy: str = "aws:policy/AdministratorAccess") -> Event:
            arn = f"arn:aws:iam::{policy}"
            return iam(second, "AttachUserPolicy", userName="backdoor", policyArn=arn)

        def key(second: int = 27, user: str = "backdoor", **fields: Any) -> Event:
            return iam(second, "CreateAccessKey", userName=user, **fields)

        def password(second: int = 51) -> Event:
            return iam(second, "CreateLoginProfile", userName="backdoor")

        def join(second: int, group: str) -> Event:
            return iam(second, "AddUserToGroup", userName="backdoor", groupName=group)

        def inline(second: int) -> Event:
            policy = '{"Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}'
            return iam(second, "PutUserPolicy", userName="backdoor", policyDocument=policy)

        def create_role(second: int, account: str) -> Event:
            principal = f'{{"AWS":"arn:aws:iam::{account}:root"}}'
            trust = f'{{"Statement":{{"Effect":"Allow","Principal":{principal}}}}}'
            fields = {"roleName": "helper", "assumeRolePolicyDocument": trust}
            return iam(second, "CreateRole", **fields)

        def attach_role(second: int, name: str = "AdministratorAccess") -> Event:
            arn = f"arn:aws:iam::aws:policy/{name}"
            return iam(second, "AttachRolePolicy", roleName="helper", policyArn=arn)

        yield Rings(
            "created, made an administrator, given a key",
            key(),
            "mallory built a new administrator, user backdoor, in 27 seconds",
            Severity.CRITICAL,
            before=(create(), attach()),
        )
        yield Rings(
            "an inline policy and a password",
            password(),
            "mallory built a new administrator, user backdoor, in 51 seconds",
            before=(create(), inline(20)),
        )
        yield Rings(
            "a group that sounds like power",
            key(3000),
            "mallory built a new administrator, user backdoor, in 50 minutes",
            Severity.CRITICAL,
            before=(create(), join(5, "Admins")),
        )
        yield Rings(
            "the first step comes last",
            create(),
            "mallory built a new administrator, user backdoor, in 27 seconds",
            before=(key(), attach()),
        )
        yield Rings(
            "a policy of one's own that only sounds powerful",
            key(),
            "mallory built what may be a new administrator, user backdoor, in 27 seconds",
            Severity.HIGH,
            before=(create(), attach(policy="111122223333:policy/build-admin")),
        )
        yield Rings(
            "and then a real one",
            attach(40),
            "mallory built a new administrator, user backdoor, in 40 seconds",
            Severity.CRITICAL,
            before=(create(), attach(policy="111122223333:policy/build-admin"), key()),
        )
        yield Rings(
            "a role",
            attach_role(9),
            "mallory built a new administrator, role helper, in 9 seconds",
            Severity.HIGH,
            before=(create_role(0, "111122223333"),),
        )
        yield Rings(
            "a role for another account",
            attach_role(9),
            "mallory built a new administrator, role helper that outsiders may assume,"
            " in 9 seconds",
            Severity.CRITICAL,
            before=(create_role(0, "999988887777"),),
        )
        yield Quiet("a password too: it was told", password(), before=(create(), attach(), key()))
        yield Quiet("two steps", key(), before=(create(),))
        yield Quiet("rights that are small", key(), before=(create(), join(5, "interns")))
        yield Quiet("a user who was there before", key(), before=(attach(),))
        yield Quiet("another user's key", key(user="bob"), before=(create(), attach()))
        yield Quiet("too late", key(4000), before=(create(), attach()))
        yield Quiet(
            "a role without such rights",
            attach_role(9, "ReadOnlyAccess"),
            before=(create_role(0, "111122223333"),),
        )
        yield Quiet("a refused key", key(error="AccessDenied"), before=(create(), attach()))
        yield Quiet("AWS itself", key(by=service("support")), before=(create(), attach()))
        yield Quiet(
            "a role made the key, and the record does not say for whom",
            iam_call("CreateAccessKey", by=role("deploy", "build-42")),
            before=(create(), attach()),
        )


def step_of(event: Event) -> tuple[str, str, str]:
    """Whether a user or a role, which, and what is to be remembered; "" if nothing is."""
    action = event.action.removeprefix("iam:")
    if action == "CreateUser":
        return "user", name_of(event), CREATED
    if action == "CreateRole":
        opened = bool(TRUST.let_in(event))
        return "role", event.text("requestParameters.roleName"), OPENED if opened else CREATED
    if action == "CreateAccessKey":
        return "user", key_owner(event), CREDENTIAL
    if action == "CreateLoginProfile":
        return "user", owner_of(event), CREDENTIAL
    if action == "AddUserToGroup":
        privileged = JOINED.rings(event) and JOINED.rank(event) >= Severity.HIGH
        name = event.text("requestParameters.userName")
        return "user", name, RIGHTS if privileged else ""
    rule = ATTACHED if action.startswith("Attach") else WRITTEN
    kind = "user" if "User" in action else "role"
    if not rule.rings(event):
        return kind, "", ""
    return kind, target_name(event), RIGHTS if rule.rank(event) >= Severity.HIGH else PERHAPS
