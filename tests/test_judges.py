"""The judges can say no, and take what is good."""

from __future__ import annotations

import html
import re
from typing import Any

import pytest

import judges

NAME = "mallory \N{FIRE} <!channel> @here & co"


def to_telegram(text: str, **more: Any) -> dict[str, Any]:
    body = {"chat_id": "-100", "text": text, "parse_mode": "HTML"}
    return {**body, "link_preview_options": {"is_disabled": True}, **more}


def to_slack(*blocks: Any, text: str = "HIGH", **more: Any) -> dict[str, Any]:
    shut = {"unfurl_links": False, "unfurl_media": False}
    return {"text": text, "blocks": list(blocks) or [section("*bold*")], **shut, **more}


def section(text: str, kind: str = "mrkdwn", **more: Any) -> dict[str, Any]:
    return {"type": "section", "text": {"type": kind, "text": text, **more}}


def span(text: str, **style: Any) -> dict[str, Any]:
    return {"type": "text", "text": text} | ({"style": style} if style else {})


def rich(*spans: dict[str, Any], kind: str = "section", **more: Any) -> dict[str, Any]:
    part = {"type": f"rich_text_{kind}", "elements": list(spans), **more}
    return {"type": "rich_text", "elements": [part]}


def fields(count: int, length: int = 1) -> dict[str, Any]:
    return {"type": "section", "fields": [{"type": "mrkdwn", "text": "a" * length}] * count}


def context(count: int) -> dict[str, Any]:
    return {"type": "context", "elements": [{"type": "mrkdwn", "text": "a"}] * count}


def header(length: int, kind: str = "plain_text") -> dict[str, Any]:
    return {"type": "header", "text": {"type": kind, "text": "a" * length}}


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (to_telegram("a < b"), "Unsupported start tag"),
        (to_telegram("<b><i>a</b></i>"), "Unmatched end tag"),
        (to_telegram("<b>a"), "Can't find end tag"),
        (to_telegram("<svg>a</svg>"), "Unsupported start tag"),
        (to_telegram(""), "empty"),
        (to_telegram("<b> </b>\n"), "empty"),
        (to_telegram("a" * 4097), "over 4096"),
        (to_telegram("&amp;" * 4097), "over 4096"),
        (to_telegram("<b>" + "<i></i>" * 4700 + "a</b>"), "32768 bytes"),
        (to_telegram("a\ud800"), "surrogate"),
        (to_telegram("a\0b"), "control"),
        (to_telegram("<code>a&#27;[31m</code>"), "control"),
        (to_telegram("<code>a\u202eb</code>"), "bidi"),
        (to_telegram("<b>@mallory</b>"), "live mention"),
        (to_telegram("<b>@<i>mallory</i></b>"), "live mention"),
        (to_telegram("/start"), "live bot_command"),
        (to_telegram("see #mallory"), "live hashtag"),
        (to_telegram("$EVIL"), "live cashtag"),
        (to_telegram("evil.zip"), "live url"),
        (to_telegram("from 192.0.2.1"), "live url"),
        (to_telegram("https://example.com"), "live url"),
        (to_telegram("mallory@example.com"), "live email_address"),
        (to_telegram("<code>a</code>@here"), "live mention"),
        (to_telegram('<a href="tg://user?id=1">a</a>'), "mention_name pings"),
        (to_telegram('<a href="tg://resolve?domain=a">a</a>'), "a link to 'tg:"),
        (to_telegram('<a href="https://example.com"><code>a</code></a>'), "a link and code"),
        (to_telegram("a", parse_mode="MarkdownV2"), "parse_mode"),
        (to_telegram("a", link_preview_options={}), "link preview"),
        (to_telegram("a", chat_id=""), "chat_id"),
        (to_telegram("a", entities=[]), "unknown keys"),
        (to_telegram("a") | {"text": None}, "not a string"),
    ],
)
def test_telegram_refuses(body: dict[str, Any], reason: str) -> None:
    """What Telegram would refuse, or make live, is refused with the reason."""
    with pytest.raises(AssertionError, match=re.escape(reason)):
        judges.telegram(body)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (to_slack(section("<!channel>")), "pings"),
        (to_slack(section("`<!here>`")), "pings"),
        (to_slack(section("<@U024BE7LH> signed in")), "pings"),
        (to_slack(section("<#C024BE7LR>", verbatim=True)), "pings"),
        (to_slack(section("<!subteam^SAZ94GDB8>")), "pings"),
        (to_slack(section("*@here*")), "pings"),
        (to_slack(text="<!channel>"), "pings"),
        (to_slack(text="@channel"), "pings"),
        (to_slack(rich({"type": "broadcast", "range": "here"})), "broadcast pings"),
        (to_slack(rich({"type": "user", "user_id": "U024BE7LH"})), "user pings"),
        (to_slack(section("a < b")), "unescaped"),
        (to_slack(section("a & b")), "unescaped"),
        (to_slack(section("`a < b`")), "unescaped"),
        (to_slack(section("<javascript:a>")), "unescaped"),
        (to_slack(*[section("a")] * 51), "51"),
        (to_slack(blocks=[]), "no blocks"),
        (to_slack(blocks=[None]), "not an object"),
        (to_slack(section("a" * 3001)), "3001"),
        (to_slack(section("")), "slackblocks refuses"),
        (to_slack({"type": "section"}), "MissingRequiredError"),
        (to_slack(section("a", kind="markdown")), "slackblocks refuses"),
        (to_slack(fields(11)), "LengthError"),
        (to_slack(fields(1, 2001)), "2001"),
        (to_slack(header(151)), "151"),
        (to_slack(header(1, "mrkdwn")), "a header is plain_text"),
        (to_slack(context(11)), "LengthError"),
        (to_slack(context(0)), "empty context"),
        (to_slack({**header(1), "block_id": "a" * 256}), "LengthError"),
        (to_slack({**header(1), "fields": []}), "unknown keys"),
        (to_slack(section("a", emoji=False)), "unknown keys"),
        (to_slack({"type": "image", "image_url": "https://example.com"}), "unknown type"),
        (to_slack(rich()), "empty rich_text_section"),
        (to_slack(rich(span(""))), "empty text element"),
        (to_slack(rich(span("a", underline=True))), "underline"),
        (to_slack(rich(span("a", bold=False))), "style"),
        (to_slack(rich(span("a"), kind="list", style="bullet")), "slackblocks refuses"),
        (to_slack(rich(span("a"), border=1)), "border"),
        (to_slack(rich({"type": "link", "url": "javascript:a"})), "a link to"),
        (to_slack(rich(span("a"), kind="table")), "unknown type"),
        (to_slack(rich(span("a\u2066b", code=True))), "bidi"),
        (to_slack(rich(span("a\x1bb", code=True))), "control"),
        (to_slack(rich(span("a\udc00", code=True))), "surrogate"),
        (to_slack(text=""), "no text"),
        (to_slack(text="a" * 4001), "over 4000"),
        (to_slack(unfurl_links=True), "unfurl_links"),
        (to_slack(unfurl_media=None), "unfurl_media"),
        (to_slack(channel="#general"), "unknown keys"),
    ],
)
def test_slack_refuses(body: dict[str, Any], reason: str) -> None:
    """What Slack would refuse, or make ring, is refused with the reason."""
    with pytest.raises(AssertionError, match=re.escape(reason)):
        judges.slack(body)


def test_telegram_entities() -> None:
    """Entities are exact where a character takes two UTF-16 units, and entities are decoded."""
    link = '<a href="https://example.com/?a=1&amp;b=2">Open</a>'

    plain, entities = judges.telegram(
        to_telegram(f"\N{FIRE} <b>HIGH</b> <code>{html.escape(NAME)}</code> 17:09:52\n{link}")
    )

    assert plain == f"\N{FIRE} HIGH {NAME} 17:09:52\nOpen"
    assert entities == [
        ("bold", "HIGH", None, 2),
        ("code", NAME, None, 7),
        ("text_url", "Open", "https://example.com/?a=1&b=2", plain.index("Open")),
    ]


@pytest.mark.parametrize(
    "body",
    [
        to_telegram("<code>" + "\N{FIRE}" * 4096 + "</code>"),
        to_telegram("<pre>aws iam list-users</pre>", message_thread_id=1),
        to_telegram('<pre><code class="language-sh">aws</code></pre>', disable_notification=True),
        to_telegram("<blockquote expandable>a <code>@here</code></blockquote>"),
        {key: it for key, it in to_telegram("a < b, @here").items() if key != "parse_mode"},
    ],
)
def test_telegram_takes(body: dict[str, Any]) -> None:
    """A good body passes, and so does the plain one that follows a refusal."""
    assert judges.telegram(body)


def test_slack_shown() -> None:
    """Literal text, words and links are told apart, in rich text as in markup."""
    link = {"type": "link", "url": "https://example.com/a", "text": "Open"}
    item = {"type": "rich_text_section", "elements": [span("one")]}
    body = to_slack(
        rich(span("HIGH ", bold=True), span(NAME, code=True), span(" "), link),
        rich(span("aws iam"), kind="preformatted"),
        rich(item, kind="list", style="bullet"),
        rich(span("said"), kind="quote"),
        section("@here", kind="plain_text", emoji=False),
        section("*`a &lt; b`* _~did~_ <https://example.com/b|it> at evil.zip :skull:\n```x\ny```"),
        section("at https://example.com/c", verbatim=True),
        {"type": "divider"},
        text="`mallory` signed in at <!date^1^{time}|17:09>",
    )

    shown = judges.slack(body)

    assert shown.literal == ["mallory", NAME, "aws iam", "@here", "a < b", "x\ny"]
    assert shown.links == [
        ("https://example.com/a", "Open"),
        ("https://example.com/b", "it"),
        ("evil.zip", "evil.zip"),
    ]
    assert shown.emoji == ["skull"]
    assert shown.pings == []
    assert "mallory signed in at 17:09" in shown.plain
    assert f"HIGH {NAME} Open" in shown.plain
    assert "a < b did it at evil.zip :skull:\nx\ny" in shown.plain
    assert shown.words.split()[:6] == ["signed", "in", "at", "17:09", "HIGH", "Open"]
    assert "here" not in shown.words


def test_slack_takes_what_follows_a_refusal() -> None:
    """A payload of text alone is judged by its text."""
    body = to_slack(text="*HIGH* `mallory`")
    del body["blocks"]

    assert judges.slack(body).plain == "HIGH mallory"


@pytest.mark.parametrize("text", ["a`mallory`", "`mallory`s", "``mallory`", "`mallory\n`"])
def test_a_span_that_slack_may_not_see_is_not_literal(text: str) -> None:
    """A back-tick inside of a word opens and closes nothing."""
    with pytest.raises(AssertionError, match="outside of a literal span"):
        judges.slack_literal(to_slack(section(text)), "mallory")


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (to_slack(rich(span("mallory", bold=True))), "mallory"),
        (to_slack(rich(span("mallory", code=True), span(" mallory"))), "mallory"),
        (to_slack(section("&lt;!channel&gt;")), "<!channel>"),
        (to_slack(section("*mallory*")), "*mallory*"),
        (to_slack(section("mallory", kind="plain_text")), "mallory"),
        (to_slack(text="mall ory"), "mall ory"),
        (to_slack(section("<https://evil.example/|Open>")), "https://evil.example/"),
        (to_slack(text="m" * 100), "m" * 5000),
        (to_slack(text="mallorygnp"), "mallory\u202egnp"),
    ],
)
def test_slack_value_is_not_literal(body: dict[str, Any], value: str) -> None:
    """A value from an event is found outside of a code span, cut or cleaned as it may be."""
    with pytest.raises(AssertionError, match=r"outside of a literal span|is a link"):
        judges.slack_literal(body, value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("<b>mallory</b>", "mallory"),
        ("<b>mallory</b>", "<b>mallory</b>"),
        ("<code>mallory</code> <i>mallory</i>", "mallory"),
        ("mallory <code>mallory</code>", "mallory"),
        ('<a href="https://evil.example/">Open</a>', "https://evil.example/"),
        ('<a href="https://example.com">mallory</a>', "mallory"),
        ("\N{FIRE}\N{FIRE}\N{FIRE}\N{FIRE}", "\N{FIRE}\N{FIRE}\N{FIRE}\N{FIRE}"),
    ],
)
def test_telegram_value_is_not_literal(text: str, value: str) -> None:
    """A value from an event is found outside of a code span, even where it stands in one too."""
    with pytest.raises(AssertionError, match=r"outside of a literal span|is a link"):
        judges.telegram_literal(to_telegram(text), value)


@pytest.mark.parametrize("value", judges.HOSTILE, ids=ascii)
def test_hostile_values_can_be_shown(value: str) -> None:
    """Cleaned, cut and put into a literal span, every hostile value passes both judges."""
    unseen = f"[\x00-\x1f\x7f-\x9f{judges.BIDI}\ud800-\udfff]"
    clean = re.sub(unseen, "", value)[:600] or "-"
    ticks = html.escape(clean, quote=False).replace("`", "'")

    judges.telegram_literal(to_telegram(f"did <code>{html.escape(clean)}</code>"), value)
    shown = judges.slack_literal(
        to_slack(rich(span(clean, code=True)), section(f"did `{ticks}`"), text="did"), value
    )

    assert clean in shown.literal


@pytest.mark.parametrize(
    "value", [value for value in judges.HOSTILE if len(value.strip()) > 3], ids=ascii
)
def test_hostile_values_are_known(value: str) -> None:
    """Every hostile value that can be told from our own words is refused in bold."""
    bold = html.escape(value[:600], quote=False)

    with pytest.raises(AssertionError):
        judges.telegram_literal(to_telegram(f"<b>{bold}</b>"), value)
    with pytest.raises(AssertionError):
        judges.slack_literal(to_slack(rich(span(value, bold=True))), value)
    with pytest.raises(AssertionError):
        judges.slack_literal(to_slack(section(f"*{bold}*")), value)
