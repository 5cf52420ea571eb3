from __future__ import annotations

import re
from collections.abc import Iterator

from trailbell.first_aid import revoke_sessions
from trailbell.model import Event, Severity, Text
from trailbell.rules.base import Quiet, Rings, Rule, did, listed
from trailbell.rules.privilege_escalation._deed import deed_of
from trailbell.testing import Identity, call, person, role

INSTANCE = re.compile(r"i-[0-9a-f]{8,17}")


class WorkloadMadeIamChange(Rule):
    """A workload (an instance, a function or a container) made a change to IAM.

    Programs on EC2, Lambda and ECS work with the credentials of a role. They have no business
    with users, keys and policies: such a call is mostly somebody who stole those credentials,
    through a hole in the program or from the instance's metadata.

    Check what runs there. If nobody knows, revoke the sessions of the role, and look for the hole
    that let them out: the workload gets new credentials, and so does whoever is inside. It is noisy
    where pipelines run on EC2 of your own: name their roles in `allow_roles`.
    """

    id = "workload-made-iam-change"
    severity = Severity.HIGH
    actions = (
        "iam:CreateUser",
        "iam:CreateAccessKey",
        "iam:CreateLoginProfile",
        "iam:CreateRole",
        "iam:AttachUserPolicy",
        "iam:AttachGroupPolicy",
        "iam:AttachRolePolicy",
        "iam:PutUserPolicy",
        "iam:PutRolePolicy",
        "iam:PutGroupPolicy",
        "iam:AddUserToGroup",
        "iam:AddRoleToInstanceProfile",
        "iam:CreateInstanceProfile",
        "iam:UpdateAssumeRolePolicy",
    )
    failed_calls = "denied-lower"
    check_first = "Does this workload manage IAM? If not, its credentials are stolen: revoke them."
    many = "changed IAM from a workload"
    attack = "T1078.004"
    references = (
        "https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_revoke-sessions.html",
    )
    since = "0.1.0"

    allow_roles: tuple[str, ...] = ("cdk-*", "AWSControlTower*")
    """Roles (globs) whose job is to change IAM."""

    def match(self, event: Event) -> bool:
        if event.identity != "AssumedRole" or not workload_of(event):
            return False
        return not listed(event.actor.role, self.allow_roles)

    def title(self, event: Event) -> Text:
        past, infinitive, what = deed_of(event)
        rest = f"{{}} with the credentials of {workload_of(event)}"
        return did(event, past, infinitive, rest, what)

    def first_aid(self, event: Event) -> tuple[str, ...]:
        return (revoke_sessions(event, event.actor.role),) if event.succeeded else ()

    @staticmethod
    def examples() -> Iterator[Rings | Quiet]:
        instance = role("web", "i-0123456789abcdef0")
        yield Rings(
            "an instance creates a user",
            change("CreateUser", by=instance, userName="backdoor"),
            "web/i-0123456789abcdef0 created IAM user backdoor"
            " with the credentials of an EC2 instance",
            Severity.HIGH,
        )
        yield Rings(
            "a function, by its user agent",
            change(
                "AttachRolePolicy",
                by=role("thumbnails", "thumbnails"),
                agent="Boto3/1.34 exec-env/AWS_Lambda_python3.12",
                roleName="thumbnails",
                policyArn="arn:aws:iam::aws:policy/AmazonS3FullAccess",
            ),
            "thumbnails/thumbnails attached policy AmazonS3FullAccess to role thumbnails"
            " with the credentials of a Lambda function",
            Severity.HIGH,
        )
        yield Rings(
            "a function, called through its service",
            change(
                "AddUserToGroup",
                by=role("thumbnails", "x") | {"invokedBy": "lambda.amazonaws.com"},
                userName="bob",
                groupName="admins",
            ),
            "thumbnails/x added user bob to group admins with the credentials of a Lambda function",
        )
        yield Rings(
            "a container",
            change(
                "CreateAccessKey",
                by=role("worker", "task"),
                agent="aws-sdk-go/1.44 exec-env/AWS_ECS_FARGATE",
                userName="bob",
            ),
            "worker/task created an access key for user bob with the credentials of a container",
        )
        yield Rings(
            "a password",
            change("CreateLoginProfile", by=instance, userName="bob"),
            "web/i-0123456789abcdef0 set a console password for user bob"
            " with the credentials of an EC2 instance",
        )
        yield Rings(
            "a role for instances",
            change(
                "AddRoleToInstanceProfile",
                by=instance,
                roleName="admin",
                instanceProfileName="web",
            ),
            "web/i-0123456789abcdef0 put role admin into instance profile web"
            " with the credentials of an EC2 instance",
        )
        yield Rings(
            "an instance profile",
            change("CreateInstanceProfile", by=instance, instanceProfileName="web"),
            "web/i-0123456789abcdef0 created instance profile web"
            " with the credentials of an EC2 instance",
        )
        yield Rings(
            "who may assume a role",
            change("UpdateAssumeRolePolicy", by=instance, roleName="admin"),
            "web/i-0123456789abcdef0 changed who may assume role admin"
            " with the credentials of an EC2 instance",
        )
        yield Rings(
            "a refused attempt, which is recorded without its parameters",
            call("iam:CreateRole", by=instance, error="AccessDenied"),
            "web/i-0123456789abcdef0 tried to create a role"
            " with the credentials of an EC2 instance and was refused",
            Severity.MEDIUM,
        )
        yield Quiet(
            "a mistake changed nothing",
            call("iam:CreateUser", by=instance, error="EntityAlreadyExistsException"),
        )
        yield Quiet("a person", change("CreateUser", by=person("alice@example.com"), userName="x"))
        yield Quiet("an IAM user", change("CreateUser", by="alice", userName="bob"))
        yield Quiet(
            "a session that only looks like an instance",
            change("CreateUser", by=role("web", "i-am-alice"), userName="bob"),
        )
        yield Quiet(
            "a role whose job it is",
            change("CreateRole", by=role("cdk-exec", "i-0123456789abcdef0"), roleName="worker"),
        )


def workload_of(event: Event) -> str:
    """What kind of workload the caller is, in words; "" for none."""
    session = event.text("userIdentity.arn").rpartition("/")[2]
    if INSTANCE.fullmatch(session):
        return "an EC2 instance"
    by_lambda = event.text("userIdentity.invokedBy") == "lambda.amazonaws.com"
    if by_lambda or "AWS_Lambda" in event.agent:
        return "a Lambda function"
    return "a container" if "exec-env/AWS_ECS" in event.agent else ""


def change(name: str, *, by: Identity | str, agent: str = "aws-cli/2.17", **request: str) -> Event:
    return call(f"iam:{name}", by=by, request=request, userAgent=agent)
