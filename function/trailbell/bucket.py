"""What lies in the bucket of a trail: which objects are log files, and which are not."""

from __future__ import annotations

import logging
import re
from datetime import datetime
from typing import NamedTuple

from trailbell.errors import PayloadError

log = logging.getLogger("trailbell")

KEY_SHOWN = 200  # characters of an object's key

# https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-find-log-files.html
# https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-log-file-examples.html
LAYOUT = re.compile(r"(?s)(?:.*/)?AWSLogs/(?:o-[a-z0-9]+/)?(?P<account>\d{12})/(?P<kind>[^/]+)/")
FILE_NAME = re.compile(r"(?s)(?:.*/)?(?P<account>\d{12})_(?P<kind>CloudTrail[^_/]*)_[^/]*\Z")
NO_LOG_FILES = ("CloudTrail-Digest", "CloudTrail-Insight")
SUFFIXES = (".json.gz", ".json")


class Stored(NamedTuple):
    """A log file in S3."""

    bucket: str
    key: str
    account: str
    """Whose records it holds, as its key tells; "" if it does not."""
    received: datetime | None

    @property
    def name(self) -> str:
        return _name(self.bucket, self.key)


def log_file(bucket: object, key: object, received: datetime | None = None) -> Stored | None:
    """The log file with this key; None, and a line in the log, for what else lies there: digests,
    insights, what AWS Config writes, folders.

    :raises PayloadError: bucket or key is no text.
    """
    if not (isinstance(bucket, str) and bucket and isinstance(key, str) and key):
        raise PayloadError(
            "the notification of S3 names no bucket or no key: send it as S3 writes it"
        )
    found = LAYOUT.match(key) or FILE_NAME.match(key)
    kind = found["kind"] if found else next((k for k in NO_LOG_FILES if k in key.split("/")), "")
    if kind in NO_LOG_FILES or not (kind or "CloudTrail").startswith("CloudTrail"):
        skip(bucket, key, f"a file of {kind}")
    elif not key.lower().endswith(SUFFIXES):
        skip(bucket, key, "no .json.gz")
    else:
        return Stored(bucket, key, found["account"] if found else "", received)
    return None


def skip(bucket: object, key: object, why: str) -> None:
    log.info("Skipped %s, no new log file: %s.", _name(bucket, key), shown(why, 60))


def shown(text: object, length: int = KEY_SHOWN) -> str:
    """A text of somebody else's, for an error or a log: one line, at most so long."""
    line = "".join(c if c.isprintable() else " " for c in str(text)[: length + 1])
    return line if len(line) <= length else line[: length - 1] + "…"


def _name(bucket: object, key: object) -> str:
    return f"s3://{shown(bucket, 63)}/{shown(key)}"
