from __future__ import annotations

import re
from collections.abc import Iterator

from trailbell.first_aid import aws
from trailbell.model import Event, Line, Severity, Text, say
from trailbell.rules.base import Quiet, Rings, Rule, did, listed
from trailbell.rules.logging._deed import named
from trailbell.rules.logging._own_parts import (
    CONCURRENCY,
    CUT_OFF,
    DELETE_GROUP,
    FILTER,
    MAPPED,
    REMEDIES,
    TARGETS,
    WORDS,
)
from trailbell.testing import call, person, role


class AlertingSelfTampered(Rule):
    """trailbell itself was changed, cut off or deleted.

    Whoever knows that somebody is told of what they do ends that first: by deleting the function,
    by cutting it off from the log group, by taking away its rights or the address that it posts
    to. What follows may not ring any more.

    Check that the change was yours, and look at what the actor did before and after it: in
    CloudTrail's own event history, since this channel may be silent. trailbell knows its parts by
    their names: each function, role, parameter, secret, table, queue, topic, alarm, event rule or
    stack whose name, or a part of its path, begins with `name_prefix`, and the log group that the
    record came from. Give other names to `own_names`: among them the name of the subscription
    filter, if it has another one, and ids of keys. It rings with each update of trailbell too:
    name the roles that deploy it in `deploy_roles`, and theirs are told as info.
    """

    id = "alerting-self-tampered"
    severity = Severity.CRITICAL
    actions = tuple(WORDS)
    failed_calls = "denied-lower"
    service_calls = "keep"
    check_first = "Did you update trailbell? If not, put it back first: it may miss what follows."
    many = "changed trailbell itself"
    attack = "T1562.001"
    references = (
        "https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/SubscriptionFilters.html",
        "https://docs.aws.amazon.com/lambda/latest/dg/configuration-concurrency.html",
    )
    since = "0.1.0"

    name_prefix: str = "trailbell"
    """What the names of all parts begin with, in any case; empty if you gave them others."""
    own_names: tuple[str, ...] = ()
    """Further parts: their names, or what those begin with."""
    deploy_roles: tuple[str, ...] = ()
    """Roles (globs, of names or ARNs) that install and update trailbell: told as info."""

    def check(self) -> None:
        if not all(name.rstrip("*") for name in self.own_names):
            raise ValueError("own_names: an empty name is the beginning of every name")

    def match(self, event: Event) -> bool:
        return self.of_own_source(event) or bool(self.target(event))

    def severity_of(self, event: Event) -> Severity:
        actor = event.actor
        names = (actor.role, actor.role_arn, actor.name)
        deployed = actor.role and any(listed(name, self.deploy_roles) for name in names)
        return Severity.INFO if deployed else self.severity

    def title(self, event: Event) -> Text:
        past, infinitive, what = WORDS.get(event.action, WORDS[DELETE_GROUP])
        if event.action in (CUT_OFF, FILTER):
            group = event.text("requestParameters.logGroupName")
            source = say("the log group {}", group) if group else say("its log group")
            return did(event, past, infinitive, what, source)
        if event.action == DELETE_GROUP and self.of_own_source(event):
            what = "the log group {} that trailbell listens to"
            return did(event, past, infinitive, what, event.origin.group)
        if event.action == CONCURRENCY and limit(event) == "0":
            past, infinitive = "stopped", "stop"
        return did(event, past, infinitive, what, self.target(event))

    def details(self, event: Event) -> tuple[Line, ...]:
        found = {
            "Policy": event.text("requestParameters.policyArn")
            or event.text("requestParameters.policyName")
            or event.text("requestParameters.permissionsBoundary"),
            "Filter": event.text("requestParameters.filterName"),
            "Pattern": event.text("requestParameters.filterPattern"),
            "Sent to": event.text("requestParameters.destinationArn"),
            "Concurrency": limit(event),
        }
        return tuple(Line(label, say("{}", value)) for label, value in found.items() if value)

    def first_aid(self, event: Event) -> tuple[str, ...]:
        if not event.succeeded or event.flag("requestParameters.forceDeleteWithoutRecovery"):
            return ()
        target = self.target(event)
        values = {
            "name": target,
            "event_rule": target,
            "function": target,
            "role": event.text("requestParameters.roleName"),
            "policy_arn": event.text("requestParameters.policyArn"),
            "secret": event.text("requestParameters.secretId"),
            "kms_key": event.text("requestParameters.keyId").rpartition("/")[2],
        }
        return tuple(
            aws(remedy, **values, region=event.region) for remedy in REMEDIES.get(event.action, ())
        )

    def target(self, event: Event) -> str:
        """The part of trailbell that the call was about, without what its ARN begins with."""
        beginnings = [name.rstrip("*") for name in (self.name_prefix, *self.own_names)]
        ours = "|".join(re.escape(name) for name in beginnings if name)
        if not ours:
            return ""
        for path in (*(f"requestParameters.{field}" for field in TARGETS), MAPPED):
            for name in named(event, path):
                if found := re.search(rf"(?:^|[:/])({ours})", name, re.IGNORECASE):
                    return name[found.start(1) :] if ":" in name else name
        return ""

    def of_own_source(self, event: Event) -> bool:
        """Whether the call was about the log group from which trailbell got this record."""
        origin = event.origin
        return (
            event.action in (CUT_OFF, FILTER, DELETE_GROUP)
            and origin.group != ""
            and event.text("requestParameters.logGroupName") == origin.group
            and origin.account in ("", event.account)
        )

    @staticmethod
    def examples() -> Iterator[Rings | Quiet]:
        yield Rings(
            "the function",
            call(
                "lambda:DeleteFunction20150331",
                by="mallory",
                request={"functionName": "trailbell"},
            ),
            "mallory deleted trailbell's own function trailbell",
            Severity.CRITICAL,
        )
        yield Rings(
            "the function's code, named by its ARN",
            call(
                "lambda:UpdateFunctionCode20150331v2",
                by=person("alice@example.com"),
                request={
                    "functionName": "arn:aws:lambda:us-east-1:111122223333:function:trailbell",
                    "publish": False,
                },
            ),
            "alice@example.com replaced the code of trailbell's own function trailbell",
            Severity.CRITICAL,
        )
        yield Rings(
            "the function's settings, in a record that names it elsewhere",
            call(
                "lambda:UpdateFunctionConfiguration20150331v2",
                by="mallory",
                request={
                    "fullyQualifiedArn": {"relativeId": {"functionName": "trailbell-collector"}}
                },
            ),
            "mallory changed the settings of trailbell's own function trailbell-collector",
        )
        yield Rings(
            "the function may not run any more",
            call(
                "lambda:PutFunctionConcurrency20171031",
                by="mallory",
                request={"functionName": "trailbell", "reservedConcurrentExecutions": 0},
            ),
            "mallory stopped trailbell's own function trailbell",
        )
        yield Rings(
            "a refused attempt that is recorded with its parameters",
            call(
                "lambda:RemovePermission20150331v2",
                by="mallory",
                request={"functionName": "trailbell", "statementId": "logs"},
                error="AccessDenied",
            ),
            "mallory tried to take away the permission to call trailbell's own function trailbell"
            " and was refused",
            Severity.HIGH,
        )
        yield Rings(
            "the subscription filter",
            call(
                CUT_OFF,
                by="mallory",
                request={"logGroupName": "org-trail", "filterName": "trailbell"},
            ),
            "mallory cut trailbell off from the log group org-trail",
            Severity.CRITICAL,
        )
        yield Rings(
            "another pattern, which may hide things",
            call(
                FILTER,
                by="mallory",
                request={
                    "logGroupName": "org-trail",
                    "filterName": "alarm",
                    "filterPattern": '{ $.eventName = "Nothing" }',
                    "destinationArn": "arn:aws:lambda:us-east-1:111122223333:function:trailbell",
                },
            ),
            "mallory changed what trailbell is sent from the log group org-trail",
        )
        yield Rings(
            "its own log group",
            call(DELETE_GROUP, by="mallory", request={"logGroupName": "/aws/lambda/trailbell"}),
            "mallory deleted trailbell's own log group /aws/lambda/trailbell",
        )
        yield Rings(
            "the role that the console made",
            call(
                "iam:DetachRolePolicy",
                by="mallory",
                request={
                    "roleName": "trailbell-role-ab12cd34",
                    "policyArn": "arn:aws:iam::111122223333:policy/service-role/Logs",
                },
            ),
            "mallory changed the rights of trailbell's own role trailbell-role-ab12cd34",
        )
        yield Rings(
            "where it posts to",
            call(
                "ssm:PutParameter",
                by="mallory",
                request={"name": "/trailbell/slack", "value": "HIDDEN_DUE_TO_SECURITY_REASONS"},
            ),
            "mallory changed trailbell's own parameter /trailbell/slack",
        )
        yield Rings(
            "one of several parameters",
            call("ssm:DeleteParameters", by="mallory", request={"names": ["/a", "/trailbell/b"]}),
            "mallory deleted trailbell's own parameter /trailbell/b",
        )
        yield Rings(
            "a secret",
            call(
                "secretsmanager:DeleteSecret",
                by="mallory",
                request={
                    "secretId": "arn:aws:secretsmanager:us-east-1:111122223333"
                    ":secret:trailbell/slack-AbCdEf"
                },
            ),
            "mallory deleted trailbell's own secret trailbell/slack-AbCdEf",
        )
        yield Rings(
            "the queue of what could not be posted",
            call(
                "sqs:PurgeQueue",
                by="mallory",
                request={
                    "queueUrl": "https://sqs.us-east-1.amazonaws.com/111122223333/trailbell-failed"
                },
            ),
            "mallory emptied trailbell's own queue trailbell-failed",
        )
        yield Rings(
            "the alarm on that queue",
            call(
                "monitoring:DisableAlarmActions",
                by="mallory",
                request={"alarmNames": ["cpu", "trailbell-failed"]},
            ),
            "mallory silenced trailbell's own alarm trailbell-failed",
        )
        yield Rings(
            "the stack, taken down through a service",
            call(
                "cloudformation:DeleteStack",
                by=role("deploy", "build-42") | {"invokedBy": "servicecatalog.amazonaws.com"},
                request={
                    "stackName": "arn:aws:cloudformation:us-east-1:111122223333"
                    ":stack/trailbell/0a1b"
                },
            ),
            "deploy/build-42 deleted trailbell's own stack trailbell/0a1b",
            Severity.CRITICAL,
        )
        yield Quiet(
            "another function",
            call(
                "lambda:UpdateFunctionCode20150331v2", by="alice", request={"functionName": "shop"}
            ),
        )
        yield Quiet(
            "a name that only ends like it",
            call("dynamodb:DeleteTable", by="alice", request={"tableName": "old-trailbell"}),
        )
        yield Quiet(
            "a refused attempt that is recorded without its parameters: nobody knows what on",
            call("lambda:DeleteFunction20150331", by="mallory", error="AccessDenied"),
        )
        yield Quiet(
            "a mistake deleted nothing",
            call(
                "dynamodb:DeleteTable",
                by="alice",
                request={"tableName": "trailbell-ledger"},
                error="ResourceNotFoundException",
            ),
        )


def limit(event: Event) -> str:
    """How many copies of the function may run at once, where the call says so."""
    return event.text("requestParameters.reservedConcurrentExecutions")
