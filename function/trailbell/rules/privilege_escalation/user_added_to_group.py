from __future__ import annotations

from collections.abc import Iterator

from trailbell.first_aid import aws, stop_key
from trailbell.model import Event, Severity, Text, say
from trailbell.rules.base import Quiet, Rings, Rule, did, listed
from trailbell.testing import Identity, iam_call, role, service


class UserAddedToGroup(Rule):
    """A user was added to a group.

    The user gets every right of the group, at once and without any change to a policy. It is more
    severe for a group whose name sounds like power, and for users who add themselves.

    Check that somebody asked for it, and what the group may do. It is noisy where people join
    teams by groups of IAM; name the groups that matter in `privileged_groups`.
    """

    id = "user-added-to-group"
    severity = Severity.MEDIUM
    actions = ("iam:AddUserToGroup",)
    failed_calls = "denied-lower"
    service_calls = "drop-aws"
    check_first = "Was this asked for? If not, stop the actor's keys, then take the user out."
    many = "added users to groups"
    attack = "T1098.003"
    references = (
        "https://docs.aws.amazon.com/IAM/latest/APIReference/API_AddUserToGroup.html",
        "https://github.com/RhinoSecurityLabs/AWS-IAM-Privilege-Escalation",
    )
    since = "0.1.0"

    privileged_groups: tuple[str, ...] = ("*admin*", "*root*", "*power*", "*security*")
    """Groups (globs, in any case) that ring as high."""

    def match(self, event: Event) -> bool:
        return True

    def severity_of(self, event: Event) -> Severity:
        group = event.text("requestParameters.groupName").lower()
        privileged = listed(group, (pattern.lower() for pattern in self.privileged_groups))
        return Severity.HIGH if privileged or is_own(event) else self.severity

    def title(self, event: Event) -> Text:
        user = event.text("requestParameters.userName")
        group = event.text("requestParameters.groupName")
        who = (
            say("themselves") if is_own(event) else say("user {}", user) if user else say("a user")
        )
        where = say("group {}", group) if group else say("a group")
        return did(event, "added", "add", "{} to {}", who, where)

    def first_aid(self, event: Event) -> tuple[str, ...]:
        if not event.succeeded:
            return ()
        remove = aws(
            "iam remove-user-from-group --user-name {user} --group-name {group}",
            user=event.text("requestParameters.userName"),
            group=event.text("requestParameters.groupName"),
        )
        return stop_key(event), remove

    @staticmethod
    def examples() -> Iterator[Rings | Quiet]:
        yield Rings(
            "a group that sounds like power",
            add("bob", "Admins", by="alice"),
            "alice added user bob to group Admins",
            Severity.HIGH,
        )
        yield Rings(
            "oneself",
            add("mallory", "interns", by="mallory"),
            "mallory added themselves to group interns",
            Severity.HIGH,
        )
        yield Rings(
            "another user, to another group",
            add("bob", "interns", by="alice"),
            "alice added user bob to group interns",
            Severity.MEDIUM,
        )
        yield Rings(
            "a role session that bears the user's name",
            add("bob", "interns", by=role("deploy", "bob")),
            "deploy/bob added user bob to group interns",
            Severity.MEDIUM,
        )
        yield Rings(
            "a refused attempt, which is recorded without its parameters",
            iam_call("AddUserToGroup", by="mallory", error="AccessDenied"),
            "mallory tried to add a user to a group and was refused",
            Severity.LOW,
        )
        yield Quiet(
            "a mistake added nobody",
            iam_call(
                "AddUserToGroup",
                by="alice",
                request={"userName": "bbo", "groupName": "admins"},
                error="NoSuchEntityException",
            ),
        )
        yield Quiet("AWS itself", add("bob", "admins", by=service("support")))


def is_own(event: Event) -> bool:
    user = event.text("requestParameters.userName")
    return bool(user) and user == event.actor.name


def add(user: str, group: str, *, by: Identity | str) -> Event:
    return iam_call("AddUserToGroup", by=by, request={"userName": user, "groupName": group})
