from __future__ import annotations

from collections.abc import Iterator

from trailbell.model import Event, Line, Severity, Text, say
from trailbell.rules.base import Quiet, Rings, Rule, did
from trailbell.rules.federation._permission_set import (
    INSTANCE,
    PERMISSION_SET,
    permission_set,
    session_line,
    sso_admin,
)
from trailbell.testing import call, person, service

DELETE = "sso:DeletePermissionSet"


class SsoPermissionSetCreated(Rule):
    """A permission set of IAM Identity Center was created or deleted.

    A permission set is a level of access that can be given to anybody in any account of the
    organization. A new one does nothing yet: its policies and its assignments follow, and ring
    too. A deleted one is told as low.

    Check that it was planned, which policies it got since, and who it was given to.
    """

    id = "sso-permission-set-created"
    severity = Severity.HIGH
    actions = ("sso:CreatePermissionSet", DELETE)
    failed_calls = "ignore"
    service_calls = "drop-aws"
    check_first = "Was this planned? If not, look which policies it got and who it was given to."
    many = "created or deleted permission sets"
    attack = "T1098.003"
    references = (
        "https://docs.aws.amazon.com/singlesignon/latest/userguide/permissionsetsconcept.html",
    )
    since = "0.1.0"

    def match(self, event: Event) -> bool:
        return True

    def severity_of(self, event: Event) -> Severity:
        return Severity.LOW if event.action == DELETE else self.severity

    def title(self, event: Event) -> Text:
        if event.action == DELETE:
            return did(event, "deleted", "delete", "{}", permission_set(event))
        name = event.text("requestParameters.name")
        what = say("permission set {}", name) if name else say("a permission set")
        return did(event, "created", "create", "{}", what)

    def details(self, event: Event) -> tuple[Line, ...]:
        return tuple(session_line(event))

    def first_aid(self, event: Event) -> tuple[str, ...]:
        if event.action == DELETE or not event.succeeded:
            return ()
        arn = event.text("responseElements.permissionSet.permissionSetArn")
        return (sso_admin("delete-permission-set", event, permission_set=arn),)

    @staticmethod
    def examples() -> Iterator[Rings | Quiet]:
        admin = person("carol@example.com", "OrgAdmin")
        yield Rings(
            "a new permission set",
            call(
                "sso:CreatePermissionSet",
                by=admin,
                request={"instanceArn": INSTANCE, "name": "Admin", "sessionDuration": "PT12H"},
                response={"permissionSet": {"name": "Admin", "permissionSetArn": PERMISSION_SET}},
            ),
            "carol@example.com created permission set Admin",
            Severity.HIGH,
        )
        yield Rings(
            "a record without a request",
            call("sso:CreatePermissionSet", by=admin),
            "carol@example.com created a permission set",
        )
        yield Rings(
            "deleted",
            call(
                DELETE,
                by=admin,
                request={"instanceArn": INSTANCE, "permissionSetArn": PERMISSION_SET},
            ),
            "carol@example.com deleted permission set ps-1a2b3c4d5e6f7a8b",
            Severity.LOW,
        )
        yield Rings(
            "deleted, and nobody knows which",
            call(DELETE, by=admin),
            "carol@example.com deleted an unknown permission set",
        )
        yield Quiet(
            "a failed call",
            call(
                "sso:CreatePermissionSet",
                by=admin,
                request={"name": "Admin"},
                error="ConflictException",
            ),
        )
        yield Quiet("AWS itself", call("sso:CreatePermissionSet", by=service("controltower")))
