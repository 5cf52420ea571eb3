"""Judges that say whether a vendor would take a message, and what in it is live.

``telegram`` asks TDLib, Telegram's own parser; ``slack`` asks slackblocks and adds what that
leaves out; both skip where the library is missing. The others know their vendors' documentation.
All raise AssertionError with the reason.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pytest

TELEGRAM_TEXT = 4_096  # after parsing: https://core.telegram.org/bots/api#sendmessage
TELEGRAM_RAW = 32_768  # bytes; more is "text is too long", whatever is left after parsing
TELEGRAM_KEYS = {"chat_id", "text", "parse_mode", "link_preview_options"}
TELEGRAM_KEYS |= {"message_thread_id", "disable_notification"}
LITERAL = {"code", "pre"}
STYLES = {"bold", "italic", "underline", "strikethrough", "spoiler", "text_url"} | LITERAL
STYLES |= {"block_quote", "expandable_block_quote"}
HARMLESS = {"media_timestamp"}  # 12:34 is a link only beside a video or a voice message

SLACK_NOTICE = 4_000  # `text`: https://docs.slack.dev/reference/methods/chat.postMessage
SLACK_KEYS = {"text", "blocks", "unfurl_links", "unfurl_media"}
SLACK_BOT_KEYS = {"channel", "thread_ts"}
BLOCKS = {  # https://docs.slack.dev/reference/block-kit/blocks
    "section": {"type", "block_id", "text", "fields"},
    "header": {"type", "block_id", "text"},
    "context": {"type", "block_id", "elements"},
    "divider": {"type", "block_id"},
    "rich_text": {"type", "block_id", "elements"},
}
TEXTS = {"plain_text": {"type", "text", "emoji"}, "mrkdwn": {"type", "text", "verbatim"}}
RICH = {  # a part of rich text, and the class of slackblocks that checks it
    "rich_text": "RichTextBlock",
    "rich_text_section": "RichTextSection",
    "rich_text_preformatted": "RichTextCodeBlock",
    "rich_text_quote": "RichTextQuote",
    "rich_text_list": "RichTextList",
    "text": "RichText",
    "link": "RichTextLink",
}
RICH_PINGS = {"user", "usergroup", "channel", "broadcast", "team"}

WEB = re.compile(r"https?://[^\s<>|\"'`]+")
PING = re.compile(r"<(?:[@#]|!(?!date\^))[^<>]*>")
MRKDWN = re.compile(
    r"```(?P<pre>.+?)```"
    r"|(?<![\w`])`(?P<code>[^`\n]+)`(?![\w`])"
    r"|<(?P<link>(?:https?://|mailto:)[^<>|\s]+(?:\|[^<>]*)?)>"
    r"|<!date\^[^<>|]*\|(?P<date>[^<>]*)>"
    r"|(?P<url>https?://[^\s<>|`*]+)"
    r"|(?P<mail>[\w.+-]+@[\w-]+\.[\w.-]+)"
    r"|(?<!\w)(?P<at>@[\w.-]+)"
    r"|(?<![\w&])(?P<hash>#[\w-]+)"
    r"|(?<![\w:]):(?P<emoji>[\w+'-]+):"
    r"|(?<![\w.-])(?P<domain>(?:[\w-]+\.)+[a-z]{2,})(?!\w)",
    re.DOTALL,
)
DISCORD = re.compile(  # what is inert, or is meant: everything else is live
    r"```\n(?P<pre>[^`]+)\n```"
    r"|(?<!`)`(?P<code>[^`\n]+)`(?!`)"
    r"|\\(?P<escaped>[^0-9A-Za-z\s])"
    r"|\*\*(?P<bold>(?:\\[^0-9A-Za-z\s]|[^*\\`\n])+)\*\*"
    r"|\[(?P<label>(?:\\[^0-9A-Za-z\s]|[^\[\]\\`\n])+)\]\((?P<link>https://[^\s()<>`]+)\)"
)
DISCORD_LIVE = re.compile(
    r"[*_~|<>@#`\[\]\\]|://|:[\w+-]*[^\W\d][\w+-]*:|^\s*(?:[-+]|\d+\.)\s", re.MULTILINE
)
ADAPTIVE = "application/vnd.microsoft.card.adaptive"
RUN = {"type", "text", "fontType", "weight", "size", "color", "isSubtle"}
SCHEMA = Path(__file__).parent.parent / "docs" / "webhook.schema.json"
BIDI = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
HOLE = "\N{OBJECT REPLACEMENT CHARACTER}"  # stands for a literal span in mrkdwn


class Entity(NamedTuple):
    """What TDLib found: ``kind`` as in ``bold`` or ``text_url``, ``start`` in code points."""

    kind: str
    text: str
    url: str | None
    start: int

    @property
    def end(self) -> int:
        return self.start + len(self.text)


@dataclass
class Shown:
    """What a reader of a Slack message sees: first the notification, then block for block."""

    plain: str = ""
    words: str = ""  # the same without the literal spans
    literal: list[str] = field(default_factory=list)
    pings: list[str] = field(default_factory=list)
    links: list[tuple[str, str]] = field(default_factory=list)  # address, label
    emoji: list[str] = field(default_factory=list)

    def say(self, words: str) -> None:
        self.plain += words
        self.words += words

    def quote(self, literal: str) -> None:
        self.plain += literal
        self.words += " "
        self.literal.append(literal)


def telegram(body: dict[str, Any]) -> tuple[str, list[Entity]]:
    """Judge the body of a sendMessage; return what a reader reads, and the entities in it.

    Without ``parse_mode`` there are no entities, and only the limits are judged.
    """
    assert not body.keys() - TELEGRAM_KEYS, f"unknown keys {body.keys() - TELEGRAM_KEYS}"
    assert body.get("chat_id"), "no chat_id"
    assert body.get("link_preview_options") == {"is_disabled": True}, "link preview is on"
    raw = body.get("text")
    assert isinstance(raw, str), "text is not a string"
    _encodable(raw)
    assert len(raw.encode()) <= TELEGRAM_RAW, f"raw text over {TELEGRAM_RAW} bytes"
    plain, entities = raw, list[Entity]()
    if "parse_mode" in body:
        assert body["parse_mode"] == "HTML", f"parse_mode {body['parse_mode']!r}"
        plain, entities = _parsed(raw)
    _readable(plain)
    assert plain.strip(), "message text is empty"
    assert len(plain) <= TELEGRAM_TEXT, f"text over {TELEGRAM_TEXT} characters"
    if "parse_mode" in body:
        _no_live_entities(plain, entities)
    return plain, entities


def slack_bot(body: dict[str, Any]) -> Shown:
    """Judge what a bot posts; return what a reader sees of it.

    A reply comes with what it changes in the message that it follows.
    """
    body = dict(body)
    update = body.pop("_update", None)
    assert ("thread_ts" in body) == bool(update), "a reply updates the message that it follows"
    assert isinstance(body["channel"], str) and body["channel"], "no channel"
    if update:
        assert not update.keys() - {"channel", "ts", "parse", "text", "blocks"}, "unknown keys"
        assert isinstance(update["ts"], str) and update["channel"] and update["parse"] == "none"
        content = {key: update[key] for key in ("text", "blocks") if key in update}
        slack(content | {"unfurl_links": False, "unfurl_media": False})
    return slack({key: value for key, value in body.items() if key not in SLACK_BOT_KEYS})


def slack(body: dict[str, Any]) -> Shown:
    """Judge the payload of an incoming webhook; return what a reader sees of it.

    Without ``blocks`` it is the plain message that follows a refusal of them.
    """
    kit = pytest.importorskip("slackblocks", reason=_missing("slackblocks"), exc_type=ImportError)
    assert not body.keys() - SLACK_KEYS, f"unknown keys {body.keys() - SLACK_KEYS}"
    _encodable(json.dumps(body, ensure_ascii=False))
    text, blocks = body.get("text"), body.get("blocks")
    assert isinstance(text, str) and text.strip(), "no text for the notification"
    assert len(text) <= SLACK_NOTICE, f"text over {SLACK_NOTICE} characters"
    for key in ("unfurl_links", "unfurl_media"):
        assert body.get(key) is False, f"{key} is not false"
    shown = Shown()
    _mrkdwn(shown, text)
    if "blocks" in body:
        assert isinstance(blocks, list) and blocks, "no blocks"
        _ask(kit.WebhookMessage, text=text, blocks=[_built(kit, block) for block in blocks])
        for block in blocks:
            shown.say("\n")
            _block(shown, block)
    _readable(shown.plain)
    return shown


def discord(body: dict[str, Any]) -> Shown:
    """Judge the body for a Discord webhook; return what a reader sees of it.

    https://discord.com/developers/docs/resources/webhook#execute-webhook
    """
    assert not body.keys() - {"content", "allowed_mentions", "embeds", "flags"}, "unknown keys"
    assert body["allowed_mentions"] == {"parse": []}, "may ping"
    assert len(body.get("embeds", [])) <= 1, "one embed is enough"
    shown = Shown()
    _discord(shown, body["content"], 2_000)
    assert not shown.links or body.get("flags") == 4, "Discord fetches the links"
    for embed in body.get("embeds", []):
        assert not embed.keys() - {"description", "color"}, "unknown keys in an embed"
        assert 0 <= embed.get("color", 0) <= 0xFFFFFF, "no colour"
        shown.say("\n")
        _discord(shown, embed["description"], 4_096)
    _readable(shown.plain)
    return shown


def _discord(shown: Shown, text: str, limit: int) -> None:
    _encodable(text)
    assert text.strip(), "empty"
    assert len(text.encode("utf-16-le")) // 2 <= limit, f"over {limit} characters"
    start = 0
    live = ""
    for match in DISCORD.finditer(text):
        live += text[start : match.start()]
        shown.say(text[start : match.start()])
        start = match.end()
        kind, found = match.lastgroup, match[match.lastgroup or 0]
        if kind in LITERAL:
            shown.quote(found)
            live += HOLE
        elif kind == "link":
            shown.links.append((found, match["label"]))
            shown.say(match["label"])
        else:
            shown.say(re.sub(r"\\(.)", r"\1", found))
            live += HOLE if kind == "escaped" else ""
    live += text[start:]
    shown.say(text[start:])
    found = DISCORD_LIVE.search(live)
    assert not found, f"live {found!r} in {live!r}"


def teams(body: dict[str, Any]) -> Shown:
    """Judge the body for a Teams workflow; return what a reader sees of it.

    https://adaptivecards.io/explorer/RichTextBlock.html
    """
    size = len(json.dumps(body, ensure_ascii=False).encode("utf-16-le"))
    assert size <= 28 * 1024, f"{size} bytes"
    assert body.keys() == {"type", "attachments"} and body["type"] == "message"
    (attachment,) = body["attachments"]
    card = attachment["content"]
    assert attachment == {"contentType": ADAPTIVE, "contentUrl": None, "content": card}
    assert not card.keys() - {"$schema", "type", "version", "msteams", "body", "actions"}
    assert (card["type"], card["version"]) == ("AdaptiveCard", "1.4")
    assert card["body"], "an empty card"
    shown = Shown()
    for block in card["body"]:
        for line in block["items"] if block["type"] == "Container" else [block]:
            assert line["type"] == "RichTextBlock", "markdown is live in anything else"
            assert line["inlines"], "an empty line"
            for run in line["inlines"]:
                text = run["text"]
                assert run["type"] == "TextRun" and not run.keys() - RUN
                assert text and "\n" not in text.strip("\n"), f"{text!r} is no piece of a line"
                assert "{{" not in text, "a function of a card"
                (shown.quote if run.get("fontType") == "Monospace" else shown.say)(text)
            shown.say("\n")
    for action in card.get("actions", []):
        assert action.keys() == {"type", "title", "url"} and action["type"] == "Action.OpenUrl"
        assert WEB.fullmatch(action["url"]), f"a link to {action['url']!r}"
        shown.links.append((action["url"], action["title"]))
    _encodable(shown.plain)
    _readable(shown.plain)
    return shown


def sns(body: dict[str, Any]) -> str:
    """Judge what SNS's Publish gets, before its variants become JSON; return the e-mail's text.

    https://docs.aws.amazon.com/sns/latest/api/API_Publish.html
    """
    assert body.keys() == {"TopicArn", "Subject", "Message", "MessageAttributes"}
    assert re.fullmatch(r"[!-~][ -~]{0,98}", body["Subject"]), f"subject {body['Subject']!r}"
    variants = body["Message"]
    assert variants.keys() == {"default", "sms", "sqs", "lambda", "https"}
    assert variants["default"].strip()
    assert len(variants["sms"]) <= 140
    texts = {
        name: one if isinstance(one, str) else json.dumps(one, ensure_ascii=False)
        for name, one in variants.items()
    }
    size = len(json.dumps(texts, ensure_ascii=False).encode())
    for name, attribute in body["MessageAttributes"].items():
        assert name in ("severity", "rule", "account")
        assert attribute.keys() == {"DataType", "StringValue"} and attribute["StringValue"]
        size += len(name) + len("String") + len(attribute["StringValue"].encode())
    assert size <= 256 * 1024, f"{size} bytes"
    assert variants["sqs"] == variants["lambda"] == variants["https"] == webhook(variants["sqs"])
    _encodable(variants["default"])
    _readable(variants["default"])
    return str(variants["default"])


def pagerduty(body: dict[str, Any]) -> dict[str, Any]:
    """Judge an event of PagerDuty without its routing key; return the payload.

    https://developer.pagerduty.com/docs/send-alert-event
    """
    known = {"event_action", "dedup_key", "payload", "client", "links"}
    assert not body.keys() - known, f"unknown keys {body.keys() - known}"
    assert body["event_action"] == "trigger"
    assert len(body.get("dedup_key", "")) <= 255
    assert len(json.dumps(body).encode()) <= 512 * 1024
    payload: dict[str, Any] = body["payload"]
    known = {"summary", "source", "severity", "timestamp", "component", "group", "class",
             "custom_details"}  # fmt: skip
    assert not payload.keys() - known, f"unknown keys {payload.keys() - known}"
    assert 1 <= len(payload["summary"]) <= 1_024 and "\n" not in payload["summary"]
    assert payload["severity"] in ("critical", "error", "warning", "info")
    assert payload["source"]
    for one in [*payload.values(), *payload.get("custom_details", {}).values()]:
        assert one, "an empty field"
        if isinstance(one, str):
            _encodable(one)
            _readable(one)
    for link in body.get("links", []):
        assert link.keys() == {"href", "text"} and WEB.fullmatch(link["href"])
    return payload


def webhook(body: dict[str, Any]) -> dict[str, Any]:
    """Judge the document for a webhook by its published schema."""
    conforms(body, _schema())
    _encodable(json.dumps(body, ensure_ascii=False))
    for text in (body["text"], body["title"], body["place"], *body["events"]):
        _readable(text)
    return body


@cache
def _schema() -> dict[str, Any]:
    return dict(json.loads(SCHEMA.read_text()))


KINDS: dict[str, Callable[[object], bool]] = {
    "object": lambda it: isinstance(it, dict),
    "array": lambda it: isinstance(it, list),
    "string": lambda it: isinstance(it, str),
    "integer": lambda it: type(it) is int,
}


def conforms(value: Any, schema: dict[str, Any], where: str = "$") -> None:
    """As much of JSON Schema as the published one needs; another keyword is an error."""
    for keyword, wanted in schema.items():
        match keyword:
            case "$schema" | "title" | "description":
                fits = True
            case "type":
                fits = KINDS[wanted](value)
            case "const":
                fits = value == wanted and type(value) is type(wanted)
            case "enum":
                fits = value in wanted
            case "required":
                fits = value.keys() >= set(wanted)
            case "additionalProperties":
                fits = bool(wanted) or not value.keys() - schema["properties"].keys()
            case "properties":
                for name in value.keys() & wanted.keys():
                    conforms(value[name], wanted[name], f"{where}.{name}")
                fits = True
            case "items":
                for number, item in enumerate(value):
                    conforms(item, wanted, f"{where}[{number}]")
                fits = True
            case "maxItems" | "maxLength":
                fits = len(value) <= wanted
            case "minimum":
                fits = value >= wanted
            case "pattern":
                fits = bool(re.search(wanted, value))
            case _:
                raise AssertionError(f"{where}: the judge knows no {keyword}")
        assert fits, f"{where}: {value!r} breaks {keyword} {wanted!r}"


def judge(kind: str, body: dict[str, Any]) -> object:
    """Judge the body of a type of channel."""
    judges: dict[str, Callable[[dict[str, Any]], object]] = {
        "discord": discord, "pagerduty": pagerduty, "sns": sns, "teams": teams,
        "slack": slack_bot if "channel" in body else slack, "telegram": telegram,
        "webhook": webhook,
    }  # fmt: skip
    return judges[kind](body) if kind in judges else None


def inert(message: Shown | tuple[str, list[Entity]], value: str) -> None:
    """Assert that what is left of the value, if anything is, stands in literal spans only.

    The value is looked for whole and by its runs of four characters and more, so that a value
    cut, cleaned or stripped of its markers is still known. Use one that our own words do not hold.
    """
    if isinstance(message, Shown):
        words, links = message.words, [url for url, _ in message.links]
    else:
        words, links = _blanked(*message, LITERAL), [one.url or "" for one in message[1]]
    runs = re.findall(r"(?:[^\W_]|[@#$/:.!&;=%+-]){4,}", value)
    for core in (run[:24] for run in (value.strip(), *runs) if len(run) >= 4):
        assert core not in words, f"{core!r} stands outside of a literal span"
    for target in WEB.findall(value):
        assert not any(url.startswith(target) for url in links), f"{target!r} is a link"


def slack_literal(body: dict[str, Any], value: str) -> Shown:
    """Judge a Slack payload that holds a value from an event."""
    shown = slack(body)
    inert(shown, value)
    return shown


def telegram_literal(body: dict[str, Any], value: str) -> tuple[str, list[Entity]]:
    """Judge a Telegram body that holds a value from an event."""
    message = telegram(body)
    inert(message, value)
    return message


def _missing(library: str) -> str:
    return f"{library} is not there: pip install tdjson slackblocks, or pip install -e .[dev]"


def _encodable(text: str) -> None:
    assert not re.search("[\ud800-\udfff]", text), "a lone surrogate is not UTF-8"


def _readable(text: str) -> None:
    """Nothing that a reader cannot see may change what he sees."""
    for char in set(text) - {"\n"}:
        assert unicodedata.category(char) != "Cc", f"control character {char!r}"
        assert char not in BIDI, f"bidi character {char!r}"


@cache
def _tdlib() -> Any:
    library = pytest.importorskip("tdjson", reason=_missing("tdjson"), exc_type=ImportError)
    library.td_execute(b'{"@type": "setLogVerbosityLevel", "new_verbosity_level": 0}')
    return library


def _execute(method: str, **arguments: object) -> dict[str, Any]:
    answer = _tdlib().td_execute(json.dumps({"@type": method, **arguments}).encode())
    found: dict[str, Any] = json.loads(answer)
    assert found["@type"] != "error", f"Telegram refuses: {found['message']}"
    return found


def _entities(plain: str, found: dict[str, Any]) -> Iterator[Entity]:
    """TDLib counts in UTF-16 units, Python in code points."""
    wide = plain.encode("utf-16-le")
    for one in found["entities"]:
        start, end = 2 * one["offset"], 2 * (one["offset"] + one["length"])
        name = one["type"]["@type"].removeprefix("textEntityType").replace("PreCode", "Pre")
        yield Entity(
            re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower(),
            wide[start:end].decode("utf-16-le"),
            one["type"].get("url"),
            len(wide[:start].decode("utf-16-le")),
        )


def _parsed(html: str) -> tuple[str, list[Entity]]:
    found = _execute("parseTextEntities", text=html, parse_mode={"@type": "textParseModeHTML"})
    return found["text"], list(_entities(found["text"], found))


def _no_live_entities(plain: str, entities: list[Entity]) -> None:
    for one in entities:
        assert one.kind in STYLES, f"{one.kind} pings: {one.text!r}"
        assert one.url is None or WEB.fullmatch(one.url), f"a link to {one.url!r}"
    for link in (one for one in entities if one.kind == "text_url"):
        for one in entities:
            both = one.start < link.end and link.start < one.end
            assert not (both and one.kind in LITERAL), f"a link and {one.kind} share {one.text!r}"
    words = _blanked(plain, entities, {"text_url"} | LITERAL)
    for one in _entities(words, _execute("getTextEntities", text=words)):
        assert one.kind in HARMLESS, f"live {one.kind}: {one.text!r}"


def _blanked(plain: str, entities: list[Entity], kinds: set[str]) -> str:
    for one in (one for one in entities if one.kind in kinds):
        plain = plain[: one.start] + " " * len(one.text) + plain[one.end :]
    return plain


def _ask(build: Any, *args: object, **given: object) -> Any:
    """Let slackblocks build it; what it refuses, Slack refuses."""
    try:
        return build(*args, **given)
    except Exception as error:  # its own errors, and KeyError or TypeError for a broken dict
        raise AssertionError(f"slackblocks refuses: {error!r}") from error


def _built(kit: Any, part: dict[str, Any]) -> Any:
    """The block, or the part of a rich_text block, for which slackblocks has no from_dict."""
    assert isinstance(part, dict), f"not an object: {part!r}"
    kind = part.get("type")
    assert kind not in RICH_PINGS, f"{kind} pings"
    if kind not in RICH:
        assert kind in BLOCKS, f"unknown type {kind!r}"
        return _ask(kit.Block.from_dict, part)
    given = {key: value for key, value in part.items() if key != "type"}
    if kind in ("text", "link"):
        style = given.pop("style", {})
        assert isinstance(style, dict) and set(style.values()) <= {True}, f"style {style}"
        given |= style
    else:
        assert given.get("elements"), f"empty {kind}"
        given["elements"] = [_built(kit, inner) for inner in given["elements"]]
    return _ask(getattr(kit, RICH[kind]), **given)


def _block(shown: Shown, block: dict[str, Any]) -> None:
    kind = block["type"]
    assert not block.keys() - BLOCKS[kind], f"unknown keys {block.keys() - BLOCKS[kind]} in {kind}"
    if kind == "rich_text":
        _rich(shown, block)
    elif kind != "divider":
        texts = [block["text"]] if "text" in block else []
        texts += [*block.get("fields", []), *block.get("elements", [])]
        assert texts, f"empty {kind}"
        for text in texts:
            assert kind != "header" or text["type"] == "plain_text", "a header is plain_text"
            _text(shown, text)
            shown.say("\n")


def _text(shown: Shown, text: dict[str, Any]) -> None:
    kind = text["type"]
    assert not text.keys() - TEXTS[kind], f"unknown keys {text.keys() - TEXTS[kind]} in {kind}"
    if kind == "mrkdwn":
        _mrkdwn(shown, text["text"], verbatim=text.get("verbatim", False))
    elif text.get("emoji") is False:
        shown.quote(text["text"])
    else:
        shown.say(text["text"])


def _rich(shown: Shown, part: dict[str, Any], literal: bool = False) -> None:
    for one in part["elements"]:
        if "elements" in one:
            _rich(shown, one, one["type"] == "rich_text_preformatted")
            shown.say("\n")
        elif one["type"] == "link":
            assert WEB.fullmatch(one["url"]), f"a link to {one['url']!r}"
            shown.links.append((one["url"], one.get("text", one["url"])))
            shown.say(one.get("text", one["url"]))
        else:
            assert isinstance(one["text"], str) and one["text"], "empty text element"
            code = literal or "code" in one.get("style", {})
            (shown.quote if code else shown.say)(one["text"])


def _mrkdwn(shown: Shown, text: str, verbatim: bool = False) -> None:
    """Lex Slack's markup, on the strict side: what may be live is live.

    https://docs.slack.dev/messaging/formatting-message-text
    """
    shown.pings += PING.findall(text)
    assert not shown.pings, f"pings: {shown.pings}"
    literal = []

    def outside(match: re.Match[str]) -> str:
        """Note what was found; return what of it is not literal."""
        kind = str(match.lastgroup)
        found = match[kind]
        if kind in LITERAL:
            assert not re.search("[<>]", found), f"unescaped < or > in {found!r}"
            literal.append(_unescaped(found))
            return HOLE
        if kind == "link":
            url, _, label = found.partition("|")
            shown.links.append((_unescaped(url), _unescaped(label or url)))
            return label or url
        if kind == "emoji":
            shown.emoji.append(found)
        elif kind == "at" and not verbatim:
            shown.pings.append(found)
        elif kind != "date" and not verbatim:
            shown.links.append((_unescaped(found), _unescaped(found)))
        return found if kind == "date" else match[0]

    words = re.sub("^>+", "", MRKDWN.sub(outside, text.replace(HOLE, "?")), flags=re.MULTILINE)
    assert not shown.pings, f"pings: {shown.pings}"
    assert not re.search("[<>]|&(?!(?:amp|lt|gt);)", words), f"unescaped <, > or & in {words!r}"
    for mark in (r"\*", "_", "~"):
        span = rf"(?<!{mark}){mark}(?=\S)([^{mark}\n]+)(?<=\S){mark}(?!{mark})"
        words = re.sub(rf"(?<![^\W_]){span}(?![^\W_])", r"\1", words)
    words = _unescaped(words)
    for piece in re.split(f"({HOLE})", words):
        if piece == HOLE:
            shown.quote(literal.pop(0))
        else:
            shown.say(piece)


def _unescaped(text: str) -> str:
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


HOSTILE: tuple[str, ...] = (
    "<!channel>",
    "<!here> <!everyone> <@U024BE7LH> <#C024BE7LR> <!subteam^SAZ94GDB8>",
    "@here",
    "@channel",
    "@mallory_bot",
    "mallory@evil.example",
    "/mallory",
    "/start@mallory_bot",
    "#mallory",
    "$EVIL",
    "4111111111111111",
    "evil.zip",
    "https://evil.example/login?a=1&b=2",
    "<https://evil.example/login|console.aws.amazon.com>",
    "[mallory](https://evil.example)",
    "tg://user?id=123456789",
    "javascript:mallory()",
    '<a href="https://evil.example">mallory</a>',
    '<a href="tg://user?id=123456789">mallory</a>',
    "<b>mallory</b><i>unclosed",
    "</code></pre>mallory<tg-spoiler>",
    "<svg onload=mallory()>",
    "a < b && c > d",
    "&amp;&lt;!channel&gt;",
    "&#60;!channel&#62;",
    "&nbsp;mallory&",
    "*mallory* _mallory_ ~mallory~",
    "__mallory__ ||mallory|| \\*mallory\\*",
    "`mallory` <!channel>",
    "```mallory``` @here",
    "mallory`",
    "> mallory\n&gt; mallory",
    ":skull: :mallory:",
    "\N{FIRE}\N{ZERO WIDTH JOINER}\N{PILE OF POO}\N{EMOJI MODIFIER FITZPATRICK TYPE-5}",
    "mallory\N{RIGHT-TO-LEFT OVERRIDE}gnp.exe",
    "\N{LEFT-TO-RIGHT ISOLATE}mallory\N{RIGHT-TO-LEFT ISOLATE}evil.zip",
    "@he\N{ZERO WIDTH SPACE}re \N{ZERO WIDTH NO-BREAK SPACE}#mallory",
    "mallory\0/start",
    "\x1b[31mmallory\x1b]8;;https://evil.example\x07",
    "mallory\r\nX-Mallory: 1\r\n\t",
    "mallory\ud800",
    "mallory\N{LINE SEPARATOR}@here\N{PARAGRAPH SEPARATOR}evil.zip",
    "\N{TAG LATIN CAPITAL LETTER A}\N{TAG LATIN SMALL LETTER B}mallory",
    "m" + "\N{COMBINING ACUTE ACCENT}\N{COMBINING LONG SOLIDUS OVERLAY}" * 40 + "allory",
    "\N{FULLWIDTH COMMERCIAL AT}here \N{CYRILLIC SMALL LETTER IE}vil.zip",
    "mallory" * 715,
    "<" * 5000,
    "   ",
    "",
)
