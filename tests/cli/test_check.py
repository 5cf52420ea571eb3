from __future__ import annotations

import json
from pathlib import Path

import pytest

from cli.conftest import Run
from fakes import WEBHOOK, Receiver

PLACEHOLDER = "https://hooks.slack.com/services/T000/B000/XXXX"  # the example's has eight X


def levels(out: str) -> list[tuple[str, str]]:
    return [(line["level"], line["text"]) for line in map(json.loads, out.splitlines())]


def test_good_settings(run: Run) -> None:
    """Good settings are summed up, and nobody is contacted."""
    Path("configs.py").write_text(f'CHANNELS = "{PLACEHOLDER}"')

    ran = run("check", "--format", "json")

    assert ran.code == 0
    assert ("ok", "channel slack") in levels(ran.out)
    assert ran.err == ""


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ("CHANNEL = 'x'", "CHANNEL is no setting; did you mean 'CHANNELS'?"),
        ("WEBHOOK_URL = 'x'", "WEBHOOK_URL is no setting; it is 'CHANNELS' here"),
        ("CHANNELS = 'http://example.com/x'", "must begin with https://"),
        ("CHANNELS = [{'type': 'slak', 'url': 'x'}]", "did you mean 'slack'?"),
        ("CHANNELS = [{'type': 'telegram', 'token': '1:x', 'chat_id': 1}]", "is no bot token"),
        ("RULES = {'access-key-create': {}}", "did you mean 'access-key-created'?"),
        ("RULES = {'access-key-created': {'alow_users': []}}", "did you mean 'allow_users'?"),
        ("TIMEZONE = 'Berlin'", "'Berlin' is no IANA time zone"),
        ("PRESET = 'all'", "PRESET"),
        ("MUTES = [{'actor': 'x'}]", "MUTES[0].reason"),
        ("MUTES = [{'reason': 'x'}]", "MUTES[0]"),
        ("def f(:", "configs.py does not run: SyntaxError in line 1"),
    ],
)
def test_a_wrong_setting(run: Run, settings: str, words: str) -> None:
    """A problem is named in one line, and exits with 1."""
    Path("configs.py").write_text(settings)

    ran = run("check", "--format", "json")

    assert ran.code == 1
    ((level, text),) = levels(ran.out)
    assert level == "problem"
    assert words in text


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ("", "no channel is set"),
        ("CHANNELS = 'https://example.com/hook'", "example.com is not one of Slack's hosts"),
        ("CHANNELS = [{'type': 'slack', 'url': 'env:NOT_HERE'}]", "env:NOT_HERE was not looked up"),
        ("CHANNELS = [{'type': 'slack', 'url': 'ssm:/a'}]", "ssm:/a was not looked up"),
        ("MUTES = [{'rule': 'root-*', 'reason': 'x', 'until': '2020-01-01'}]", "over since"),
        ("MUTES = [{'rule': 'root-*', 'reason': 'x'}]", "without an end"),
        (f"CHANNELS = '{PLACEHOLDER}XXXX'", "still has the URL of the example"),
        (
            f"CHANNELS = ['{PLACEHOLDER}', '{PLACEHOLDER}']; LEDGER_TABLE = 'trailbell'",
            "have no name of their own",
        ),
        (
            f"CHANNELS = '{PLACEHOLDER}'; RETRY_QUEUE_URL = "
            "'https://sqs.eu-west-1.amazonaws.com/111122223333/q'",
            "RETRY_QUEUE_URL without LEDGER_TABLE",
        ),
    ],
)
def test_a_note(run: Run, settings: str, words: str) -> None:
    """What is allowed and worth a second look is a note, and exits with 0."""
    Path("configs.py").write_text(settings)

    ran = run("check", "--format", "json")

    assert ran.code == 0
    assert any(level == "note" and words in text for level, text in levels(ran.out))


def test_post(run: Run, receiver: Receiver) -> None:
    """--post sends each channel one message that says that nothing happened."""
    Path("configs.py").write_text(f"CHANNELS = {[receiver.slack, receiver.telegram]}")

    ran = run("check", "--post", "--format", "json")

    assert ran.code == 0
    assert len(receiver.taken) == 2
    for body in receiver.taken:
        text = body["text"].replace("<b>", "")
        assert text.startswith("Test from trailbell: nothing happened")


def test_post_that_is_refused(run: Run, receiver: Receiver) -> None:
    """A channel that did not take the test is a problem that says why, without the URL."""
    Path("configs.py").write_text(f"CHANNELS = '{receiver.slack}'")
    receiver.answer([(404, {}, "no_service")])

    ran = run("check", "--post")

    assert ran.code == 1
    assert "channel slack: HTTP 404 no_service" in ran.out
    assert WEBHOOK not in ran.out + ran.err


def test_post_looks_secrets_up(
    run: Run, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A secret that is named is looked up for --post."""
    monkeypatch.setenv("HOOK", receiver.slack)
    Path("configs.py").write_text("CHANNELS = [{'type': 'slack', 'url': 'env:HOOK'}]")

    assert run("check", "--post").code == 0
    assert len(receiver.taken) == 1


def test_a_bot_needs_no_note(run: Run) -> None:
    """A channel that a bot posts to has no host to wonder about."""
    Path("configs.py").write_text(
        "CHANNELS = [{'type': 'slack', 'token': 'xoxb-1-2-abc', 'channel': 'C1'}]"
    )

    notes = [
        text for level, text in levels(run("check", "--format", "json").out) if level == "note"
    ]

    assert not [note for note in notes if "channel" in note]
