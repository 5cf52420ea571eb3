"""Calls to AWS. The one place that imports boto3, and only when something asks for a client.

boto3 comes with the Lambda runtime; on the command line it is an extra.
"""

from __future__ import annotations

import logging
from typing import Any

from trailbell.errors import AwsError, ConfigError

CONNECT, READ = 1.0, 2.0  # seconds; what waits for AWS keeps an alert waiting


def client(service: str, *, tries: int = 1, region: str | None = None) -> Any:
    """A client of a service. It honours AWS_ENDPOINT_URL, as boto3 does.

    :param tries: how often botocore tries a call; one where somebody else tries again.
    :raises AwsError: no region, or settings of AWS that botocore cannot read.
    :raises ConfigError: boto3 is not installed.
    """
    try:
        import boto3
        from botocore.config import Config
        from botocore.exceptions import BotoCoreError
    except ImportError:
        raise ConfigError("this needs boto3: `make setup`, or pip install boto3") from None
    # botocore logs whole requests and answers at DEBUG, and the answer may be a secret.
    logging.getLogger("botocore").setLevel(logging.INFO)
    retries = {"total_max_attempts": tries, "mode": "standard"}
    config = Config(connect_timeout=CONNECT, read_timeout=READ, retries=retries)
    try:
        return boto3.client(service, region_name=region, config=config)
    except (BotoCoreError, ValueError) as error:
        code = type(error).__name__
    raise AwsError(service, code)  # out here, where no context hangs on it


def call(client: Any, operation: str, **request: Any) -> Any:
    """One call, such as ``get_parameter``.

    :raises AwsError: AWS refused it, or did not answer.
    """
    from botocore.exceptions import (
        BotoCoreError,
        ClientError,
        ConnectTimeoutError,
        EndpointConnectionError,
        NoCredentialsError,
        ParamValidationError,
    )

    try:
        return getattr(client, operation)(**request)
    except ClientError as error:
        code = str(error.response.get("Error", {}).get("Code", "refused"))
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 400)
        in_doubt = status >= 500
    except BotoCoreError as error:
        code = type(error).__name__
        never = (ConnectTimeoutError, EndpointConnectionError, NoCredentialsError,
                 ParamValidationError)  # fmt: skip
        in_doubt = not isinstance(error, never)
    raise AwsError(operation, code, in_doubt=in_doubt)
