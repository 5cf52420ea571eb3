from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import boto3
import pytest
from moto import mock_aws

from fakes import CHAT, TOKEN, payload, receiving
from trailbell import app
from trailbell.channels.slack import Slack
from trailbell.channels.telegram import Telegram
from trailbell.errors import ConfigError
from trailbell.model import Alert, Event, Severity, say
from trailbell.secrets import Secrets
from trailbell.settings import Mute, Settings
from trailbell.testing import call, person, role, user

ROOT = Path(__file__).parent.parent
URL = "https://hooks.slack.com/services/T024BE7LH/B0EXAMPLE1/s3cret"
TELEGRAM = {"type": "telegram", "token": TOKEN, "chat_id": CHAT}


@pytest.fixture(autouse=True)
def as_it_was(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """configs.py puts its folder on sys.path; the next test's is another one."""
    monkeypatch.setattr(sys, "path", sys.path[:])
    yield
    for name in [name for name in sys.modules if name.partition(".")[0] == "custom_rules"]:
        del sys.modules[name]


def load(folder: Path | None = None, source: str | None = None, **environ: object) -> Settings:
    """The settings of a configs.py with this source, and of TRAILBELL_ variables (as JSON)."""
    if folder is not None and source is not None:
        (folder / "configs.py").write_text(source)
    texts = {
        f"TRAILBELL_{name}": value if isinstance(value, str) else json.dumps(value)
        for name, value in environ.items()
    }
    return app.load_settings(folder, texts, Secrets(os.environ))


def problem(folder: Path | None = None, source: str | None = None, **environ: object) -> str:
    """The one line that the error of these settings says."""
    with pytest.raises(ConfigError) as caught:
        settings = load(folder, source, **environ)
        app.bell(settings)  # what a rule says of its settings
    text = str(caught.value)
    assert "\n" not in text and len(text) < 512
    return text


def test_nothing_set(tmp_path: Path) -> None:
    """Without configs.py and environment there are defaults, and no channel."""
    assert load(tmp_path) == Settings()
    assert Settings().PRESET == "standard" and Settings().TIMEZONE == "UTC"
    assert not Settings().CHANNELS


@pytest.mark.parametrize(
    ("source", "environ", "zone"),
    [
        pytest.param("TIMEZONE = 'Asia/Tokyo'", {}, "Asia/Tokyo", id="configs"),
        pytest.param(
            "TIMEZONE = 'Asia/Tokyo'",
            {"CONFIG": {"TIMEZONE": "Europe/Rome"}},
            "Europe/Rome",
            id="document-over-configs",
        ),
        pytest.param(
            "TIMEZONE = 'Asia/Tokyo'",
            {"CONFIG": {"TIMEZONE": "Europe/Rome"}, "TIMEZONE": "America/Lima"},
            "America/Lima",
            id="variable-over-both",
        ),
        pytest.param("", {"CONFIG": "", "TIMEZONE": "America/Lima"}, "America/Lima", id="empty"),
    ],
)
def test_order(tmp_path: Path, source: str, environ: dict[str, Any], zone: str) -> None:
    """configs.py gives way to TRAILBELL_CONFIG, and that to a setting's own variable."""
    source += "\nACCOUNTS = {'111122223333': 'prod'}"

    settings = load(tmp_path, source, **environ)

    assert settings.zone == ZoneInfo(zone)
    assert settings.ACCOUNTS == {"111122223333": "prod"}


def test_names_that_are_skipped(tmp_path: Path) -> None:
    """Helpers in configs.py are no settings: _names, modules, functions, classes, __future__."""
    source = """
from __future__ import annotations, division
import os
import os.path as paths
from datetime import date
from pathlib import Path
from json import loads
from functools import lru_cache
_TOKEN = 5
__version__ = "1"
def helper(): return "Europe/Rome"
class Helper: pass
short = lambda: None
@lru_cache
def cached(): return 1
async def later(): pass
TIMEZONE = helper()
"""
    assert load(tmp_path, source).TIMEZONE == "Europe/Rome"


@pytest.mark.parametrize(
    ("source", "environ", "says"),
    [
        pytest.param("CHANELS = 1", {}, ["configs.py", "CHANELS", "'CHANNELS'"], id="configs"),
        pytest.param("channels = 1", {}, ["configs.py", "'CHANNELS'"], id="lower-case"),
        pytest.param("x = 1", {}, ["configs.py", "x is no setting"], id="helper"),
        pytest.param("WEBHOOK_URL = ''", {}, ["WEBHOOK_URL", "'CHANNELS'"], id="former-webhook"),
        pytest.param("IGNORE_USER = []", {}, ["IGNORE_USER", "'MUTES'"], id="former-ignore"),
        pytest.param(
            "", {"TIMEZON": "UTC"}, ["TRAILBELL_TIMEZON", "'TRAILBELL_TIMEZONE'"], id="variable"
        ),
        pytest.param(
            "", {"CONFIG": {"MUTE": []}}, ["TRAILBELL_CONFIG", "MUTE", "'MUTES'"], id="document"
        ),
        pytest.param("", {"XYZZY": "1"}, ["TRAILBELL_XYZZY", "CHANNELS, "], id="nothing-near"),
        pytest.param(
            "", {"RULES": {"acess-key-created": {}}}, ["RULES", "'access-key-created'"], id="rule"
        ),
        pytest.param(
            "",
            {"RULES": {"access-key-created": {"severty": "low"}}},
            ["RULES['access-key-created']['severty']", "'severity'"],
            id="tunable",
        ),
        pytest.param(
            "",
            {"RULES": {"off-hours-activity": {"holliday": []}}},
            ["RULES['off-hours-activity']['holliday']", "did you mean"],
            id="tunable-of-one-rule",
        ),
        pytest.param(
            "", {"MUTES": [{"user": "a", "reason": "x"}]}, ["MUTES[0].user", "known"], id="mute"
        ),
        pytest.param(
            "",
            {"MUTES": [{"actr": "a", "reason": "x"}]},
            ["MUTES[0].actr", "'actor'"],
            id="mute-nearly",
        ),
        pytest.param(
            "",
            {"MUTES": [{"rule": "acess-key-*", "reason": "x"}]},
            ["MUTES[0].rule", "access-key-"],
            id="mute-of-no-rule",
        ),
        pytest.param("", {"CHANNELS": {"type": "slak"}}, ["CHANNELS[0]", "'slack'"], id="type"),
        pytest.param(
            "",
            {"CHANNELS": {"type": "slack", "link": URL}},
            ["CHANNELS[0]", "hooks.slack.com"],
            id="channel",
        ),
        pytest.param(
            "",
            {"CHANNELS": [{"type": "slack", "url": URL, "severity": "low"}]},
            ["CHANNELS[0]", "severity", "min_severity"],
            id="channel-nearly",
        ),
        pytest.param(
            "",
            {"CHANNELS": [{"type": "slack", "url": URL, "rules": ["rot-*"]}]},
            ["CHANNELS['slack'].rules", "'rot-*'"],
            id="channel-of-no-rule",
        ),
    ],
)
def test_unknown_names(
    tmp_path: Path, source: str, environ: dict[str, Any], says: list[str]
) -> None:
    """A name that is none is refused, with where it stands and the nearest right one."""
    text = problem(tmp_path, source, **environ)

    for part in says:
        assert part in text


WRONG = [
    pytest.param({"CHANNELS": 5}, "CHANNELS[0]", id="channels-number"),
    pytest.param({"CHANNELS": [None]}, "CHANNELS[0]", id="channels-null"),
    pytest.param({"CHANNELS": [[URL]]}, "CHANNELS[0]", id="channels-nested"),
    pytest.param({"CHANNELS": {}}, "CHANNELS[0]", id="channels-empty"),
    pytest.param({"CHANNELS": {"type": "slack"}}, "url", id="no-url"),
    pytest.param({"CHANNELS": {"type": "slack", "url": 5}}, "url", id="url-number"),
    pytest.param({"CHANNELS": {"type": ["slack"], "url": URL}}, "type", id="type-list"),
    pytest.param({"CHANNELS": {"type": "slack", "url": URL, "name": 5}}, "name", id="name-number"),
    pytest.param(
        {"CHANNELS": {"type": "slack", "url": URL, "name": ["a"]}}, "name", id="name-list"
    ),
    pytest.param({"CHANNELS": {"type": "slack", "url": URL, "pace": -1}}, "pace", id="pace"),
    pytest.param({"CHANNELS": {"type": "slack", "url": URL, "pace": "x"}}, "pace", id="pace-text"),
    pytest.param(
        {"CHANNELS": {"type": "slack", "url": URL, "min_severity": "hi"}},
        "min_severity",
        id="min-severity",
    ),
    pytest.param(
        {"CHANNELS": {"type": "slack", "url": URL, "min_severity": 4}},
        "min_severity",
        id="min-severity-number",
    ),
    pytest.param({"CHANNELS": {"type": "slack", "url": URL, "rules": 5}}, "rules", id="rules"),
    pytest.param(
        {"CHANNELS": {"type": "slack", "url": URL, "rules": "access-key-*"}},
        "rules",
        id="rules-no-list",
    ),
    pytest.param(
        {"CHANNELS": {"type": "slack", "url": URL, "accounts": [5]}}, "accounts", id="accounts"
    ),
    pytest.param({"CHANNELS": TELEGRAM | {"chat_id": []}}, "chat_id", id="chat-id"),
    pytest.param({"CHANNELS": TELEGRAM | {"token": "123"}}, "token", id="token"),
    pytest.param(
        {"CHANNELS": TELEGRAM | {"message_thread_id": "x"}}, "message_thread_id", id="thread"
    ),
    pytest.param({"CHANNELS": TELEGRAM | {"api_url": "http://x"}}, "api_url", id="api-url"),
    pytest.param(
        {"CHANNELS": [URL, {"type": "stdout", "name": "slack"}, "x"]}, "CHANNELS[2]", id="third"
    ),
    pytest.param({"PRESET": "everything"}, "PRESET", id="preset"),
    pytest.param({"RULES": []}, "RULES", id="rules-list"),
    pytest.param({"RULES": {"access-key-created": True}}, "access-key-created", id="rule-bool"),
    pytest.param(
        {"RULES": {"access-key-created": {"enabled": "yes"}}},
        "RULES['access-key-created']['enabled']",
        id="enabled",
    ),
    pytest.param(
        {"RULES": {"access-key-created": {"severity": "worst"}}},
        "RULES['access-key-created']['severity']",
        id="severity",
    ),
    pytest.param(
        {"RULES": {"off-hours-activity": {"timezone": "Mars/Base"}}},
        "RULES['off-hours-activity']",
        id="tunable-zone",
    ),
    pytest.param({"MUTES": {"rule": "*"}}, "MUTES", id="mutes-no-list"),
    pytest.param({"MUTES": ["alice"]}, "MUTES", id="mute-text"),
    pytest.param({"MUTES": [{"actor": "alice"}]}, "MUTES[0].reason", id="mute-without-reason"),
    pytest.param({"MUTES": [{"actor": "a", "reason": ""}]}, "MUTES[0].reason", id="empty-reason"),
    pytest.param({"MUTES": [{"reason": "x"}]}, "MUTES[0]", id="mute-without-condition"),
    pytest.param({"MUTES": [{"actor": "", "reason": "x"}]}, "MUTES[0]", id="empty-condition"),
    pytest.param({"MUTES": [{"actor": 5, "reason": "x"}]}, "MUTES[0].actor", id="mute-number"),
    pytest.param(
        {"MUTES": [{"actor": "a", "reason": "x", "until": "soon"}]}, "MUTES[0].until", id="until"
    ),
    pytest.param(
        {"MUTES": [{"actor": "a", "reason": "x", "until": 5}]},
        "MUTES[0].until",
        id="until-number",
    ),
    pytest.param({"TIMEZONE": "Europe/Atlantis"}, "TIMEZONE", id="zone"),
    pytest.param({"TIMEZONE": "../../etc/passwd"}, "TIMEZONE", id="zone-path"),
    pytest.param({"TIMEZONE": ""}, "TIMEZONE", id="zone-empty"),
    pytest.param({"CONFIG": {"TIMEZONE": 5}}, "TIMEZONE", id="zone-number"),
    pytest.param({"ACCOUNTS": ["prod"]}, "ACCOUNTS", id="accounts-list"),
    pytest.param({"ACCOUNTS": {"111122223333": 5}}, "ACCOUNTS", id="accounts-number"),
    pytest.param({"CONFIG": {"CUSTOM_RULES": ["x"]}}, "CUSTOM_RULES", id="custom-rules"),
    pytest.param({"CONFIG": [1]}, "TRAILBELL_CONFIG", id="document-list"),
    pytest.param({"CONFIG": "{'a': 1}"}, "TRAILBELL_CONFIG", id="document-quotes"),
    pytest.param({"RULES": "{'a': 1}"}, "TRAILBELL_RULES", id="variable-quotes"),
    pytest.param({"CUSTOM_RULES": []}, "TRAILBELL_CUSTOM_RULES", id="custom-rules-variable"),
]


@pytest.mark.parametrize(("environ", "name"), WRONG)
def test_wrong_values(environ: dict[str, Any], name: str) -> None:
    """A value of the wrong type or form is refused in one line that names its setting."""
    assert name in problem(**environ)


@pytest.mark.parametrize("rule", ["access-key-created", "root-activity", "off-hours-activity"])
def test_wrong_types_in_configs(tmp_path: Path, rule: str) -> None:
    """Values that only Python can write are refused as the others are."""
    for source, name in [
        ("CHANNELS = {'type': 'slack', 'url': b'x'}", "url"),
        ("CHANNELS = {1: 2}", "CHANNELS[0]"),
        ("CHANNELS = object()", "CHANNELS[0]"),
        ("ACCOUNTS = {111122223333: 'prod'}", "ACCOUNTS"),
        (f"CUSTOM_RULES = ['{rule}']", "CUSTOM_RULES"),
        ("CUSTOM_RULES = [dict]", "CUSTOM_RULES"),
        ("MUTES = None", "MUTES"),
        ("RULES = {1: {}}", "RULES"),
    ]:
        assert name in problem(tmp_path, source)


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(URL, id="bare"),
        pytest.param([URL], id="list"),
        pytest.param({"type": "slack", "url": URL}, id="entry"),
        pytest.param([{"type": "slack", "url": URL}], id="list-of-entries"),
        pytest.param(json.dumps(URL), id="quoted"),
        pytest.param(f' ["{URL}"]', id="space-before"),
    ],
)
def test_forms_of_channels(tmp_path: Path, value: Any) -> None:
    """One webhook's URL, a list of them and full entries come to the same."""
    settings = load(tmp_path, "", CHANNELS=value)

    assert (Slack(name="slack", url=URL),) == settings.CHANNELS


@pytest.mark.parametrize("source", [f"CHANNELS = '{URL}'", f"CHANNELS = ('{URL}',)"])
def test_forms_of_channels_in_configs(tmp_path: Path, source: str) -> None:
    """In configs.py too, one URL is enough."""
    assert (Slack(name="slack", url=URL),) == load(tmp_path, source).CHANNELS


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:8080/services/x",
        "http://localhost/hooks/x",
        "http://[::1]:9/services/x",
        "https://hooks.slack-gov.com/services/x",
        "https://chat.example.com/hooks/x",
    ],
)
def test_bare_urls_of_other_hosts(url: str) -> None:
    """A bare URL is Slack's, on loopback and on hosts that nobody knows too."""
    assert isinstance(load(CHANNELS=url).CHANNELS[0], Slack)


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        ("https://discord.com/api/webhooks/1/x", "discord"),
        ("https://ptb.discord.com/api/webhooks/1/x", "discord"),
        ("https://discordapp.com/api/webhooks/1/x", "discord"),
        ("https://example.webhook.office.com/webhookb2/x", "teams"),
        ("https://prod-01.westeurope.logic.azure.com/workflows/x", "teams"),
    ],
)
def test_types_of_bare_urls(url: str, kind: str) -> None:
    """The host of a bare URL says whose it is."""
    assert load(CHANNELS=url).CHANNELS[0].type == kind


def test_hosts_that_only_look_like_others() -> None:
    """A host is told by its end, not by what it begins with."""
    for host in ("discord.com.example.com", "notdiscord.com"):
        assert load(CHANNELS=f"https://{host}/x").CHANNELS[0].type == "slack"


@pytest.mark.parametrize(
    ("entries", "names"),
    [
        ([URL, URL, TELEGRAM], ["slack", "slack-2", "telegram"]),
        ([URL, TELEGRAM, URL, URL], ["slack", "telegram", "slack-2", "slack-3"]),
        ([URL, {"type": "slack", "url": URL, "name": "slack"}], ["slack-2", "slack"]),
        ([{"type": "stdout", "name": "log"}, {"type": "stdout"}], ["log", "stdout"]),
        (
            [URL, {"type": "slack", "url": URL, "name": "slack-2"}, URL],
            ["slack", "slack-2", "slack-3"],
        ),
    ],
)
def test_names_of_channels(entries: list[Any], names: list[str]) -> None:
    """A channel without a name gets its type, with a number where that is taken."""
    assert [channel.name for channel in load(CHANNELS=entries).CHANNELS] == names


def test_a_name_twice() -> None:
    """Two channels of one name would share a place in the ledger."""
    entry = {"type": "slack", "url": URL, "name": "ops"}

    assert "'ops'" in problem(CHANNELS=[entry, entry])


def test_all_of_a_channel() -> None:
    """Each setting of a channel arrives in it."""
    entry = {
        **TELEGRAM,
        "name": "night",
        "min_severity": "HIGH",
        "rules": ["root-*", "access-key-created"],
        "accounts": ["111122223333"],
        "pace": 0,
        "message_thread_id": 7,
        "api_url": "https://bots.example.com/",
    }

    (channel,) = load(CHANNELS=entry).CHANNELS

    assert isinstance(channel, Telegram)
    assert channel.min_severity is Severity.HIGH
    assert channel.rules == ("root-*", "access-key-created")
    assert (channel.pace, channel.accounts) == (0, ("111122223333",))
    assert (channel.message_thread_id, channel.api_url) == (7, "https://bots.example.com")
    assert channel.token.get_secret_value() == TOKEN


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "SESSION_TOKEN"):
        monkeypatch.setenv(f"AWS_{name}", "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with mock_aws():
        ssm, store = boto3.client("ssm"), boto3.client("secretsmanager")
        document = json.dumps({"CHANNELS": URL, "TIMEZONE": "Europe/Rome"})
        ssm.put_parameter(Name="/bell/url", Value=URL, Type="SecureString")
        ssm.put_parameter(Name="/bell/config", Value=document, Type="String")
        ssm.put_parameter(Name="/bell/broken", Value="{", Type="String")
        store.create_secret(Name="bell", SecretString=URL)
        store.create_secret(Name="bells", SecretString=json.dumps({"slack": URL, "n": 5}))
        store.create_secret(Name="binary", SecretBinary=b"x")
        s3 = boto3.client("s3")
        s3.create_bucket(Bucket="bell-settings")
        s3.put_object(Bucket="bell-settings", Key="a/config.json", Body=document.encode())
        s3.put_object(Bucket="bell-settings", Key="latin.json", Body=b"\xff\xfe")
        yield


@pytest.mark.usefixtures("aws")
@pytest.mark.parametrize(
    "name",
    [
        "env:BELL_URL",
        "ssm:/bell/url",
        "secretsmanager:bell",
        "secretsmanager:bells#slack",
    ],
)
def test_named_secrets(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A secret may be named instead of written: in the environment, SSM or Secrets Manager."""
    monkeypatch.setenv("BELL_URL", URL)

    (channel,) = load(CHANNELS={"type": "slack", "url": name}).CHANNELS
    (bare,) = load(CHANNELS=name).CHANNELS

    assert channel == bare == Slack(name="slack", url=URL)


@pytest.mark.usefixtures("aws")
def test_secret_by_arn() -> None:
    """A secret of Secrets Manager may be named by its ARN."""
    arn = boto3.client("secretsmanager").describe_secret(SecretId="bells")["ARN"]
    entry = {"type": "slack", "url": f"secretsmanager:{arn}#slack"}

    assert (Slack(name="slack", url=URL),) == load(CHANNELS=entry).CHANNELS


@pytest.mark.usefixtures("aws")
@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("env:NOT_SET", "env:NOT_SET"),
        ("env:", "env:"),
        ("ssm:/not/there", "ParameterNotFound"),
        ("ssm:", "ssm:"),
        ("secretsmanager:nothing", "ResourceNotFoundException"),
        ("secretsmanager:bells#discord", "'discord'"),
        ("secretsmanager:bell#slack", "'slack'"),
        ("secretsmanager:binary", "url"),
        ("secretsmanager:bells#n", "url"),
    ],
)
def test_named_secrets_that_are_none(name: str, says: str) -> None:
    """A secret that cannot be read is told by its name and the reason."""
    assert says in problem(CHANNELS={"type": "slack", "url": name})


def test_secrets_stay_names_where_nobody_posts() -> None:
    """A command that posts nothing looks no secret up, and takes its name as it is."""
    environ = {"TRAILBELL_CHANNELS": "ssm:/bell/url", "TRAILBELL_CONFIG": "ssm:/bell/config"}

    (channel,) = app.load_settings(None, environ).CHANNELS

    assert channel == Slack(name="slack", url="ssm:/bell/url")


@pytest.mark.usefixtures("aws")
@pytest.mark.parametrize(
    "document",
    [
        pytest.param({"CHANNELS": [URL], "TIMEZONE": "Europe/Rome"}, id="json"),
        pytest.param("ssm:/bell/config", id="ssm"),
        pytest.param("s3://bell-settings/a/config.json", id="s3"),
    ],
)
def test_document(document: Any) -> None:
    """TRAILBELL_CONFIG holds all settings, or says where they are."""
    settings = load(CONFIG=document)

    assert settings == Settings(CHANNELS=(Slack(name="slack", url=URL),), TIMEZONE="Europe/Rome")


@pytest.mark.usefixtures("aws")
@pytest.mark.parametrize(
    ("document", "says"),
    [
        ("ssm:/bell/nothing", "ssm:/bell/nothing"),
        ("ssm:/bell/broken", "TRAILBELL_CONFIG"),
        ("s3://bell-settings/nothing", "s3://bell-settings/nothing"),
        ("s3://no-such-bucket/x", "NoSuchBucket"),
        ("s3://bell-settings", "s3://bell-settings"),
        ("s3://bell-settings/latin.json", "TRAILBELL_CONFIG"),
        ("secretsmanager:bell", "TRAILBELL_CONFIG"),
    ],
)
def test_documents_that_are_none(document: str, says: str) -> None:
    """A document that cannot be read is told by its name and the reason."""
    assert says in problem(CONFIG=document)


def alert(event: Event, rule: str = "access-key-created") -> Alert:
    return Alert(rule, Severity.HIGH, say("x"), event)


ALICE = call("iam:CreateAccessKey", by="alice")
ROBOT = call("iam:CreateAccessKey", by=role("rotation", "run-5", path="/ops/"))


@pytest.mark.parametrize(
    ("mute", "event", "hides"),
    [
        pytest.param({"actor": "alice"}, ALICE, True, id="actor"),
        pytest.param({"actor": "ali*"}, ALICE, True, id="actor-glob"),
        pytest.param({"actor": "ALICE"}, ALICE, False, id="actor-case"),
        pytest.param({"actor": "ali"}, ALICE, False, id="actor-whole"),
        pytest.param({"actor": "alice"}, ROBOT, False, id="another-actor"),
        pytest.param({"rule": "access-key-created"}, ALICE, True, id="rule"),
        pytest.param({"rule": "root-*"}, ALICE, False, id="another-rule"),
        pytest.param({"role": "rotation"}, ROBOT, True, id="role"),
        pytest.param({"role": "rot*"}, ROBOT, True, id="role-glob"),
        pytest.param(
            {"role": "arn:aws:iam::111122223333:role/ops/rotation"}, ROBOT, True, id="role-arn"
        ),
        pytest.param({"role": "run-5"}, ROBOT, False, id="session-is-no-role"),
        pytest.param(
            {"role": "rotation"}, call("iam:CreateUser", by="rotation"), False, id="user-is-no-role"
        ),
        pytest.param({"role": "*"}, ALICE, False, id="any-role-but-a-user"),
        pytest.param({"account": "111122223333"}, ALICE, True, id="account"),
        pytest.param({"account": "4444*"}, ALICE, False, id="another-account"),
        pytest.param({"action": "iam:CreateAccessKey"}, ALICE, True, id="action"),
        pytest.param({"action": "iam:*"}, ALICE, True, id="action-glob"),
        pytest.param({"action": "CreateAccessKey"}, ALICE, False, id="action-without-service"),
        pytest.param({"ip": "192.0.2.*"}, ALICE, True, id="ip"),
        pytest.param({"region": "us-east-1"}, ALICE, True, id="region"),
        pytest.param({"region": "eu-*"}, ALICE, False, id="another-region"),
        pytest.param({"actor": "alice", "region": "eu-*"}, ALICE, False, id="all-must-hold"),
        pytest.param({"ip": "*"}, call("iam:X", sourceIPAddress=None), False, id="no-ip"),
        pytest.param(
            {"role": "AWSReservedSSO_*"}, call("iam:X", by=person("a@example.com")), True, id="sso"
        ),
        pytest.param({"actor": "[ab]lice"}, ALICE, True, id="class"),
        pytest.param(
            {"account": "4444*"},
            call("iam:X", by=user("bob", account="444455556666")),
            True,
            id="other-account",
        ),
    ],
)
def test_mutes(mute: dict[str, Any], event: Event, hides: bool) -> None:
    """A mute hides the alerts that all of its conditions fit, as globs."""
    settings = load(MUTES=[mute | {"reason": "known"}])

    assert settings.MUTES[0].hides(alert(event), UTC) is hides


@pytest.mark.parametrize(
    ("until", "time", "hides"),
    [
        pytest.param("2026-03-17", "2026-03-17T22:59:59Z", True, id="last-second-of-the-day"),
        pytest.param("2026-03-17", "2026-03-17T23:00:00Z", False, id="next-day-in-berlin"),
        pytest.param("2026-03-29", "2026-03-29T21:59:59Z", True, id="a-day-of-23-hours"),
        pytest.param("2026-03-29", "2026-03-29T22:00:00Z", False, id="after-23-hours"),
        pytest.param("2026-10-25", "2026-10-25T22:59:59Z", True, id="a-day-of-25-hours"),
        pytest.param("2026-03-17T18:00", "2026-03-17T17:00:00Z", True, id="inclusive"),
        pytest.param(20260317, "2026-03-17T22:59:59Z", True, id="digits"),
        pytest.param(20260317, "2026-03-17T23:00:00Z", False, id="digits-next-day"),
        pytest.param("2026-03-17T18:00", "2026-03-17T17:00:01Z", False, id="a-second-later"),
        pytest.param("2026-03-17T18:00Z", "2026-03-17T18:00:00Z", True, id="zone-of-its-own"),
        pytest.param("2026-03-17T18:00+02:00", "2026-03-17T16:00:01Z", False, id="offset"),
        pytest.param("2026-03-17", None, False, id="event-without-time"),
        pytest.param(None, None, True, id="no-end"),
        pytest.param(None, "2100-01-01T00:00:00Z", True, id="no-end-ever"),
    ],
)
def test_until(until: str | int | None, time: str | None, hides: bool) -> None:
    """`until` is inclusive, is compared with the event's time, and a bare date means its end."""
    entry: dict[str, Any] = {"actor": "alice", "reason": "x"}
    if until is not None:
        entry["until"] = until
    mute = load(MUTES=[entry]).MUTES[0]
    event = call("iam:CreateAccessKey", by="alice", eventTime=time)

    assert mute.hides(alert(event), ZoneInfo("Europe/Berlin")) is hides


@pytest.mark.parametrize(
    "source", ["date(2026, 3, 17)", "datetime(2026, 3, 17, 18, 0)", "'2026-03-17T18:00'"]
)
def test_until_in_configs(tmp_path: Path, source: str) -> None:
    """In configs.py an end may be a date or a datetime of Python."""
    head = "from datetime import date, datetime\n"
    settings = load(tmp_path, f"{head}MUTES = [{{'rule': '*', 'reason': 'x', 'until': {source}}}]")

    assert settings.MUTES[0].until in (date(2026, 3, 17), datetime(2026, 3, 17, 18))  # noqa: DTZ001
    assert isinstance(settings.MUTES[0].until, datetime) is ("18" in source)


def test_own_alerts_in_filters() -> None:
    """A channel's rules may name what trailbell says of itself."""
    entry = {"type": "slack", "url": URL, "rules": ["rule-error", "unreadable-*"]}

    assert load(CHANNELS=entry).CHANNELS[0].rules == ("rule-error", "unreadable-*")


@pytest.mark.parametrize(
    ("preset", "has", "lacks"),
    [
        ("standard", {"iam-user-activity", "access-key-created"}, set()),
        ("security", {"access-key-created"}, {"iam-user-activity"}),
        ("iam-user", {"iam-user-activity"}, {"access-key-created"}),
        ("compliance", {"access-key-created", "iam-user-activity"}, set()),
    ],
)
def test_presets(preset: str, has: set[str], lacks: set[str]) -> None:
    """A preset chooses which rules run."""
    chosen = app.bell(load(PRESET=preset)).rules
    running = {rule.id for rule, runs in chosen.items() if runs}

    assert has <= running
    assert not lacks & running


def test_rules_over_preset() -> None:
    """RULES switches rules on and off over the preset, and tunes them."""
    tuning = {
        "access-key-created": {"enabled": True, "severity": "low"},
        "iam-user-activity": {"enabled": False},
    }
    chosen = app.bell(load(PRESET="iam-user", RULES=tuning)).rules

    running = {rule.id: rule for rule, runs in chosen.items() if runs}
    assert set(running) == {"access-key-created"}
    assert running["access-key-created"].rank(ALICE) is Severity.LOW


def test_zone_of_rules() -> None:
    """TIMEZONE is the zone of the rules that have none of their own."""
    bell = app.bell(load(TIMEZONE="Asia/Tokyo"))
    own = app.bell(
        load(TIMEZONE="Asia/Tokyo", RULES={"off-hours-activity": {"timezone": "Europe/Rome"}})
    )

    zones = [
        next(rule.tunables()["timezone"] for rule in one.rules if rule.id == "off-hours-activity")
        for one in (bell, own)
    ]
    assert zones == ["Asia/Tokyo", "Europe/Rome"]


CUSTOM = """
from trailbell.model import say
from trailbell.rules.base import Rule

class BucketDeleted(Rule):
    '''A bucket was deleted.'''
    id = "{id}"
    severity = "high"
    actions = ("s3:DeleteBucket",)
    allow: tuple[str, ...] = ()

    def match(self, event):
        return event.actor.name not in self.allow

    def title(self, event):
        return say("{{}} deleted a bucket", event.actor)
"""


def bell_rings(settings: Settings) -> list[str]:
    bell = app.bell(settings)
    alerts, _ = bell.alerts([call("s3:DeleteBucket", by="mallory")])
    return [alert.rule for alert in alerts]


def test_custom_rule(tmp_path: Path) -> None:
    """A class in configs.py that CUSTOM_RULES lists is a rule, on by default, and tunable."""
    source = CUSTOM.format(id="bucket-deleted") + "\nCUSTOM_RULES = [BucketDeleted]"

    assert "bucket-deleted" in bell_rings(load(tmp_path, source))
    tuned = source + "\nRULES = {'bucket-deleted': {'allow': ['mallory']}}"
    assert "bucket-deleted" not in bell_rings(load(tmp_path, tuned))
    off = {"RULES": {"bucket-deleted": {"enabled": False}}}
    assert "bucket-deleted" not in bell_rings(load(tmp_path, source, **off))


def test_custom_rule_that_is_not_listed(tmp_path: Path) -> None:
    """A class that CUSTOM_RULES does not list is no rule."""
    assert "bucket-deleted" not in bell_rings(load(tmp_path, CUSTOM.format(id="bucket-deleted")))


def test_custom_rules_folder(tmp_path: Path) -> None:
    """Rules may live in custom_rules/ beside configs.py."""
    folder = tmp_path / "custom_rules"
    folder.mkdir()
    (folder / "__init__.py").touch()
    (folder / "buckets.py").write_text(CUSTOM.format(id="bucket-deleted"))
    source = "from custom_rules.buckets import BucketDeleted\nCUSTOM_RULES = [BucketDeleted]"

    settings = load(tmp_path, source, MUTES=[{"rule": "bucket-*", "reason": "x"}])

    assert app.bell(settings).alerts([call("s3:DeleteBucket")])[1]
    assert [rule.group() for rule in settings.CUSTOM_RULES] == ["custom"]


@pytest.mark.parametrize(
    ("source", "says"),
    [
        pytest.param(CUSTOM.format(id="access-key-created"), "access-key-created", id="shipped"),
        pytest.param(CUSTOM.format(id="rule-error"), "rule-error", id="own"),
        pytest.param(CUSTOM.format(id="Bucket"), "BucketDeleted", id="form"),
        pytest.param(
            CUSTOM.format(id="a-b").replace('"high"', '"worst"'), "severity", id="severity"
        ),
        pytest.param(
            CUSTOM.format(id="a-b").replace("def match", "def matches"),
            "CUSTOM_RULES",
            id="no-match",
        ),
    ],
)
def test_custom_rules_that_are_wrong(tmp_path: Path, source: str, says: str) -> None:
    """A rule that is wrong is refused when the settings are read, not when it would ring."""
    assert says in problem(tmp_path, source + "\nCUSTOM_RULES = [BucketDeleted]")


@pytest.mark.parametrize(
    ("source", "says"),
    [
        pytest.param("TIMEZONE = (", ["configs.py", "SyntaxError", "line 1"], id="syntax"),
        pytest.param("\n\nx = = 1", ["configs.py", "SyntaxError", "line 3"], id="syntax-later"),
        pytest.param("  TIMEZONE = 'UTC'", ["configs.py", "IndentationError"], id="indent"),
        pytest.param("1 / 0", ["configs.py", "ZeroDivisionError"], id="raises"),
        pytest.param("import nothing_here", ["configs.py", "nothing_here"], id="import"),
        pytest.param("TIMEZONE = 'a\0'", ["configs.py"], id="null-byte"),
        pytest.param("CHANNELS = [true]", ["configs.py", "NameError"], id="json-in-python"),
    ],
)
def test_configs_that_do_not_run(tmp_path: Path, source: str, says: list[str]) -> None:
    """A configs.py that does not run is told by its name, the line and the kind of error."""
    text = problem(tmp_path, source)

    for part in says:
        assert part in text


def test_file_that_is_named(tmp_path: Path) -> None:
    """A file that was named must be there; a folder need not hold one."""
    (tmp_path / "other.py").write_text("TIMEZONE = 'Europe/Rome'")

    assert load(tmp_path / "other.py").TIMEZONE == "Europe/Rome"
    assert "nothing.py" in problem(tmp_path / "nothing.py")
    assert "text.txt" in problem(tmp_path / "text.txt", None)


def test_mute_cannot_be_changed() -> None:
    """Settings are frozen: what was checked is what is used."""
    mute = Mute(actor="alice", reason="x")

    with pytest.raises(ValueError, match="frozen"):
        mute.actor = "*"  # type: ignore[misc]


def test_example_is_valid(tmp_path: Path) -> None:
    """configs.example.py is a configs.py that works as it stands."""
    example = ROOT / "configs.example.py"
    if not example.exists():
        pytest.skip("configs.example.py is not there yet")

    settings = load(tmp_path, example.read_text())

    assert settings.CHANNELS
    app.bell(settings)


IN_A_PROCESS = """
import json, sys
import lambda_function
event = json.load(sys.stdin)
json.dump([lambda_function.lambda_handler(event) for _ in "ab"], sys.stdout)
"""


def test_environment_only(tmp_path: Path) -> None:
    """One environment variable is all that the function needs, without any configs.py."""
    with receiving() as receiver:
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", IN_A_PROCESS],
            input=json.dumps(payload(ALICE.raw)),
            env={
                "PATH": os.environ["PATH"],
                "PYTHONPATH": str(ROOT / "function"),
                "TRAILBELL_CHANNELS": receiver.slack,
            },
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )

    assert done.returncode == 0, done.stderr
    counts = {"events": 1, "unparsed": 0, "alerts": 1, "muted": 0, "messages": 1, "failed": 0}
    assert [one | counts for one in json.loads(done.stdout)] == json.loads(done.stdout)
    assert len(receiver.taken) == 2
    assert receiver.connections == 1


SLACK_A = {"type": "slack", "url": URL, "name": "a"}
SLACK_B = {"type": "slack", "url": URL, "name": "b"}


@pytest.mark.parametrize(
    ("channels", "says"),
    [
        ([{**SLACK_A, "fallback": "nobody"}, SLACK_B], "'nobody' is no other channel's name"),
        ([{**SLACK_A, "fallback": "a"}, SLACK_B], "'a' is no other channel's name"),
        ([{**SLACK_A, "fallback": "c"}, {**SLACK_B, "name": "cc"}], "did you mean 'cc'"),
    ],
)
def test_fallbacks_that_are_none(channels: list[Any], says: str) -> None:
    """A fallback is another channel, by its name."""
    text = problem(CHANNELS=channels)

    assert says in text and "fallback" in text


def test_fallback() -> None:
    """Two may stand in for each other."""
    found = load(CHANNELS=[{**SLACK_A, "fallback": "b"}, {**SLACK_B, "fallback": "a"}]).CHANNELS

    assert [channel.fallback for channel in found] == ["b", "a"]


ROLE = "arn:aws:iam::111122223333:role/ops/trailbell"
QUEUE = "https://sqs.eu-west-1.amazonaws.com/111122223333/retry"


def test_plain_texts() -> None:
    """What is a text needs no quotes in the environment."""
    found = load(LEDGER_TABLE="trailbell", RETRY_QUEUE_URL=QUEUE, OWN_ROLE=ROLE)

    assert (found.LEDGER_TABLE, found.RETRY_QUEUE_URL, found.OWN_ROLE) == ("trailbell", QUEUE, ROLE)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("OWN_ROLE", "trailbell"),
        ("OWN_ROLE", "arn:aws:sts::111122223333:assumed-role/trailbell/x"),
        ("OWN_ROLE", "arn:aws:iam::1:role/x"),
        ("RETRY_QUEUE_URL", "trailbell-retry"),
        ("RETRY_QUEUE_URL", "http://sqs.eu-west-1.amazonaws.com/1/x"),
    ],
)
def test_wrong_names_in_aws(name: str, value: str) -> None:
    """What cannot be the name of such a thing is said before anything is posted."""
    assert problem(None, None, **{name: value}).startswith(name)
