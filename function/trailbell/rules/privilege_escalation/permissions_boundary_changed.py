from __future__ import annotations

from collections.abc import Iterator

from trailbell.first_aid import stop_key
from trailbell.model import Event, Line, Severity, Text, say
from trailbell.rules.base import Quiet, Rings, Rule, did
from trailbell.rules.privilege_escalation._target import target_of
from trailbell.testing import iam_call, role, service

BOUNDARY = "arn:aws:iam::111122223333:policy/Boundary"


class PermissionsBoundaryChanged(Rule):
    """The permissions boundary of a user or role was removed or replaced.

    A boundary is the upper limit of what a user or role may do, whatever its policies say. It is
    set so that developers can write policies without giving themselves everything; without it,
    they can.

    Check that it was planned, and set the boundary again if not: the record does not tell what
    the old one was. It is noisy where a pipeline sets a boundary on each role that it creates.
    """

    id = "permissions-boundary-changed"
    severity = Severity.MEDIUM
    actions = (
        "iam:DeleteUserPermissionsBoundary",
        "iam:DeleteRolePermissionsBoundary",
        "iam:PutUserPermissionsBoundary",
        "iam:PutRolePermissionsBoundary",
    )
    failed_calls = "denied-lower"
    service_calls = "drop-aws"
    check_first = "Was this planned? If not, stop the actor's keys, then set the boundary again."
    many = "changed permissions boundaries"
    attack = "T1098"
    references = (
        "https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_boundaries.html",
    )
    since = "0.1.0"

    def match(self, event: Event) -> bool:
        return True

    def severity_of(self, event: Event) -> Severity:
        return Severity.HIGH if removed(event) else self.severity

    def title(self, event: Event) -> Text:
        target = target_of(event)
        if removed(event):
            return did(event, "removed", "remove", "the permissions boundary of {}", target)
        name = boundary_of(event).rpartition("/")[2]
        if not name:
            return did(event, "set", "set", "the permissions boundary of {}", target)
        return did(event, "set", "set", "the permissions boundary of {} to {}", target, name)

    def details(self, event: Event) -> tuple[Line, ...]:
        boundary = boundary_of(event)
        return (Line("Boundary", say("{}", boundary)),) if boundary else ()

    def first_aid(self, event: Event) -> tuple[str, ...]:
        return (stop_key(event),) if event.succeeded else ()

    @staticmethod
    def examples() -> Iterator[Rings | Quiet]:
        yield Rings(
            "removed from a user",
            iam_call("DeleteUserPermissionsBoundary", by="mallory", request={"userName": "bob"}),
            "mallory removed the permissions boundary of user bob",
            Severity.HIGH,
        )
        yield Rings(
            "removed from a role",
            iam_call(
                "DeleteRolePermissionsBoundary",
                by=role("deploy", "build-42"),
                request={"roleName": "worker"},
            ),
            "deploy/build-42 removed the permissions boundary of role worker",
            Severity.HIGH,
        )
        yield Rings(
            "set",
            iam_call(
                "PutRolePermissionsBoundary",
                by="alice",
                request={"roleName": "worker", "permissionsBoundary": BOUNDARY},
            ),
            "alice set the permissions boundary of role worker to Boundary",
            Severity.MEDIUM,
        )
        yield Rings(
            "a refused attempt, which is recorded without its parameters",
            iam_call("DeleteUserPermissionsBoundary", by="mallory", error="AccessDenied"),
            "mallory tried to remove the permissions boundary of an unknown user and was refused",
            Severity.MEDIUM,
        )
        yield Rings(
            "a record that does not tell which boundary",
            iam_call("PutUserPermissionsBoundary", by="alice", request={"userName": "bob"}),
            "alice set the permissions boundary of user bob",
        )
        yield Quiet(
            "a mistake removed nothing",
            iam_call("DeleteUserPermissionsBoundary", by="alice", error="NoSuchEntityException"),
        )
        yield Quiet(
            "AWS itself",
            iam_call(
                "DeleteRolePermissionsBoundary", by=service("sso"), request={"roleName": "worker"}
            ),
        )


def removed(event: Event) -> bool:
    return event.name.startswith("Delete")


def boundary_of(event: Event) -> str:
    """The ARN of the policy that is the new boundary."""
    return event.text("requestParameters.permissionsBoundary")
