from __future__ import annotations

import unicodedata

import pytest
import urllib3

import judges
from fakes import PLACES, examples, told
from trailbell.channels.stdout import Stdout
from trailbell.model import Message, Severity, say

STDOUT = Stdout(name="stdout")
EXAMPLES = [pytest.param(messages, id=name) for name, messages in examples().items()]


@pytest.mark.parametrize("messages", EXAMPLES)
def test_examples(messages: list[Message]) -> None:
    """What each rule's examples say names severity, title, rule and event ids."""
    for message in messages:
        first, *_, last = STDOUT.render(message)["text"].split("\n")
        assert str(message.severity).upper() in first
        assert str(message.title)[:20] in first
        assert message.rule in last
        assert all(event in last for event in message.events)


@pytest.mark.parametrize("place", PLACES)
def test_hostile(place: str) -> None:
    """A text that somebody else chose drives no terminal, and starts no line of its own."""
    quiet = [STDOUT.render(message)["text"] for message in told(PLACES[place]("mallory-1"))]
    for value in judges.HOSTILE:
        shown = [STDOUT.render(message)["text"] for message in told(PLACES[place](value))]

        for text in shown:
            text.encode()
            for char in set(text) - {"\n"}:
                assert unicodedata.category(char) not in ("Cc", "Zl", "Zp", "Cs")
                assert char not in judges.BIDI
        if place not in ("time", "identity-type", "action", "service") and value.strip():
            for one, other in zip(quiet, shown, strict=False):
                assert abs(one.count("\n") - other.count("\n")) <= 2


def test_send(capsys: pytest.CaptureFixture[str]) -> None:
    """A message is written with an empty line behind it."""
    message = Message(
        Severity.HIGH, say("{} did it", "mallory"), rule="a-rule", events=("event-1",)
    )
    with urllib3.PoolManager() as http:
        STDOUT.send(STDOUT.render_plain(message), http, urllib3.Timeout(1))

    assert capsys.readouterr().out == (
        "\N{LARGE ORANGE SQUARE} HIGH mallory did it\na-rule · event-1\n\n"
    )
