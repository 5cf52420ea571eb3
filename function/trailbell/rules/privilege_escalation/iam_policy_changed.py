from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from trailbell.model import Event, Severity, Text
from trailbell.rules.base import Quiet, Rings, Rule, did
from trailbell.rules.privilege_escalation._deed import deed_of
from trailbell.testing import Identity, iam_call, person, role, service

POLICY = "arn:aws:iam::111122223333:policy/team/readers"


class IamPolicyChanged(Rule):
    """An IAM policy was written, attached, detached or deleted.

    The record that the CIS benchmark asks for: every change of a policy, dangerous or not. What is
    dangerous in them is told by rules of their own.

    Check that the change was planned. It is off by default, since every deployment rings; the
    `compliance` preset has it on. What stacks and other services of AWS do stays quiet.
    """

    id = "iam-policy-changed"
    severity = Severity.LOW
    actions = (
        "iam:DeleteGroupPolicy",
        "iam:DeleteRolePolicy",
        "iam:DeleteUserPolicy",
        "iam:PutGroupPolicy",
        "iam:PutRolePolicy",
        "iam:PutUserPolicy",
        "iam:CreatePolicy",
        "iam:DeletePolicy",
        "iam:CreatePolicyVersion",
        "iam:DeletePolicyVersion",
        "iam:AttachRolePolicy",
        "iam:DetachRolePolicy",
        "iam:AttachUserPolicy",
        "iam:DetachUserPolicy",
        "iam:AttachGroupPolicy",
        "iam:DetachGroupPolicy",
    )
    failed_calls = "ignore"
    service_calls = "drop-automation"
    on_by_default = False
    many = "changed IAM policies"
    attack = "T1098"
    cis: ClassVar = {
        "1.2": "3.4",
        "1.4-5.0": "4.4",
        "6.0-7.0": "5.4",
        "securityhub": "CloudWatch.4",
    }
    references = (
        "https://docs.aws.amazon.com/securityhub/latest/userguide/cloudwatch-controls.html#cloudwatch-4",
    )
    since = "0.1.0"

    def match(self, event: Event) -> bool:
        return True

    def title(self, event: Event) -> Text:
        past, infinitive, what = deed_of(event)
        return did(event, past, infinitive, "{}", what)

    @staticmethod
    def examples() -> Iterator[Rings | Quiet]:
        yield Rings(
            "attached",
            change("AttachRolePolicy", roleName="worker", policyArn=POLICY),
            "alice attached policy readers to role worker",
            Severity.LOW,
        )
        yield Rings(
            "detached",
            change("DetachUserPolicy", userName="bob", policyArn=POLICY),
            "alice detached policy readers from user bob",
        )
        yield Rings(
            "an inline policy",
            change("PutGroupPolicy", groupName="interns", policyName="extra"),
            "alice put inline policy extra on group interns",
        )
        yield Rings(
            "an inline policy deleted",
            change("DeleteRolePolicy", roleName="worker", policyName="extra"),
            "alice deleted inline policy extra of role worker",
        )
        yield Rings(
            "a new managed policy",
            change("CreatePolicy", policyName="readers"),
            "alice created managed policy readers",
        )
        yield Rings(
            "a managed policy deleted",
            change("DeletePolicy", policyArn=POLICY),
            "alice deleted managed policy readers",
        )
        yield Rings(
            "a new version, which only the answer names",
            iam_call(
                "CreatePolicyVersion",
                by=person("alice@example.com"),
                request={"policyArn": POLICY},
                policyVersion={"versionId": "v2"},
            ),
            "alice@example.com added version v2 to managed policy readers",
        )
        yield Rings(
            "a version deleted",
            change("DeletePolicyVersion", policyArn=POLICY, versionId="v1"),
            "alice deleted version v1 of managed policy readers",
        )
        yield Rings(
            "a record without its parameters",
            iam_call("AttachUserPolicy", by=role("deploy", "build-42")),
            "deploy/build-42 attached a policy to an unknown user",
        )
        yield Quiet(
            "a refused attempt", iam_call("AttachUserPolicy", by="mallory", error="AccessDenied")
        )
        yield Quiet(
            "AWS itself",
            change("AttachRolePolicy", by=service("sso"), roleName="worker", policyArn=POLICY),
        )
        yield Quiet(
            "a stack that somebody deployed",
            change(
                "AttachRolePolicy",
                by=role("deploy", "build-42") | {"invokedBy": "cloudformation.amazonaws.com"},
                roleName="worker",
                policyArn=POLICY,
            ),
        )


def change(name: str, *, by: Identity | str = "alice", **request: str) -> Event:
    return iam_call(name, by=by, request=request)
