"""configs.py and the environment -> frozen Settings. The one file that reads ``configs``.

Order, the last wins: configs.py, the document of TRAILBELL_CONFIG, TRAILBELL_<NAME>.
"""

from __future__ import annotations

import importlib.util
import inspect
import json
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime, tzinfo
from fnmatch import fnmatchcase
from pathlib import Path
from traceback import extract_tb
from types import ModuleType
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from trailbell.channels.base import Channel
from trailbell.errors import ConfigError
from trailbell.model import Alert
from trailbell.names import nearest
from trailbell.rules.base import Rule

PREFIX = "TRAILBELL_"
DOCUMENT = "TRAILBELL_CONFIG"
HOSTS = {  # of bare URLs that are not Slack's
    "discord.com": "discord",
    "discordapp.com": "discord",
    "webhook.office.com": "teams",
    "logic.azure.com": "teams",
    "powerplatform.com": "teams",
}
FORMER = {"WEBHOOK_URL": "CHANNELS", "IGNORE_USER": "MUTES"}
"""Names that people bring along from a notifier that they had before."""


def _zone_name(name: str) -> str:
    """An IANA name that this machine knows."""
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ValueError(f"{name!r} is no IANA time zone, such as 'Europe/Berlin'") from None
    return name


def _queue_url(url: str) -> str:
    host = r"https://[^/]*(amazonaws\.com(\.cn)?|api\.aws)(:443)?|http://(localhost|127\.[\d.]+)(:\d+)?"
    if url and not re.fullmatch(rf"({host})/\d{{12}}/[\w-]+", url):
        raise ValueError(
            "is no URL of a queue (nor is its name or ARN), such as"
            " https://sqs.eu-west-1.amazonaws.com/111122223333/trailbell-retry"
        )
    return url


def _table_name(name: str) -> str:
    if name and not re.fullmatch(r"[\w.-]{3,255}", name, re.ASCII):
        raise ValueError("is no name of a table: letters, digits, and _ . -")
    return name


def _role_arn(arn: str) -> str:
    if arn and not re.fullmatch(r"arn:aws[a-z-]*:iam::\d{12}:role/[\w+=,.@/-]+", arn):
        raise ValueError("is no ARN of a role, such as arn:aws:iam::111122223333:role/trailbell")
    return arn


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


def _until(value: object) -> object:
    """A date or a time; pydantic alone would read a date as its first moment."""
    if value is None or isinstance(value, date):  # a datetime is a date too
        return value
    for kind in (date, datetime):
        try:
            return kind.fromisoformat(str(value))
        except ValueError:
            continue
    raise ValueError("is no date or time, such as 2026-03-30 or 2026-03-30T18:00")


class Mute(_Frozen):
    """Alerts that are counted and not posted. Every condition that is set must hold; globs."""

    rule: str = ""
    actor: str = ""
    """The actor as `replay` prints it."""
    role: str = ""
    """A role's name or ARN; never matches a user."""
    account: str = ""
    action: str = ""
    """``iam:CreateAccessKey``."""
    ip: str = ""
    region: str = ""
    until: Annotated[datetime | date | None, BeforeValidator(_until)] = None
    """The last moment of the event's time that is muted; a bare date means its end."""
    reason: str = Field(min_length=1)

    @model_validator(mode="after")
    def _has_condition(self) -> Mute:
        if not any((self.rule, self.actor, self.role, self.account, self.action, self.ip,
                    self.region)):  # fmt: skip
            raise ValueError("needs a condition: rule, actor, role, account, action, ip or region")
        return self

    def hides(self, alert: Alert, zone: tzinfo) -> bool:
        event = alert.event
        actor = event.actor
        return (
            _fits(self.rule, alert.rule)
            and _fits(self.actor, actor.name)
            and (_fits(self.role, actor.role) or _fits(self.role, actor.role_arn))
            and _fits(self.account, event.account)
            and _fits(self.action, event.action)
            and _fits(self.ip, event.ip)
            and _fits(self.region, event.region)
            and self._lasts(event.time, zone)
        )

    def _lasts(self, time: datetime | None, zone: tzinfo) -> bool:
        until = self.until
        if until is None:
            return True
        if time is None:
            return False  # an end was set, and nobody can say that it is not over
        if not isinstance(until, datetime):
            return time.astimezone(zone).date() <= until
        return time <= (until if until.tzinfo else until.replace(tzinfo=zone))


def _fits(pattern: str, value: str) -> bool:
    return not pattern or (bool(value) and fnmatchcase(value, pattern))


def _concrete(rules: tuple[type[Rule], ...]) -> tuple[type[Rule], ...]:
    for rule in rules:
        if missing := sorted(getattr(rule, "__abstractmethods__", ())):
            raise ValueError(f"{rule.__name__} lacks the method {' and '.join(missing)}")
    return rules


class Settings(_Frozen):
    """What configs.py and the environment say, checked. Fields have the settings' names."""

    CHANNELS: tuple[Channel, ...] = ()
    PRESET: Literal["standard", "security", "iam-user", "compliance"] = "standard"
    RULES: dict[str, dict[str, Any]] = {}
    CUSTOM_RULES: Annotated[tuple[type[Rule], ...], AfterValidator(_concrete)] = ()
    MUTES: tuple[Mute, ...] = ()
    TIMEZONE: Annotated[str, AfterValidator(_zone_name)] = "UTC"
    ACCOUNTS: dict[str, str] = {}
    LEDGER_TABLE: Annotated[str, AfterValidator(_table_name)] = ""
    """A table of DynamoDB: what was posted, and what rules remember."""
    RETRY_QUEUE_URL: Annotated[str, AfterValidator(_queue_url)] = ""
    """The queue of SQS that brings failed invocations back, and closes runs."""
    OWN_ROLE: Annotated[str, AfterValidator(_role_arn)] = ""
    """The ARN of the function's own role: what it does starts no loop."""

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.TIMEZONE)


NAMES = tuple(Settings.model_fields)
TEXTS = ("PRESET", "TIMEZONE", "LEDGER_TABLE", "RETRY_QUEUE_URL", "OWN_ROLE")
"""Settings that are plain texts, in the environment too."""


def gather(
    folder_or_file: Path | None,
    environ: Mapping[str, str],
    fetch: Callable[[str], str] | None = None,
) -> dict[str, Any]:
    """The settings as they stand, unchecked, by name.

    :param folder_or_file: configs.py, or the folder that may hold one.
    :param fetch: reads the document that TRAILBELL_CONFIG names (ssm:/path, s3://bucket/key).
    :raises ConfigError: for a file that does not run, a name that is none, or broken JSON.
    """
    raw: dict[str, Any] = {}
    if folder_or_file is not None:
        is_folder = folder_or_file.is_dir()
        path = folder_or_file / "configs.py" if is_folder else folder_or_file
        if path.exists() or not is_folder:  # a folder may hold none; a file was named
            raw |= _from_module(_run(path))
    if document := environ.get(DOCUMENT, ""):
        named = document.startswith(("ssm:", "s3://"))
        text = fetch(document) if named and fetch else "{}" if named else document
        raw |= _checked_names(_json(text, DOCUMENT, dict), DOCUMENT)
    for variable, text in sorted(environ.items()):
        if not variable.startswith(PREFIX) or variable == DOCUMENT:
            continue
        name = variable.removeprefix(PREFIX)
        _checked_names({name: text}, "environment", PREFIX)
        raw[name] = _from_variable(name, variable, text)
    return raw


def validated(
    raw: Mapping[str, Any],
    rules: Mapping[str, type[Rule]],
    own: Iterable[str],
    channel_types: Mapping[str, Callable[[], type[Channel]]],
    secret: Callable[[str], str] | None = None,
) -> Settings:
    """The settings, checked.

    :param rules: the shipped rules, by id.
    :param own: ids of the alerts that trailbell raises about itself.
    :param channel_types: loads the class of a channel's type.
    :param secret: looks up a secret that is named; None leaves the names as they are.
    :raises ConfigError: names the setting, what is wrong, and the nearest right name.
    """
    channels = _channels(raw.get("CHANNELS", ()), channel_types, secret)
    try:
        settings = Settings.model_validate({**raw, "CHANNELS": channels})
    except ValidationError as error:
        raise ConfigError(_problem(error, Settings)) from None
    ids = {*rules, *(rule.id for rule in settings.CUSTOM_RULES)}
    own = tuple(own)
    for rule in settings.CUSTOM_RULES:
        if rule.id in own:
            raise ConfigError(
                f"CUSTOM_RULES: {rule.id} is what trailbell calls an alert of its own"
            )
    for rule_id in settings.RULES:
        if rule_id not in ids:
            raise ConfigError(f"RULES: {rule_id!r} is no rule{nearest(rule_id, ids)}")
    names = [channel.name for channel in channels]
    for channel in channels:
        others = [name for name in names if name != channel.name]
        if channel.fallback and channel.fallback not in others:
            raise ConfigError(
                f"CHANNELS[{channel.name!r}].fallback: {_shown(channel.fallback)!r} is no other"
                f" channel's name{nearest(channel.fallback, others)}"
            )
    globs = [(f"CHANNELS[{channel.name!r}].rules", channel.rules) for channel in channels]
    globs += [(f"MUTES[{n}].rule", (mute.rule,)) for n, mute in enumerate(settings.MUTES)]
    for where, patterns in globs:
        for pattern in filter(None, patterns):
            if not any(fnmatchcase(rule_id, pattern) for rule_id in (*ids, *own)):
                raise ConfigError(f"{where}: {pattern!r} fits no rule{nearest(pattern, ids)}")
    return settings


def _run(path: Path) -> ModuleType:
    """Run a configs.py by its path; what lies beside it (custom_rules/) can be imported by it."""
    folder = str(path.resolve().parent)
    if folder not in sys.path:
        sys.path.insert(0, folder)
    spec = importlib.util.spec_from_file_location("configs", path)
    if spec is None or spec.loader is None or not path.is_file():
        raise ConfigError(f"{path} is no Python file that can be read")
    module = importlib.util.module_from_spec(spec)
    sys.modules["configs"] = module  # a class in it finds its own names there
    try:
        spec.loader.exec_module(module)
        return module
    except ConfigError:
        raise
    except Exception as error:  # it is the user's code: anything may come out of it
        # Neither its text nor the lines around it may be shown: they may hold a secret.
        problem = f"does not run: {type(error).__name__}{_where(error, path)}"
    raise ConfigError(f"{path.name} {problem}")  # out here, where no context hangs on it


def _where(error: Exception, path: Path) -> str:
    """The line of configs.py that an error came from, and the module that one could not find."""
    line, file = None, path.name
    for frame in extract_tb(error.__traceback__):
        line = frame.lineno if Path(frame.filename).name == path.name else line
    if isinstance(error, SyntaxError):
        line, file = error.lineno, Path(error.filename or path).name
    module = f" ({error.name})" if isinstance(error, ModuleNotFoundError) and error.name else ""
    where = f" in line {line}" if line else ""
    return module + where + (f" of {file}" if line and file != path.name else "")


def _from_module(module: ModuleType) -> dict[str, Any]:
    values = {
        name: value
        for name, value in vars(module).items()
        if not name.startswith("_")
        and not inspect.ismodule(value)
        and not inspect.isroutine(value)
        and (name in NAMES or not inspect.isclass(value))
        and type(value).__module__ not in ("__future__", "typing")  # imported for annotations
    }
    return _checked_names(values, "configs.py")


def _checked_names(values: dict[str, Any], where: str, prefix: str = "") -> dict[str, Any]:
    for name in values:
        if name not in NAMES:
            former = FORMER.get(name)
            hint = f"; it is {former!r} here" if former else nearest(name, NAMES, prefix)
            raise ConfigError(f"{where}: {prefix}{name} is no setting{hint}")
    return values


def _from_variable(name: str, variable: str, text: str) -> object:
    if name == "CUSTOM_RULES":
        raise ConfigError(f"{variable}: rule classes can only stand in configs.py")
    if name in TEXTS:
        return text
    if name == "CHANNELS" and not text.lstrip().startswith(("[", "{", '"')):
        return text  # one bare URL
    return _json(text, variable, None)


def _json(text: str, where: str, kind: type | None) -> Any:
    try:
        value = json.loads(text)
    except ValueError as error:
        at = f" at character {error.pos}" if isinstance(error, json.JSONDecodeError) else ""
        raise ConfigError(f'{where} is no JSON{at}; quote names and texts with "') from None
    if kind is not None and not isinstance(value, kind):
        raise ConfigError(f'{where} must be one JSON object, such as {{"CHANNELS": [...]}}')
    return value


def _channels(
    value: object,
    types: Mapping[str, Callable[[], type[Channel]]],
    secret: Callable[[str], str] | None,
) -> tuple[Channel, ...]:
    entries = list(value) if isinstance(value, list | tuple) else [value]
    if value == "":
        raise ConfigError("CHANNELS is empty: put a webhook's URL there")
    channels: list[Channel] = []
    given = [entry.get("name") for entry in entries if isinstance(entry, dict)]
    taken = {name for name in given if isinstance(name, str)}
    for number, entry in enumerate(entries):
        where = f"CHANNELS[{number}]"
        if isinstance(entry, str):
            entry = {"type": _type_of(entry), "url": entry}
        if not isinstance(entry, dict):
            raise ConfigError(f"{where} must be a webhook URL or a dict with a type")
        kind = str(entry.get("type", ""))
        if kind not in types:
            problem = f"type {_shown(kind)!r} is none" if kind else "has no type"
            raise ConfigError(f"{where} {problem}{nearest(kind, types)}")
        channel_class = types[kind]()
        if not entry.get("name"):
            entry = {**entry, "name": _free_name(kind, taken)}
        try:
            channel = channel_class.model_validate(entry, context={"secret": secret})
        except ValidationError as error:
            problem = _problem(error, channel_class)
            raise ConfigError(f"{where}: {problem}. It takes: {channel_class.help}") from None
        if any(channel.name == other.name for other in channels):
            raise ConfigError(f"{where}: the name {channel.name!r} is taken by another channel")
        taken.add(channel.name)
        channels.append(channel)
    return tuple(channels)


def _free_name(kind: str, taken: set[str]) -> str:
    name, number = kind, 2
    while name in taken:
        name, number = f"{kind}-{number}", number + 1
    return name


def _type_of(url: str) -> str:
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:
        host = ""
    for domain, kind in HOSTS.items():
        if host == domain or host.endswith(f".{domain}"):
            return kind
    return "slack"


def _shown(name: str) -> str:
    """A name as an error may repeat it: whoever mixes up the quotes may have put a secret there."""
    return name if re.fullmatch(r"[A-Za-z_][A-Za-z_-]{0,30}", name) else "…"


def _problem(error: ValidationError, model: type[BaseModel]) -> str:
    """The first problem, in a line: where it is, what is wrong, the nearest right name."""
    problem = error.errors(include_url=False, include_input=False, include_context=False)[0]
    where = ""
    for step in problem["loc"]:
        name = f"[{step}]" if isinstance(step, int) else _shown(step)
        where += f".{name}" if where and isinstance(step, str) else name
    text = problem["msg"].removeprefix("Value error, ")
    if problem["type"] == "string_type":
        text = "must be a text: put it in quotes"
    if problem["type"] in ("tuple_type", "list_type"):
        text = 'must be a list, such as ["root-*"]'
    if problem["type"] == "missing":
        text = "is missing"
    if problem["type"] == "dict_type":
        text = 'must be a dict, such as {"enabled": False}'
    if problem["type"] == "extra_forbidden":
        inner = Mute if where.startswith("MUTES") else model
        text = f"is no setting here{nearest(str(problem['loc'][-1]), inner.model_fields)}"
    return f"{where}: {text}" if where else text
