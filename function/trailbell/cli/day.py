"""The sample day, as CloudWatch Logs would hand it to the function."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

RECORDED = Path(__file__).with_name("sample_day.ndjson.gz")
EVERY = timedelta(minutes=5)
"""CloudTrail hands over what it has about every five minutes.
https://docs.aws.amazon.com/awscloudtrail/latest/userguide/get-and-view-cloudtrail-log-files.html"""
ACCOUNTS = {"111122223333": "management", "444455556666": "production"}
TIMEZONE = "Europe/Berlin"
OWNER = "111122223333"  # of the organization's trail


class Delivery(NamedTuple):
    """One invocation of the function."""

    arrives: datetime
    """When it would have arrived, in UTC."""
    records: list[dict[str, Any]]

    def payload(self) -> dict[str, Any]:
        """``{"awslogs": {"data": base64(gzip(json))}}``

        https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/SubscriptionFilters.html
        """
        at = round(self.arrives.timestamp() * 1000)
        content = {
            "messageType": "DATA_MESSAGE",
            "owner": OWNER,
            "logGroup": "CloudTrail/DefaultLogGroup",
            "logStream": f"{OWNER}_CloudTrail_eu-west-1",
            "subscriptionFilters": ["trailbell"],
            "logEvents": [
                {
                    "id": f"{at * 10**40 + number:056d}",
                    "timestamp": at,
                    "message": json.dumps(record, separators=(",", ":")),
                }
                for number, record in enumerate(self.records)
            ],
        }
        packed = gzip.compress(json.dumps(content).encode(), 6)
        return {"awslogs": {"data": base64.b64encode(packed).decode()}}


def records() -> list[dict[str, Any]]:
    """The day's records in the order of their times."""
    lines = gzip.decompress(RECORDED.read_bytes()).splitlines()
    return sorted(map(json.loads, lines), key=lambda record: str(record["eventTime"]))


def deliveries(of: list[dict[str, Any]]) -> Iterator[Delivery]:
    """The records, cut into what arrives together."""
    for arrives, together in groupby(of, _arrives):
        yield Delivery(arrives, list(together))


def _arrives(record: dict[str, Any]) -> datetime:
    time = datetime.fromisoformat(record["eventTime"])
    start = time.replace(minute=time.minute // 5 * 5, second=0, microsecond=0)
    return start + EVERY
