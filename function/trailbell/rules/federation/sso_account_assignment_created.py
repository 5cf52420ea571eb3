from __future__ import annotations

from collections.abc import Iterator

from trailbell.model import Event, Severity, Text, say
from trailbell.rules.base import Quiet, Rings, Rule, did, listed
from trailbell.rules.federation._permission_set import (
    INSTANCE,
    PERMISSION_SET,
    REQUEST,
    permission_set,
    set_id,
    sso_admin,
)
from trailbell.testing import OTHER_ACCOUNT, call, person, service

DELETE = "sso:DeleteAccountAssignment"
PRINCIPALS = {"USER": "user", "GROUP": "group"}


class SsoAccountAssignmentCreated(Rule):
    """Somebody got access to an account through IAM Identity Center, or lost it.

    An assignment joins a person or a group, a permission set and an account. It is how everybody
    gets in, so that one that nobody asked for is a way in too. CloudTrail records ids only; the
    console of IAM Identity Center tells the names.

    Check who asked for it. Access that is taken away is told as information. It is noisy where an
    access broker (TEAM, Common Fate, ConductorOne) assigns all day: name it in `allow_actors`.
    """

    id = "sso-account-assignment-created"
    severity = Severity.HIGH
    actions = ("sso:CreateAccountAssignment", DELETE)
    failed_calls = "ignore"
    service_calls = "drop-aws"
    check_first = "Who asked for this access? If nobody did, take the assignment away again."
    many = "changed who may use which account"
    attack = "T1098.003"
    references = (
        "https://docs.aws.amazon.com/singlesignon/latest/APIReference/"
        "API_CreateAccountAssignment.html",
    )
    since = "0.1.0"

    critical_accounts: tuple[str, ...] = ()
    """Accounts (ids) to which new access is critical."""
    admin_permission_sets: tuple[str, ...] = ()
    """Permission sets (globs on their ARN, or on its end, ``ps-...``) that are critical to give."""
    allow_actors: tuple[str, ...] = ()
    """Actors (globs) that assign access as their job."""

    def match(self, event: Event) -> bool:
        return not listed(event.actor.name, self.allow_actors)

    def severity_of(self, event: Event) -> Severity:
        if event.action == DELETE:
            return Severity.INFO
        critical = (
            event.text(f"{REQUEST}.targetId") in self.critical_accounts
            or listed(set_id(event), self.admin_permission_sets)
            or listed(event.text(f"{REQUEST}.permissionSetArn"), self.admin_permission_sets)
        )
        return Severity.CRITICAL if critical else self.severity

    def title(self, event: Event) -> Text:
        account = event.text(f"{REQUEST}.targetId")
        where = say("account {}", account) if account else say("an unknown account")
        if event.action == DELETE:
            return did(
                event, "took", "take", "{} from {} in {}", permission_set(event), whom(event), where
            )
        return did(event, "gave", "give", "{} {} in {}", whom(event), permission_set(event), where)

    def first_aid(self, event: Event) -> tuple[str, ...]:
        if event.action == DELETE or not event.succeeded:
            return ()
        return (
            sso_admin(
                "delete-account-assignment --target-type AWS_ACCOUNT --target-id {account}"
                " --principal-type {principal_type} --principal-id {principal}",
                event,
                account=event.text(f"{REQUEST}.targetId"),
                principal_type=event.text(f"{REQUEST}.principalType"),
                principal=event.text(f"{REQUEST}.principalId"),
            ),
        )

    @staticmethod
    def examples() -> Iterator[Rings | Quiet]:
        yield Rings(
            "a user in an account",
            assign("Create"),
            "carol@example.com gave user 01cb45c0-c071-70a1-0a3a-e417bf7fd8ff permission set "
            "ps-1a2b3c4d5e6f7a8b in account 444455556666",
            Severity.HIGH,
        )
        yield Rings(
            "access taken away",
            assign("Delete", principalType="GROUP"),
            "carol@example.com took permission set ps-1a2b3c4d5e6f7a8b from group "
            "01cb45c0-c071-70a1-0a3a-e417bf7fd8ff in account 444455556666",
            Severity.INFO,
        )
        yield Rings(
            "a record without a request",
            call("sso:CreateAccountAssignment", by="mallory"),
            "mallory gave an unknown user or group an unknown permission set in an unknown account",
            Severity.HIGH,
        )
        yield Quiet("a failed call", assign("Create", error="ConflictException"))
        yield Quiet("AWS itself", call("sso:CreateAccountAssignment", by=service("controltower")))


def whom(event: Event) -> Text:
    """Who got the access, or lost it."""
    name = event.text(f"{REQUEST}.principalId")
    kind = PRINCIPALS.get(event.text(f"{REQUEST}.principalType").upper(), "user or group")
    return say(f"{kind} {{}}", name) if name else say(f"an unknown {kind}")


def assign(verb: str, *, error: str | None = None, **request: str) -> Event:
    return call(
        f"sso:{verb}AccountAssignment",
        by=person("carol@example.com", "OrgAdmin"),
        request={
            "instanceArn": INSTANCE,
            "targetId": OTHER_ACCOUNT,
            "targetType": "AWS_ACCOUNT",
            "permissionSetArn": PERMISSION_SET,
            "principalType": "USER",
            "principalId": "01cb45c0-c071-70a1-0a3a-e417bf7fd8ff",
            **request,
        },
        error=error,
    )
