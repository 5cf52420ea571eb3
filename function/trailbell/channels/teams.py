from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

import urllib3
from pydantic import AfterValidator, Field

from trailbell.channels.base import (
    CONTROL,
    Channel,
    Secret,
    clean,
    command_lines,
    encoded,
    headline,
    link_label,
    one_line,
    plain,
    post_json,
    spans,
    web_address,
)
from trailbell.errors import Verdict
from trailbell.model import Message, Severity, Text, say

# Bytes, of which Teams counts two a character:
# https://learn.microsoft.com/microsoftteams/limits-specifications-teams
SIZE_LIMIT = 28_000
SHORT = 100  # characters of an id
PIECES = 40  # of a line; each costs about 70 characters of JSON
COLOURS = {Severity.CRITICAL: "Attention", Severity.HIGH: "Warning", Severity.MEDIUM: "Warning"}
Block = dict[str, Any]


class Teams(Channel):
    """A Teams webhook made by Workflows, which takes adaptive cards only.

    Its "accepted" says that the flow was started, and no more.
    https://learn.microsoft.com/microsoftteams/platform/webhooks-and-connectors/how-to/connectors-using
    """

    type: Literal["teams"] = "teams"
    url: Annotated[Secret, AfterValidator(web_address)]
    # 4 posts a second, as the connectors before it:
    # https://learn.microsoft.com/microsoftteams/platform/webhooks-and-connectors/how-to/connectors-using
    pace: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.25

    help: ClassVar = '{"type": "teams", "url": "https://....logic.azure.com/workflows/..."}'

    def render(self, message: Message) -> dict[str, Any]:
        colour = COLOURS.get(message.severity, "Default") if message.severity else "Default"
        top = [_run(headline(message), weight="Bolder", color=colour)] if message.severity else []
        if message.place:
            top += [_run(" · ", weight="Bolder"), *_runs(message.place, weight="Bolder")]
        lines = [_labelled(line.label, line.text) for line in message.lines]
        if message.check_first:
            lines.append(_labelled("Check first", Text((message.check_first,))))
        return _card(
            message,
            [_block(top), _block(_runs(message.title, weight="Bolder", size="Medium"))],
            [_block(_runs(message.what)), *map(_block, lines)],
            [_block(_runs(_footer(message), isSubtle=True))],
        )

    def render_plain(self, message: Message) -> dict[str, Any]:
        lines = [f"{line.label} {plain(line.text)}".strip() for line in message.lines]
        if message.check_first:
            lines.append(f"Check first {message.check_first}")
        return _card(
            message,
            [_block([_run(plain(one_line(message)))])],
            [_block([_run(line)] if line else []) for line in [plain(message.what), *lines]],
            [_block([_run(plain(footer))] if (footer := _footer(message)) else [])],
        )

    def send(
        self, body: dict[str, Any], http: urllib3.PoolManager, timeout: urllib3.Timeout
    ) -> None:
        headers = {"Content-Type": "application/json; charset=utf-8"}
        answer = post_json(self.url.get_secret_value(), body, http, timeout, headers)
        if 200 <= answer.status < 300:  # 202, even if the flow fails later
            return
        # The card is at fault, or its size.
        repairable = answer.status in (400, 413)
        raise answer.refusal("", Verdict.REPAIRABLE if repairable else None)


def _card(
    message: Message, head: list[Block], lines: list[Block], foot: list[Block]
) -> dict[str, Any]:
    """The envelope of a card that holds head, commands and foot, and the lines that fit.

    https://adaptivecards.io/explorer/AdaptiveCard.html
    """
    if commands := command_lines(message):
        items = [
            _block([{"type": "TextRun", "text": line, "fontType": "Monospace"}])
            for line in commands.split("\n")
        ]
        foot = [{"type": "Container", "style": "emphasis", "items": items}, *foot]
    head, foot = list(filter(None, head)), list(filter(None, foot))
    card: dict[str, Any] = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "msteams": {"width": "Full"},
        "body": head + foot,
    }
    if message.links:
        card["actions"] = [
            {"type": "Action.OpenUrl", "title": link_label(link), "url": link.url}
            for link in message.links
        ]
    kind = "application/vnd.microsoft.card.adaptive"
    attachment = {"contentType": kind, "contentUrl": None, "content": card}
    body = {"type": "message", "attachments": [attachment]}
    left = SIZE_LIMIT - _size(body)
    shown = []
    for line in filter(None, lines):
        if _size(line) + 2 <= left:
            left -= _size(line) + 2
            shown.append(line)
    card["body"] = [*head, *shown, *foot]
    return body


def _size(part: dict[str, Any]) -> int:
    return len(encoded(part).decode().encode("utf-16-le"))


def _labelled(label: str, text: Text) -> list[Block]:
    return [*([_run(f"{label} ", weight="Bolder")] if label else []), *_runs(text)]


def _footer(message: Message) -> Text:
    """The rule, and the ids that are in no link."""
    linked = {link.event for link in message.links}
    ids = [clean(event, SHORT) for event in message.events if event not in linked]
    ends = [message.rule] * bool(message.rule) + ids
    return say(" · ".join(["{}"] * len(ends)), *ends)


def _block(runs: list[Block]) -> Block:
    """A line. Unlike a TextBlock's, the text of a RichTextBlock is no markdown.

    https://learn.microsoft.com/adaptive-cards/authoring-cards/text-features
    """
    return {"type": "RichTextBlock", "inlines": runs} if runs else {}


def _runs(text: Text, **style: Any) -> list[Block]:
    """Our words as text, their values in another font."""
    pieces = list(spans(text))
    if len(pieces) > PIECES:
        pieces = [(plain(text), True)]
    return [
        _run(piece, **style, **({"fontType": "Monospace"} if is_value else {}))
        for piece, is_value in pieces
    ]


def _run(text: str, **style: Any) -> Block:
    # {{DATE(...)}} would be read as a function.
    return {"type": "TextRun", "text": CONTROL.sub(" ", text).replace("{{", "{ {"), **style}
