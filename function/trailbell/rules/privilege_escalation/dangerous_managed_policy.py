from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from trailbell.first_aid import aws, stop_key
from trailbell.model import Event, Line, Severity, Text, say
from trailbell.policy import Grant, Worst, worst
from trailbell.rules.base import Quiet, Rings, Rule, did
from trailbell.rules.privilege_escalation._deed import managed_policy, version_of
from trailbell.rules.privilege_escalation._document import document_of, unreadable
from trailbell.rules.privilege_escalation._rights import rights_in
from trailbell.testing import Identity, call, iam_call, role, service

CREATE = "iam:CreatePolicy"
VERSION = "iam:CreatePolicyVersion"
DEFAULT = "iam:SetDefaultPolicyVersion"
POLICY = "arn:aws:iam::111122223333:policy/team/readers"


class DangerousManagedPolicy(Rule):
    """A managed policy was given dangerous rights.

    A new version that becomes the default works at once for every user, group and role that has
    the policy: nobody is attached to anything, and nobody notices. The policy is read; it rings
    when it allows everything, all of a service that hands out rights (such as IAM), everything
    but a few actions, or an action with which one gets more rights, each on more than particular
    resources. A condition lowers the severity by one step. When the default is only switched to
    another version, the record does not tell what that one says.

    Check that it was planned. If not, stop the actor's keys before you set the old version as the
    default again. It is noisy where a pipeline writes policies that pass roles on.
    """

    id = "dangerous-managed-policy"
    severity = Severity.HIGH
    actions = (CREATE, VERSION, DEFAULT)
    failed_calls = "denied-lower"
    service_calls = "drop-aws"
    check_first = "Was this planned? If not, stop the actor's keys, then restore the old version."
    many = "wrote dangerous managed policies"
    attack = "T1098.003"
    references = (
        "https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_managed-versioning.html",
        "https://github.com/RhinoSecurityLabs/AWS-IAM-Privilege-Escalation",
    )
    since = "0.1.0"

    def match(self, event: Event) -> bool:
        if event.action == DEFAULT:
            return True
        return unreadable(event, "policyDocument") or read(event).grant > Grant.NONE

    def severity_of(self, event: Event) -> Severity:
        found = read(event)
        if event.action == DEFAULT or found.grant == Grant.NONE:
            return Severity.MEDIUM
        at_once = in_force(event) and found.grant >= Grant.SERVICE_ADMIN
        severity = Severity.CRITICAL if at_once else self.severity
        return severity.lowered() if found.conditional else severity

    def title(self, event: Event) -> Text:
        policy = managed_policy(event)
        if event.action == DEFAULT:
            version = version_of(event)
            which = say("version {}", version) if version else say("another version")
            return did(event, "switched", "switch", "{} to {}", policy, which)
        rights = rights_in(read(event))
        if event.action == CREATE:
            return did(event, "created", "create", "{} that {}", policy, rights)
        kind = "a new default version" if in_force(event) else "a new version, not in force yet,"
        return did(event, "gave", "give", f"{{}} {kind} that {{}}", policy, rights)

    def details(self, event: Event) -> tuple[Line, ...]:
        arn = event.text("requestParameters.policyArn")
        lines = [Line("Policy", say("{}", arn))] if arn else []
        found = read(event)
        if found.statement:
            lines.append(Line("Statement", say("{}", found.statement)))
        if found.condition not in found.statement:  # it was cut off
            lines.append(Line("Condition", say("{}", found.condition)))
        return tuple(lines)

    def first_aid(self, event: Event) -> tuple[str, ...]:
        if not event.succeeded:
            return ()
        undo = ""
        if event.action == CREATE:
            arn = event.text("responseElements.policy.arn")
            undo = aws("iam delete-policy --policy-arn {policy_arn}", policy_arn=arn)
        elif event.action == VERSION and not in_force(event):
            undo = aws(
                "iam delete-policy-version --policy-arn {policy_arn} --version-id {version}",
                policy_arn=event.text("requestParameters.policyArn"),
                version=version_of(event),
            )  # a default cannot be deleted, and which one was the default is not in the record
        return stop_key(event), undo

    @staticmethod
    def examples() -> Iterator[Rings | Quiet]:
        everything: dict[str, object] = {"Action": "*", "Resource": "*"}
        yield Rings(
            "everything, in force at once",
            add_version(everything, setAsDefault=True),
            "mallory gave managed policy readers a new default version that allows everything",
            Severity.CRITICAL,
        )
        yield Rings(
            "all of IAM, in force at once",
            add_version({"Action": "iam:*", "Resource": "*"}, setAsDefault="true"),
            "mallory gave managed policy readers a new default version that allows iam:*",
            Severity.CRITICAL,
        )
        yield Rings(
            "everything, not in force yet",
            add_version(everything),
            "mallory gave managed policy readers a new version, not in force yet, that allows"
            " everything",
            Severity.HIGH,
        )
        yield Rings(
            "everything under a condition",
            add_version(
                {**everything, "Condition": {"Bool": {"aws:MultiFactorAuthPresent": "true"}}},
                setAsDefault=True,
            ),
            "mallory gave managed policy readers a new default version that allows everything,"
            " under a condition",
            Severity.HIGH,
        )
        yield Rings(
            "everything but, in force at once",
            add_version({"NotAction": "billing:*", "Resource": "*"}, setAsDefault=True),
            "mallory gave managed policy readers a new default version that allows all but"
            " billing:*",
            Severity.HIGH,
        )
        yield Rings(
            "a new policy, a way to more rights",
            create({"Action": "iam:PassRole", "Resource": "*"}),
            "alice created managed policy team that allows iam:PassRole, a way to more rights",
            Severity.HIGH,
        )
        yield Rings(
            "a refused attempt that is recorded with its parameters",
            create(everything, error="AccessDenied"),
            "alice tried to create managed policy team that allows everything and was refused",
            Severity.MEDIUM,
        )
        yield Rings(
            "another version becomes the default",
            iam_call(
                "SetDefaultPolicyVersion",
                by=role("deploy", "build-42"),
                request={"policyArn": POLICY, "versionId": "v1"},
            ),
            "deploy/build-42 switched managed policy readers to version v1",
            Severity.MEDIUM,
        )
        yield Rings(
            "a refused attempt to switch, which is recorded without its parameters",
            iam_call("SetDefaultPolicyVersion", by="mallory", error="AccessDenied"),
            "mallory tried to switch a managed policy to another version and was refused",
            Severity.LOW,
        )
        yield Rings(
            "a policy that is no JSON",
            iam_call("CreatePolicy", by="alice", request={"policyDocument": "{"}),
            "alice created a managed policy that could not be read",
            Severity.MEDIUM,
        )
        yield Rings(
            "a policy too large for CloudTrail, which leaves out all parameters then",
            iam_call("CreatePolicyVersion", by="alice", request={"omitted": True}),
            "alice gave a managed policy a new version, not in force yet, that could not be read",
            Severity.MEDIUM,
        )
        yield Quiet("ordinary rights", create({"Action": "s3:GetObject", "Resource": "*"}))
        yield Quiet(
            "a refused attempt that is recorded without them: nobody knows which policy",
            iam_call("CreatePolicy", by="mallory", error="AccessDenied"),
        )
        yield Quiet(
            "a mistake created nothing", create(everything, error="EntityAlreadyExistsException")
        )
        yield Quiet("AWS itself", create(everything, by=service("sso")))
        yield Quiet(
            "a policy of AWS Organizations, which allows nothing by itself",
            call("organizations:CreatePolicy", request={"content": document(everything)}),
        )


def read(event: Event) -> Worst:
    """The most dangerous statement of the policy."""
    return worst(document_of(event, "policyDocument"))


def in_force(event: Event) -> bool:
    """Whether a new version becomes the default."""
    return event.action == VERSION and event.flag("requestParameters.setAsDefault")


def document(statement: Mapping[str, object]) -> str:
    statements = [{"Effect": "Allow", **statement}]
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


def create(
    statement: Mapping[str, object], *, by: Identity | str = "alice", error: str | None = None
) -> Event:
    request = {"policyName": "team", "policyDocument": document(statement)}
    if error:
        return iam_call("CreatePolicy", by=by, request=request, error=error)
    policy = {"arn": "arn:aws:iam::111122223333:policy/team", "defaultVersionId": "v1"}
    return iam_call("CreatePolicy", by=by, request=request, policy=policy)


def add_version(statement: Mapping[str, object], **request: object) -> Event:
    request |= {"policyArn": POLICY, "policyDocument": document(statement)}
    version = {"versionId": "v2"}
    return iam_call("CreatePolicyVersion", by="mallory", request=request, policyVersion=version)
