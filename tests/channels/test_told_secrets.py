"""F-17: what a channel is trusted with shows nowhere, whatever goes wrong."""

from __future__ import annotations

import json
import logging
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from fakes import (
    BOT_TOKEN,
    DISCORD,
    HOOK,
    HOOK_SECRET,
    ROUTING_KEY,
    TEAMS,
    Act,
    Answer,
    Clock,
    Context,
    door,
    payload,
    receiving,
)
from trailbell import channels, deliver
from trailbell.channels.base import find
from trailbell.errors import DeliveryIncomplete
from trailbell.testing import call

EVENT = call("iam:CreateAccessKey", by="mallory").raw
SECRETS = {
    "slack": BOT_TOKEN,
    "discord": DISCORD.rpartition("/")[2],
    "pagerduty": ROUTING_KEY,
    "teams": TEAMS.rpartition("=")[2],
    "webhook": HOOK,
}
SIGNED = HOOK_SECRET
every_kind = pytest.mark.parametrize("kind", SECRETS)


def told(error: BaseException | None) -> Iterator[str]:
    """All that an error and those that it hangs on can say."""
    if error is not None:
        yield from (str(error), repr(error), "".join(traceback.format_exception(error)))
        yield from told(error.__cause__)
        yield from told(error.__context__)


def ring(
    kind: str,
    answer: Answer,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    **changed: str,
) -> list[str]:
    """Post one alert with the root logger at DEBUG; return all that was said of it."""
    caplog.set_level(logging.DEBUG)
    clock = Clock()
    said: list[str] = []
    with receiving(lambda _: answer) as receiver:
        channel = {**receiver.channels[kind], **changed}
        handler = door(monkeypatch, folder, clock, CHANNELS=[channel])
        try:
            handler(payload(EVENT), Context(clock))
        except DeliveryIncomplete as error:
            said += told(error)
    said += [f"{record.getMessage()} {record.args!r}" for record in caplog.records]
    return [*said, caplog.text]


def clean(kind: str, said: list[str]) -> None:
    for secret in (SECRETS[kind], SIGNED):
        assert not [text for text in said if secret in text]


@every_kind
@pytest.mark.parametrize("status", [200, 204, 302, 400, 401, 403, 404, 413, 429, 500])
def test_answers(
    kind: str,
    status: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """No answer, however it quotes the secret, brings it into a log or an error."""
    secret = SECRETS[kind]
    quote = {"ok": False, "error": secret, "status": secret, "message": secret, "errors": [secret]}
    headers = {"Location": f"https://elsewhere.example/{secret}"}
    body = "" if status == 204 else json.dumps(quote)
    clean(kind, ring(kind, (status, headers, body), tmp_path, monkeypatch, caplog))


@every_kind
@pytest.mark.parametrize(
    "answer", [Act.CLOSE, Act.HANG, (200, {"Content-Length": "99"}, "short"), None], ids=repr
)
def test_broken_answers(
    kind: str,
    answer: Answer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A connection that breaks off tells its kind of failure and no more, and one that does not
    tells nothing."""
    monkeypatch.setattr(deliver, "READ", 0.05)
    clean(kind, ring(kind, answer, tmp_path, monkeypatch, caplog))


WRONG: list[Any] = [
    {"type": "slack", "token": BOT_TOKEN},
    {"type": "slack", "token": f"{BOT_TOKEN}\n", "channel": "x"},
    {"type": "slack", "url": BOT_TOKEN},
    {"type": "discord", "url": DISCORD},
    {"type": "discord", "url": f"http://discord.com{DISCORD}"},
    {"type": "pagerduty", "routing_key": f"{ROUTING_KEY}x"},
    {"type": "pagerduty", "routing_key": [ROUTING_KEY]},
    {"type": "teams", "url": f"http://example.com{TEAMS}"},
    {"type": "webhook", "url": f"http://example.com{HOOK}", "secret": HOOK_SECRET},
    {"type": "webhook", "url": f"https://example.com{HOOK}", "secret": [HOOK_SECRET]},
]


@pytest.mark.parametrize("entry", WRONG, ids=lambda entry: entry["type"])
def test_wrong_settings(entry: Any) -> None:
    """An error about a setting does not quote its value."""
    with pytest.raises(ValidationError) as caught:
        find(channels)[entry["type"]]().model_validate(entry)

    shown = f"{caught.value}{caught.value!r}"
    assert not [one for one in (*SECRETS.values(), SIGNED) if one in shown]


@every_kind
def test_reprs(kind: str) -> None:
    """A channel can be printed."""
    with receiving() as receiver:
        channel = find(channels)[kind]()(**receiver.channels[kind])

    clean(kind, [repr(channel), str(channel), channel.model_dump_json(), repr(vars(channel))])
