from __future__ import annotations

from collections.abc import Iterator

from trailbell.first_aid import aws, stop_key
from trailbell.model import Event, Line, Severity, Text, say
from trailbell.rules.base import Quiet, Rings, Rule, did, listed
from trailbell.rules.identity._owner import owner_of, user_named
from trailbell.testing import Identity, iam_call, role, root, service

CREATE = "iam:CreateLoginProfile"
CHANGE_OWN = "iam:ChangePassword"


class LoginProfileSet(Rule):
    """A console password was set for an IAM user.

    With a password of somebody's choice a user that so far had only keys can sign in to the
    console, and a user who had one is taken over. It is less severe where the user must choose
    a new password at the next sign-in, as after a reset by the help desk.

    Check that the user asked for it. If not, delete the password, then look at sign-ins of that
    user since. Somebody who wears a role under the same name as the user is not taken for the
    user: anybody chooses the name of their own session. It is noisy where users are made by a
    pipeline: name it in `allow_actors`. Passwords of the root user are told by
    `root-credential-changed`.
    """

    id = "login-profile-set"
    severity = Severity.HIGH
    actions = (CREATE, "iam:UpdateLoginProfile", CHANGE_OWN)
    failed_calls = "denied-lower"
    service_calls = "drop-aws"
    check_first = "Did the user ask for this password? If not, delete it before anything else."
    many = "set console passwords"
    attack = "T1098"
    references = (
        "https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateLoginProfile.html",
        "https://docs.aws.amazon.com/IAM/latest/APIReference/API_UpdateLoginProfile.html",
    )
    since = "0.1.0"

    report_self: bool = False
    """Whether users who change their own password in the ordinary way ring too."""
    allow_actors: tuple[str, ...] = ()
    """Actors (globs) that set passwords as their job."""

    def match(self, event: Event) -> bool:
        named = event.text("requestParameters.userName")
        if event.identity == "Root" and named in ("", "AWS ROOT USER"):
            return False
        if event.action == CHANGE_OWN and not self.report_self:
            return False
        return not listed(event.actor.name, self.allow_actors)

    def severity_of(self, event: Event) -> Severity:
        if event.action == CREATE:
            return self.severity
        if is_own(event):
            return Severity.INFO
        must_change = event.flag("requestParameters.passwordResetRequired")
        return Severity.MEDIUM if must_change or by_namesake(event) else self.severity

    def title(self, event: Event) -> Text:
        owner = owner_of(event)
        if event.action == CREATE:
            whom = say("themselves") if is_own(event) else user_named(owner)
            return did(event, "gave", "give", "{} a console password", whom)
        if is_own(event):
            return did(event, "changed", "change", "their own console password")
        whose = user_named(owner)
        return did(event, "changed", "change", "the console password of {}", whose)

    def details(self, event: Event) -> tuple[Line, ...]:
        if event.get("requestParameters.passwordResetRequired") is None:
            return ()
        must_change = event.flag("requestParameters.passwordResetRequired")
        what = "a new password must be chosen" if must_change else "no new password is asked for"
        return (Line("Next sign-in", say(what)),)

    def first_aid(self, event: Event) -> tuple[str, ...]:
        if not event.succeeded or (event.action != CREATE and is_own(event)):
            return ()
        user = owner_of(event)
        return aws("iam delete-login-profile --user-name {user}", user=user), stop_key(event)

    @staticmethod
    def examples() -> Iterator[Rings | Quiet]:
        yield Rings(
            "a first password",
            iam_call(
                "CreateLoginProfile",
                by="mallory",
                request={"userName": "backdoor", "passwordResetRequired": False},
                loginProfile={"userName": "backdoor", "passwordResetRequired": False},
            ),
            "mallory gave backdoor a console password",
            Severity.HIGH,
        )
        yield Rings(
            "a first password of one's own, in which case the request is empty",
            iam_call("CreateLoginProfile", by="mallory"),
            "mallory gave themselves a console password",
            Severity.HIGH,
        )
        yield Rings(
            "another user's password",
            update("bob", by="mallory"),
            "mallory changed the console password of bob",
            Severity.HIGH,
        )
        yield Rings(
            "another user's, who must choose a new one",
            update("bob", by="alice", passwordResetRequired=True),
            "alice changed the console password of bob",
            Severity.MEDIUM,
        )
        yield Rings(
            "a role session that bears the user's name, which anybody may choose",
            update("alice", by=role("helpdesk", "alice")),
            "helpdesk/alice changed the console password of alice",
            Severity.MEDIUM,
        )
        yield Rings(
            "one's own, by way of the administrator's call",
            update("alice", by="alice"),
            "alice changed their own console password",
            Severity.INFO,
        )
        yield Rings(
            "a refused attempt, which is recorded without its parameters",
            iam_call("UpdateLoginProfile", by="mallory", error="AccessDenied"),
            "mallory tried to change the console password of an unknown user and was refused",
            Severity.MEDIUM,
        )
        yield Rings(
            "a role cannot have meant itself",
            iam_call("CreateLoginProfile", by=role("deploy", "build-42")),
            "deploy/build-42 gave an unknown user a console password",
            Severity.HIGH,
        )
        yield Rings(
            "the root user sets a user's password",
            update("bob", by=root()),
            "The root user changed the console password of bob",
            Severity.HIGH,
        )
        yield Quiet("one's own, in the ordinary way", iam_call("ChangePassword", by="alice"))
        yield Quiet("root's own has a rule of its own", iam_call("UpdateLoginProfile", by=root()))
        yield Quiet(
            "a mistake set nothing",
            iam_call(
                "UpdateLoginProfile",
                by="alice",
                request={"userName": "bob"},
                error="PasswordPolicyViolationException",
            ),
        )
        yield Quiet("AWS itself", update("bob", by=service("support")))


def is_own(event: Event) -> bool:
    """Whether the caller acts on themselves."""
    return event.action == CHANGE_OWN or owner_of(event) == event.actor.name


def by_namesake(event: Event) -> bool:
    """Whether a role session bears the user's name: perhaps the user, perhaps not."""
    session = event.text("userIdentity.arn").rpartition("/")[2]
    return event.identity == "AssumedRole" and bool(session) and session == owner_of(event)


def update(name: str, *, by: Identity | str, **request: object) -> Event:
    return iam_call("UpdateLoginProfile", by=by, request={"userName": name, **request})
