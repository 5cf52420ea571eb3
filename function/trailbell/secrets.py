"""Where secrets and settings documents are kept: the environment, SSM, Secrets Manager, S3."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Mapping
from typing import Any

from trailbell import aws
from trailbell.errors import AwsError, ConfigError

log = logging.getLogger("trailbell")

LARGEST = 1 << 20  # bytes of a settings document
MAX_AGE = 300.0  # seconds that a value is used before it is read again


class Secrets:
    """Values by the names that settings give them; each is read when it is first asked for.

    Made once a process. A value that was read once stands in where its store is down later.
    """

    def __init__(
        self, environ: Mapping[str, str], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._environ = environ
        self._clock = clock
        self._values: dict[str, str] = {}
        self._read_at: dict[str, float] = {}
        self._clients: dict[tuple[str, str | None], Any] = {}

    def __repr__(self) -> str:
        return f"Secrets({', '.join(self._values)})"

    @property
    def are_old(self) -> bool:
        """Whether a value in use was read so long ago that it should be read again."""
        oldest = min(self._read_at.values(), default=None)
        return oldest is not None and self._clock() - oldest >= MAX_AGE

    def renew(self) -> None:
        """Read each value again when it is next asked for."""
        self._read_at.clear()

    def secret(self, name: str) -> str:
        """The value of ``env:NAME``, ``ssm:/path`` or ``secretsmanager:name[#key]``.

        :raises ConfigError: names the secret and why it could not be read, never its value.
        """
        scheme, _, rest = name.partition(":")
        if scheme == "env":
            if rest not in self._environ:
                raise ConfigError(f"the secret {name} is not in the environment")
            return self._environ[rest]
        if scheme == "ssm":
            return self._kept(name, lambda: self._parameter(rest))
        secret_id, _, key = rest.partition("#")
        value = self._kept(f"{scheme}:{secret_id}", lambda: self._secret_string(secret_id))
        return _field(value, key, name) if key else value

    def document(self, name: str) -> str:
        """The document that TRAILBELL_CONFIG names: ``ssm:/path`` or ``s3://bucket/key``.

        :raises ConfigError: names the document and why it could not be read.
        """
        if name.startswith("ssm:"):
            return self.secret(name)
        bucket, _, key = name.removeprefix("s3://").partition("/")
        return self._kept(name, lambda: self._object(bucket, key))

    def _kept(self, name: str, read: Callable[[], str]) -> str:
        now = self._clock()
        if now - self._read_at.get(name, -MAX_AGE) < MAX_AGE:
            return self._values[name]
        try:
            self._values[name] = read()
        except AwsError as error:
            problem = f"{name} could not be read: {error}"
            if name not in self._values:
                raise ConfigError(problem) from None
            log.warning("%s; its last value is used", problem)
        self._read_at[name] = now
        return self._values[name]

    def _parameter(self, name: str) -> str:
        client = self._client("ssm")
        answer = aws.call(client, "get_parameter", Name=name, WithDecryption=True)
        return str(answer["Parameter"]["Value"])

    def _secret_string(self, secret_id: str) -> str:
        # An ARN tells its region; https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html
        region = secret_id.split(":")[3] if secret_id.count(":") >= 6 else None
        client = self._client("secretsmanager", region)
        answer = aws.call(client, "get_secret_value", SecretId=secret_id)
        return str(answer.get("SecretString", ""))

    def _object(self, bucket: str, key: str) -> str:
        return aws.read_object(self._client("s3"), bucket, key, LARGEST).decode("utf-8", "replace")

    def _client(self, service: str, region: str | None = None) -> Any:
        at = (service, region)
        if at not in self._clients:
            self._clients[at] = aws.client(service, tries=2, region=region)
        return self._clients[at]


def _field(document: str, key: str, name: str) -> str:
    try:
        return str(json.loads(document)[key])
    except (ValueError, KeyError, TypeError):
        problem = f"the secret {name} is no JSON object with the key {key!r}"
    raise ConfigError(problem)  # out here, where no context hangs on it: it holds the document
