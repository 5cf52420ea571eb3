"""The local AWS of the end-to-end tests does what AWS does, where trailbell depends on it."""

from __future__ import annotations

import io
import json
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from cloud import aws as local
from cloud.aws import Aws, matches
from cloud.guard import ACCOUNT, arn, asked
from cloud.iam import Ask, allowed

READ = Ask("ssm:GetParameter", arn("ssm", "parameter/a/b"), {"aws:SourceArn": arn("sns", "t")})


def statement(
    effect: str = "Allow", action: Any = "ssm:GetParameter", resource: Any = "*", **more: Any
) -> dict[str, Any]:
    return {"Effect": effect, "Action": action, "Resource": resource, **more}


def document(*statements: dict[str, Any]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(statements)}


NO_TLS = {"Bool": {"aws:SecureTransport": "false"}}
SOURCE = {"ArnLike": {"aws:sourcearn": arn("sns", "*")}}


@pytest.mark.parametrize(
    ("statements", "wanted"),
    [
        pytest.param([], False, id="nothing"),
        pytest.param([statement()], True, id="all"),
        pytest.param([statement(action="SSM:getp*")], True, id="letters and wildcard"),
        pytest.param([statement(action="ssm:GetParameters")], False, id="another action"),
        pytest.param([statement(resource=arn("ssm", "parameter/a/b"))], True, id="exact"),
        pytest.param([statement(resource=arn("ssm", "parameter/a/?"))], True, id="one character"),
        pytest.param([statement(resource=arn("ssm", "parameter/A/b"))], False, id="other letters"),
        pytest.param([statement(resource=[arn("ssm", "x"), "*"])], True, id="one of a list"),
        pytest.param([statement(), statement("Deny", "ssm:*")], False, id="denied"),
        pytest.param([statement(), statement("Deny", "s3:*")], True, id="something else denied"),
        pytest.param([statement(Condition=SOURCE)], True, id="condition"),
        pytest.param(
            [statement(Condition={"ArnEquals": {"aws:SourceArn": "arn:aws:sns:*:t"}})],
            False,
            id="a wildcard stays in its part of an ARN",
        ),
        pytest.param(
            [statement(Condition={"StringEquals": {"aws:SourceAccount": ACCOUNT}})],
            False,
            id="a key that the request has not",
        ),
        pytest.param(
            [statement(Condition={**SOURCE, "StringEquals": {"aws:SourceArn": "x"}})],
            False,
            id="one condition of two",
        ),
        pytest.param(
            [statement(), statement("Deny", "*", Condition=NO_TLS)],
            True,
            id="TLS only",
        ),
    ],
)  # fmt: skip
def test_allowed(statements: list[dict[str, Any]], wanted: bool) -> None:
    """A statement allows it, none denies it, and all of its conditions hold."""
    assert allowed([document(*statements)], READ) is wanted
    assert allowed([json.dumps(document(one)) for one in statements], READ) is wanted


def test_principal() -> None:
    """A resource's policy has to name the service."""
    named = document(statement(Principal={"Service": ["sns.amazonaws.com", "x"]}))
    assert allowed([named], READ, "sns.amazonaws.com")
    assert not allowed([named], READ, "logs.amazonaws.com")
    assert not allowed([document(statement())], READ, "sns.amazonaws.com")


@pytest.mark.parametrize(
    "strange",
    [statement(NotAction="x"), statement(Condition={"DateLessThan": {"aws:CurrentTime": "x"}})],
    ids=["element", "operator"],
)
def test_strange_policy(strange: dict[str, Any]) -> None:
    """What the stand-in cannot judge is no right, and no lack of one either."""
    with pytest.raises(NotImplementedError):
        allowed([document(strange)], READ)


def request(
    service: str, target: str = "", path: str = "/", method: str = "POST"
) -> dict[str, Any]:
    scope = f"AWS4-HMAC-SHA256 Credential=K/20260317/us-east-1/{service}/aws4_request, ..."
    return {"HTTP_AUTHORIZATION": scope, "HTTP_X_AMZ_TARGET": target, "PATH_INFO": path,
            "REQUEST_METHOD": method}  # fmt: skip


@pytest.mark.parametrize(
    ("environ", "body", "wanted"),
    [
        (request("ssm", "AmazonSSM.GetParameter"), {"Name": "/a/b"},
         [("ssm:GetParameter", arn("ssm", "parameter/a/b"))]),
        (request("secretsmanager", "secretsmanager.GetSecretValue"), {"SecretId": "none"},
         [("secretsmanager:GetSecretValue", arn("secretsmanager", "secret:none"))]),
        (request("dynamodb", "DynamoDB_20120810.PutItem"), {"TableName": "t"},
         [("dynamodb:PutItem", arn("dynamodb", "table/t"))]),
        (request("dynamodb", "DynamoDB_20120810.BatchGetItem"),
         {"RequestItems": {"t": {}, "u": {}}},
         [("dynamodb:BatchGetItem", arn("dynamodb", "table/t")),
          ("dynamodb:BatchGetItem", arn("dynamodb", "table/u"))]),
        (request("sqs", "AmazonSQS.SendMessage"), {"QueueUrl": f"http://x/{ACCOUNT}/q"},
         [("sqs:SendMessage", arn("sqs", "q"))]),
        (request("logs", "Logs_20140328.PutLogEvents"), {"logGroupName": "g", "logStreamName": "s"},
         [("logs:PutLogEvents", arn("logs", "log-group:g:log-stream:s"))]),
        (request("sns"), f"Action=Publish&TopicArn={arn('sns', 't')}",
         [("sns:Publish", arn("sns", "t"))]),
        (request("s3", path="/bucket/a%20key", method="GET"), "",
         [("s3:GetObject", "arn:aws:s3:::bucket/a key")]),
        (request("iam"), "Action=CreateUser", [("unknown:/", "-")]),
    ],
    ids=lambda value: value.get("HTTP_X_AMZ_TARGET") if isinstance(value, dict) else "",
)  # fmt: skip
def test_asked(environ: dict[str, Any], body: Any, wanted: list[tuple[str, str]]) -> None:
    """A call is an action on a resource, as IAM names them."""
    text = body if isinstance(body, str) else json.dumps(body)
    assert [(ask.action, ask.resource) for ask in asked(environ, text.encode())] == wanted


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("runtime")


@pytest.fixture
def aws(folder: Path) -> Iterator[Aws]:
    with local.running(sys.executable, folder) as found:
        yield found


CODE = """
import logging, time
def handler(event, context):
    logging.getLogger().warning("at %.0f s", context.get_remaining_time_in_millis() / 1000)
    records = event.get("Records", [])
    time.sleep(5)
    if "awslogs" in event or not records:
        raise ValueError("down")
    bad = [one["messageId"] for one in records if "bad" in one["body"]]
    return {"batchItemFailures": [{"itemIdentifier": one} for one in bad]}
"""


def make_role(aws: Aws, *statements: dict[str, Any], **more: Any) -> str:
    """A role that Lambda may take, with these rights."""
    trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"},
             "Action": "sts:AssumeRole"}  # fmt: skip
    role = aws.client("iam").create_role(
        RoleName="f", AssumeRolePolicyDocument=json.dumps(document(trust)), **more
    )["Role"]
    policy = json.dumps(document(*statements))
    aws.client("iam").put_role_policy(RoleName="f", PolicyName="p", PolicyDocument=policy)
    return str(role["Arn"])


def make_function(aws: Aws, *rights: str) -> str:
    """A function with a log group, an on-failure queue and a last queue that it consumes."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("main.py", CODE)
    lambda_, sqs = aws.client("lambda"), aws.client("sqs")
    made = lambda_.create_function(
        FunctionName="f",
        Role=make_role(aws, statement(action=list(rights))),
        Handler="main.handler",
        Runtime="python3.13",
        Timeout=30,
        Code={"ZipFile": packed.getvalue()},
    )
    sqs.create_queue(QueueName="last")
    redrive = json.dumps({"deadLetterTargetArn": arn("sqs", "last"), "maxReceiveCount": 2})
    sqs.create_queue(
        QueueName="retry", Attributes={"RedrivePolicy": redrive, "VisibilityTimeout": "900"}
    )
    lambda_.put_function_event_invoke_config(
        FunctionName="f",
        MaximumRetryAttempts=2,
        DestinationConfig={"OnFailure": {"Destination": arn("sqs", "retry")}},
    )
    aws.client("logs").create_log_group(logGroupName="/aws/lambda/f")
    return str(made["FunctionArn"])


RIGHTS = ("sqs:*", "logs:CreateLogStream", "logs:PutLogEvents")


def subscribe(aws: Aws, function: str, source: str) -> None:
    logs = aws.client("logs")
    logs.create_log_group(logGroupName="trail")
    aws.client("lambda").add_permission(
        FunctionName="f",
        StatementId="s",
        Action="lambda:InvokeFunction",
        Principal="logs.amazonaws.com",
        SourceArn=source,
        SourceAccount=ACCOUNT,
    )
    logs.put_subscription_filter(
        logGroupName="trail",
        filterName="f",
        filterPattern='{ $.eventName != "Get*" }',
        destinationArn=function,
    )


def test_guard(aws: Aws) -> None:
    """A role may do what its policy says, on that resource, and what its boundary allows too."""
    for name in ("/mine", "/other"):
        aws.client("ssm").put_parameter(Name=name, Value="x", Type="String")
    limit = json.dumps(document(statement(action="ssm:Get*")))
    boundary = aws.client("iam").create_policy(PolicyName="b", PolicyDocument=limit)["Policy"]
    mine = statement(action="ssm:*", resource=arn("ssm", "parameter/mine"))
    role = make_role(aws, mine, PermissionsBoundary=boundary["Arn"])
    ssm = aws.as_role("ssm", role, "lambda.amazonaws.com")
    assert ssm.get_parameter(Name="/mine")["Parameter"]["Value"] == "x"
    for call, name in ((ssm.get_parameter, "/other"), (ssm.delete_parameter, "/mine")):
        with pytest.raises(ClientError, match="AccessDenied"):
            call(Name=name)
    with pytest.raises(ClientError, match="AccessDenied"):
        aws.client("ssm", "a stranger's").get_parameter(Name="/mine")
    with pytest.raises(AssertionError):
        aws.as_role("ssm", role, "cloudtrail.amazonaws.com")
    assert aws.guard.refused == [
        f"ssm:GetParameter {arn('ssm', 'parameter/other')}",
        f"ssm:DeleteParameter {arn('ssm', 'parameter/mine')}",
        f"ssm:GetParameter {arn('ssm', 'parameter/mine')}",
    ]


def test_queue_key(aws: Aws) -> None:
    """Who writes to an encrypted queue needs the key too, through SQS."""
    key = arn("kms", "key/1")
    sqs = aws.client("sqs")
    url = sqs.create_queue(QueueName="q", Attributes={"KmsMasterKeyId": key})["QueueUrl"]
    via = {"StringEquals": {"kms:ViaService": ["sqs.us-east-1.amazonaws.com"]}}
    role = make_role(aws, statement(action="sqs:*"), statement(action="kms:Decrypt", Condition=via))
    mine = aws.as_role("sqs", role, "lambda.amazonaws.com")
    with pytest.raises(ClientError, match="kms:GenerateDataKey"):
        mine.send_message(QueueUrl=url, MessageBody="x")
    sqs.send_message(QueueUrl=url, MessageBody="x")
    assert mine.receive_message(QueueUrl=url)["Messages"]


def test_filter(aws: Aws) -> None:
    """What the pattern takes is handed on, tried three times, and then kept by the destination."""
    subscribe(aws, make_function(aws, *RIGHTS), arn("logs", "log-group:trail:*"))
    aws.write("trail", {"eventName": "GetUser"}, "no record", {"eventType": "x"})
    assert aws.made() == [] and aws.clock == 0
    aws.write("trail", {"eventName": "GetUser"}, {"eventName": "DeleteUser"})
    tries = aws.made()
    assert [one.error for one in tries] == [{"errorType": "ValueError", "errorMessage": "down"}] * 3
    assert aws.clock == 60 + 120 + 3 * 5  # its sleep costs time, but none of ours
    (kept,) = map(json.loads, aws.messages("retry"))
    assert kept["requestPayload"] == tries[0].event and kept["responsePayload"] == tries[0].error
    assert kept["requestContext"]["approximateInvokeCount"] == 3
    events = aws.client("logs").filter_log_events(logGroupName="/aws/lambda/f")["events"]
    assert sum("\tat 30 s" in event["message"] for event in events) == 3
    assert aws.undelivered == []


@pytest.mark.parametrize(
    "source", [arn("logs", "log-group:trail"), arn("logs", "log-group:other:*")]
)
def test_no_permission(aws: Aws, source: str) -> None:
    """A function that does not admit the log group is not invoked."""
    subscribe(aws, make_function(aws, *RIGHTS), source)
    aws.write("trail", {"eventName": "DeleteUser"})
    assert aws.made() == [] and len(aws.undelivered) == 1


def test_no_rights(aws: Aws) -> None:
    """Without its rights neither the function's log nor what failed is kept anywhere."""
    aws.invoke(make_function(aws, "sqs:ReceiveMessage"), {})
    assert len(aws.made()) == 3 and aws.messages("retry") == []
    assert [lost.partition(":")[0] for lost in aws.undelivered] == ["/aws/lambda/f"] * 3 + ["arn"]


def test_queue(aws: Aws) -> None:
    """Of a batch only what failed stays, comes back after the visibility time-out, and ends in the
    last queue."""
    function = make_function(aws, *RIGHTS)
    aws.client("lambda").create_event_source_mapping(
        EventSourceArn=arn("sqs", "retry"),
        FunctionName=function,
        BatchSize=10,
        FunctionResponseTypes=["ReportBatchItemFailures"],
    )
    url = aws.client("sqs").get_queue_url(QueueName="retry")["QueueUrl"]
    for body in ("good", "bad"):
        aws.client("sqs").send_message(QueueUrl=url, MessageBody=body)
    aws.settle()
    aws.wait(600)
    assert len(aws.made()) == 1 and aws.messages("retry") == ["bad"]
    aws.wait(600)
    assert len(aws.made()) == 1
    aws.wait(900)
    assert aws.made() == [] and aws.messages("retry") == [] and aws.messages("last") == ["bad"]
    assert aws.undelivered == []


def test_topic(aws: Aws) -> None:
    """A topic writes to a queue whose policy admits it."""
    sns, sqs = aws.client("sns"), aws.client("sqs")
    topic = sns.create_topic(Name="t")["TopicArn"]
    url = sqs.create_queue(QueueName="q")["QueueUrl"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn("sqs", "q"))
    sns.publish(TopicArn=topic, Message="x")
    assert aws.messages("q") == [] and len(aws.undelivered) == 1
    admits = statement(
        action="sqs:SendMessage",
        Principal={"Service": "sns.amazonaws.com"},
        Condition={"ArnEquals": {"aws:SourceArn": topic}},
    )
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps(document(admits))})
    sns.publish(TopicArn=topic, Message="x")
    assert len(aws.messages("q")) == 1


def test_matches() -> None:
    """Only a line that is JSON as a whole can match; an empty pattern takes all."""
    pattern = "{ $.failed > 0 }"
    assert matches(pattern, '{"failed": 1}') and matches("", "no JSON")
    assert not matches(pattern, '[INFO] {"failed": 1}') and not matches(pattern, '{"failed": 0}')
