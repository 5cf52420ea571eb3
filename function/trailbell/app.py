"""The composition root: settings -> the thing with its real clients. Only the doors know it."""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Collection, Mapping
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import urllib3

from trailbell import aws, channels, rules
from trailbell.bell import Bell
from trailbell.channels.base import Channel
from trailbell.channels.base import find as find_channels
from trailbell.deliver import Deliverer, Renew
from trailbell.engine import OWN
from trailbell.errors import AwsError, ConfigError, PayloadError
from trailbell.notifier import Notifier
from trailbell.payload import ReadObject
from trailbell.rules.base import find as find_rules
from trailbell.rules.presets import choose
from trailbell.runs import LENGTH, Later
from trailbell.secrets import Secrets
from trailbell.settings import Settings, gather, validated
from trailbell.state.base import State
from trailbell.unpack import SIZE_LIMIT

log = logging.getLogger("trailbell")

N = TypeVar("N", bound=Notifier)


def notifier(folder: Path, secrets: Secrets, state: State | None = None) -> Notifier:
    """The notifier of the Lambda function whose lambda_function.py lies in the folder.

    :param state: a memory for the rules that look beyond one event; else the ledger's table.
    :raises ConfigError: a setting is wrong, or no channel is set.
    """
    _plain_lines()
    load = partial(load_settings, _configs(folder), os.environ, secrets)
    settings = load()
    if not settings.CHANNELS:
        raise ConfigError(
            "CHANNELS is empty: set a webhook URL in configs.py or in TRAILBELL_CHANNELS"
        )

    def renew(name: str) -> Channel | None:
        secrets.renew()
        try:
            return next((one for one in load().CHANNELS if one.name == name), None)
        except ConfigError as error:
            log.warning("the secret of %s could not be read again: %s", name, error)
            return None

    return wired(settings, Notifier, state=state, renew=renew)


def wired(
    settings: Settings,
    kind: type[N],
    *,
    state: State | None = None,
    renew: Renew | None = None,
) -> N:
    """The notifier for these settings, with clients of AWS where they name something in AWS.

    :param kind: the function's, or the one for what is done by hand.
    """
    ledger = None
    if settings.LEDGER_TABLE:
        from trailbell.state import dynamodb  # only who has a table pays for it

        table = dynamodb.Table(settings.LEDGER_TABLE)
        ledger = partial(dynamodb.DynamoLedger, table)
        state = state or dynamodb.DynamoState(table)
    return kind(
        bell(settings, state=state),
        Deliverer(settings.CHANNELS, http_client(), renew=renew),
        ledger=ledger,
        later=_queue(settings.RETRY_QUEUE_URL) if settings.RETRY_QUEUE_URL else None,
        read_object=_bucket_reader(),
    )


def load_settings(
    config: Path | None, environ: Mapping[str, str], secrets: Secrets | None = None
) -> Settings:
    """The checked settings.

    :param config: configs.py or the folder that may hold one.
    :param secrets: looks up what is named; None looks up nothing, for what posts nothing.
    """
    raw = gather(config, environ, secrets.document if secrets else None)
    look_up = secrets.secret if secrets else None
    return validated(raw, find_rules(rules), OWN, find_channels(channels), look_up)


def bell(
    settings: Settings,
    *,
    everything: bool = False,
    only: Collection[str] = (),
    state: State | None = None,
) -> Bell:
    """The road for these settings, with the rules that they choose.

    :param state: the memory of the rules that look beyond one event; without one they are off.
    """
    chosen = choose(
        find_rules(rules),
        settings.CUSTOM_RULES,
        settings.PRESET,
        settings.RULES,
        settings.TIMEZONE,
        everything=everything,
        only=only,
    )
    return Bell(settings, chosen, state)


def http_client() -> urllib3.PoolManager:
    """One pool of kept-alive connections for the life of the process."""
    # urllib3 logs request paths at DEBUG, and the path of a webhook is its password.
    logging.getLogger("urllib3").addFilter(_silent)
    logging.getLogger("urllib3.connectionpool").addFilter(_silent)
    return urllib3.PoolManager()


def _silent(record: logging.LogRecord) -> bool:
    return False


def _configs(folder: Path) -> Path | None:
    """The folder that holds configs.py: the function's own, else the first of sys.path."""
    places = [folder, *(Path(entry or ".") for entry in sys.path)]
    return next((place for place in places if (place / "configs.py").is_file()), None)


def _queue(url: str) -> Later:
    """Puts a body into the queue, to come back when a run is over."""
    clients: list[Any] = []

    def later(body: Mapping[str, Any]) -> None:
        clients.extend([] if clients else [aws.client("sqs")])
        text = json.dumps(body)
        aws.call(clients[0], "send_message", QueueUrl=url, MessageBody=text, DelaySeconds=LENGTH)

    return later


def _bucket_reader() -> ReadObject:
    clients: list[Any] = []

    def read_object(bucket: str, key: str) -> bytes:
        try:
            clients.extend([] if clients else [aws.client("s3", tries=3)])
            return aws.read_object(clients[0], bucket, key, SIZE_LIMIT)
        except AwsError as error:
            problem = f"s3://{bucket}/{key} could not be read: {error.code}"
        raise PayloadError(problem)

    return read_object


class _Plain(logging.Formatter):
    """What Lambda puts before a line (level, time, request) is left out of ours: metric filters
    and queries read a line as JSON only where it is nothing else."""

    def __init__(self, theirs: logging.Formatter | None) -> None:
        super().__init__()
        self._theirs = theirs or logging.Formatter()

    def format(self, record: logging.LogRecord) -> str:
        if record.name == log.name and record.levelno != logging.WARNING:
            return f"{record.getMessage()}\n"
        return self._theirs.format(record)


def _plain_lines() -> None:
    """Set up the log: Lambda's root logger shows warnings only, and no line as it is."""
    log.setLevel(logging.INFO)
    for handler in logging.getLogger().handlers:
        if type(handler).__name__.startswith("LambdaLoggerHandler") and not isinstance(
            handler.formatter, _Plain
        ):
            handler.setFormatter(_Plain(handler.formatter))
