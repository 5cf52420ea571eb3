from __future__ import annotations

from collections.abc import Iterator

from trailbell.model import Event, Line, Severity, Text, say
from trailbell.rules.base import Quiet, Rings, Rule, did
from trailbell.rules.logging._deed import named
from trailbell.testing import call, role, service
from trailbell.text import join

FLOW_LOGS = "ec2:DeleteFlowLogs"
SHOWN = 10


class NetworkLogsDeleted(Rule):
    """Logs of network traffic or of DNS queries were ended.

    VPC flow logs and DNS query logs are what tells, afterwards, which machine talked to whom. An
    intruder who moves data ends them first.

    Check that it was planned, and set the log up again. It is noisy where test networks are taken
    down by hand or by a pipeline.
    """

    id = "network-logs-deleted"
    severity = Severity.HIGH
    actions = (
        FLOW_LOGS,
        "route53resolver:DeleteResolverQueryLogConfig",
        "route53resolver:DisassociateResolverQueryLogConfig",
    )
    failed_calls = "denied-lower"
    service_calls = "drop-aws"
    check_first = "Was a network taken down? If not, set the log up again, then see who used it."
    many = "ended network logs"
    attack = "T1562.008"
    references = (
        "https://docs.aws.amazon.com/vpc/latest/userguide/flow-logs.html",
        "https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/resolver-query-logs.html",
    )
    since = "0.1.0"

    def match(self, event: Event) -> bool:
        # A call that deleted nothing is recorded without an error: its answer says so.
        return event.action != FLOW_LOGS or bool(deleted(event)) or not kept(event)

    def title(self, event: Event) -> Text:
        if event.action == FLOW_LOGS:
            ids = deleted(event)
            if len(ids) == 1:
                return did(event, "deleted", "delete", "flow log {}", ids[0])
            some = f"{len(ids)} flow logs" if ids else "flow logs"
            return did(event, "deleted", "delete", some)
        config = event.text("requestParameters.resolverQueryLogConfigId")
        what = say("the DNS query log {}", config) if config else say("a DNS query log")
        if "Disassociate" not in event.name:
            return did(event, "deleted", "delete", "{}", what)
        vpc = event.text("requestParameters.resourceId")
        whose = say("VPC {}", vpc) if vpc else say("a VPC")
        return did(event, "took", "take", "{} out of {}", whose, what)

    def details(self, event: Event) -> tuple[Line, ...]:
        ids = deleted(event)
        if event.action != FLOW_LOGS or len(ids) < 2:
            return ()
        return (Line("Flow logs", join(", ", [say("{}", flow) for flow in ids[:SHOWN]])),)

    @staticmethod
    def examples() -> Iterator[Rings | Quiet]:
        yield Rings(
            "a flow log",
            delete(item("fl-064ed3a785e4a37ef")),
            "mallory deleted flow log fl-064ed3a785e4a37ef",
            Severity.HIGH,
        )
        yield Rings(
            "two flow logs",
            delete([item("fl-1"), item("fl-2")]),
            "mallory deleted 2 flow logs",
        )
        yield Rings(
            "two flow logs, of which one could not be deleted",
            delete([item("fl-1"), item("fl-2")], unsuccessful=failed("fl-2")),
            "mallory deleted flow log fl-1",
        )
        yield Rings(
            "a refused attempt that is recorded without its parameters",
            call(FLOW_LOGS, by="mallory", error="Client.UnauthorizedOperation"),
            "mallory tried to delete flow logs and was refused",
            Severity.MEDIUM,
        )
        yield Rings(
            "a DNS query log, by a stack",
            call(
                "route53resolver:DeleteResolverQueryLogConfig",
                by=role("deploy", "build-42") | {"invokedBy": "cloudformation.amazonaws.com"},
                request={"resolverQueryLogConfigId": "rqlc-5aa596fe3bd84ec6"},
            ),
            "deploy/build-42 deleted the DNS query log rqlc-5aa596fe3bd84ec6",
        )
        yield Rings(
            "a network taken out of a DNS query log",
            call(
                "route53resolver:DisassociateResolverQueryLogConfig",
                by="mallory",
                request={
                    "resolverQueryLogConfigId": "rqlc-5aa596fe3bd84ec6",
                    "resourceId": "vpc-0abc",
                },
            ),
            "mallory took VPC vpc-0abc out of the DNS query log rqlc-5aa596fe3bd84ec6",
        )
        yield Rings(
            "a record that names neither",
            call("route53resolver:DisassociateResolverQueryLogConfig", by="mallory"),
            "mallory took a VPC out of a DNS query log",
        )
        yield Quiet(
            "an answer that says that nothing was deleted",
            delete(item("fl-1"), unsuccessful=failed("fl-1")),
        )
        yield Quiet(
            "a mistake deleted nothing",
            call(FLOW_LOGS, by="mallory", error="Client.InvalidFlowLogId.NotFound"),
        )
        yield Quiet("AWS itself", call(FLOW_LOGS, by=service("fms")))


def deleted(event: Event) -> list[str]:
    """Ids of the flow logs that the call named and that its answer does not say it kept."""
    path = "requestParameters.DeleteFlowLogsRequest.FlowLogId"
    ids = objects(event, path, "content") or named(event, "requestParameters.flowLogIds")
    left = kept(event)
    return [flow for flow in ids if flow not in left]


def kept(event: Event) -> list[str]:
    """Ids of the flow logs that could not be deleted."""
    path = "responseElements.DeleteFlowLogsResponse.unsuccessful.item"
    return objects(event, path, "resourceId")


def objects(event: Event, path: str, field: str) -> list[str]:
    """A field of the object at a path, or of each in its list: XML has no lists of one."""
    found = event.items(path) or [event.get(path)]
    texts = (Event(one).text(field) for one in found if isinstance(one, dict))
    return [text for text in texts if text]


def item(flow_log: str) -> dict[str, object]:
    return {"tag": 1, "content": flow_log}


def failed(flow_log: str) -> dict[str, object]:
    return {"item": {"error": {"code": "InvalidFlowLogId.NotFound"}, "resourceId": flow_log}}


def delete(flow_logs: object, unsuccessful: object = "") -> Event:
    return call(
        FLOW_LOGS,
        by="mallory",
        request={"DeleteFlowLogsRequest": {"FlowLogId": flow_logs}},
        response={"DeleteFlowLogsResponse": {"unsuccessful": unsuccessful}},
    )
