from __future__ import annotations

from collections.abc import Iterator

from trailbell.model import Event, Severity, Text, say
from trailbell.rules.base import Quiet, Rings, Rule, did
from trailbell.rules.identity._owner import owner_of, user_named
from trailbell.testing import iam_call, person, role, root, service

NAMED = {
    "iam:DeleteUser": ("user", "IAM user"),
    "iam:DeleteRole": ("role", "the role"),
    "iam:DeleteGroup": ("group", "the group"),
}
"""What is deleted by its name: its kind, as in ``userName``, and how a sentence calls it."""


class IamIdentityRemoved(Rule):
    """A user, role, group, access key or console password was deleted.

    Mostly housekeeping. An attacker deletes users to lock their owners out, and their own tools
    to leave no trace.

    Check that somebody left or something was taken down. It is off by default, since every
    off-boarding and every stack that is torn down rings; switch it on where the record of both
    is wanted. A deleted key cannot be brought back.
    """

    id = "iam-identity-removed"
    severity = Severity.INFO
    actions = (*NAMED, "iam:DeleteAccessKey", "iam:DeleteLoginProfile")
    failed_calls = "ignore"
    service_calls = "drop-aws"
    on_by_default = False
    many = "deleted IAM identities and keys"
    attack = "T1531"
    references = ("https://docs.aws.amazon.com/IAM/latest/APIReference/API_DeleteUser.html",)
    since = "0.1.0"

    def match(self, event: Event) -> bool:
        return True

    def title(self, event: Event) -> Text:
        return did(event, "deleted", "delete", "{}", removed(event))

    @staticmethod
    def examples() -> Iterator[Rings | Quiet]:
        yield Rings(
            "a user",
            iam_call("DeleteUser", by=person("alice@example.com"), request={"userName": "bob"}),
            "alice@example.com deleted IAM user bob",
            Severity.INFO,
        )
        yield Rings(
            "a role",
            iam_call("DeleteRole", by=role("deploy", "build-42"), request={"roleName": "worker"}),
            "deploy/build-42 deleted the role worker",
        )
        yield Rings(
            "a group",
            iam_call("DeleteGroup", by="alice", request={"groupName": "interns"}),
            "alice deleted the group interns",
        )
        yield Rings(
            "the key of another user",
            iam_call(
                "DeleteAccessKey",
                by="alice",
                request={"userName": "bob", "accessKeyId": "AKIAI44QH8DHBEXAMPLE"},
            ),
            "alice deleted access key AKIAI44QH8DHBEXAMPLE of bob",
        )
        yield Rings(
            "one's own key, in which case the request names no user",
            iam_call(
                "DeleteAccessKey", by="alice", request={"accessKeyId": "AKIAI44QH8DHBEXAMPLE"}
            ),
            "alice deleted their own access key AKIAI44QH8DHBEXAMPLE",
        )
        yield Rings(
            "a console password",
            iam_call("DeleteLoginProfile", by="alice", request={"userName": "bob"}),
            "alice deleted the console password of bob",
        )
        yield Rings(
            "one's own password",
            iam_call("DeleteLoginProfile", by="alice"),
            "alice deleted their own console password",
        )
        yield Rings(
            "a record that names nobody",
            iam_call("DeleteUser", by=root()),
            "The root user deleted an unknown IAM user",
        )
        yield Rings(
            "a record that names no key, and a role has none of its own",
            iam_call("DeleteAccessKey", by=role("deploy", "build-42")),
            "deploy/build-42 deleted an access key of an unknown user",
        )
        yield Quiet(
            "a mistake deleted nothing",
            iam_call(
                "DeleteLoginProfile",
                by="alice",
                request={"userName": "bob"},
                error="NoSuchEntityException",
            ),
        )
        yield Quiet("a refused attempt", iam_call("DeleteUser", by="mallory", error="AccessDenied"))
        yield Quiet(
            "AWS itself",
            iam_call("DeleteRole", by=service("sso"), request={"roleName": "worker"}),
        )


def removed(event: Event) -> Text:
    """What was deleted, and whose it was."""
    if event.action in NAMED:
        kind, words = NAMED[event.action]
        name = event.text(f"requestParameters.{kind}Name")
        unknown = "an unknown IAM user" if kind == "user" else f"an unknown {kind}"
        return say(f"{words} {{}}", name) if name else say(unknown)
    owner = owner_of(event)
    own = owner == event.actor.name
    if event.action == "iam:DeleteLoginProfile":
        if own:
            return say("their own console password")
        return say("the console password of {}", user_named(owner))
    key = event.text("requestParameters.accessKeyId")
    if own:
        return say("their own access key {}", key) if key else say("their own access key")
    which = say("access key {}", key) if key else say("an access key")
    return which + say(" of {}", user_named(owner))
