"""The Terraform module, applied: what it makes in a local AWS rings, and says so where it cannot.

Terraform's own command line with an offline stand-in of the provider makes the things in moto;
`cloud` runs the function that was uploaded, with the role, queues and filters that were made.
"""

from __future__ import annotations

import gzip
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from cloud import aws as local
from cloud.aws import Aws, matches
from cloud.guard import ACCOUNT, REGION, arn
from cloud.terraform import NotInstalled, Workspace, copy_module, mirror
from conftest import REQUIRED, logged
from fakes import CHAT, TOKEN, Answer, Receiver, receiving
from trailbell.testing import call
from zips import runnable, zip_for

pytestmark = pytest.mark.slow

RUNTIME = "python3.13"  # the module's default
TRAIL = "aws-cloudtrail-logs"
SECRET = "/trailbell/slack"
DOWN: Answer = (503, {}, "down")
GONE: Answer = (404, {}, "no_service")
QUARTER = 900  # seconds: the pace of the retry lane


def key_created(by: str) -> dict[str, Any]:
    """A record that rings; each by another one."""
    number = f"6e4a2f0c-0000-4000-8000-{sum(by.encode()):012d}"
    return call("iam:CreateAccessKey", by=by, eventID=number).raw


def key_activated(number: int) -> dict[str, Any]:
    """A record of medium severity, of which several are told as a run."""
    request = {"userName": "eve", "accessKeyId": f"AKIA{number:016d}", "status": "Active"}
    by_number = f"6e4a2f0c-0000-4000-9000-{number:012d}"
    return call("iam:UpdateAccessKey", by="eve", request=request, eventID=by_number).raw


READ = call("iam:ListUsers", by="bob").raw


@pytest.fixture(scope="session")
def provider(shared: Path) -> Path:
    """The mirror with the offline provider."""
    try:
        return mirror(shared / "terraform")
    except NotInstalled as error:
        required = os.environ.get(REQUIRED) == "1"
        (pytest.fail if required else pytest.skip)(str(error))


@pytest.fixture
def slack() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


@pytest.fixture(scope="session")
def runtime(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for what functions run."""
    return tmp_path_factory.mktemp("runtime")


@pytest.fixture
def aws(runtime: Path, slack: Receiver) -> Iterator[Aws]:
    """A local AWS with what the examples expect to be there: a log group and a secret."""
    with local.running(runnable()[1], runtime) as found:
        keep(found, SECRET, slack.slack)
        found.client("logs").create_log_group(logGroupName=TRAIL)
        yield found


@pytest.fixture
def module(tmp_path: Path) -> Path:
    """A copy of infra/ and a zip of the function beside it."""
    version, _ = runnable()
    zipped = zip_for(version)
    shutil.copy(zipped, tmp_path / "function.zip")
    if f"python{version}" == RUNTIME:  # else the module would refuse what can run here
        shutil.copy(f"{zipped}.json", tmp_path / "function.zip.json")
    return copy_module(tmp_path)


@pytest.fixture
def simple(aws: Aws, module: Path, provider: Path) -> Workspace:
    given = {"log_group_name": TRAIL, "alarm_email": "security@example.com"}
    return Workspace(module / "examples" / "simple", provider, aws.endpoint, given)


def keep(aws: Aws, name: str, value: str) -> None:
    """Put a secret where an example looks for it."""
    aws.client("ssm").put_parameter(Name=name, Type="SecureString", Value=value, Overwrite=True)


def told(receiver: Receiver) -> list[str]:
    """Who created a key, by the messages that were taken, in their order."""
    texts = [body["text"] for body in receiver.taken]
    return [text.split(" created an access key")[0].split()[-1].strip("`") for text in texts]


@contextmanager
def edited(file: Path, old: str, new: str) -> Iterator[None]:
    """A file of the copied module with other words in it."""
    text = file.read_text()
    assert text.count(old) == 1, f"{file.name} holds {text.count(old)} of {old}"
    file.write_text(text.replace(old, new))
    try:
        yield
    finally:
        file.write_text(text)


def left(aws: Aws) -> dict[str, Any]:
    """What is there, without what was there before an example was applied."""
    of = aws.client
    groups = of("logs").describe_log_groups()["logGroups"]
    parameters = of("ssm").describe_parameters()["Parameters"]
    keys = [one["KeyId"] for one in of("kms").list_keys()["Keys"]]
    states = [of("kms").describe_key(KeyId=key)["KeyMetadata"]["KeyState"] for key in keys]
    found = {
        "functions": of("lambda").list_functions()["Functions"],
        "mappings": of("lambda").list_event_source_mappings()["EventSourceMappings"],
        "tables": of("dynamodb").list_tables()["TableNames"],
        "queues": of("sqs").list_queues().get("QueueUrls", []),
        "log groups": [one["logGroupName"] for one in groups if one["logGroupName"] != TRAIL],
        "filters": of("logs").describe_subscription_filters(logGroupName=TRAIL)[
            "subscriptionFilters"
        ],
        "metric filters": of("logs").describe_metric_filters()["metricFilters"],
        "alarms": of("cloudwatch").describe_alarms()["MetricAlarms"],
        "roles": [one["RoleName"] for one in of("iam").list_roles()["Roles"]],
        "parameters": [
            one["Name"] for one in parameters if not one["Name"].startswith("/trailbell/")
        ],
        "config": [one["Name"] for one in parameters if one["Name"].endswith("/config")],
        "topics": of("sns").list_topics()["Topics"],
        "subscriptions": of("sns").list_subscriptions()["Subscriptions"],
        "buckets": [one["Name"] for one in of("s3").list_buckets()["Buckets"]],
        "trails": of("cloudtrail").describe_trails()["trailList"],
        "keys": [state for state in states if state != "PendingDeletion"],
    }
    return {name: things for name, things in found.items() if things}


def test_simple(aws: Aws, slack: Receiver, simple: Workspace) -> None:
    """Applied it rings, for what the pattern lets pass; while Slack is down an event waits in the
    retry lane, and is posted once, and so does a run; destroyed, nothing is left."""
    simple.apply()
    assert simple.is_settled()

    aws.write(TRAIL, READ)
    assert aws.made() == []
    aws.write(TRAIL, READ, key_created("alice"), READ)
    (rung,) = aws.made()
    assert rung.line["events"] == 1 and len(rung.log.split("\n")) == 1  # nobody else's lines
    assert told(slack) == ["alice"]

    slack.answer(lambda _: DOWN)
    aws.write(TRAIL, key_created("bob"))
    tries = aws.made()
    # three by Lambda, and one more that takes up what Lambda gave up
    assert [one.error["errorType"] if one.error else "" for one in tries] == [
        *["DeliveryIncomplete"] * 3, "",
    ]  # fmt: skip
    assert tries[-1].answer and len(tries[-1].answer["batchItemFailures"]) == 1
    aws.wait(QUARTER)
    assert len(aws.made()) == 1 and len(aws.messages("trailbell-retry")) == 1

    slack.answer(())
    aws.wait(QUARTER)
    aws.write(TRAIL, key_created("carol"))
    aws.wait(QUARTER)
    assert told(slack) == ["alice", "bob", "carol"]

    for number in range(3):  # the first is told, the others a quarter of an hour later as one
        aws.write(TRAIL, key_activated(number))
    assert len(slack.taken) == 4
    aws.wait(QUARTER)
    assert len(slack.taken) == 5
    assert aws.messages("trailbell-retry") == aws.messages("trailbell-last") == []
    assert aws.undelivered == aws.guard.refused == []

    simple.destroy()
    assert left(aws) == {}


def test_metric_filters(aws: Aws, slack: Receiver, simple: Workspace) -> None:
    """The metric filters under the alarms match the lines of the function's log that they are for,
    and no others."""
    made = simple.apply()
    function = arn("lambda", f"function:{made['function_name']}")
    logs = aws.client("logs")
    group = f"/aws/lambda/{made['function_name']}"
    filters = {
        one["metricTransformations"][0]["metricName"]: one["filterPattern"]
        for one in logs.describe_metric_filters(logGroupName=group)["metricFilters"]
    }

    def counted(event: dict[str, Any]) -> set[str]:
        """The filters that match a line of the log of one try."""
        line = aws.run(function, event).line
        stream = {"logGroupName": group, "logStreamName": line["request"]}
        lines = [one["message"] for one in logs.get_log_events(**stream)["events"]]
        assert json.dumps(line) in lines
        return {name for name, of in filters.items() if any(matches(of, one) for one in lines)}

    assert filters.keys() == {"dead_channel", "unparsed", "ledger_errors"}
    assert counted(logged(key_created("alice"))) == set()
    assert counted(logged("no record", key_created("bob"))) == {"unparsed"}
    slack.answer(lambda _: DOWN)
    assert counted(logged(key_created("carol"))) == set()
    slack.answer(lambda _: GONE)
    assert counted(logged(key_created("dave"))) == {"dead_channel"}
    slack.answer(())
    aws.client("dynamodb").delete_table(TableName="trailbell-ledger")
    assert counted(logged(key_created("erin"))) == {"ledger_errors"}


class Fault(NamedTuple):
    """One word of the module that is wrong, and what the function's log then says."""

    file: str
    right: str
    wrong: str
    says: str


STRANGER = arn("secretsmanager", "secret:stranger-AbCdEf")
FAULTS = [
    Fault(
        "examples/simple/main.tf",
        "ssm:${var.slack_parameter}",
        f"secretsmanager:{STRANGER}",
        f"secretsmanager:{STRANGER} could not be read: get_secret_value: ResourceNotFoundException",
    ),
    Fault(
        "iam.tf",
        "concat(local.config_parameter_arns, local.parameter_arns)",
        "local.config_parameter_arns",
        f"ssm:{SECRET} could not be read: get_parameter: AccessDenied",
    ),
    Fault(
        "iam.tf",
        '["ssm:GetParameter"]',
        '["ssm:GetParameters"]',
        "ssm:/trailbell/config could not be read: get_parameter: AccessDenied",
    ),
]


def test_faults(aws: Aws, slack: Receiver, simple: Workspace, module: Path) -> None:
    """With a secret that is not there or a right that is missing each try fails, the log names it,
    and the event waits; once that is mended it is posted, and posted once."""
    made = simple.apply()
    permission = aws.client("lambda").get_policy(FunctionName=made["function_name"])["Policy"]
    group = f"/aws/lambda/{made['function_name']}"
    names = [f"user{number}" for number, _ in enumerate(FAULTS)]
    for name, fault in zip(names, FAULTS, strict=True):
        with edited(module / fault.file, fault.right, fault.wrong):
            simple.apply()
            aws.write(TRAIL, key_created(name))
        tries = aws.made()
        assert len(tries) == 4 and all(one.error for one in tries)
        log = aws.client("logs").filter_log_events(logGroupName=group)["events"]
        assert sum(fault.says in event["message"] for event in log) == 4, fault
    assert len(aws.messages("trailbell-retry")) == len(FAULTS) and slack.requests == []

    simple.apply()
    aws.wait(QUARTER)
    aws.wait(QUARTER)
    assert [one.error for one in aws.made()] == [None] * len(FAULTS)
    assert sorted(told(slack)) == names and aws.messages("trailbell-retry") == []
    # It was never gone: CloudWatch Logs would have skipped records.
    kept = aws.client("lambda").get_policy(FunctionName=made["function_name"])["Policy"]
    assert json.loads(kept)["Statement"] == json.loads(permission)["Statement"]


def test_cut_off(aws: Aws, slack: Receiver, simple: Workspace, module: Path) -> None:
    """Where AWS itself could not hand an event on there is no try to look at: the alarms on its
    counts of that are what tells, and they are there."""
    made = simple.apply()
    alarms = {
        one["MetricName"]: {of["Name"]: of["Value"] for of in one["Dimensions"]}
        for one in aws.client("cloudwatch").describe_alarms()["MetricAlarms"]
        if one["AlarmActions"]
    }

    slack.answer(lambda _: DOWN)
    with edited(module / "iam.tf", '["sqs:SendMessage", "sqs:Rec', '["sqs:Rec'):
        simple.apply()
        aws.write(TRAIL, key_created("alice"))
    assert len(aws.made()) == 3 and aws.messages("trailbell-retry") == []
    (lost,) = aws.undelivered
    assert "trailbell-retry" in lost and "sqs:SendMessage" in lost
    assert alarms["DestinationDeliveryFailures"] == {"FunctionName": made["function_name"]}

    aws.undelivered.clear()
    with edited(module / "doors.tf", '"${local.log_group_arn}:*"', "local.log_group_arn"):
        simple.apply()
        aws.write(TRAIL, key_created("bob"))
    assert aws.made() == []
    (lost,) = aws.undelivered
    assert TRAIL in lost
    (of,) = aws.client("logs").describe_subscription_filters(logGroupName=TRAIL)[
        "subscriptionFilters"
    ]
    assert alarms["DeliveryErrors"] == {
        "LogGroupName": TRAIL, "DestinationType": "Lambda", "FilterName": of["filterName"],
    }  # fmt: skip


def test_complete(aws: Aws, slack: Receiver, module: Path, provider: Path) -> None:
    """With a trail, a key, a boundary and three channels of its own making all rights fit: what
    CloudTrail writes is told in each channel, through the retry lane and the fallback too."""
    boundary = {"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "*", "Resource": "*"},
        {"Effect": "Deny", "Action": "iam:*", "Resource": "*"},
    ]}  # fmt: skip
    given = {
        "alarm_email": "security@example.com",
        "force_destroy": True,
        "permissions_boundary": aws.client("iam").create_policy(
            PolicyName="boundary", PolicyDocument=json.dumps(boundary)
        )["Policy"]["Arn"],
        "telegram_api_url": slack.address,
        "telegram_chat_id": CHAT,
    }
    keep(aws, "/trailbell/telegram", TOKEN)
    complete = Workspace(module / "examples" / "complete", provider, aws.endpoint, given)
    made = complete.apply()
    assert complete.is_settled()
    mail = aws.client("sqs").create_queue(QueueName="mail")["QueueUrl"]
    admit(aws, mail, "sns.amazonaws.com", made["mail_topic_arn"])

    (trail,) = aws.client("cloudtrail").describe_trails()["trailList"]
    group = trail["CloudWatchLogsLogGroupArn"].removesuffix(":*").rpartition(":")[2]
    by = aws.as_role("logs", trail["CloudWatchLogsRoleArn"], "cloudtrail.amazonaws.com")
    assert group == made["log_group_name"]

    def paths() -> list[str]:
        return sorted(
            one.path.rsplit("/", 1)[-1][:11] for one in slack.requests if one.status == 200
        )

    aws.write(group, READ, key_created("alice"), by=by)
    assert [one.line["messages"] for one in aws.made()] == [2]
    both = paths()
    assert len(both) == 2 and "sendMessage" in both

    slack.answer(lambda _: DOWN)
    aws.write(group, key_created("bob"), by=by)
    assert len(aws.messages(made["retry_queue_url"].rpartition("/")[2])) == 1
    slack.answer(())
    aws.wait(QUARTER)
    assert paths() == sorted(both * 2)

    slack.answer(lambda _: GONE)
    aws.write(group, key_created("carol"), by=by)
    letters = aws.messages("mail")
    assert len(letters) == 2 and all("carol" in letter for letter in letters)
    assert aws.undelivered == aws.guard.refused == []

    s3, bucket = aws.client("s3"), trail["S3BucketName"]
    s3.delete_bucket_policy(Bucket=bucket)  # moto takes its "TLS only" for "nobody"
    s3.put_object(Bucket=bucket, Key=f"AWSLogs/{ACCOUNT}/log", Body=b"")
    complete.destroy()
    aws.client("sqs").delete_queue(QueueUrl=mail)
    assert left(aws) == {}


def test_organization_s3(aws: Aws, slack: Receiver, module: Path, provider: Path) -> None:
    """A log file in the bucket of the organization is read and told; what cannot be read waits, and
    ends in the last queue."""
    s3, bucket = aws.client("s3"), "org-trail"
    topic = aws.client("sns").create_topic(Name="org-trail")["TopicArn"]
    s3.create_bucket(Bucket=bucket)
    notify = {"TopicConfigurations": [{"TopicArn": topic, "Events": ["s3:ObjectCreated:*"]}]}
    s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration=notify)
    given = {"bucket": bucket, "topic_arn": topic, "alarm_email": "security@example.com",
             "accounts": {"111122223333": "production"}}  # fmt: skip
    organization = Workspace(module / "examples" / "organization-s3", provider, aws.endpoint, given)
    with edited(module / "queues.tf", "attempts   = 96", "attempts   = 2"):  # not for a day
        organization.apply()
        assert organization.is_settled()

    def store(name: str, *records: object, kind: str = "CloudTrail", top: str = "AWSLogs") -> None:
        key = f"{top}/o-1/{ACCOUNT}/{kind}/{REGION}/2026/03/17/{ACCOUNT}_{kind}_{name}.json.gz"
        s3.put_object(
            Bucket=bucket, Key=key, Body=gzip.compress(json.dumps({"Records": records}).encode())
        )
        aws.settle()

    store("one", READ, key_created("alice"), key_created("bob"))
    store("two", key_created("carol"), kind="CloudTrail-Digest")
    assert [one.line["events"] for one in aws.made()] == [3, 0]  # no filter before it
    assert sorted(told(slack)) == ["alice", "bob"]
    assert "production" in slack.bodies[0]["text"]

    store("three", key_created("dave"), top="elsewhere/AWSLogs")  # outside of the prefix
    (failed,) = aws.made()
    assert "s3://org-trail/elsewhere/AWSLogs" in failed.log and "AccessDenied" in failed.log
    aws.wait(QUARTER)
    aws.wait(QUARTER)
    assert len(aws.messages("trailbell-last")) == 1 and aws.messages("trailbell-records") == []
    assert aws.undelivered == []

    organization.destroy()
    s3.delete_objects(
        Bucket=bucket,
        Delete={
            "Objects": [
                {"Key": one["Key"]} for one in s3.list_objects_v2(Bucket=bucket)["Contents"]
            ]
        },
    )
    s3.delete_bucket(Bucket=bucket)
    aws.client("sns").delete_topic(TopicArn=topic)
    assert left(aws) == {}


def admit(aws: Aws, queue: str, service: str, topic: str) -> None:
    """Let a topic write to a queue of the test's own, and subscribe it."""
    sqs = aws.client("sqs")
    target = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]
    statement = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sqs:SendMessage",
                 "Resource": target["QueueArn"]}  # fmt: skip
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"Policy": policy})
    aws.client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=target["QueueArn"])
