from __future__ import annotations

import re
from html import escape
from typing import Annotated, Any, ClassVar, Literal

import urllib3
from pydantic import AfterValidator, Field, SecretStr

from trailbell.channels.base import (
    LINE_LIMIT,
    MORE,
    Channel,
    Secret,
    api_address,
    by_status,
    command_lines,
    literal,
    one_line,
    plain,
    post_json,
    seconds,
    spans,
)
from trailbell.errors import Verdict
from trailbell.model import Message, Text, say

# Characters after the entities are parsed: https://core.telegram.org/bots/api#sendmessage
TEXT_LIMIT = 4096
PLAIN_WORD = re.compile(r"[A-Za-z',.:]{1,15}")
TOKEN = re.compile(r"[0-9]+:[A-Za-z0-9_-]{35}")


def token_form(secret: SecretStr) -> SecretStr:
    """A bot's token: https://core.telegram.org/bots/api#authorizing-your-bot"""
    token = literal(secret)
    if token is not None and not TOKEN.fullmatch(token):
        raise ValueError("is no bot token: digits, a colon, 35 letters and digits")
    return secret


class Telegram(Channel):
    """A Telegram bot. https://core.telegram.org/bots/api#sendmessage"""

    type: Literal["telegram"] = "telegram"
    token: Annotated[Secret, AfterValidator(token_form)]
    chat_id: int | str
    message_thread_id: int | None = None
    """The topic of a group that has topics."""
    api_url: Annotated[str, AfterValidator(api_address)] = "https://api.telegram.org"
    pace: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 3

    help: ClassVar = '{"type": "telegram", "token": "123456:ABC...", "chat_id": -1001234567890}'

    def render(self, message: Message) -> dict[str, Any]:
        return self._body(_html(message)) | {"parse_mode": "HTML"}

    def render_plain(self, message: Message) -> dict[str, Any]:
        text, left = "", TEXT_LIMIT
        for line in [*_lines(message), *_end(message)]:
            words = "".join(plain(part) for part, _ in line)
            if len(words) + 1 > left:
                break
            text += f"{words}\n"
            left -= len(words) + 1
        return self._body(text.rstrip())

    def _body(self, text: str) -> dict[str, Any]:
        body: dict[str, Any] = {"chat_id": self.chat_id, "text": text}
        if self.message_thread_id is not None:
            body["message_thread_id"] = self.message_thread_id
        return body | {"link_preview_options": {"is_disabled": True}}

    def send(
        self, body: dict[str, Any], http: urllib3.PoolManager, timeout: urllib3.Timeout
    ) -> None:
        token = self.token.get_secret_value()
        answer = post_json(f"{self.api_url}/bot{token}/sendMessage", body, http, timeout)
        said = answer.said
        if answer.status == 200:
            if said.get("ok") or not answer.text:
                return
            # A proxy, or a URL that is not Telegram's, can answer 200 too.
            raise answer.refusal("but the answer is not Telegram's", Verdict.TRANSIENT)
        description = str(said.get("description", ""))
        parameters = said.get("parameters")
        parameters = parameters if isinstance(parameters, dict) else {}
        verdict, change = by_status(answer.status), None
        if answer.status == 400:
            verdict, change = _repair(description.lower(), parameters)
        wait = seconds(parameters.get("retry_after"))
        raise answer.refusal(_told(description), verdict, retry_after=wait, change=change)


def _repair(description: str, parameters: dict[str, Any]) -> tuple[Verdict, dict[str, Any] | None]:
    """What to change so that a message that was refused with 400 may pass."""
    if chat := parameters.get("migrate_to_chat_id"):
        return Verdict.REPAIRABLE, {"chat_id": chat}
    if "message thread not found" in description:
        return Verdict.REPAIRABLE, {"message_thread_id": None}
    if any(sign in description for sign in ("can't parse", "too long", "text is empty")):
        return Verdict.REPAIRABLE, None
    return Verdict.PERMANENT, None


def _told(description: str) -> str:
    """What of an error's description may be repeated: plain words. A proxy may quote the URL."""
    words = description[:200].split()
    return " ".join(word if PLAIN_WORD.fullmatch(word) else MORE for word in words)[:100]


Parts = list[tuple[Text, str]]
"""A line: texts, each with the tag that its words stand in ("" for none, b, pre or a URL)."""


def _lines(message: Message) -> list[Parts]:
    """The lines of a message, but for its end. The first is the notification: severity, place and
    title."""
    lines: list[Parts] = [[(one_line(message), "b")]]
    if message.what:
        lines.append([(message.what, "")])
    for line in message.lines:
        label: Parts = [(Text((f"{line.label}:",)), "b"), (say(" "), "")] if line.label else []
        lines.append([*label, (line.text, "")])
    if message.check_first:
        lines.append([(say("Check first:"), "b"), (Text((f" {message.check_first}",)), "")])
    return lines


def _end(message: Message) -> list[Parts]:
    """The commands, and the footer: what stays where lines above have to go."""
    commands = command_lines(message)
    lines: list[Parts] = [[(Text((commands,)), "pre")]] if commands else []
    footer: Parts = [(say("{}", message.rule), "")] if message.rule else []
    linked = {link.event for link in message.links}
    ends: Parts = [(Text((link.label,)), link.url) for link in message.links]
    ends += [(say("{}", event), "") for event in message.events if event not in linked]
    if footer and ends:
        footer.append((say(" · "), ""))
    if len(ends) > 1:
        footer.append((say("first events: "), ""))
    for number, end in enumerate(ends):
        footer += [(say(" "), ""), end] if number else [end]
    return [*lines, footer] if footer else lines


def _html(message: Message) -> str:
    """All lines that fit, each whole: a message is never cut inside a tag.

    Values stand in <code>, which no other entity may hold; there Telegram links nothing.
    https://core.telegram.org/bots/api#html-style
    """
    first, *rest = _lines(message)
    html, used = _line(first, TEXT_LIMIT // 2)
    end = ""
    for line in _end(message):
        more, length = _line(line, TEXT_LIMIT // 4)
        end += f"\n{more}"
        used += length + 1
    for line in rest:
        more, length = _line(line, TEXT_LIMIT)
        if used + length + 1 <= TEXT_LIMIT:
            html += f"\n{more}"
            used += length + 1
    return html + end


def _line(parts: Parts, limit: int) -> tuple[str, int]:
    """A line's HTML, and its length as Telegram counts: in characters, without the tags."""
    html, length = "", 0
    for text, tag in parts:
        for piece, is_value in spans(text, total=min(limit - length, LINE_LIMIT)):
            length += len(piece)
            shown = escape(piece, quote=False)
            if is_value:
                html += f"<code>{shown}</code>"
            elif tag.startswith("https://"):
                html += f'<a href="{escape(tag)}">{shown}</a>'
            elif tag and piece.strip():
                html += f"<{tag}>{shown}</{tag}>"
            else:
                html += shown
    return html, length
