"""Calls to AWS: what fails is one word, and holds nothing of what was sent."""

from __future__ import annotations

import logging
import socket
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest

import tables
from fakes import Act, receiving
from trailbell import aws
from trailbell.errors import AwsError, ConfigError

SECRET = "s3cret-parameter-value"


@pytest.fixture(autouse=True)
def in_aws() -> Iterator[None]:
    with tables.aws():
        yield


def put(client: Any, value: str = SECRET) -> None:
    client.put_parameter(Name="/x", Value=value, Type="SecureString")


def test_call() -> None:
    """A call is answered."""
    client = aws.client("ssm")
    put(client)

    answer = aws.call(client, "get_parameter", Name="/x", WithDecryption=True)

    assert answer["Parameter"]["Value"] == SECRET


def test_refused() -> None:
    """What AWS refuses is its code; the answer is kept beside it, not in the text."""
    with pytest.raises(AwsError) as error:
        aws.call(aws.client("ssm"), "get_parameter", Name="/nobody")

    assert str(error.value) == "get_parameter: ParameterNotFound"
    assert (error.value.code, error.value.in_doubt) == ("ParameterNotFound", False)
    assert error.value.__cause__ is None and error.value.__context__ is None


def test_wrong_parameters() -> None:
    """What botocore itself refuses never left this machine, and is not repeated."""
    with pytest.raises(AwsError) as error:
        aws.call(aws.client("ssm"), "get_parameter", Name=SECRET, Nonsense=SECRET)

    assert (error.value.code, error.value.in_doubt) == ("ParamValidationError", False)
    assert SECRET not in repr(error.value)


@pytest.mark.parametrize(
    ("answer", "code", "in_doubt"),
    [
        ((500, {}, ""), "500", True),
        ((503, {}, "{}"), "503", True),
        ((400, {}, '{"__type": "ThrottlingException"}'), "ThrottlingException", False),
        (Act.CLOSE, "ConnectionClosedError", True),
    ],
    ids=lambda value: str(value)[:20],
)
def test_in_doubt(answer: Any, code: str, in_doubt: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """A 5xx, or none at all, may have been done all the same; and it is tried once."""
    with receiving(lambda _: answer) as receiver:
        monkeypatch.setenv("AWS_ENDPOINT_URL", receiver.address)
        with pytest.raises(AwsError) as error:
            aws.call(aws.client("sqs"), "send_message", QueueUrl="http://q", MessageBody=SECRET)
        assert len(receiver.requests) == 1

    assert (error.value.code, error.value.in_doubt) == (code, in_doubt)


def test_nobody_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nobody listens nothing was done."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{closed.getsockname()[1]}")
        with pytest.raises(AwsError) as error:
            aws.call(aws.client("sqs"), "send_message", QueueUrl="http://q", MessageBody=SECRET)

    assert (error.value.code, error.value.in_doubt) == ("EndpointConnectionError", False)


def test_time_outs() -> None:
    """One second to connect, two to read, one try: an alert waits for it."""
    config = aws.client("dynamodb").meta.config

    assert (config.connect_timeout, config.read_timeout) == (1, 2)
    assert config.retries["total_max_attempts"] == 1
    assert aws.client("s3", tries=3).meta.config.retries["total_max_attempts"] == 3


def test_adaptive() -> None:
    """Who asks thousands of times lets botocore slow all of them down."""
    client = aws.client("iam", tries=10, read=30, mode="adaptive")

    assert client.meta.config.retries == {"total_max_attempts": 10, "mode": "adaptive"}


def test_pages() -> None:
    """Every page comes, and one that AWS refuses is an error like any other."""
    client = aws.client("ssm")
    for number in range(12):
        client.put_parameter(Name=f"/p/{number:02}", Value="x", Type="String")

    found = list(aws.pages(client, "get_parameters_by_path", Path="/p"))

    assert [len(page["Parameters"]) for page in found] == [10, 2]
    with pytest.raises(AwsError, match="describe_parameters: "):
        list(aws.pages(client, "describe_parameters", Filters=[{"Key": "Nonsense"}]))


def test_profile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A profile is taken from the file; one that is not there is told by its name."""
    file = tmp_path / "config"
    file.write_text("[profile audit]\nregion = eu-west-1\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(file))
    monkeypatch.delenv("AWS_DEFAULT_REGION")  # it would go before the profile's

    assert aws.session("audit").region_name == "eu-west-1"
    with pytest.raises(ConfigError, match="there is no profile 'audti'"):
        aws.session("audti")


def test_assumed_role_is_renewed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A role's credentials are asked for again before they run out, in an audit of hours."""
    mine = aws.session()
    sts = aws.client("sts", session=mine)
    asked: list[dict[str, Any]] = []
    life = iter((timedelta(minutes=1), timedelta(hours=1)))

    def assume(**request: Any) -> dict[str, Any]:
        asked.append(request)
        return {
            "Credentials": {
                "AccessKeyId": f"ASIA{len(asked)}",
                "SecretAccessKey": SECRET,
                "SessionToken": "t",
                "Expiration": datetime.now(UTC) + next(life),
            }
        }

    monkeypatch.setattr(sts, "assume_role", assume)
    role = aws.assumed(sts, "arn:aws:iam::111122223333:role/a", "me", like=mine, external_id="x")

    assert role.get_credentials().get_frozen_credentials().access_key == "ASIA2"
    assert (
        asked
        == [
            {
                "RoleArn": "arn:aws:iam::111122223333:role/a",
                "RoleSessionName": "me",
                "ExternalId": "x",
            }
        ]
        * 2
    )
    assert role.region_name == mine.region_name


def test_no_region(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without a region is told so in a word."""
    for name in ("AWS_DEFAULT_REGION", "AWS_REGION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nowhere")

    with pytest.raises(AwsError, match="dynamodb: NoRegionError"):
        aws.client("dynamodb")


def test_without_boto3(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where boto3 is not installed the way out is named."""
    monkeypatch.setitem(sys.modules, "boto3", None)

    with pytest.raises(ConfigError, match="make setup"):
        aws.client("ssm")


def test_answers_are_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    """With every logger at DEBUG, neither what is asked nor what is answered shows."""
    caplog.set_level(logging.DEBUG)
    logging.getLogger("botocore").setLevel(logging.DEBUG)
    client = aws.client("ssm")
    put(client)
    aws.call(client, "get_parameter", Name="/x", WithDecryption=True)

    assert SECRET not in caplog.text


@pytest.mark.parametrize(
    ("root", "theirs", "then"),
    [
        (logging.WARNING, logging.NOTSET, logging.WARNING),
        (logging.DEBUG, logging.NOTSET, logging.INFO),
        (logging.WARNING, logging.DEBUG, logging.INFO),
        (logging.INFO, logging.ERROR, logging.ERROR),
    ],
)
def test_says_no_more(root: int, theirs: int, then: int, caplog: pytest.LogCaptureFixture) -> None:
    """A client makes botocore no more talkative than it was."""
    caplog.set_level(root)
    caplog.set_level(theirs, "botocore")
    aws.client("ssm")

    assert logging.getLogger("botocore").getEffectiveLevel() == then


def test_read_object() -> None:
    """An object is read whole; a larger one than is allowed not at all."""
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket="trail")
    s3.put_object(Bucket="trail", Key="log", Body=b"x" * 1000)

    assert aws.read_object(s3, "trail", "log", 1000) == b"x" * 1000
    with pytest.raises(AwsError, match="larger than 0 MiB"):
        aws.read_object(s3, "trail", "log", 999)
    with pytest.raises(AwsError, match="NoSuchKey"):
        aws.read_object(s3, "trail", "nothing", 1000)
