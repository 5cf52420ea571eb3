from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

import urllib3
from pydantic import AfterValidator, Field, SecretStr, model_validator

from trailbell.channels.base import (
    Channel,
    Receipt,
    Secret,
    api_address,
    by_status,
    clean,
    command_lines,
    headline,
    literal,
    one_line,
    post_json,
    spans,
    web_address,
)
from trailbell.errors import ChannelError, Verdict
from trailbell.model import Message, Text

log = logging.getLogger("trailbell")

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
BUSY = {
    "fatal_error",
    "internal_error",
    "rate_limited",
    "ratelimited",
    "request_timeout",
    "service_unavailable",
}
IN_DOUBT = {"fatal_error", "internal_error"}  # "some aspect of the operation may have succeeded"
# There is no thread to post to: the same message goes to the channel itself.
THREADLESS = {
    "cannot_reply_to_message",
    "restricted_action_non_threadable_channel",
    "restricted_action_thread_locked",
    "thread_not_found",
}
KNOWN = REPAIRABLE | BUSY | THREADLESS
KNOWN |= {
    "account_inactive", "action_prohibited", "cant_update_message", "channel_is_archived",
    "channel_not_found", "edit_window_closed", "ekm_access_denied", "invalid_auth", "invalid_token",
    "is_archived", "message_not_found", "missing_scope", "no_active_hooks", "no_service",
    "no_service_id", "no_team", "not_authed", "not_in_channel", "org_login_required",
    "posting_to_general_channel_denied", "restricted_action", "restricted_action_read_only_channel",
    "restricted_action_thread_only_channel", "rollup_error", "team_disabled", "token_expired",
    "token_revoked", "user_not_found",
}  # fmt: skip
"""What Slack says. Other words are not repeated: a proxy's page may quote the URL.
https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks#handling_errors
https://docs.slack.dev/reference/methods/chat.postMessage#errors"""
TOKEN = re.compile(r"(xoxe\.)?xox[bp]-[\x21-\x7e]+")
UNSET = SecretStr("")
UPDATE = "_update"  # in a body: what chat.update gets before the body itself is posted


def token_form(secret: SecretStr) -> SecretStr:
    """A bot's token: https://docs.slack.dev/authentication/tokens"""
    token = literal(secret)
    if token is not None and not TOKEN.fullmatch(token):
        raise ValueError("is no bot token: begins with xoxb-")
    return secret


class Slack(Channel):
    """A Slack incoming webhook, or a channel that a bot posts to.

    One bot's token serves many channels, and what follows a message goes into its thread.
    https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks
    https://docs.slack.dev/reference/methods/chat.postMessage
    """

    type: Literal["slack"] = "slack"
    url: Annotated[Secret, AfterValidator(web_address)] = UNSET
    token: Annotated[Secret, AfterValidator(token_form)] = UNSET
    """Of a bot that is in the channel and has the scope chat:write."""
    channel: str = ""
    """Where the bot posts: an id, or a name."""
    api_url: Annotated[str, AfterValidator(api_address)] = "https://slack.com/api"
    pace: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 1.1

    help: ClassVar = (
        '{"type": "slack", "url": "https://hooks.slack.com/services/..."}'
        ' or {"type": "slack", "token": "xoxb-...", "channel": "#alerts"}'
    )

    @model_validator(mode="after")
    def _one_form(self) -> Slack:
        if (bool(self.url), bool(self.token), bool(self.channel.strip())) not in (
            (True, False, False),
            (False, True, True),
        ):
            raise ValueError("needs either url, or token and channel")
        return self

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
        return self._addressed({"text": _notification(message), "blocks": blocks}, message)

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
        return self._addressed({"text": f"{text}\n{footer}".rstrip()}, message)

    def _addressed(self, body: dict[str, Any], message: Message) -> dict[str, Any]:
        """The body, and where a bot posts it: in the channel, or below the message it follows.

        A thread hides its news from whoever reads the channel: the first message tells them.
        """
        body |= NO_UNFURL
        if not self.token:
            return body
        first = message.reply_to
        if not self._ours(first):
            return {"channel": self.channel} | body
        thread = {"channel": first["channel"], "thread_ts": first["ts"]}
        return thread | body | {UPDATE: _updated(first, message)}

    def _ours(self, receipt: Mapping[str, Any]) -> bool:
        """Whether it is of this channel, and whole."""
        body = receipt.get("body")
        texts = (
            receipt.get("channel"),
            receipt.get("ts"),
            isinstance(body, dict) and body.get("text"),
        )
        return receipt.get("to") == self.channel and all(isinstance(one, str) for one in texts)

    def send(
        self, body: dict[str, Any], http: urllib3.PoolManager, timeout: urllib3.Timeout
    ) -> Receipt | None:
        if self.token:
            return self._send_by_bot(body, http, timeout)
        answer = post_json(self.url.get_secret_value(), body, http, timeout)
        word = answer.text.strip()
        if answer.status == 200:
            if word in ("", "ok") or '"ok":true' in word.replace(" ", ""):
                return None
            # A proxy, or a URL that is not Slack's, can answer 200 too.
            raise answer.refusal("but the answer is not Slack's 'ok'", Verdict.TRANSIENT)
        word = word if word in KNOWN else ""
        repairable = answer.status == 400 and word in REPAIRABLE
        raise answer.refusal(word, Verdict.REPAIRABLE if repairable else None)

    def _send_by_bot(
        self, body: dict[str, Any], http: urllib3.PoolManager, timeout: urllib3.Timeout
    ) -> Receipt | None:
        posted = {name: value for name, value in body.items() if name != UPDATE}
        if UPDATE in body:  # first, as it may be repeated at will and the reply may not
            try:
                self._call("chat.update", body[UPDATE], http, _part(timeout, 1 / 3))
            except ChannelError as error:
                log.warning(
                    "%s: the message that another follows is as it was: %s", self.name, error
                )
            timeout = _part(timeout, 2 / 3)
        said = self._call("chat.postMessage", posted, http, timeout)
        channel, ts = said.get("channel"), said.get("ts")
        return {"to": self.channel, "channel": channel, "ts": ts, "body": posted}

    def _call(
        self, method: str, body: dict[str, Any], http: urllib3.PoolManager, timeout: urllib3.Timeout
    ) -> dict[str, Any]:
        """One call of Slack's API, which says with a 200 that it refuses too."""
        headers = {
            "Authorization": f"Bearer {self.token.get_secret_value()}",
            "Content-Type": "application/json; charset=utf-8",
        }
        answer = post_json(f"{self.api_url}/{method}", body, http, timeout, headers)
        said = answer.said
        if answer.status == 200 and said.get("ok") is True:
            return said
        if answer.status == 200 and said.get("ok") is not False:
            # A proxy, or a URL that is not Slack's, can answer 200 too.
            raise answer.refusal("but the answer is not Slack's", Verdict.TRANSIENT)
        word, change = str(said.get("error", "")), None
        verdict = Verdict.TRANSIENT if word in BUSY else by_status(answer.status)
        if word in THREADLESS and "thread_ts" in body:
            verdict, change = Verdict.REPAIRABLE, {"thread_ts": None, UPDATE: None}
        elif word in REPAIRABLE:
            verdict = Verdict.REPAIRABLE
        in_doubt = word in IN_DOUBT or answer.status >= 500
        word = word if word in KNOWN else ""
        raise answer.refusal(word, verdict, change=change, in_doubt=in_doubt)


def _part(timeout: urllib3.Timeout, share: float) -> urllib3.Timeout:
    """So much of the time that there is for a message."""
    part = timeout.clone()
    if isinstance(part.total, int | float):
        part.total *= share
    return part


def _updated(first: Mapping[str, Any], message: Message) -> dict[str, Any]:
    """The message that this one follows, with the news at its top."""
    news = f"{message.count:,} more: see the thread"
    body = {"channel": first["channel"], "ts": first["ts"], "parse": "none"}
    old = first["body"]
    if "blocks" not in old:
        return body | {"text": f"*{news}*\n{old['text']}"}
    context = {"type": "context", "elements": [{"type": "mrkdwn", "text": f"*{news}*"}]}
    return body | {"text": f"{news} · {old['text']}", "blocks": [context, *old["blocks"]]}


def _notification(message: Message) -> str:
    """What a phone shows before the message is opened, and a screen reader reads: mrkdwn."""
    return _mrkdwn(one_line(message), SHORT, NOTIFICATION_LIMIT)


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


def _mrkdwn(text: Text, *limits: int) -> str:
    """Our words escaped, their values as code; two values never touch, or neither were code."""
    shown = ""
    for piece, is_value in spans(text, *limits):
        part = _code(piece) if is_value else _escape(piece)
        shown += f" {part}" if is_value and shown.endswith("`") else part
    return shown


def _code(value: str) -> str:
    return f"`{_escape(value.replace('`', 'ˋ'))}`"


def _escape(text: str) -> str:
    """Slack reads these three as markup. https://docs.slack.dev/messaging/formatting-message-text

    >>> _escape("<!channel> a & b")
    '&lt;!channel&gt; a &amp; b'
    """
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
