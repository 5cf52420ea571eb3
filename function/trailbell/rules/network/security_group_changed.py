from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from trailbell.model import Event, Line, Severity, Text, say
from trailbell.rules._record import named
from trailbell.rules.base import Quiet, Rings, Rule
from trailbell.rules.network._rules import group_of, lines_of, rules_of
from trailbell.testing import call, service

WORDS = {
    "ec2:AuthorizeSecurityGroupIngress": "{} added inbound rules to {}",
    "ec2:AuthorizeSecurityGroupEgress": "{} added outbound rules to {}",
    "ec2:RevokeSecurityGroupIngress": "{} removed inbound rules from {}",
    "ec2:RevokeSecurityGroupEgress": "{} removed outbound rules from {}",
    "ec2:ModifySecurityGroupRules": "{} changed rules of {}",
    "ec2:CreateSecurityGroup": "{} created {}",
    "ec2:DeleteSecurityGroup": "{} deleted {}",
}


class SecurityGroupChanged(Rule):
    """A security group was created, changed or deleted.

    The record of each change that the CIS benchmark asks for. What opens a port to the internet
    rings in `security-group-opened`, louder and without this rule.

    Nothing to do, as long as the change was planned. It is off because every deployment changes
    security groups; calls that AWS makes for you, such as those of CloudFormation and of load
    balancers, stay quiet in any case.
    """

    id = "security-group-changed"
    severity = Severity.LOW
    actions = tuple(WORDS)
    failed_calls = "ignore"
    service_calls = "drop-automation"
    on_by_default = False
    many = "changed security groups"
    attack = "T1562.007"
    cis: ClassVar = {
        "1.2": "3.10",
        "1.4-5.0": "4.10",
        "6.0-7.0": "5.10",
        "securityhub": "CloudWatch.10",
    }
    references = (
        "https://docs.aws.amazon.com/securityhub/latest/userguide/cloudwatch-controls.html",
    )
    since = "0.1.0"

    def match(self, event: Event) -> bool:
        return True

    def title(self, event: Event) -> Text:
        words = WORDS.get(event.action, WORDS["ec2:ModifySecurityGroupRules"])
        return say(words, event.actor, named("security group", group_of(event)))

    def details(self, event: Event) -> tuple[Line, ...]:
        return lines_of(rules_of(event), outbound="Egress" in event.name)

    @staticmethod
    def examples() -> Iterator[Rings | Quiet]:
        rule = {
            "ipProtocol": "tcp",
            "fromPort": 22,
            "toPort": 22,
            "ipRanges": {"items": [{"cidrIp": "203.0.113.7/32"}]},
        }
        request = {"groupId": "sg-0f1e2d3c4b5a69788", "ipPermissions": {"items": [rule]}}
        yield Rings(
            "inbound rules",
            call("ec2:AuthorizeSecurityGroupIngress", request=request, response={"_return": True}),
            "alice added inbound rules to security group sg-0f1e2d3c4b5a69788",
            Severity.LOW,
        )
        yield Rings(
            "outbound rules taken away",
            call("ec2:RevokeSecurityGroupEgress", request=request),
            "alice removed outbound rules from security group sg-0f1e2d3c4b5a69788",
        )
        yield Rings(
            "a new group, whose id is in the answer",
            call(
                "ec2:CreateSecurityGroup",
                request={"groupName": "web", "vpcId": "vpc-0e568b18707c87afa"},
                response={"groupId": "sg-0f1e2d3c4b5a69788"},
            ),
            "alice created security group sg-0f1e2d3c4b5a69788",
        )
        yield Rings(
            "a changed rule",
            call(
                "ec2:ModifySecurityGroupRules",
                request={"ModifySecurityGroupRulesRequest": {"GroupId": "sg-0f1e2d3c4b5a69788"}},
            ),
            "alice changed rules of security group sg-0f1e2d3c4b5a69788",
        )
        yield Rings(
            "a group that the record does not name",
            call("ec2:DeleteSecurityGroup"),
            "alice deleted an unknown security group",
        )
        yield Quiet(
            "a refused attempt",
            call(
                "ec2:DeleteSecurityGroup",
                request={"groupId": "sg-0f1e2d3c4b5a69788"},
                error="Client.UnauthorizedOperation",
            ),
        )
        yield Quiet(
            "a load balancer",
            call("ec2:AuthorizeSecurityGroupIngress", by=service("elasticloadbalancing")),
        )
        yield Quiet(
            "CloudFormation, for a user",
            call("ec2:CreateSecurityGroup", sourceIPAddress="cloudformation.amazonaws.com"),
        )
