"""Payloads in the shape and size of real CloudTrail, the same on every machine.

About 1,400 bytes a record, and what an account is busy with while nobody looks: services that
assume roles, AWS Config that describes everything, keys that decrypt, agents that report in, a
metrics collector with an IAM user's key, and people who read in the console.
"""

from __future__ import annotations

import base64
import gzip
import json
import random
import sys
from collections.abc import Callable
from functools import partial
from typing import Any

from door import FUNCTION

sys.path.insert(0, str(FUNCTION))
from trailbell.testing import (
    ACCOUNT,
    Identity,
    call,
    person,
    role,
    root,
    service,
    sign_in,
    user,
)  # fmt: skip

Record = dict[str, Any]

SDK = "APN/1.0 AWS/1.0 Boto3/1.34.162 md/Botocore#1.34.162 ua/2.0 os/linux#5.10 lang/python#3.11.9"
BROWSER = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/134.0.0.0"
REGIONS = ("us-east-1", "eu-central-1", "eu-west-1", "ap-southeast-2")
DESCRIBED = (
    "ec2:DescribeInstances", "ec2:DescribeVolumes", "ec2:DescribeSecurityGroups",
    "ec2:DescribeSubnets", "ec2:DescribeRouteTables", "ec2:DescribeNetworkInterfaces",
    "rds:DescribeDBInstances", "rds:DescribeDBClusters", "lambda:ListFunctions20150331",
    "lambda:GetFunction20150331v2", "s3:GetBucketAcl", "s3:GetBucketPolicy", "s3:ListBuckets",
    "s3:GetBucketEncryption", "sqs:GetQueueAttributes", "sns:GetTopicAttributes",
    "dynamodb:DescribeTable", "elasticloadbalancing:DescribeLoadBalancers",
    "cloudformation:DescribeStacks", "iam:ListRoles", "iam:GetRole", "iam:ListAttachedRolePolicies",
    "kms:DescribeKey", "kms:ListAliases", "logs:DescribeLogGroups", "ecr:DescribeRepositories",
    "config:DescribeConfigurationRecorders", "cloudtrail:DescribeTrails",
)  # fmt: skip
METRICS = ("monitoring:GetMetricData", "monitoring:ListMetrics", "tagging:GetResources")
USERS = tuple(f"{team}-{number}" for team in ("ops", "data", "web") for number in range(4))


def hexadecimal(rng: random.Random, length: int) -> str:
    return f"{rng.getrandbits(4 * length):0{length}x}"


def unique(rng: random.Random) -> str:
    parts = (hexadecimal(rng, length) for length in (8, 4, 4, 4, 12))
    return "-".join(parts)


def a_role(rng: random.Random, name: str) -> Identity:
    return role(name, f"{name}-{hexadecimal(rng, 17)}")


def assume_role(rng: random.Random) -> Record:
    """A service takes a role; the most frequent record of all."""
    name = rng.choice(("lambda", "ec2", "ecs-tasks", "states", "events"))
    arn = f"arn:aws:iam::{ACCOUNT}:role/{name}-execution"
    session = f"{name}-{hexadecimal(rng, 17)}"
    return call(
        "sts:AssumeRole",
        by=service(name),
        request={"roleArn": arn, "roleSessionName": session, "durationSeconds": 3600},
        response={
            "credentials": {
                "accessKeyId": f"ASIA{hexadecimal(rng, 16).upper()}",
                "sessionToken": base64.b64encode(rng.randbytes(180)).decode(),
                "expiration": "Mar 17, 2026, 5:09:52 PM",
            },
            "assumedRoleUser": {
                "assumedRoleId": f"AROACKCEVSQ6C2EXAMPLE:{session}",
                "arn": f"arn:aws:sts::{ACCOUNT}:assumed-role/{name}-execution/{session}",
            },
        },
        resources=[{"accountId": ACCOUNT, "type": "AWS::IAM::Role", "ARN": arn}],
        sharedEventID=unique(rng),
        sourceIPAddress=f"{name}.amazonaws.com",
        userAgent=f"{name}.amazonaws.com",
        readOnly=True,
    ).raw


def config_reads(rng: random.Random) -> Record:
    by = a_role(rng, "AWSServiceRoleForConfig")
    by["invokedBy"] = "config.amazonaws.com"
    name = hexadecimal(rng, 8)
    return call(
        rng.choice(DESCRIBED),
        by=by,
        request={"maxResults": 1000, "filterSet": {}, "name": f"example-{name}"},
        sourceIPAddress="config.amazonaws.com",
        userAgent="config.amazonaws.com",
        readOnly=True,
    ).raw


def key_use(rng: random.Random) -> Record:
    key = f"arn:aws:kms:us-east-1:{ACCOUNT}:key/{unique(rng)}"
    return call(
        rng.choice(("kms:Decrypt", "kms:GenerateDataKey")),
        by=a_role(rng, "orders-service"),
        request={
            "encryptionContext": {"aws:s3:arn": f"arn:aws:s3:::example-{hexadecimal(rng, 4)}"},
            "encryptionAlgorithm": "SYMMETRIC_DEFAULT",
            "keyId": key,
        },
        resources=[{"accountId": ACCOUNT, "type": "AWS::KMS::Key", "ARN": key}],
        userAgent=SDK,
        readOnly=True,
    ).raw


def agent(rng: random.Random) -> Record:
    instance = f"i-{hexadecimal(rng, 17)}"
    return call(
        rng.choice(("ssm:UpdateInstanceInformation", "logs:CreateLogStream")),
        by=role("web-server", instance),
        request={"instanceId": instance, "agentVersion": "3.3.380.0", "platformName": "Linux",
                 "iPAddress": "10.0.4.17", "computerName": f"{instance}.example.com"},
        userAgent="aws-sdk-go/1.51.19 (go1.21.8; linux; amd64) amazon-ssm-agent/3.3.380.0",
    ).raw  # fmt: skip


def person_reads(rng: random.Random) -> Record:
    email = rng.choice(("alice", "bob", "carol")) + "@example.com"
    return call(
        rng.choice(DESCRIBED),
        by=person(email),
        request={"maxResults": 50, "nextToken": hexadecimal(rng, 64)},
        userAgent=BROWSER,
        sessionCredentialFromConsole="true",
        readOnly=True,
    ).raw


def collector(rng: random.Random) -> Record:
    """An IAM user who only reads: no rule rings, though one wants to look."""
    return call(
        rng.choice(METRICS),
        by=user("metrics-collector"),
        request={"namespace": "AWS/ApplicationELB", "metricName": "RequestCount", "period": 60,
                 "nextToken": hexadecimal(rng, 128)},
        userAgent=SDK,
        readOnly=True,
    ).raw  # fmt: skip


def user_changes(rng: random.Random) -> Record:
    """What the catch-all rule and its more specific neighbours ring for."""
    who = rng.choice(USERS)
    name = f"example-{hexadecimal(rng, 8)}"
    actions: dict[str, Record] = {
        "ec2:RunInstances": {"instanceType": "m7g.large", "imageId": f"ami-{name}"},
        "s3:CreateBucket": {"bucketName": name},
        "sqs:CreateQueue": {"queueName": name},
        "lambda:UpdateFunctionCode20150331v2": {"functionName": name},
        "iam:TagUser": {"userName": who, "tags": []},
        "iam:CreateAccessKey": {"userName": name},
        "iam:CreateUser": {"userName": name},
    }
    action, request = rng.choice(list(actions.items()))
    response = {"name": name, "arn": f"arn:aws:::{name}", "requestId": unique(rng)}
    return call(action, by=user(who), request=request, response=response, userAgent=SDK).raw


ORDINARY: tuple[tuple[Callable[[random.Random], Record], int], ...] = (
    (assume_role, 34),
    (config_reads, 28),
    (key_use, 14),
    (agent, 10),
    (person_reads, 9),
    (collector, 5),
)
"""Who makes the records, and how many of a hundred; about as in the sample day of an account."""

RINGING: tuple[Callable[[], Record], ...] = (
    lambda: sign_in(by=root(), sourceIPAddress="203.0.113.9").raw,
    lambda: call("iam:CreateAccessKey", by="mallory", request={"userName": "backup"}).raw,
    lambda: call("cloudtrail:StopLogging", by="mallory", request={"name": "main"}).raw,
    lambda: call("iam:DeactivateMFADevice", by="alice", request={"userName": "bob"}).raw,
    lambda: call("sqs:CreateQueue", by="alice", request={"queueName": "example"}).raw,
)
"""One record in a hundred of a mixed payload: as many alerts as are told one by one."""


def ordinary(rng: random.Random) -> Record:
    makers, weights = zip(*ORDINARY, strict=True)
    make: Callable[[random.Random], Record] = rng.choices(makers, weights)[0]
    return make(rng)


def address(rng: random.Random, known: str) -> str:
    """One of the documentation's addresses, unless it was AWS that called."""
    return known if known.endswith(".com") else f"203.0.113.{rng.randrange(256)}"


def finished(rng: random.Random, number: int, record: Record) -> Record:
    """The record with what makes it one of its own, and with what all newer records end with."""
    seconds = number % 86_400
    region = rng.choice(REGIONS)
    identity = dict(record["userIdentity"])
    if identity["type"] == "AssumedRole":  # each session has a key of its own
        identity["accessKeyId"] = f"ASIA{base64.b32encode(rng.randbytes(10)).decode()}"
        identity["principalId"] = f"AROA{base64.b32encode(rng.randbytes(10)).decode()}:session"
    return record | {
        "userIdentity": identity,
        "eventTime": f"2026-03-17T{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}Z",
        "awsRegion": region,
        "sourceIPAddress": address(rng, record["sourceIPAddress"]),
        "requestID": base64.b32encode(rng.randbytes(30)).decode(),
        "eventID": unique(rng),
        "tlsDetails": {
            "tlsVersion": "TLSv1.3",
            "cipherSuite": "TLS_AES_128_GCM_SHA256",
            "clientProvidedHostHeader": f"{record['eventSource'].split('.')[0]}.{region}"
            ".amazonaws.com",
        },
    }


def payload(records: list[Record]) -> dict[str, Any]:
    """The Lambda event that CloudWatch Logs would send."""
    start = 1_773_705_600_000
    entries = [
        {
            "id": f"{37 * 10**54 + (start + number) * 10**20 + number}",
            "timestamp": start + number,
            "message": json.dumps(record, separators=(",", ":")),
        }
        for number, record in enumerate(records)
    ]
    envelope = {
        "messageType": "DATA_MESSAGE",
        "owner": ACCOUNT,
        "logGroup": "CloudTrail/DefaultLogGroup",
        "logStream": f"{ACCOUNT}_CloudTrail_us-east-1",
        "subscriptionFilters": ["trailbell"],
        "logEvents": entries,
    }
    packed = gzip.compress(json.dumps(envelope, separators=(",", ":")).encode(), mtime=0)
    return {"awslogs": {"data": base64.b64encode(packed).decode()}}


def quiet(count: int) -> list[Record]:
    rng = random.Random(count)  # noqa: S311  # no secret, and the same every time
    return [finished(rng, number, ordinary(rng)) for number in range(count)]


def mixed(count: int) -> list[Record]:
    """One record of a hundred rings."""
    rng = random.Random(count)  # noqa: S311
    return [
        finished(rng, n, ordinary(rng) if n % 100 != 50 else RINGING[n // 100 % len(RINGING)]())
        for n in range(count)
    ]


def iamuser(count: int) -> list[Record]:
    """Every record rings."""
    rng = random.Random(count)  # noqa: S311
    return [finished(rng, number, user_changes(rng)) for number in range(count)]


PAYLOADS: dict[str, Callable[[], list[Record]]] = {
    "quiet_50": partial(quiet, 50),
    "quiet_500": partial(quiet, 500),
    "quiet_2000": partial(quiet, 2000),
    "mixed_500": partial(mixed, 500),
    "iamuser_500": partial(iamuser, 500),
}
