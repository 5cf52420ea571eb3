"""K-1, F-17: a webhook's path and a bot's token show nowhere, whatever goes wrong."""

from __future__ import annotations

import json
import logging
import os
import socket
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws

from fakes import (
    CHAT,
    TOKEN,
    WEBHOOK,
    Act,
    Answer,
    Clock,
    Context,
    door,
    payload,
    receiving,
    refusal,
)
from trailbell import app, deliver
from trailbell.errors import ConfigError, DeliveryIncomplete, TrailbellError
from trailbell.secrets import Secrets
from trailbell.testing import call

EVENT = call("iam:CreateAccessKey", by="mallory").raw
URL = f"https://hooks.slack.com{WEBHOOK}"
TELEGRAM = {"type": "telegram", "token": TOKEN, "chat_id": CHAT}
SECRETS = (WEBHOOK, WEBHOOK.rpartition("/")[2], TOKEN, TOKEN.partition(":")[2])


class Everything(logging.Handler):
    """Keeps all that any logger says."""

    def __init__(self) -> None:
        super().__init__(logging.NOTSET)
        self.said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.said.append(f"{record.getMessage()} {record.args!r}")
        if record.exc_info and record.exc_info[1]:
            self.said += told(record.exc_info[1])


def told(error: BaseException | None) -> Iterator[str]:
    """All that an error and those that it hangs on can say."""
    seen: list[BaseException] = []
    while error is not None and error not in seen:
        seen.append(error)
        yield from (str(error), repr(error), repr(error.args))
        yield "".join(traceback.format_exception(error))
        if error.__cause__ is not None:
            yield from told(error.__cause__)
        error = error.__context__


@pytest.fixture
def clean(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> Iterator[Callable[..., None]]:
    """With the root logger at DEBUG: assert that no secret was told, nor is in what is given."""
    caplog.set_level(logging.DEBUG)
    everything = Everything()
    logging.getLogger().addHandler(everything)

    def check(*given: object, secrets: tuple[str, ...] = SECRETS) -> None:
        written = capfd.readouterr()
        said = [caplog.text, *everything.said, written.out, written.err]
        for one in given:
            said += told(one) if isinstance(one, BaseException) else [str(one), repr(one)]
        for secret in secrets:
            for text in said:
                at = text.find(secret)
                if at >= 0:
                    pytest.fail(f"{secret!r} in ...{text[max(0, at - 200) : at + 100]}...")

    yield check
    logging.getLogger().removeHandler(everything)


def ring(
    monkeypatch: pytest.MonkeyPatch, folder: Path, channels: list[Any]
) -> TrailbellError | None:
    """Post one alert; return what came of it."""
    clock = Clock()
    handler = door(monkeypatch, folder, clock, CHANNELS=channels)
    try:
        handler(payload(EVENT), Context(clock))
    except DeliveryIncomplete as error:
        return error
    return None


QUOTES = [
    pytest.param("", id="silent"),
    pytest.param(f"not found: {URL}", id="url"),
    pytest.param(WEBHOOK, id="path"),
    pytest.param(WEBHOOK.rpartition("/")[2], id="last-part"),
    pytest.param(f"/bot{TOKEN}/sendMessage", id="telegram-path"),
    pytest.param(json.dumps({"ok": False, "description": f"no {TOKEN} here"}), id="token"),
    pytest.param(
        json.dumps({"ok": False, "description": f"{'x' * 80} {TOKEN} here"}), id="token-at-the-cut"
    ),
]


@pytest.mark.parametrize("body", QUOTES)
@pytest.mark.parametrize(
    "status", [200, 204, 301, 302, 307, 400, 401, 403, 404, 410, 429, 500, 503]
)
def test_answers(
    status: int,
    body: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    clean: Callable[..., None],
) -> None:
    """No answer, however it quotes the secret, brings it into a log or an error."""
    headers = {"Location": f"https://elsewhere.example{WEBHOOK}?{TOKEN}", "Retry-After": "1"}
    with receiving(lambda _: (status, headers, "" if status == 204 else body)) as receiver:
        error = ring(monkeypatch, tmp_path, [receiver.slack, receiver.telegram])

    clean(error)
    assert receiver.requests


@pytest.mark.parametrize(
    "part",
    [TOKEN.partition(":")[2], TOKEN.replace(":", "%3A"), TOKEN[:30]],
    ids=["half", "url-encoded", "cut"],
)
def test_parts_of_the_token(
    part: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, clean: Callable[..., None]
) -> None:
    """A description that quotes the token in another spelling is no way out for it."""
    with receiving(lambda _: refusal(403, f"Forbidden: {part} is no bot")) as receiver:
        error = ring(monkeypatch, tmp_path, [receiver.telegram])

    clean(error, secrets=(part,))


def test_an_answer_that_looks_like_a_word(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, clean: Callable[..., None]
) -> None:
    """A path that is made of small letters is not taken for one of Slack's error words."""
    with receiving(lambda _: (404, {}, "averysecretpath")) as receiver:
        url = f"{receiver.address}/hooks/averysecretpath"
        error = ring(monkeypatch, tmp_path, [url])

    clean(error, secrets=("averysecretpath",))


def unreachable(scheme: str) -> str:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return f"{scheme}://127.0.0.1:{one.getsockname()[1]}"


@pytest.mark.parametrize(
    "address",
    [
        pytest.param(lambda _: unreachable("http"), id="refused"),
        pytest.param(lambda _: unreachable("https"), id="refused-https"),
        pytest.param(lambda _: "https://nowhere.invalid", id="dns"),
        pytest.param(lambda it: it.replace("http:", "https:"), id="tls"),
        pytest.param(lambda _: f"https://{'a' * 64}.example", id="label-too-long"),
        pytest.param(lambda _: "https://xn--.example", id="punycode"),
    ],
)
def test_no_connection(
    address: Callable[[str], str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    clean: Callable[..., None],
) -> None:
    """A connection that does not come about tells its kind of failure and no more."""
    lookup = socket.getaddrinfo

    def offline(host: Any, *args: Any, **more: Any) -> Any:
        if host in ("127.0.0.1", "localhost", "::1"):
            return lookup(host, *args, **more)
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", offline)
    with receiving() as receiver:
        base = address(receiver.address)
        error = ring(monkeypatch, tmp_path, [f"{base}{WEBHOOK}", {**TELEGRAM, "api_url": base}])

    assert error is not None and "no answer" in str(error)
    clean(error)


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(Act.CLOSE, id="closed"),
        pytest.param(Act.HANG, id="time-out"),
        pytest.param((200, {"Content-Length": "99"}, "short"), id="short-body"),
        pytest.param((200, {"Content-Encoding": "gzip"}, WEBHOOK + TOKEN), id="no-gzip"),
        pytest.param((200, {"X": "y" * 70_000}, WEBHOOK), id="endless-header"),
        pytest.param((200, {"Content-Length": "many"}, WEBHOOK), id="odd-length"),
        pytest.param((302, {"Location": f"http://[{TOKEN}{WEBHOOK}"}, ""), id="odd-location"),
    ],
)
def test_broken_answers(
    answer: Answer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    clean: Callable[..., None],
) -> None:
    """A connection that breaks off or is no HTTP tells its kind of failure and no more."""
    monkeypatch.setattr(deliver, "READ", 0.05)
    with receiving(lambda _: answer) as receiver:
        error = ring(monkeypatch, tmp_path, [receiver.slack, receiver.telegram])

    assert error is not None
    clean(error)


def test_all_is_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, clean: Callable[..., None]
) -> None:
    """A message that arrives leaves no secret either, not in urllib3's DEBUG lines."""
    with receiving() as receiver:
        assert ring(monkeypatch, tmp_path, [receiver.slack, receiver.telegram]) is None

    assert len(receiver.taken) == 2
    clean()


def test_reprs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, clean: Callable[..., None]) -> None:
    """Settings, channels and what is built of them can be printed."""
    door(monkeypatch, tmp_path, Clock(), CHANNELS=[URL, TELEGRAM])
    notifier = app.notifier(tmp_path, Secrets(os.environ))
    bell = vars(notifier)["_bell"]
    channels = bell.settings.CHANNELS

    assert channels[0].url.get_secret_value() == URL
    clean(notifier, vars(notifier), vars(bell), bell.settings, channels, *channels)
    clean(bell.settings.model_dump(), bell.settings.model_dump_json(), *map(vars, channels))


WRONG = [
    pytest.param({"type": "slack", "url": URL.replace("https", "http")}, id="http"),
    pytest.param({"type": "slack", "url": f" {URL}"}, id="space"),
    pytest.param({"type": "slack", "url": f"{URL}\n"}, id="newline"),
    pytest.param({"type": "slack", "url": URL.replace("https://", "")}, id="no-scheme"),
    pytest.param({"type": "slack", "url": f"https://[{WEBHOOK}"}, id="no-host"),
    pytest.param({"type": "slack", "url": URL.replace(".com", ".com:999999")}, id="port"),
    pytest.param({"type": "slack", "url": [URL]}, id="list"),
    pytest.param({"type": "slack", "url": {"url": URL}}, id="dict"),
    pytest.param({"type": "slack", "uri": URL}, id="unknown-name"),
    pytest.param({"type": "slak", "url": URL}, id="unknown-type"),
    pytest.param({"url": URL}, id="no-type"),
    pytest.param({"type": "slack", "url": URL, "pace": URL}, id="pace"),
    pytest.param({"type": "slack", "url": URL, "min_severity": URL}, id="min-severity"),
    pytest.param({"type": "slack", "url": URL, "accounts": URL}, id="accounts"),
    pytest.param([[URL]], id="nested"),
    pytest.param({"type": "telegram", "token": f"bot{TOKEN}", "chat_id": 1}, id="bot-prefix"),
    pytest.param({"type": "telegram", "token": f"{TOKEN}x", "chat_id": 1}, id="token-too-long"),
    pytest.param({"type": "telegram", "token": TOKEN}, id="no-chat"),
    pytest.param({"type": "telegram", "token": [TOKEN], "chat_id": 1}, id="token-list"),
    pytest.param({"type": "telegram", "token": TOKEN, "chat_id": [TOKEN]}, id="chat-list"),
    pytest.param(
        {"type": "telegram", "token": TOKEN, "chat_id": 1, "api_url": f"http://x/{TOKEN}"},
        id="api-url",
    ),
    pytest.param(TOKEN, id="token-as-url"),
]


@pytest.mark.parametrize("entry", WRONG)
def test_config_errors(
    entry: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, clean: Callable[..., None]
) -> None:
    """An error about a channel names the setting and never its value."""
    handler = door(monkeypatch, tmp_path, Clock(), CHANNELS=entry)

    with pytest.raises(ConfigError) as caught:
        handler(payload(EVENT), Context())

    assert "CHANNELS" in str(caught.value)
    clean(caught.value)


@pytest.mark.parametrize(
    "source",
    [
        pytest.param(f'raise ValueError("{URL} {TOKEN}")', id="raises"),
        pytest.param(f'CHANNELS = "{URL}', id="does-not-parse"),
        pytest.param(f"CHANNELS = {URL}", id="url-without-quotes"),
        pytest.param(f'TOKEN = {TOKEN}; URL = "{URL}"', id="token-without-quotes"),
        pytest.param(f"_token = {TOKEN.partition(':')[2].partition('-')[0]}", id="name"),
        pytest.param(f'CHANNELS = {{"url": "{URL}"}}["{TOKEN}"]', id="key"),
        pytest.param(f'int("{URL}")', id="value"),
        pytest.param(f'_x = "{URL}".nothing', id="attribute"),
        pytest.param(f'CHANNELS = ["{URL}" "{TOKEN}"', id="open-bracket"),
        pytest.param(f'CHANNELS = "{URL}\0"', id="null-byte"),
        pytest.param(f'raise ImportError("{URL}")', id="import-error"),
    ],
)
def test_configs_that_do_not_run(
    source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, clean: Callable[..., None]
) -> None:
    """An error in configs.py names the file and the kind of error, and quotes nothing of it."""
    (tmp_path / "configs.py").write_text(source)
    handler = door(monkeypatch, tmp_path, Clock())

    with pytest.raises(ConfigError, match=r"configs\.py") as caught:
        handler(payload(EVENT), Context())

    half = TOKEN.partition(":")[2].partition("-")[0]
    clean(caught.value, secrets=(*SECRETS, half))


@pytest.mark.parametrize(
    ("variable", "text"),
    [
        pytest.param("CONFIG", f'{{"CHANNELS": "{URL}"', id="document-cut"),
        pytest.param("CONFIG", f'"{URL}"', id="document-is-text"),
        pytest.param("CONFIG", URL, id="document-is-url"),
        pytest.param("CONFIG", json.dumps({"CHANELS": URL}), id="document-unknown-name"),
        pytest.param("CHANNELS", f'["{URL}"', id="list-cut"),
        pytest.param("CHANNELS", f'{{"type": "slack", "url": {URL}}}', id="no-quotes"),
        pytest.param("CHANNELS", f"{URL} {URL}", id="two-urls"),
        pytest.param("WEBHOOK", URL, id="unknown-name"),
        pytest.param("RULES", URL, id="other-setting"),
        pytest.param("MUTES", json.dumps([{"reason": URL}]), id="mute"),
        pytest.param("PRESET", URL, id="preset"),
        pytest.param("CUSTOM_RULES", URL, id="custom-rules"),
    ],
)
def test_environment_errors(
    variable: str,
    text: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    clean: Callable[..., None],
) -> None:
    """An error in an environment variable names it and quotes nothing of it."""
    handler = door(monkeypatch, tmp_path, Clock(), **{"CHANNELS": URL, variable: text})

    with pytest.raises(ConfigError, match=r"TRAILBELL_|CHANNELS|MUTES|PRESET") as caught:
        handler(payload(EVENT), Context())

    clean(caught.value)


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "SESSION_TOKEN"):
        monkeypatch.setenv(f"AWS_{name}", "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with mock_aws():
        boto3.client("ssm").put_parameter(Name="/bell/url", Value=URL, Type="SecureString")
        boto3.client("secretsmanager").create_secret(Name="bell", SecretString=URL)
        boto3.client("secretsmanager").create_secret(
            Name="bells", SecretString=json.dumps({"slack": URL, "telegram": TOKEN})
        )
        s3 = boto3.client("s3")
        s3.create_bucket(Bucket="bell")
        s3.put_object(Bucket="bell", Key="c.json", Body=json.dumps({"CHANNELS": URL}).encode())
        yield


@pytest.mark.usefixtures("aws")
@pytest.mark.parametrize(
    "settings",
    [
        pytest.param({"CHANNELS": {"type": "slack", "url": "ssm:/bell/url"}}, id="ssm"),
        pytest.param({"CHANNELS": {"type": "slack", "url": "secretsmanager:bell"}}, id="sm"),
        pytest.param(
            {"CHANNELS": {"type": "slack", "url": "secretsmanager:bells#slack"}}, id="sm-key"
        ),
        pytest.param({"CONFIG": "s3://bell/c.json"}, id="s3"),
    ],
)
def test_stores(
    settings: dict[str, Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    clean: Callable[..., None],
) -> None:
    """A secret that is fetched from AWS is in no DEBUG line of boto3's either."""
    door(monkeypatch, tmp_path, Clock(), **settings)
    notifier = app.notifier(tmp_path, Secrets(os.environ))

    assert vars(notifier)["_bell"].settings.CHANNELS[0].url.get_secret_value() == URL
    clean(notifier)


@pytest.mark.usefixtures("aws")
@pytest.mark.parametrize(
    "name",
    [
        pytest.param("secretsmanager:bells#nothing", id="no-such-key"),
        pytest.param("secretsmanager:bell#key", id="no-json"),
        pytest.param("secretsmanager:bells", id="wrong-form"),
        pytest.param("ssm:/nothing", id="no-such-parameter"),
        pytest.param("env:BELL_URL", id="not-in-the-environment"),
    ],
)
def test_stores_that_fail(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, clean: Callable[..., None]
) -> None:
    """A secret that cannot be read, or is none, is told by its name."""
    handler = door(monkeypatch, tmp_path, Clock(), CHANNELS={"type": "slack", "url": name})

    with pytest.raises(ConfigError) as caught:
        handler(payload(EVENT), Context())

    clean(*told(caught.value))
