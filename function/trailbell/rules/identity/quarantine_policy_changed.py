from __future__ import annotations

from collections.abc import Iterator

from trailbell.first_aid import aws, deny_all, stop_key
from trailbell.model import Event, Line, Severity, Text, say
from trailbell.rules.base import Quiet, Rings, Rule, did
from trailbell.rules.privilege_escalation._target import kind_of, target_name, target_of
from trailbell.testing import Identity, iam_call, role, user


class QuarantinePolicyChanged(Rule):
    """AWS marked a user as leaked, or somebody lifted that block.

    When AWS finds an access key in public, it attaches a policy to its user that blocks the
    worst calls, and opens a support case. The key still works for the rest: it is only a warning,
    and minutes count. Whoever detaches that policy wants those calls back.

    Deactivate every key of the user, then read what they did since the leak. It rings for
    refused attempts too, and whoever the record names: AWS attaches the policy under the name
    of the leaked user itself, or as a role of its own. Almost never noise; people who attach the
    policy by hand ring as well.
    """

    id = "quarantine-policy-changed"
    severity = Severity.CRITICAL
    actions = (
        "iam:AttachUserPolicy",
        "iam:AttachGroupPolicy",
        "iam:AttachRolePolicy",
        "iam:PutUserPolicy",
        "iam:DetachUserPolicy",
        "iam:DeleteUserPolicy",
        "iam:DetachRolePolicy",
        "iam:DetachGroupPolicy",
    )
    check_first = "A key of this user is public: deactivate all its keys, then see what they did."
    many = "changed the quarantine of leaked users"
    attack = "T1552.001"
    references = (
        "https://docs.aws.amazon.com/aws-managed-policy/latest/reference/AWSCompromisedKeyQuarantineV3.html",
        "https://repost.aws/knowledge-center/potential-account-compromise",
    )
    since = "0.1.0"

    policy_prefixes: tuple[str, ...] = (
        "AWSCompromisedKeyQuarantine",
        "AWSExposedCredentialPolicy_DO_NOT_REMOVE",
    )
    """How the names of the policies begin with which AWS marks a leaked user."""

    def match(self, event: Event) -> bool:
        name = policy_of(event)
        return bool(name) and name.startswith(self.policy_prefixes)

    def title(self, event: Event) -> Text:
        target, policy = target_of(event), policy_of(event)
        if lifted(event):
            rest = "the quarantine of leaked keys from {} ({})"
            return did(event, "removed", "remove", rest, target, policy)
        if not event.succeeded:
            return did(event, "put", "put", "{} under AWS quarantine ({})", target, policy)
        # No actor: AWS does this under the name of the leaked user, who did nothing.
        return say("Leaked key: {} was put under AWS quarantine ({})", target, policy)

    def details(self, event: Event) -> tuple[Line, ...]:
        if lifted(event):
            return ()
        return (Line("Note", say("AWS does this itself, under the name of the user or a role")),)

    def first_aid(self, event: Event) -> tuple[str, ...]:
        kind, name = kind_of(event), target_name(event)
        if not event.succeeded or kind == "group":
            return ()
        if not lifted(event):
            return (deny_all(event, kind, name),)
        again = ""
        if arn := event.text("requestParameters.policyArn"):
            again = aws(
                f"iam attach-{kind}-policy --{kind}-name {{{kind}}} --policy-arn {{policy_arn}}",
                policy_arn=arn,
                **{kind: name},
            )
        return stop_key(event), again

    @staticmethod
    def examples() -> Iterator[Rings | Quiet]:
        yield Rings(
            "AWS marks a user, under the user's own name",
            attach("AttachUserPolicy", by=user("bob")),
            "Leaked key: user bob was put under AWS quarantine (AWSCompromisedKeyQuarantineV3)",
            Severity.CRITICAL,
        )
        yield Rings(
            "AWS marks a user, as a service-linked role",
            attach(
                "AttachUserPolicy",
                by=role(
                    "AWSServiceRoleForSupport",
                    "support",
                    path="/aws-service-role/support.amazonaws.com/",
                ),
            ),
            "Leaked key: user bob was put under AWS quarantine (AWSCompromisedKeyQuarantineV3)",
            Severity.CRITICAL,
        )
        yield Rings(
            "the inline policy of former times",
            iam_call(
                "PutUserPolicy",
                by="bob",
                request={
                    "userName": "bob",
                    "policyName": "AWSExposedCredentialPolicy_DO_NOT_REMOVE",
                },
            ),
            "Leaked key: user bob was put under AWS quarantine"
            " (AWSExposedCredentialPolicy_DO_NOT_REMOVE)",
        )
        yield Rings(
            "somebody lifts it",
            attach("DetachUserPolicy", by="mallory"),
            "mallory removed the quarantine of leaked keys from user bob"
            " (AWSCompromisedKeyQuarantineV3)",
            Severity.CRITICAL,
        )
        yield Rings(
            "somebody is refused",
            attach("DetachUserPolicy", by="mallory", error="AccessDenied"),
            "mallory tried to remove the quarantine of leaked keys from user bob"
            " (AWSCompromisedKeyQuarantineV3) and was refused",
            Severity.CRITICAL,
        )
        yield Rings(
            "a failed attempt to mark a user",
            attach("AttachUserPolicy", by="alice", error="LimitExceededException"),
            "alice tried to put user bob under AWS quarantine (AWSCompromisedKeyQuarantineV3)"
            " but the call failed",
        )
        yield Quiet(
            "a record without its parameters",
            iam_call("AttachUserPolicy", by="mallory", error="AccessDenied"),
        )
        yield Quiet(
            "another policy",
            iam_call(
                "DetachUserPolicy",
                by="alice",
                request={"userName": "bob", "policyArn": "arn:aws:iam::aws:policy/ReadOnlyAccess"},
            ),
        )


def policy_of(event: Event) -> str:
    """The name of the policy: managed ones go by their ARN, inline ones by their name."""
    arn = event.text("requestParameters.policyArn")
    return arn.rpartition("/")[2] or event.text("requestParameters.policyName")


def lifted(event: Event) -> bool:
    return event.name.startswith(("Detach", "Delete"))


def attach(name: str, *, by: Identity | str, error: str | None = None) -> Event:
    arn = "arn:aws:iam::aws:policy/AWSCompromisedKeyQuarantineV3"
    return iam_call(name, by=by, request={"userName": "bob", "policyArn": arn}, error=error)
