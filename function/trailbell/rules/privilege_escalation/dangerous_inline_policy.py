from __future__ import annotations

import json
from collections.abc import Iterator

from trailbell.first_aid import aws, stop_key
from trailbell.model import Event, Line, Severity, Text, say
from trailbell.policy import ESCALATION_ACTIONS, SERVICE_ADMIN, Grant, Worst, worst
from trailbell.rules.base import Quiet, Rings, Rule, did, listed
from trailbell.rules.privilege_escalation._document import document_of, unreadable
from trailbell.rules.privilege_escalation._rights import rights_in, some
from trailbell.rules.privilege_escalation._target import kind_of, target_name, target_of
from trailbell.testing import iam_call


class DangerousInlinePolicy(Rule):
    """An inline policy with dangerous rights was put on a user, group or role.

    An inline policy is part of the user, group or role itself and stands in no list of policies:
    administrator rights are well hidden there. The policy is read. It rings when it allows
    everything, all of a service that hands out rights (such as IAM), everything but a few
    actions, or an action with which one gets more rights, each on more than particular
    resources. A condition lowers the severity by one step; whether it ever holds is not judged.

    Check that it was planned. If not, stop the actor's keys before you delete the policy. It is
    noisy where a pipeline writes roles that pass roles on: name it in `allow_actors`, or its
    roles in `allow_targets`.
    """

    id = "dangerous-inline-policy"
    severity = Severity.CRITICAL
    actions = ("iam:PutUserPolicy", "iam:PutGroupPolicy", "iam:PutRolePolicy")
    failed_calls = "denied-lower"
    service_calls = "keep"
    check_first = "Was this planned? If not, stop the actor's keys, then delete the inline policy."
    many = "wrote dangerous inline policies"
    attack = "T1098.003"
    references = (
        "https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_managed-vs-inline.html",
        "https://github.com/RhinoSecurityLabs/AWS-IAM-Privilege-Escalation",
    )
    since = "0.1.0"

    service_admin: tuple[str, ...] = SERVICE_ADMIN
    """Services of which all actions together are as good as full control."""
    escalation_actions: tuple[str, ...] = ESCALATION_ACTIONS
    """Actions with which one gets more rights."""
    allow_actors: tuple[str, ...] = ()
    """Actors (globs) that write such policies as their job."""
    allow_targets: tuple[str, ...] = ()
    """Users, groups and roles (globs) that may have such rights."""

    def match(self, event: Event) -> bool:
        if listed(event.actor.name, self.allow_actors):
            return False
        if listed(target_name(event), self.allow_targets):
            return False
        return unreadable(event, "policyDocument") or self.worst(event).grant > Grant.NONE

    def severity_of(self, event: Event) -> Severity:
        found = self.worst(event)
        if found.grant == Grant.NONE:
            return Severity.MEDIUM
        severity = self.severity if found.grant >= Grant.SERVICE_ADMIN else Severity.HIGH
        return severity.lowered() if found.conditional else severity

    def title(self, event: Event) -> Text:
        name = event.text("requestParameters.policyName")
        which = say(" ({})", name) if name else say("")
        rights = rights_in(self.worst(event))
        return did(
            event, "put", "put", "an inline policy on {} that {}{}", target_of(event), rights, which
        )

    def details(self, event: Event) -> tuple[Line, ...]:
        found = self.worst(event)
        if found.grant == Grant.NONE:
            return ()
        allows = Line("Allows", say("{} on {}", some(found.actions, 6), found.resource))
        condition = Line("Condition", say("{}", found.condition))
        return (allows, condition) if found.condition else (allows,)

    def first_aid(self, event: Event) -> tuple[str, ...]:
        if not event.succeeded:
            return ()
        kind = kind_of(event)
        delete = aws(
            f"iam delete-{kind}-policy --{kind}-name {{{kind}}} --policy-name {{policy}}",
            policy=event.text("requestParameters.policyName"),
            **{kind: target_name(event)},
        )
        return stop_key(event), delete

    def worst(self, event: Event) -> Worst:
        return worst(
            document_of(event, "policyDocument"),
            service_admin=self.service_admin,
            escalation_actions=self.escalation_actions,
        )

    @staticmethod
    def examples() -> Iterator[Rings | Quiet]:
        yield Rings(
            "everything is allowed",
            put("User", "bob", {"Action": "*", "Resource": "*"}),
            "alice put an inline policy on user bob that allows everything (extra)",
            Severity.CRITICAL,
        )
        yield Rings(
            "all of a service that hands out rights",
            put("Group", "interns", {"Action": ["s3:Get*", "iam:*"], "Resource": "*"}),
            "alice put an inline policy on group interns that allows iam:* (extra)",
            Severity.CRITICAL,
        )
        yield Rings(
            "everything under a condition",
            put(
                "Role",
                "worker",
                {
                    "Action": "*",
                    "Resource": "*",
                    "Condition": {"Bool": {"aws:MultiFactorAuthPresent": "true"}},
                },
            ),
            "alice put an inline policy on role worker that allows everything, under a condition"
            " (extra)",
            Severity.HIGH,
        )
        yield Rings(
            "everything but",
            put("Role", "worker", {"NotAction": "billing:*", "Resource": "*"}),
            "alice put an inline policy on role worker that allows all but billing:* (extra)",
            Severity.HIGH,
        )
        yield Rings(
            "ways to more rights",
            put(
                "Role",
                "worker",
                {
                    "Action": ["iam:PassRole", "iam:Put*", "iam:AttachUserPolicy", "s3:*"],
                    "Resource": "*",
                },
            ),
            "alice put an inline policy on role worker that allows iam:PassRole, iam:Put* and"
            " 1 more, a way to more rights (extra)",
            Severity.HIGH,
        )
        yield Rings(
            "a refused attempt that is recorded with its parameters",
            put("User", "bob", {"Action": "*", "Resource": "*"}, error="AccessDenied"),
            "alice tried to put an inline policy on user bob that allows everything (extra)"
            " and was refused",
            Severity.HIGH,
        )
        yield Rings(
            "a policy that is no JSON",
            iam_call(
                "PutUserPolicy",
                by="alice",
                request={"userName": "bob", "policyName": "extra", "policyDocument": "{"},
            ),
            "alice put an inline policy on user bob that could not be read (extra)",
            Severity.MEDIUM,
        )
        yield Rings(
            "a policy too large for CloudTrail, which leaves out all parameters then",
            iam_call("PutRolePolicy", by="alice", request={"omitted": True}),
            "alice put an inline policy on an unknown role that could not be read",
            Severity.MEDIUM,
        )
        yield Quiet(
            "ordinary rights", put("User", "bob", {"Action": "s3:GetObject", "Resource": "*"})
        )
        yield Quiet(
            "one particular role to pass on",
            put(
                "Role",
                "deploy",
                {
                    "Action": "iam:PassRole",
                    "Resource": "arn:aws:iam::111122223333:role/worker",
                },
            ),
        )
        yield Quiet(
            "everything is denied",
            put("User", "bob", {"Effect": "Deny", "Action": "*", "Resource": "*"}),
        )
        yield Quiet(
            "a refused attempt that is recorded without them: nobody knows which policy",
            iam_call("PutUserPolicy", by="mallory", error="AccessDenied"),
        )
        yield Quiet(
            "a mistake changed nothing",
            put("User", "bob", {"Action": "*"}, error="MalformedPolicyDocumentException"),
        )


def put(kind: str, name: str, statement: dict[str, object], *, error: str | None = None) -> Event:
    document = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **statement}]}
    return iam_call(
        f"Put{kind}Policy",
        by="alice",
        request={
            f"{kind.lower()}Name": name,
            "policyName": "extra",
            "policyDocument": json.dumps(document),
        },
        error=error,
    )
