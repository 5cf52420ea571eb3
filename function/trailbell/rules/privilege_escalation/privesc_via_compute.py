from __future__ import annotations

import re
from collections.abc import Iterator

from trailbell.first_aid import aws, stop_key
from trailbell.model import Event, Line, Severity, Text, say
from trailbell.rules.base import Quiet, Rings, Rule, did, listed
from trailbell.testing import Identity, call, person, role, service

ASSOCIATE = "ec2:AssociateIamInstanceProfile"
REPLACE = "ec2:ReplaceIamInstanceProfileAssociation"
CODE = "lambda:UpdateFunctionCode"
CONFIGURATION = "lambda:UpdateFunctionConfiguration"
PIPELINE = "datapipeline:PutPipelineDefinition"

WORDS = {
    "bedrock-agentcore:CreateCodeInterpreter": ("created", "create", "a code interpreter"),
    "cloudformation:CreateStack": ("created", "create", "a stack"),
    "cloudformation:UpdateStack": ("updated", "update", "a stack"),
    "codebuild:CreateProject": ("created", "create", "a CodeBuild project"),
    PIPELINE: ("defined", "define", "a data pipeline"),
    "ec2:RunInstances": ("started", "start", "an EC2 instance"),
    "ecs:RegisterTaskDefinition": ("registered", "register", "an ECS task definition"),
    "glue:CreateDevEndpoint": ("created", "create", "a Glue development endpoint"),
    "glue:UpdateDevEndpoint": ("updated", "update", "a Glue development endpoint"),
    "lambda:CreateFunction": ("created", "create", "a Lambda function"),
    CODE: ("changed", "change", "a Lambda function"),
    CONFIGURATION: ("changed", "change", "a Lambda function"),
    "sagemaker:CreateNotebookInstance": ("created", "create", "a SageMaker notebook"),
    "sagemaker:CreateProcessingJob": ("started", "start", "a SageMaker processing job"),
    "sagemaker:CreateTrainingJob": ("started", "start", "a SageMaker training job"),
    "ssm:StartAutomationExecution": ("started", "start", "an automation"),
    "states:CreateStateMachine": ("created", "create", "a state machine"),
}
"""What was done, what was tried, and what it is that gets a role."""
SWAPS = {
    ASSOCIATE: "requestParameters.AssociateIamInstanceProfileRequest.IamInstanceProfile",
    REPLACE: "requestParameters.ReplaceIamInstanceProfileAssociationRequest.IamInstanceProfile",
}
"""Where the request has the new instance profile: EC2 writes these two with capitals."""
ROLES = (
    "role", "roleArn", "roleARN", "serviceRole", "executionRoleArn", "taskRoleArn",
    "iamInstanceProfile.name", "iamInstanceProfile.arn",
)  # fmt: skip


class PrivescViaCompute(Rule):
    """A person gave a machine, a function or a job a powerful role.

    Whoever may pass a role on to a service can run code with the rights of that role, and so get
    more rights than their own without any change to IAM. It rings when the role's name sounds like
    power, and as high whenever the instance profile of a running instance is swapped: that is
    rarely done, and takes one call.

    Check that this person should work with that role. It is off by default, since pipelines and
    administrators do this all day; switch it on with your own `privileged_roles`, and name those
    whose job it is in `ignore_actors`. Of EC2 the record has the name of the instance profile,
    which is mostly that of the role. Only people are looked at, not roles of pipelines.
    """

    id = "privesc-via-compute"
    severity = Severity.MEDIUM
    actions = (*WORDS, *SWAPS)
    failed_calls = "denied-lower"
    service_calls = "drop-aws"
    on_by_default = False
    check_first = "Should this person work with that role? If not, stop their keys, then the code."
    many = "gave machines and functions powerful roles"
    attack = "T1548.005"
    references = (
        "https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_passrole.html",
        "https://github.com/RhinoSecurityLabs/AWS-IAM-Privilege-Escalation",
    )
    since = "0.1.0"

    privileged_roles: tuple[str, ...] = ("*admin*", "*power*")
    """Roles and instance profiles (globs, in any case) that are powerful."""
    watch_functions: tuple[str, ...] = ()
    """Lambda functions (globs) whose code and layers nobody should change by hand; low."""
    ignore_actors: tuple[str, ...] = ()
    """Actors (globs) that work with such roles as their job."""

    def match(self, event: Event) -> bool:
        if not is_human(event) or listed(event.actor.name, self.ignore_actors):
            return False
        return event.action in SWAPS or bool(self.powerful(event)) or self.watched(event)

    def severity_of(self, event: Event) -> Severity:
        if event.action in SWAPS:
            return Severity.HIGH
        return self.severity if self.powerful(event) else Severity.LOW

    def title(self, event: Event) -> Text:
        if event.action in SWAPS:
            return swap_title(event)
        past, infinitive, what = WORDS.get(event.action, ("used", "use", "a service"))
        if found := self.powerful(event):
            kind = "instance profile" if event.source == "ec2.amazonaws.com" else "role"
            return did(event, past, infinitive, f"{what} with the {kind} {{}}", found)
        part = "the code" if event.action == CODE else "the layers"
        return did(event, past, infinitive, f"{part} of Lambda function {{}}", function_of(event))

    def details(self, event: Event) -> tuple[Line, ...]:
        name = function_of(event)
        return (Line("Function", say("{}", name)),) if name and self.powerful(event) else ()

    def first_aid(self, event: Event) -> tuple[str, ...]:
        if not event.succeeded or event.action not in SWAPS:
            return ()
        disassociate = aws(
            "ec2 disassociate-iam-instance-profile --association-id {association}"
            " --region {region}",
            association=answered(event, "associationId"),
            region=event.region,
        )
        return stop_key(event), disassociate

    def powerful(self, event: Event) -> str:
        """The role, or instance profile, that sounds like power; "" for none."""
        patterns = [pattern.lower() for pattern in self.privileged_roles]
        return next((name for name in roles_of(event) if listed(name.lower(), patterns)), "")

    def watched(self, event: Event) -> bool:
        """Whether the code or the layers of a watched function were changed."""
        layers = event.action == CONFIGURATION and event.items("requestParameters.layers")
        changed = event.action == CODE or bool(layers)
        name = function_of(event)
        return changed and bool(name) and listed(name, self.watch_functions)

    @staticmethod
    def examples() -> Iterator[Rings | Quiet]:
        admin = "arn:aws:iam::111122223333:role/team/AdminRole"
        yield Rings(
            "a function with an administrator's role",
            start("lambda:CreateFunction20150331", functionName="x", role=admin),
            "alice created a Lambda function with the role AdminRole",
            Severity.MEDIUM,
        )
        yield Rings(
            "an instance with an administrator's profile",
            start(
                "ec2:RunInstances",
                by=person("alice@example.com"),
                iamInstanceProfile={"name": "admin"},
            ),
            "alice@example.com started an EC2 instance with the instance profile admin",
            Severity.MEDIUM,
        )
        yield Rings(
            "a stack, through the federated session of a user",
            start(
                "cloudformation:CreateStack",
                by={
                    "type": "FederatedUser",
                    "arn": "arn:aws:sts::111122223333:federated-user/alice",
                },
                roleARN=admin,
            ),
            "alice created a stack with the role AdminRole",
        )
        yield Rings(
            "a task, one of whose roles is powerful",
            start(
                "ecs:RegisterTaskDefinition",
                taskRoleArn=admin,
                executionRoleArn="arn:aws:iam::111122223333:role/ecsTaskExecutionRole",
            ),
            "alice registered an ECS task definition with the role AdminRole",
        )
        yield Rings(
            "an automation, whose role is a parameter",
            start("ssm:StartAutomationExecution", parameters={"AutomationAssumeRole": [admin]}),
            "alice started an automation with the role AdminRole",
        )
        yield Rings(
            "a data pipeline, whose role is deep inside",
            start(
                PIPELINE,
                pipelineObjects=[
                    {"id": "Default", "fields": [{"key": "role", "stringValue": "PowerRole"}]}
                ],
            ),
            "alice defined a data pipeline with the role PowerRole",
        )
        yield Rings(
            "another profile for a running instance",
            call(
                REPLACE,
                request={
                    "ReplaceIamInstanceProfileAssociationRequest": {
                        "AssociationId": "iip-assoc-060bae234aac2e7fa",
                        "IamInstanceProfile": {"Name": "worker"},
                    }
                },
                response={
                    "ReplaceIamInstanceProfileAssociationResponse": {
                        "iamInstanceProfileAssociation": {
                            "associationId": "iip-assoc-0b215292fab192820",
                            "instanceId": "i-0123456789abcdef0",
                        }
                    }
                },
            ),
            "alice swapped the instance profile of instance i-0123456789abcdef0 for worker",
            Severity.HIGH,
        )
        yield Rings(
            "a profile for a running instance without one",
            call(
                ASSOCIATE,
                request={
                    "AssociateIamInstanceProfileRequest": {
                        "InstanceId": "i-0123456789abcdef0",
                        "IamInstanceProfile": {
                            "Arn": "arn:aws:iam::111122223333:instance-profile/worker"
                        },
                    }
                },
            ),
            "alice gave instance i-0123456789abcdef0 the instance profile worker",
            Severity.HIGH,
        )
        yield Rings(
            "a refused attempt that is recorded without its parameters",
            call(REPLACE, by="mallory", error="Client.UnauthorizedOperation"),
            "mallory tried to swap the instance profile of an instance for another and was refused",
            Severity.MEDIUM,
        )
        yield Quiet(
            "a role that does not sound like power",
            start("lambda:CreateFunction20150331", role="arn:aws:iam::111122223333:role/worker"),
        )
        yield Quiet(
            "a refused attempt that is recorded without its role",
            call("lambda:CreateFunction20150331", by="mallory", error="AccessDenied"),
        )
        yield Quiet(
            "a mistake changed nothing", call(REPLACE, error="Client.InvalidParameterValue")
        )
        yield Quiet(
            "a pipeline", start("cloudformation:CreateStack", by=role("deploy", "x"), roleARN=admin)
        )
        yield Quiet(
            "AWS itself",
            start("ec2:RunInstances", by=service("autoscaling"), iamInstanceProfile={"arn": admin}),
        )
        yield Quiet(
            "the code of a function, where none is watched",
            start("lambda:UpdateFunctionCode20150331v2", functionName="orders-api"),
        )


def is_human(event: Event) -> bool:
    """Whether a person called, as far as a record can tell."""
    by_name = event.identity in ("IAMUser", "FederatedUser", "Root")
    by_role = event.identity == "AssumedRole" and event.actor.role.startswith("AWSReservedSSO_")
    return by_name or by_role


def roles_of(event: Event) -> list[str]:
    """The names of the roles and instance profiles in a request, without their paths."""
    found = [event.text(f"requestParameters.{field}") for field in ROLES]
    parameter = event.get("requestParameters.parameters.AutomationAssumeRole")
    found += [role for role in (parameter if isinstance(parameter, list) else [parameter]) if role]
    if event.action == PIPELINE:
        found += pipeline_roles(event)
    return [name.rpartition("/")[2] for name in found if isinstance(name, str) and name]


def pipeline_roles(event: Event) -> list[str]:
    """The roles in the objects of a data pipeline."""
    objects = event.items("requestParameters.pipelineObjects")
    fields = [
        Event(field)
        for item in objects
        if isinstance(item, dict)
        for field in Event(item).items("fields")
        if isinstance(field, dict)
    ]
    return [
        field.text("stringValue")
        for field in fields
        if field.text("key").lower() in ("role", "resourcerole")
    ]


def function_of(event: Event) -> str:
    """The name of a Lambda function, which a request may give as an ARN."""
    name = event.text("requestParameters.functionName")
    return re.sub(r"^.*:function:", "", name).partition(":")[0]


def answered(event: Event, field: str) -> str:
    """A field of the association in the answer to a swap."""
    operation = event.action.partition(":")[2]
    return event.text(f"responseElements.{operation}Response.iamInstanceProfileAssociation.{field}")


def swap_title(event: Event) -> Text:
    path = SWAPS[event.action]
    profile = event.text(f"{path}.Name") or event.text(f"{path}.Arn").rpartition("/")[2]
    asked = event.text("requestParameters.AssociateIamInstanceProfileRequest.InstanceId")
    instance = asked or answered(event, "instanceId")
    which = say("instance {}", instance) if instance else say("an instance")
    if event.action == REPLACE:
        new = say("{}", profile) if profile else say("another")
        rest = "the instance profile of {} for {}"
        return did(event, "swapped", "swap", rest, which, new)
    new = say("the instance profile {}", profile) if profile else say("an instance profile")
    return did(event, "gave", "give", "{} {}", which, new)


def start(action: str, *, by: Identity | str = "alice", **request: object) -> Event:
    return call(action, by=by, request=request)
