from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
import urllib3
from botocore.stub import Stubber
from moto import mock_aws
from pydantic import ValidationError

import judges
from fakes import told
from trailbell.channels.sns import Sns
from trailbell.errors import ChannelError, Verdict
from trailbell.model import Line, Link, Message, Severity, Text, say
from trailbell.testing import call

REGION = "eu-west-1"
ARN = f"arn:aws:sns:{REGION}:111122223333:alerts"
MESSAGE = Message(
    Severity.CRITICAL,
    say("{} did it", "mallory"),
    place=Text(("production",)),
    what=say("{} · succeeded", "iam:CreateUser"),
    lines=(Line("Who", say("{} (IAM user)", "https://evil.example")), Line("", say("and more"))),
    check_first="Look there.",
    commands=("aws iam get-user", "aws iam list-users"),
    rule="a-rule",
    links=(Link("Open in CloudTrail", "https://example.com/e-1", "e-1"),),
    events=("e-1", "e-2"),
    count=1_500,
    key="a-key",
    account="111122223333",
    time=datetime(2026, 3, 17, 16, 9, 52, tzinfo=UTC),
)


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "SESSION_TOKEN"):
        monkeypatch.setenv(f"AWS_{name}", "testing")


@pytest.fixture
def topic() -> Iterator[str]:
    with mock_aws():
        arn: str = boto3.client("sns", REGION).create_topic(Name="alerts")["TopicArn"]
        yield arn


def queue(topic: str, name: str, **attributes: str) -> str:
    """A queue that the topic posts to."""
    sqs = boto3.client("sqs", REGION)
    url: str = sqs.create_queue(QueueName=name)["QueueUrl"]
    boto3.client("sns", REGION).subscribe(
        TopicArn=topic,
        Protocol="sqs",
        Endpoint=f"arn:aws:sqs:{REGION}:123456789012:{name}",
        Attributes=attributes,
    )
    return url


def arrived(url: str) -> list[Any]:
    got = boto3.client("sqs", REGION).receive_message(QueueUrl=url, MaxNumberOfMessages=10)
    return [json.loads(one["Body"]) for one in got.get("Messages", [])]


def send(channel: Sns, message: Message = MESSAGE, seconds: float = 5) -> None:
    with urllib3.PoolManager() as http:
        channel.send(channel.render(message), http, urllib3.Timeout(seconds))


def test_queue(topic: str) -> None:
    """A queue gets the document, a subject and attributes."""
    url = queue(topic, "all")
    send(Sns(topic_arn=topic))

    (envelope,) = arrived(url)
    assert judges.webhook(json.loads(envelope["Message"]))["key"] == "a-key"
    assert envelope["Subject"] == "CRITICAL x1,500 production: mallory did it"
    assert {name: one["Value"] for name, one in envelope["MessageAttributes"].items()} == {
        "severity": "critical", "rule": "a-rule", "account": "111122223333",
    }  # fmt: skip


def test_filter_policy(topic: str) -> None:
    """A subscription may choose by severity, and one of a message about no event too."""
    url = queue(topic, "high", FilterPolicy='{"severity": ["critical", "high"]}')
    channel = Sns(topic_arn=topic)
    send(channel)
    send(channel, Message(Severity.LOW, say("x")))
    send(channel, Message(None, say("Test from trailbell: nothing happened")))

    assert [json.loads(one["Message"])["severity"] for one in arrived(url)] == ["critical"]


def test_email() -> None:
    """An e-mail is plain text, in which only our own links are links."""
    assert judges.sns(Sns(topic_arn=ARN).render(MESSAGE)) == (
        "\N{LARGE RED SQUARE} CRITICAL ×1,500 production: mallory did it\n"
        "iam:CreateUser · succeeded\n"
        "\n"
        "Who: https[:]//evil.example (IAM user)\n"
        "and more\n"
        "\n"
        "Check first: Look there.\n"
        "\n"
        "aws iam get-user\n"
        "aws iam list-users\n"
        "\n"
        "Rule: a-rule\n"
        "Open in CloudTrail: https://example.com/e-1\n"
        "Event: e-2"
    )


def test_about_no_event() -> None:
    """A test has no attributes, and a subject without a severity."""
    body = Sns(topic_arn=ARN).render(Message(None, say("Test from trailbell: nothing happened")))

    assert judges.sns(body) == body["Subject"] == "Test from trailbell: nothing happened"
    assert body["MessageAttributes"] == {}


@pytest.mark.parametrize(
    ("title", "subject"),
    [
        ("ünïcode \N{FIRE}", "HIGH ?n?code ?"),
        ("a\nb\u2028c", "HIGH a b c"),
        ("x" * 200, f"HIGH {'x' * 91}..."),
    ],
)
def test_subject(title: str, subject: str) -> None:
    """A subject is a line of ASCII under 100 characters."""
    body = Sns(topic_arn=ARN).render(Message(Severity.HIGH, Text((title,))))

    judges.sns(body)
    assert body["Subject"] == subject


def test_one_client(topic: str) -> None:
    """The client is made once for a channel, for the region of its topic."""
    channel = Sns(topic_arn=topic)
    assert "_client" not in vars(channel)
    send(channel)
    client = channel._client
    send(channel)

    assert channel._client is client
    assert client.meta.region_name == REGION
    assert client.meta.config.retries["total_max_attempts"] == 1


@pytest.mark.parametrize(
    ("code", "status", "verdict", "in_doubt"),
    [
        ("Throttled", 429, Verdict.TRANSIENT, False),
        ("Throttling", 400, Verdict.TRANSIENT, False),
        ("ThrottlingException", 400, Verdict.TRANSIENT, False),
        ("KMSThrottling", 400, Verdict.TRANSIENT, False),
        ("InternalError", 500, Verdict.TRANSIENT, True),
        ("InternalFailure", 500, Verdict.TRANSIENT, True),
        ("ServiceUnavailable", 503, Verdict.TRANSIENT, True),
        ("Whatever", 502, Verdict.TRANSIENT, True),
        ("AuthorizationError", 403, Verdict.PERMANENT, False),
        ("NotFound", 404, Verdict.PERMANENT, False),
        ("InvalidParameter", 400, Verdict.PERMANENT, False),
        ("KMSDisabled", 400, Verdict.PERMANENT, False),
        ("KMSAccessDenied", 400, Verdict.PERMANENT, False),
    ],
)
def test_refused(code: str, status: int, verdict: Verdict, in_doubt: bool) -> None:
    """OC-01: an error says whether to try again, and not what was published."""
    channel = Sns(topic_arn=ARN)
    with Stubber(channel._client) as stub, pytest.raises(ChannelError) as caught:
        stub.add_client_error("publish", code, f"about {ARN}", http_status_code=status)
        send(channel)

    assert (caught.value.verdict, caught.value.in_doubt) == (verdict, in_doubt)
    assert str(caught.value) == f"publish: {code}"
    assert caught.value.__context__ is caught.value.__cause__ is None


def test_no_topic() -> None:
    """OC-01: a topic that is gone is gone for good."""
    with mock_aws(), pytest.raises(ChannelError, match="NotFound") as caught:
        send(Sns(topic_arn=ARN))

    assert caught.value.verdict is Verdict.PERMANENT


@pytest.mark.parametrize("listens", [False, True])
def test_no_answer(listens: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """OC-01: no connection may pass; no answer may, and may have been posted."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        if listens:
            server.listen()
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.getsockname()[1]}")
        channel = Sns(topic_arn=ARN)
        assert channel._client  # made before the clock runs
        begun = time.monotonic()
        with pytest.raises(ChannelError) as caught:
            send(channel, seconds=0.3)

        assert time.monotonic() - begun < 1.5  # less than botocore would wait

    assert (caught.value.verdict, caught.value.in_doubt) == (Verdict.TRANSIENT, listens)


@pytest.mark.parametrize(
    ("arn", "right"),
    [
        (ARN, True),
        ("arn:aws-cn:sns:cn-north-1:111122223333:a_b-C", True),
        ("arn:aws-us-gov:sns:us-gov-west-1:111122223333:x", True),
        (f"{ARN}.fifo", False),
        (f"{ARN}:0a1b2c3d-subscription", False),
        (f"{ARN}\n", False),
        ("arn:aws:sqs:eu-west-1:111122223333:alerts", False),
        ("arn:aws:sns::111122223333:alerts", False),
        ("arn:aws:sns:eu-west-1:1111:alerts", False),
        ("alerts", False),
        ("", False),
    ],
)
def test_form_of_a_topic(arn: str, right: bool) -> None:
    """A topic is named by its ARN, which tells its region."""
    if right:
        assert Sns(topic_arn=arn).topic_arn == arn
        return
    with pytest.raises(ValidationError, match="is no topic"):
        Sns(topic_arn=arn)


def test_sizes() -> None:
    """An ordinary message is far from SNS's limit."""
    for message in told(call("iam:CreateAccessKey", by="mallory")):
        assert len(json.dumps(Sns(topic_arn=ARN).render(message))) < 16_000
