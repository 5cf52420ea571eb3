"""The composition root: settings -> the thing with its real clients. Only the doors know it."""

from __future__ import annotations

import json
import logging
import os
import sys
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import urllib3

from trailbell import aws, channels, noise, payload, rules
from trailbell.channels.base import find as find_channels
from trailbell.compose import Reader, compose
from trailbell.deliver import Deliverer, Report
from trailbell.engine import OWN, Engine, unreadable
from trailbell.errors import AwsError, ConfigError, DeliveryIncomplete
from trailbell.model import Alert, Event, Group, Message
from trailbell.rules.base import Rule
from trailbell.rules.base import find as find_rules
from trailbell.rules.presets import choose
from trailbell.settings import Settings, gather, validated
from trailbell.state.base import State

log = logging.getLogger("trailbell")

DEFAULT_TIME = 60.0  # seconds that an invocation without a context may take
SHORT_TIME = 10.0  # seconds; with less than that a storm cannot be told
IDS_A_LINE = 200  # event ids in a line of the log

Ring = dict[str, list[Group]]
"""Channel name -> the groups that it is to post."""


class Bell:
    """The road from records to messages; everything but decoding and posting is in here."""

    def __init__(
        self, settings: Settings, chosen: Mapping[Rule, bool], state: State | None
    ) -> None:
        self.settings = settings
        self.rules = chosen
        self.engine = Engine((rule for rule, runs in chosen.items() if runs), state)
        zone = settings.zone
        self._mutes = [lambda alert, mute=mute: mute.hides(alert, zone) for mute in settings.MUTES]

    def alerts(
        self, events: Iterable[Event], unread: Iterable[Event] = ()
    ) -> tuple[list[Alert], list[Alert]]:
        """The alerts of the events, and those that a mute keeps quiet."""
        found = [*map(unreadable, unread), *self.engine.alerts(events)]
        return noise.unmuted(noise.most_specific(found), self._mutes)

    def groups(self, alerts: Sequence[Alert]) -> Ring:
        routed = noise.routed(alerts, self.settings.CHANNELS)
        return {name: noise.groups(of) for name, of in routed.items()}

    def reader(self, request: str = "") -> Reader:
        zone = self.settings.zone
        return Reader(zone, self.settings.ACCOUNTS, request, datetime.now(zone).year)


class Notifier:
    """The Lambda function behind the subscription filter."""

    def __init__(self, bell: Bell, http: urllib3.PoolManager) -> None:
        self._bell = bell
        self._deliverer = Deliverer(bell.settings.CHANNELS, http)

    def run(self, event: object, context: object = None) -> dict[str, int]:
        """Apply the rules to one payload and post what they find.

        :returns: counts: events, unparsed, alerts, muted, messages, failed.
        :raises PayloadError: the payload cannot be read; nothing was posted.
        :raises DeliveryIncomplete: something could not be posted; Lambda tries again.
        """
        started = time.monotonic()
        time_left = _time_left(context)
        request = str(getattr(context, "aws_request_id", ""))
        if time_left() < SHORT_TIME:
            log.warning(
                "This function may run for %.0f s only: set its time-out to 60 s and its memory"
                " to 256 MB, or a burst of alerts will not be told in one go.",
                time_left(),
            )
        own_group = str(getattr(context, "log_group_name", "") or "")
        batch = payload.read(event, self._bell.engine.wants, own_group)
        alerts, muted = self._bell.alerts(batch.events, batch.unreadable)
        ring = self._bell.groups(alerts)
        reader = self._bell.reader(request)
        messages = {name: [compose(group, reader) for group in of] for name, of in ring.items()}
        _log_left_out(ring)
        report = self._deliverer.deliver(messages, time_left)
        taken = {id(alert) for of in ring.values() for group in of for alert in group.alerts}
        counts = {
            "events": batch.records,
            "unparsed": len(batch.unreadable),
            "alerts": len(alerts),
            "muted": len(muted),
            "messages": report.posted,
            "failed": report.left,
        }
        _log_line(counts, len(alerts) - len(taken), report, request, started)
        if report.left:
            raise DeliveryIncomplete(_incomplete(report))
        return counts

    def tell(self, message: Message) -> Report:
        """Post one message to every channel."""
        channels = self._bell.settings.CHANNELS
        return self._deliverer.deliver(
            {channel.name: [message] for channel in channels}, _time_left(None)
        )


def notifier(folder: Path, state: State | None = None) -> Notifier:
    """The notifier of the Lambda function whose lambda_function.py lies in the folder.

    :param state: the memory of the rules that look beyond one event.
    :raises ConfigError: a setting is wrong, or no channel is set.
    """
    log.setLevel(logging.INFO)  # Lambda's root logger shows warnings only
    places = [folder, *(Path(entry or ".") for entry in sys.path)]
    config = next((place for place in places if (place / "configs.py").is_file()), None)
    settings = load_settings(config, os.environ, partial(secret, environ=os.environ))
    if not settings.CHANNELS:
        raise ConfigError(
            "CHANNELS is empty: set a webhook URL in configs.py or in TRAILBELL_CHANNELS"
        )
    return Notifier(bell(settings, state=state), http_client())


def load_settings(
    config: Path | None,
    environ: Mapping[str, str],
    look_up: Callable[[str], str] | None = None,
) -> Settings:
    """The checked settings.

    :param config: configs.py or the folder that may hold one.
    :param look_up: the value of a secret that is named; None looks up none, for what posts nothing.
    """
    raw = gather(config, environ, _document if look_up else None)
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


def secret(name: str, environ: Mapping[str, str]) -> str:
    """The value of a secret that is named ``env:NAME``, ``ssm:/path`` or ``secretsmanager:name``.

    :raises ConfigError: names the secret and why it could not be read, never its value.
    """
    scheme, _, rest = name.partition(":")
    if scheme == "env":
        if rest not in environ:
            raise ConfigError(f"the secret {name} is not in the environment")
        return environ[rest]
    if scheme == "ssm":
        answer = _aws("ssm", name, "get_parameter", Name=rest, WithDecryption=True)
        return str(answer["Parameter"]["Value"])
    secret_id, _, key = rest.partition("#")
    answer = _aws("secretsmanager", name, "get_secret_value", SecretId=secret_id)
    value = str(answer.get("SecretString", ""))
    if not key:
        return value
    try:
        fields = json.loads(value)
        return str(fields[key])
    except (ValueError, KeyError, TypeError):
        problem = f"the secret {name} is no JSON object with the key {key!r}"
    raise ConfigError(problem)


def _document(name: str) -> str:
    """The document that TRAILBELL_CONFIG names."""
    if name.startswith("ssm:"):
        return secret(name, {})
    bucket, _, key = name.removeprefix("s3://").partition("/")
    answer = _aws("s3", name, "get_object", Bucket=bucket, Key=key)
    return str(answer["Body"].read().decode("utf-8", "replace"))


def _aws(service: str, name: str, call: str, **request: Any) -> Any:
    """One call to a store of settings; boto3 loads only where a setting names such a store."""
    try:
        return aws.call(aws.client(service, tries=2), call, **request)
    except AwsError as error:
        problem = f"{name} could not be read: {error.code}"
    raise ConfigError(problem)


def _time_left(context: object) -> Callable[[], float]:
    """Seconds until the invocation is killed."""
    remaining = getattr(context, "get_remaining_time_in_millis", None)
    if remaining is not None:
        return lambda: float(remaining()) / 1000
    end = time.monotonic() + DEFAULT_TIME
    return lambda: end - time.monotonic()


def _log_line(
    counts: dict[str, int], unrouted: int, report: Report, request: str, started: float
) -> None:
    line: dict[str, Any] = {
        **counts,
        "unrouted": unrouted,  # alerts that no channel's filters let through
        "retried": report.retried,
        "ms": round((time.monotonic() - started) * 1000),
    }
    if report.problems:
        line |= {"problems": report.problems, "dead": report.dead}
    if request:
        line["request"] = request
    log.log(logging.ERROR if report.left else logging.INFO, "%s", json.dumps(line))


def _log_left_out(ring: Ring) -> None:
    """The ids of the events that a message tells as counts only."""
    for name, groups in ring.items():
        for group in groups:
            ids = [alert.event.id for alert in group.alerts if alert.event.id]
            for start in range(0, len(ids) if group.rest else 0, IDS_A_LINE):
                line = {"channel": name, "left_out": ids[start : start + IDS_A_LINE]}
                log.info("%s", json.dumps(line))


def _incomplete(report: Report) -> str:
    total = report.left + report.posted
    why = "; ".join(f"{name}: {problem}" for name, problem in report.problems.items())
    return f"{report.left} of {total} messages not delivered: {why}"
