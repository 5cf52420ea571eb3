from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

import urllib3
from pydantic import AfterValidator, Field

from trailbell.channels.base import (
    Channel,
    Secret,
    clean,
    command_lines,
    headline,
    one_line,
    post_json,
    spans,
    web_address,
)
from trailbell.errors import Verdict
from trailbell.model import Message, Text

# https://docs.slack.dev/reference/block-kit/composition-objects/text-object
TEXT_LIMIT = 3000  # characters, after escaping
NOTIFICATION_LIMIT = 500  # characters before escaping; a phone shows about the first 100
BLANK: list[dict[str, Any]] = []
SHORT = 100  # characters of a value in it
NO_UNFURL = {"unfurl_links": False, "unfurl_media": False}
# Our formatting is at fault: the same alert goes again as plain text.
REPAIRABLE = {
    "invalid_payload",
    "invalid_blocks",
    "invalid_blocks_format",
    "no_text",
    "missing_text_or_fallback_or_attachments",
    "too_many_attachments",
    "msg_too_long",
}
KNOWN = REPAIRABLE | {
    "action_prohibited",
    "channel_is_archived",
    "channel_not_found",
    "invalid_token",
    "no_active_hooks",
    "no_service",
    "no_service_id",
    "no_team",
    "posting_to_general_channel_denied",
    "ratelimited",
    "rate_limited",
    "rollup_error",
    "team_disabled",
    "user_not_found",
}
"""What Slack says. Other words are not repeated: a proxy's page may quote the URL.
https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks#handling_errors"""


class Slack(Channel):
    """A Slack incoming webhook. https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks"""

    type: Literal["slack"] = "slack"
    url: Annotated[Secret, AfterValidator(web_address)]
    pace: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 1.1

    help: ClassVar = '{"type": "slack", "url": "https://hooks.slack.com/services/..."}'

    def render(self, message: Message) -> dict[str, Any]:
        top = [_text(headline(message), bold=True)] if message.severity else []
        if message.place:
            top += [_text(" · ", bold=True), *_spans(message.place, bold=True)]
        head = [top, _spans(message.title, bold=True), _spans(message.what)]
        facts = [_labelled(line.label, line.text) for line in message.lines]
        if message.check_first:
            facts.append(_labelled("Check first", Text((message.check_first,))))
        lines = [line for line in head if line] + ([BLANK, *facts] if facts else [])
        commands = command_lines(message)
        section = {"type": "rich_text_section", "elements": _fitting(lines, len(commands))}
        parts = [section]
        if commands:
            parts.append({"type": "rich_text_preformatted", "elements": [_text(commands)]})
        blocks: list[dict[str, Any]] = [{"type": "rich_text", "elements": parts}]
        if footer := _footer(message):
            text = {"type": "mrkdwn", "text": footer}
            blocks.append({"type": "context", "elements": [text]})
        return {"text": _notification(message), "blocks": blocks} | NO_UNFURL

    def render_plain(self, message: Message) -> dict[str, Any]:
        lines = [f"{line.label} {_mrkdwn(line.text)}".lstrip() for line in message.lines]
        if message.check_first:
            lines.append(f"Check first {_escape(message.check_first)}")
        text, footer = _notification(message), _footer(message)
        block = f"```\n{_escape(command_lines(message))}\n```\n" if message.commands else ""
        if len(text) + len(block) + len(footer) < TEXT_LIMIT:
            footer = block + footer
        for line in [_mrkdwn(message.what), *lines]:
            if line and len(text) + len(line) + len(footer) + 2 <= TEXT_LIMIT:
                text += f"\n{line}"  # a whole line or none of it: no code span stays open
        return {"text": f"{text}\n{footer}".rstrip()} | NO_UNFURL

    def send(
        self, body: dict[str, Any], http: urllib3.PoolManager, timeout: urllib3.Timeout
    ) -> None:
        answer = post_json(self.url.get_secret_value(), body, http, timeout)
        word = answer.text.strip()
        if answer.status == 200:
            if word in ("", "ok") or '"ok":true' in word.replace(" ", ""):
                return
            # A proxy, or a URL that is not Slack's, can answer 200 too.
            raise answer.refusal("but the answer is not Slack's 'ok'", Verdict.TRANSIENT)
        word = word if word in KNOWN else ""
        repairable = answer.status == 400 and word in REPAIRABLE
        raise answer.refusal(word, Verdict.REPAIRABLE if repairable else None)


def _notification(message: Message) -> str:
    """What a phone shows before the message is opened, and a screen reader reads: mrkdwn."""
    return "".join(
        _code(piece) if is_value else _escape(piece)
        for piece, is_value in spans(one_line(message), SHORT, NOTIFICATION_LIMIT)
    )


def _fitting(lines: list[list[dict[str, Any]]], taken: int) -> list[dict[str, Any]]:
    """The lines that fit beside the characters that are taken, each whole; the first always do."""
    elements: list[dict[str, Any]] = []
    left = TEXT_LIMIT - taken
    for line in lines:
        length = sum(len(element["text"]) for element in line) + 1
        if length <= left:
            elements += [_text("\n"), *line] if elements else line
            left -= length
    return elements


def _labelled(label: str, text: Text) -> list[dict[str, Any]]:
    return [*([_text(f"{label} ", bold=True)] if label else []), *_spans(text)]


def _spans(text: Text, *, bold: bool = False) -> list[dict[str, Any]]:
    """Our words as text, their values as code: rich text is literal, nothing in it is markup."""
    return [
        _text(piece, code=True) if is_value else _text(piece, bold=bold)
        for piece, is_value in spans(text)
    ]


def _text(text: str, **style: bool) -> dict[str, Any]:
    on = {name: True for name, value in style.items() if value}
    return {"type": "text", "text": text} | ({"style": on} if on else {})


def _footer(message: Message) -> str:
    """Rule and links; an id that is in no link stands there as it is."""
    parts = [f"`{message.rule}`"] if message.rule else []
    linked = {link.event for link in message.links}
    links = [f"<{_escape(link.url)}|{_escape(link.label)}>" for link in message.links]
    if len(links) > 1:
        parts.append(f"first events: {' '.join(links)}")
    else:
        parts += links
    parts += [_code(clean(event, SHORT)) for event in message.events if event not in linked]
    return " · ".join(parts)


def _mrkdwn(text: Text) -> str:
    return "".join(_code(piece) if is_value else _escape(piece) for piece, is_value in spans(text))


def _code(value: str) -> str:
    return f"`{_escape(value.replace('`', 'ˋ'))}`"


def _escape(text: str) -> str:
    """Slack reads these three as markup. https://docs.slack.dev/messaging/formatting-message-text

    >>> _escape("<!channel> a & b")
    '&lt;!channel&gt; a &amp; b'
    """
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
