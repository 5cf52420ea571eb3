from __future__ import annotations

from collections.abc import Iterator

from trailbell.model import Event, Line, Severity, Text, say
from trailbell.rules.base import Quiet, Rings, Rule, did
from trailbell.rules.federation._permission_set import (
    INSTANCE,
    PERMISSION_SET,
    REQUEST,
    permission_set,
    session_line,
)
from trailbell.testing import call, person, service

REMOVED = "sso:DeletePermissionsBoundaryFromPermissionSet"
WORDS = {
    "sso:UpdatePermissionSet": ("changed", "change", "{}"),
    REMOVED: ("removed", "remove", "the permissions boundary of {}"),
    "sso:PutPermissionsBoundaryToPermissionSet": ("set", "set", "a permissions boundary for {}"),
}
"""What was done, what was tried, and to what."""
BOUNDARY = f"{REQUEST}.permissionsBoundary"


class SsoPermissionSetUpdated(Rule):
    """A permission set of IAM Identity Center was changed.

    Longer sessions keep stolen credentials alive for longer; a permissions boundary that is gone
    no longer holds anything back, in every account where the permission set is used.

    Check that it was planned, and look at the old value in the history of the permission set.
    Its policies are told by `sso-admin-policy-attached`.
    """

    id = "sso-permission-set-updated"
    severity = Severity.MEDIUM
    actions = tuple(WORDS)
    failed_calls = "ignore"
    service_calls = "drop-aws"
    check_first = "Was this planned? If not, put the boundary back and see who has the set."
    many = "changed permission sets"
    attack = "T1098.003"
    references = (
        "https://docs.aws.amazon.com/singlesignon/latest/userguide/permissionsetsconcept.html",
    )
    since = "0.1.0"

    def match(self, event: Event) -> bool:
        return True

    def severity_of(self, event: Event) -> Severity:
        return Severity.HIGH if event.action == REMOVED else self.severity

    def title(self, event: Event) -> Text:
        past, infinitive, rest = WORDS.get(event.action, ("changed", "change", "{}"))
        return did(event, past, infinitive, rest, permission_set(event))

    def details(self, event: Event) -> tuple[Line, ...]:
        lines = session_line(event)
        if relay := event.text(f"{REQUEST}.relayState"):
            lines.append(Line("Opens at", say("{}", relay)))
        if event.text(f"{REQUEST}.description"):
            lines.append(Line("Change", say("a new description")))
        boundary = event.text(f"{BOUNDARY}.managedPolicyArn") or event.text(
            f"{BOUNDARY}.customerManagedPolicyReference.name"
        )
        if boundary:
            lines.append(Line("Boundary", say("{}", boundary)))
        return tuple(lines)

    @staticmethod
    def examples() -> Iterator[Rings | Quiet]:
        admin = person("carol@example.com", "OrgAdmin")
        known = {"instanceArn": INSTANCE, "permissionSetArn": PERMISSION_SET}
        yield Rings(
            "longer sessions",
            call(
                "sso:UpdatePermissionSet",
                by=admin,
                request={**known, "sessionDuration": "PT12H"},
            ),
            "carol@example.com changed permission set ps-1a2b3c4d5e6f7a8b",
            Severity.MEDIUM,
        )
        yield Rings(
            "the boundary removed",
            call(REMOVED, by=admin, request=known),
            "carol@example.com removed the permissions boundary of permission set "
            "ps-1a2b3c4d5e6f7a8b",
            Severity.HIGH,
        )
        yield Rings(
            "another boundary",
            call(
                "sso:PutPermissionsBoundaryToPermissionSet",
                by=admin,
                request={
                    **known,
                    "permissionsBoundary": {
                        "managedPolicyArn": "arn:aws:iam::aws:policy/PowerUserAccess"
                    },
                },
            ),
            "carol@example.com set a permissions boundary for permission set ps-1a2b3c4d5e6f7a8b",
            Severity.MEDIUM,
        )
        yield Rings(
            "a record without a request",
            call("sso:UpdatePermissionSet", by=admin),
            "carol@example.com changed an unknown permission set",
        )
        yield Quiet(
            "a failed call",
            call("sso:UpdatePermissionSet", by=admin, request=known, error="AccessDeniedException"),
        )
        yield Quiet("AWS itself", call("sso:UpdatePermissionSet", by=service("controltower")))
