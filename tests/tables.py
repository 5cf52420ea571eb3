"""Tables of moto's DynamoDB, as the documentation says to make them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count

import boto3
import pytest
from moto import mock_aws

from trailbell.state.dynamodb import Table

NUMBERS = count(1)
REGION = "us-east-1"


@contextmanager
def aws() -> Iterator[None]:
    """AWS in this process, with credentials that nobody could use elsewhere."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            patch.setenv(name, "testing")
        patch.setenv("AWS_DEFAULT_REGION", REGION)
        patch.delenv("AWS_PROFILE", raising=False)
        with mock_aws():
            yield


def make(name: str = "", now: Callable[[], float] | None = None) -> Table:
    """A new, empty table."""
    name = name or f"trailbell-{next(NUMBERS)}"
    boto3.client("dynamodb").create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    return Table(name, now)
