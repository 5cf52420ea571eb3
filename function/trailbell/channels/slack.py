from __future__ import annotations

import re
from typing import Annotated, Any, ClassVar, Literal

import urllib3
from pydantic import AfterValidator, Field

from trailbell.channels.base import (
    Channel,
    Secret,
    by_status,
    cut,
    headline,
    one_line,
    post_json,
    spans,
    web_address,
)
from trailbell.errors import ChannelError, Verdict
from trailbell.model import Message, Text

# https://docs.slack.dev/reference/block-kit/composition-objects/text-object
TEXT_LIMIT = 3000  # characters, after escaping
NOTIFICATION_LIMIT = 1000  # characters; a phone shows about the first 100
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
ERROR_WORD = re.compile(r"[a-z_]{2,60}")


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
        lines = [top, _spans(message.title, bold=True), _spans(message.what)]
        lines += [_labelled(line.label, line.text) for line in message.lines]
        if message.check_first:
            lines.append(_labelled("Check first", Text((message.check_first,))))
        section = {"type": "rich_text_section", "elements": _fitting(lines)}
        blocks: list[dict[str, Any]] = [{"type": "rich_text", "elements": [section]}]
        if footer := _footer(message):
            text = {"type": "mrkdwn", "text": footer}
            blocks.append({"type": "context", "elements": [text]})
        return {"text": _notification(message), "blocks": blocks} | NO_UNFURL

    def render_plain(self, message: Message) -> dict[str, Any]:
        lines = [f"{line.label} {_mrkdwn(line.text)}".lstrip() for line in message.lines]
        if message.check_first:
            lines.append(f"Check first {_escape(message.check_first)}")
        text, footer = _notification(message), _footer(message)
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
            raise ChannelError("HTTP 200, but the answer is not Slack's 'ok'", Verdict.TRANSIENT)
        word = word if ERROR_WORD.fullmatch(word) else ""  # a proxy's page may quote the URL
        verdict = by_status(answer.status)
        if answer.status == 400 and word in REPAIRABLE:
            verdict = Verdict.REPAIRABLE
        reason = f"HTTP {answer.status} {word}".rstrip()
        raise ChannelError(reason, verdict, retry_after=answer.retry_after)


def _notification(message: Message) -> str:
    """What a phone shows before the message is opened, and a screen reader reads: mrkdwn."""
    text = ""
    for piece, is_value in spans(one_line(message), SHORT):
        more = _code(piece) if is_value else _escape(piece)
        if len(text) + len(more) > NOTIFICATION_LIMIT:
            return f"{text.rstrip()}…"
        text += more
    return text


def _fitting(lines: list[list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """The lines that fit, each whole."""
    elements: list[dict[str, Any]] = []
    left = TEXT_LIMIT
    for line in lines:
        left -= sum(len(_escape(element["text"])) for element in line) + 1
        if line and left >= 0:
            elements += [_text("\n"), *line] if elements else line
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
    """Rule and links. Ids and URLs in it were checked where they were made."""
    parts = [f"`{message.rule}`"] if message.rule else []
    linked = {link.event for link in message.links}
    links = [f"<{_escape(link.url)}|{_escape(link.label)}>" for link in message.links]
    if len(links) > 1:
        parts.append(f"first events: {' '.join(links)}")
    else:
        parts += links
    parts += [_code(event) for event in message.events if event not in linked]
    return cut(" · ".join(parts), TEXT_LIMIT)


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
