from __future__ import annotations

from collections.abc import Iterator

from trailbell.first_aid import deactivate_key, stop_key
from trailbell.model import Event, Severity, Text, say
from trailbell.rules.base import Quiet, Rings, Rule, did, listed
from trailbell.rules.identity._owner import owner_of, user_named
from trailbell.testing import call, iam_call, role, root, service


class AccessKeyCreated(Rule):
    """An access key was created.

    Access keys do not expire, so a new key is the simplest way to keep a foothold. A key made for
    *another* user deserves the closest look: few teams do that by hand.

    Check that the owner asked for it. If not, deactivate the key (do not delete it: its id ties
    together what was done with it), then look at what the actor did next. Keys of the root user
    are told by `root-credential-changed`.
    """

    id = "access-key-created"
    severity = Severity.HIGH
    actions = ("iam:CreateAccessKey",)
    failed_calls = "denied-lower"
    service_calls = "drop-aws"
    check_first = "Did the owner ask for this key? If not, deactivate it before anything else."
    many = "created access keys"
    attack = "T1098.001"
    references = (
        "https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_access-keys.html",
    )
    since = "0.1.0"

    allow_actors: tuple[str, ...] = ()
    """Actors (globs) that create keys as their job, such as a rotation robot."""
    allow_users: tuple[str, ...] = ()
    """Users (globs) whose new keys are no news."""
    alert_on_self: bool = True
    """Whether a key that a user makes for themselves rings too."""

    def match(self, event: Event) -> bool:
        owner = key_owner(event)
        return (
            event.identity != "Root"
            and not listed(event.actor.name, self.allow_actors)
            and not listed(owner, self.allow_users)
            and (self.alert_on_self or owner != event.actor.name)
        )

    def severity_of(self, event: Event) -> Severity:
        owner = key_owner(event)
        for_another = event.succeeded and owner and owner != event.actor.name
        return Severity.CRITICAL if for_another else self.severity

    def title(self, event: Event) -> Text:
        key = event.text("responseElements.accessKey.accessKeyId")
        owner = key_owner(event)
        what = say("access key {}", key) if key else say("an access key")
        if owner == event.actor.name:
            return did(event, "created", "create", "{} for themselves", what)
        if not owner and not event.succeeded:
            return did(event, "created", "create", "{}", what)
        return did(event, "created", "create", "{} for {}", what, user_named(owner))

    def first_aid(self, event: Event) -> tuple[str, ...]:
        if not event.succeeded:
            return ()
        key = event.text("responseElements.accessKey.accessKeyId")
        return deactivate_key(key_owner(event), key), stop_key(event)

    @staticmethod
    def examples() -> Iterator[Rings | Quiet]:
        yield Rings(
            "a key for another user",
            iam_call(
                "CreateAccessKey",
                by="mallory",
                accessKey={"userName": "backup", "accessKeyId": "AKIAI44QH8DHBEXAMPLE"},
            ),
            "mallory created access key AKIAI44QH8DHBEXAMPLE for backup",
            Severity.CRITICAL,
        )
        yield Rings(
            "a key for oneself, in which case the request is empty",
            iam_call("CreateAccessKey", by="alice", accessKey={"userName": "alice"}),
            "alice created an access key for themselves",
            Severity.HIGH,
        )
        yield Rings(
            "a refused attempt",
            call(
                "iam:CreateAccessKey",
                by="mallory",
                request={"userName": "backup"},
                error="AccessDenied",
            ),
            "mallory tried to create an access key for backup and was refused",
            Severity.MEDIUM,
        )
        yield Rings(
            "a refused attempt that is recorded without its parameters",
            iam_call("CreateAccessKey", by="mallory", error="AccessDenied"),
            "mallory tried to create an access key and was refused",
            Severity.MEDIUM,
        )
        yield Rings(
            "a role cannot have meant itself",
            iam_call("CreateAccessKey", by=role("deploy", "build-42")),
            "deploy/build-42 created an access key for an unknown user",
            Severity.HIGH,
        )
        yield Quiet(
            "a mistake created nothing",
            iam_call("CreateAccessKey", by="mallory", error="NoSuchEntityException"),
        )
        yield Quiet("root has a rule of its own", iam_call("CreateAccessKey", by=root()))
        yield Quiet("AWS itself", iam_call("CreateAccessKey", by=service("support")))


def key_owner(event: Event) -> str:
    return owner_of(event, "responseElements.accessKey.userName")
