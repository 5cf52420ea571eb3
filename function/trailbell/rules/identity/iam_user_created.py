from __future__ import annotations

from collections.abc import Iterator

from trailbell.first_aid import deny_all, stop_key
from trailbell.model import Event, Severity, Text
from trailbell.rules.base import Quiet, Rings, Rule, did, listed
from trailbell.testing import iam_call, role, root, service


class IamUserCreated(Rule):
    """An IAM user was created.

    A new user outlives the session that made it: whoever got in once has a door of their own. Where
    people sign in through IAM Identity Center or another provider, new IAM users are rare.

    Check that somebody asked for the user, and what it was given since: keys, a password, policies,
    groups. It is noisy where a pipeline creates users as its job: name that pipeline in
    `allow_actors`, or its users in `allow_users`.
    """

    id = "iam-user-created"
    severity = Severity.HIGH
    actions = ("iam:CreateUser",)
    failed_calls = "denied-lower"
    service_calls = "drop-aws"
    check_first = (
        "Did somebody ask for this user? If not, deny it everything, then see what it was given."
    )
    many = "created IAM users"
    attack = "T1136.003"
    references = ("https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateUser.html",)
    since = "0.1.0"

    allow_actors: tuple[str, ...] = ()
    """Actors (globs) that create users as their job."""
    allow_users: tuple[str, ...] = ()
    """New users (globs) that are no news."""

    def match(self, event: Event) -> bool:
        by_robot = listed(event.actor.name, self.allow_actors)
        return not by_robot and not listed(name_of(event), self.allow_users)

    def title(self, event: Event) -> Text:
        name = name_of(event)
        if not name:
            return did(event, "created", "create", "an IAM user")
        return did(event, "created", "create", "IAM user {}", name)

    def first_aid(self, event: Event) -> tuple[str, ...]:
        if not event.succeeded:
            return ()
        return stop_key(event), deny_all(event, "user", name_of(event))

    @staticmethod
    def examples() -> Iterator[Rings | Quiet]:
        yield Rings(
            "a new user",
            iam_call("CreateUser", by="mallory", user={"path": "/", "userName": "backdoor"}),
            "mallory created IAM user backdoor",
            Severity.HIGH,
        )
        yield Rings(
            "a record without the answer",
            iam_call("CreateUser", by=role("deploy", "build-42"), request={"userName": "bob"}),
            "deploy/build-42 created IAM user bob",
        )
        yield Rings(
            "a record that does not name the user",
            iam_call("CreateUser", by=root()),
            "The root user created an IAM user",
        )
        yield Rings(
            "a refused attempt, which is recorded without its parameters",
            iam_call("CreateUser", by="mallory", error="AccessDenied"),
            "mallory tried to create an IAM user and was refused",
            Severity.MEDIUM,
        )
        yield Quiet(
            "a mistake created nobody",
            iam_call(
                "CreateUser",
                by="alice",
                request={"userName": "bob"},
                error="EntityAlreadyExistsException",
            ),
        )
        yield Quiet(
            "AWS itself", iam_call("CreateUser", by=service("ses"), request={"userName": "smtp"})
        )


def name_of(event: Event) -> str:
    return event.text("responseElements.user.userName") or event.text("requestParameters.userName")
