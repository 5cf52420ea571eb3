from __future__ import annotations

from collections.abc import Iterator

from trailbell.first_aid import aws
from trailbell.model import Event, Line, Severity, Text, say
from trailbell.rules.base import Quiet, Rings, Rule, did, listed
from trailbell.testing import call, person, service

REQUEST, ANSWER = "requestParameters", "responseElements"
MFA_RULES = ("changed", "change", "the rules for MFA in the Identity Center directory")
MFA_REMOVED = ("removed", "remove", "an MFA device of {}")
MEMBER = ("put", "put", "{} into {}")
WORDS = {
    "CreateUser": ("created", "create", "{}"),
    "UpdatePassword": ("changed", "change", "the password of {}"),
    "ResetPassword": ("reset", "reset", "the password of {}"),
    "CreateGroupMembership": MEMBER,
    "AddMemberToGroup": MEMBER,
    "DeleteMfaDeviceForUser": MFA_REMOVED,
    "DeleteMfaDevice": MFA_REMOVED,
    "UpdateMfaDeviceManagementForDirectory": MFA_RULES,
    "PutMfaDeviceManagementForDirectory": MFA_RULES,
}
"""What was done, what was tried, and to what."""
SOURCES = ("sso-directory", "identitystore", "sso")
USERS = (
    f"{REQUEST}.userId",
    f"{REQUEST}.memberId.userId",
    f"{REQUEST}.member.memberId",
    f"{REQUEST}.memberId",
    f"{ANSWER}.user.userId",
    f"{ANSWER}.userId",
)
"""Where the calls name the user, by an id."""


class SsoDirectoryUserChanged(Rule):
    """A user, password, group or MFA device in the Identity Center directory was changed.

    The directory holds the people of the whole organization. A new user in an old group has all
    that the group has; without MFA a password is enough.

    Check who asked for it; the console of IAM Identity Center tells the names behind the ids. It
    is off by default, since a directory that is synchronized (SCIM) creates users by the
    thousand: switch it on where people are kept by hand, or name the synchronizing actor in
    `scim_actors`.
    """

    id = "sso-directory-user-changed"
    severity = Severity.LOW
    actions = tuple(f"{source}:{name}" for source in SOURCES for name in WORDS)
    failed_calls = "ignore"
    service_calls = "drop-aws"
    on_by_default = False
    check_first = "Who asked for this? If nobody did, disable the user in IAM Identity Center."
    many = "changed directory users"
    attack = "T1098"
    references = (
        "https://docs.aws.amazon.com/singlesignon/latest/userguide/logging-using-cloudtrail.html",
    )
    since = "0.1.0"

    scim_actors: tuple[str, ...] = ()
    """Actors (globs) that synchronize the directory."""

    def match(self, event: Event) -> bool:
        return not listed(event.actor.name, self.scim_actors)

    def severity_of(self, event: Event) -> Severity:
        operation = event.action.rpartition(":")[2]
        if "Mfa" in operation:
            return Severity.HIGH
        return Severity.MEDIUM if "Password" in operation else self.severity

    def title(self, event: Event) -> Text:
        operation = event.action.rpartition(":")[2]
        past, infinitive, rest = WORDS.get(operation, ("changed", "change", "{}"))
        known = (user(event), group(event))
        return did(event, past, infinitive, rest, *known[: rest.count("{}")])

    def details(self, event: Event) -> tuple[Line, ...]:
        store = event.text(f"{REQUEST}.identityStoreId")
        return (Line("Directory", say("{}", store)),) if store else ()

    def first_aid(self, event: Event) -> tuple[str, ...]:
        if not event.succeeded:
            return ()
        operation = event.action.rpartition(":")[2]
        where = "--identity-store-id {identity_store} --region {region}"
        known = {
            "identity_store": event.text(f"{REQUEST}.identityStoreId"),
            "region": event.region,
        }
        if operation == "CreateUser":
            new = event.text(f"{ANSWER}.user.userId") or event.text(f"{ANSWER}.userId")
            command = f"identitystore delete-user --user-id {{principal}} {where}"
        elif operation == "CreateGroupMembership":
            new = event.text(f"{ANSWER}.membershipId")
            command = f"identitystore delete-group-membership --membership-id {{principal}} {where}"
        else:
            return ()
        return (aws(command, principal=new, **known),)

    @staticmethod
    def examples() -> Iterator[Rings | Quiet]:
        admin = person("carol@example.com", "OrgAdmin")
        store = {"identityStoreId": "d-9067012345"}
        yield Rings(
            "a new user, by the console",
            call(
                "sso-directory:CreateUser",
                by=admin,
                request={**store, "passwordMode": "EMAIL", "active": True},
                response={"user": {"userId": USER, "active": True}},
            ),
            f"carol@example.com created directory user {USER}",
            Severity.LOW,
        )
        yield Rings(
            "a new user, by the public API",
            call("identitystore:CreateUser", by=admin, request=store, response={"userId": USER}),
            f"carol@example.com created directory user {USER}",
        )
        yield Rings(
            "into a group, by the console",
            call(
                "sso-directory:AddMemberToGroup",
                by=admin,
                request={**store, "groupId": GROUP, "member": {"memberId": USER}},
            ),
            f"carol@example.com put directory user {USER} into group {GROUP}",
            Severity.LOW,
        )
        yield Rings(
            "into a group, by the public API",
            call(
                "identitystore:CreateGroupMembership",
                by=admin,
                request={**store, "groupId": GROUP, "memberId": {"userId": USER}},
                response={"membershipId": MEMBERSHIP},
            ),
            f"carol@example.com put directory user {USER} into group {GROUP}",
        )
        yield Rings(
            "a password",
            call("sso-directory:UpdatePassword", by=admin, request={**store, "userId": USER}),
            f"carol@example.com changed the password of directory user {USER}",
            Severity.MEDIUM,
        )
        yield Rings(
            "MFA of one user",
            call(
                "sso-directory:DeleteMfaDeviceForUser", by=admin, request={**store, "userId": USER}
            ),
            f"carol@example.com removed an MFA device of directory user {USER}",
            Severity.HIGH,
        )
        yield Rings(
            "MFA of everybody",
            call("sso:PutMfaDeviceManagementForDirectory", by=admin, request=store),
            "carol@example.com changed the rules for MFA in the Identity Center directory",
            Severity.HIGH,
        )
        yield Rings(
            "a record without a request",
            call("identitystore:CreateGroupMembership", by=admin),
            "carol@example.com put an unknown directory user into an unknown group",
        )
        yield Quiet(
            "a failed call",
            call("identitystore:CreateUser", by=admin, request=store, error="ConflictException"),
        )
        yield Quiet("AWS itself", call("identitystore:CreateUser", by=service("sso")))
        yield Quiet("users of IAM", call("iam:CreateUser", by=admin))


USER = "01cb45c0-c071-70a1-0a3a-e417bf7fd8ff"
GROUP = "114bd550-8061-702c-4bb4-2a771ff86cfb"
MEMBERSHIP = "81bbe5b0-d0c1-7052-ee2d-03e8e1f31d2c"


def user(event: Event) -> Text:
    name = next(filter(None, map(event.text, USERS)), "")
    article = "a" if event.action.endswith(":CreateUser") else "an unknown"
    return say("directory user {}", name) if name else say(f"{article} directory user")


def group(event: Event) -> Text:
    name = event.text(f"{REQUEST}.groupId")
    return say("group {}", name) if name else say("an unknown group")
