"""Calls to AWS. The one place that imports boto3, and only when something asks for a client.

boto3 comes with the Lambda runtime; on the command line it is an extra.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from trailbell.errors import AwsError, ConfigError

CONNECT, READ = 1.0, 2.0  # seconds; what waits for AWS keeps an alert waiting


def client(service: str, *, tries: int = 1, region: str | None = None, read: float = READ) -> Any:
    """A client of a service. It honours AWS_ENDPOINT_URL, as boto3 does.

    :param tries: how often botocore tries a call; one where somebody else tries again.
    :param read: seconds that an answer may take.
    :raises AwsError: no region, or settings of AWS that botocore cannot read.
    :raises ConfigError: boto3 is not installed.
    """
    try:
        import boto3
        from botocore.config import Config
        from botocore.exceptions import BotoCoreError
    except ImportError:
        raise ConfigError("this needs boto3: `make setup`, or pip install boto3") from None
    # botocore logs whole requests and answers at DEBUG, and the answer may be a secret. Nor is it
    # to say more than it would: at INFO it tells in each cold start where its credentials are.
    theirs = logging.getLogger("botocore")
    theirs.setLevel(max(logging.INFO, theirs.getEffectiveLevel()))
    retries = {"total_max_attempts": tries, "mode": "standard"}
    config = Config(connect_timeout=CONNECT, read_timeout=read, retries=retries)
    try:
        return boto3.client(service, region_name=region, config=config)
    except (BotoCoreError, ValueError) as error:
        code = type(error).__name__
    raise AwsError(service, code)  # out here, where no context hangs on it


def call(client: Any, operation: str, **request: Any) -> Any:
    """One call, such as ``get_parameter``.

    :raises AwsError: AWS refused it, or did not answer.
    """
    return _translated(operation, lambda: getattr(client, operation)(**request))


def read_object(client: Any, bucket: str, key: str, limit: int) -> bytes:
    """An object of S3, whole.

    :param limit: bytes; of a larger object nothing is read.
    :raises AwsError: there is none, AWS refused it, did not answer, or it is larger.
    """

    def read() -> bytes:
        answer = client.get_object(Bucket=bucket, Key=key)
        if answer["ContentLength"] > limit:
            raise AwsError("get_object", f"it is larger than {limit >> 20} MiB")
        return bytes(answer["Body"].read())

    content: bytes = _translated("get_object", read)
    return content


def _translated(operation: str, ask: Callable[[], Any]) -> Any:
    """The answer; botocore's errors become ours, without what was sent."""
    from botocore.exceptions import (
        BotoCoreError,
        ClientError,
        ConnectTimeoutError,
        EndpointConnectionError,
        NoCredentialsError,
        ParamValidationError,
    )

    answer: dict[str, Any] = {}
    try:
        return ask()
    except ClientError as error:
        answer = dict(error.response)
        code = str(error.response.get("Error", {}).get("Code", "refused"))
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 400)
        in_doubt = status >= 500
    except BotoCoreError as error:
        code = type(error).__name__
        never = (ConnectTimeoutError, EndpointConnectionError, NoCredentialsError,
                 ParamValidationError)  # fmt: skip
        in_doubt = not isinstance(error, never)
    raise AwsError(operation, code, in_doubt=in_doubt, answer=answer)  # where no context hangs
