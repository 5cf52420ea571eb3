from __future__ import annotations

import re
from typing import Annotated, Any, ClassVar, Literal

import urllib3
from pydantic import AfterValidator, Field

from trailbell.channels.base import (
    CONTROL,
    Channel,
    Secret,
    clean,
    command_lines,
    headline,
    post_json,
    seconds,
    spans,
    web_address,
)
from trailbell.errors import Verdict
from trailbell.model import Message, Severity, Text, say

# https://discord.com/developers/docs/resources/webhook#execute-webhook
CONTENT_LIMIT = 2000
# https://discord.com/developers/docs/resources/message#embed-object-embed-limits
DESCRIPTION_LIMIT = 4096
SHORT = 100  # characters of an id, and of a value in the first line
PLACE_LIMIT, TITLE_LIMIT = 80, 400  # characters before escaping, which may take four for one
# No previews of links: https://discord.com/developers/docs/resources/message#message-object-message-flags
SUPPRESS_EMBEDS = 4
COLOURS = {
    Severity.CRITICAL: 0xDD2E44,
    Severity.HIGH: 0xF4900C,
    Severity.MEDIUM: 0xFDCB58,
    Severity.LOW: 0xE6E7E8,
    Severity.INFO: 0x55ACEE,
}
# What Discord reads as markup: styles, links, mentions, emoji; and lists, at a line's beginning.
# https://support.discord.com/hc/en-us/articles/210298617
MARKUP = re.compile(r"[\\*_~|<>@#\[\]]|:(?=//|[\w+-]*[^\W\d][\w+-]*:)")
LIST = re.compile(r"^(\s*\d*)([-+.])")


class Discord(Channel):
    """A Discord webhook. https://discord.com/developers/docs/resources/webhook#execute-webhook"""

    type: Literal["discord"] = "discord"
    url: Annotated[Secret, AfterValidator(web_address)]
    # 5 posts in 2 seconds: https://discord.com/developers/docs/topics/rate-limits
    pace: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.4

    help: ClassVar = '{"type": "discord", "url": "https://discord.com/api/webhooks/..."}'

    def render(self, message: Message) -> dict[str, Any]:
        description = _fitting("", [_markdown(message.what), *_facts(message)], message)
        embed: dict[str, Any] = {"description": description} if description else {}
        if message.severity:
            embed["color"] = COLOURS[message.severity]
        return _body(_first(message)) | ({"embeds": [embed]} if description else {})

    def render_plain(self, message: Message) -> dict[str, Any]:
        lines = [_markdown(message.what), *_facts(message)]
        first = _first(message, TITLE_LIMIT // 2)
        content = _fitting(first, lines, message, CONTENT_LIMIT)
        return _body(content) | {"flags": SUPPRESS_EMBEDS}

    def send(
        self, body: dict[str, Any], http: urllib3.PoolManager, timeout: urllib3.Timeout
    ) -> None:
        answer = post_json(self.url.get_secret_value(), body, http, timeout)
        if answer.status in (200, 204):
            return
        if answer.status < 300:  # a proxy, or a URL that is not Discord's
            raise answer.refusal("but the answer is not Discord's 204", Verdict.TRANSIENT)
        # 400 is "Invalid Form Body": our formatting is at fault.
        verdict = Verdict.REPAIRABLE if answer.status == 400 else None
        raise answer.refusal("", verdict, retry_after=seconds(answer.said.get("retry_after")))


def _body(content: str) -> dict[str, Any]:
    # Nobody is pinged, whatever the text looks like.
    return {"content": content, "allowed_mentions": {"parse": []}}


def _first(message: Message, limit: int = TITLE_LIMIT) -> str:
    """What a notification shows. Bold holds words of ours only: a value might close it."""
    top = f"**{headline(message)}**" if message.severity else ""
    place = f"{_markdown(message.place, SHORT, PLACE_LIMIT)}:" if message.place else ""
    return " ".join(filter(None, [top, place, _markdown(message.title, SHORT, limit)]))


def _facts(message: Message) -> list[str]:
    lines = [_labelled(line.label, line.text) for line in message.lines]
    if message.check_first:
        lines.append(_labelled("Check first", Text((message.check_first,))))
    return lines


def _labelled(label: str, text: Text) -> str:
    return f"**{_escape(label)}** {_markdown(text)}" if label else _markdown(text)


def _fitting(text: str, lines: list[str], message: Message, limit: int = DESCRIPTION_LIMIT) -> str:
    """The lines that fit, each whole, and what stays: commands and footer."""
    commands, end = command_lines(message), _footer(message)
    block = f"```\n{commands}\n```\n" if commands else ""
    if _length(text) + _length(block) + _length(end) < limit:
        end = block + end
    left = limit - _length(text) - _length(end) - 1
    for line in lines:
        if line and _length(line) + 1 <= left:
            text += f"\n{line}"
            left -= _length(line) + 1
    return f"{text}\n{end}".strip()


def _footer(message: Message) -> str:
    """Rule and links; an id that is in no link stands there as it is."""
    linked = {link.event for link in message.links}
    ends = [f"[{_escape(link.label)}]({link.url})" for link in message.links]
    ends += [_code(clean(event, SHORT)) for event in message.events if event not in linked]
    start = "first events: " if len(ends) > 1 else ""
    rule = [_markdown(say("{}", message.rule))] if message.rule else []
    return " · ".join([*rule, start + " ".join(ends)] if ends else rule)


def _markdown(text: Text, *limits: int) -> str:
    """Our words escaped, their values as code, where nothing is markup."""
    shown = ""
    for piece, is_value in spans(text, *limits):
        part = _code(piece) if is_value else _escape(piece)
        shown += f" {part}" if is_value and shown.endswith("`") else part
    return shown


def _code(value: str) -> str:
    return f"`{value.replace('`', 'ˋ')}`"


def _escape(text: str) -> str:
    r"""
    >>> _escape("*@here* in R&D")
    '\\*\\@here\\* in R&D'
    """
    text = CONTROL.sub(" ", text).replace("`", "ˋ")
    return LIST.sub(r"\1\\\2", MARKUP.sub(r"\\\g<0>", text))


def _length(text: str) -> int:
    """In the units of UTF-16, the most that Discord may count."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2
