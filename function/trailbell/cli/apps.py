"""What a person sees of a message: a payload as Slack or Telegram shows it, as safe HTML.

Pure functions of what went over the wire. Everything that a payload holds is data here: it comes
out escaped, and a link only where it leads to https. The look is in apps.css.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from html.parser import HTMLParser
from typing import Any

from markupsafe import Markup, escape

BELL = Markup(
    '<svg class="bell" viewBox="0 0 24 24" aria-hidden="true"><path d="M12 3.2a5.6 5.6 0 0 0-5.6 '
    "5.6c0 4.6-1.5 6.1-2.3 7-.4.5-.1 1.2.6 1.2h14.6c.7 0 1-.7.6-1.2-.8-.9-2.3-2.4-2.3-7A5.6 5.6 0 "
    '0 0 12 3.2Zm-2.2 15.3a2.3 2.3 0 0 0 4.4 0Z"/></svg>'
)
STYLES = {"bold": "b", "italic": "i", "strike": "s", "code": "code"}
"""Slack's styles and the tags for them, the outermost first."""
MRKDWN = re.compile(
    r"```\n?(?P<pre>.+?)```"
    r"|`(?P<code>[^`\n]+)`"
    r"|<(?P<url>https?://[^<>|\s]+)(?:\|(?P<label>[^<>]*))?>"
    r"|(?<![\w*])\*(?P<b>[^*\n]+)\*(?![\w*])"
    r"|(?<!\w)_(?P<i>[^_\n]+)_(?!\w)",
    re.DOTALL,
)
TELEGRAM_TAGS = {"b": "b", "strong": "b", "i": "i", "em": "i", "code": "code", "pre": "pre"}
ENTITIES = {"lt": "<", "gt": ">", "amp": "&", "quot": '"'}
"""All that Telegram knows: https://core.telegram.org/bots/api#html-style"""


def slack(payload: Mapping[str, Any], time: str = "") -> Markup:
    """The body of an incoming webhook as a message in a channel."""
    return Markup(
        '<article class="slack-message"><div class="slack-icon">{}</div><div class="slack-main">'
        '<p class="slack-head"><b>trailbell</b> <span class="slack-badge">APP</span>'
        " <time>{}</time></p>{}</div></article>"
    ).format(BELL, time, slack_body(payload))


def telegram(payload: Mapping[str, Any], time: str = "") -> Markup:
    """The body of a sendMessage as a bubble in a chat."""
    return Markup(
        '<article class="telegram-message"><div class="telegram-text">{}</div><time>{}</time>'
        "</article>"
    ).format(telegram_body(payload), time)


def slack_body(payload: Mapping[str, Any]) -> Markup:
    blocks = [block for block in _list(payload.get("blocks")) if isinstance(block, dict)]
    if not blocks:
        return Markup('<div class="slack-text">{}</div>').format(mrkdwn(payload.get("text")))
    return Markup("").join(map(_block, blocks))


def telegram_body(payload: Mapping[str, Any]) -> Markup:
    text = str(payload.get("text", ""))
    return telegram_html(text) if payload.get("parse_mode") == "HTML" else escape(text)


def mrkdwn(text: object) -> Markup:
    """Slack's markup. https://docs.slack.dev/messaging/formatting-message-text

    >>> str(mrkdwn("*a* `<b>` &lt;!channel&gt;"))
    '<b>a</b> <code>&lt;b&gt;</code> &lt;!channel&gt;'
    """
    text, html, end = str(text or ""), Markup(""), 0
    for match in MRKDWN.finditer(text):
        html += escape(_decoded(text[end : match.start()]))
        end = match.end()
        for tag in ("pre", "code", "b", "i"):
            if match[tag] is not None:
                html += _tagged(tag, escape(_decoded(match[tag])))
        if url := match["url"]:
            html += link(_decoded(url), escape(_decoded(match["label"] or url)))
    return html + escape(_decoded(text[end:]))


def telegram_html(text: str) -> Markup:
    """Telegram's HTML; what it does not know stays what it was, as text.

    >>> str(telegram_html("<b>a</b> <code>&lt;b&gt;</code> <img src=x>"))
    '<b>a</b> <code>&lt;b&gt;</code> &lt;img src=x&gt;'
    """
    parser = _Telegram()
    parser.feed(text)
    parser.close()
    return parser.result()


def link(url: str, label: Markup) -> Markup:
    """A link, where it leads to https; else its label alone."""
    if not re.match(r"https://[\w.-]+(?::\d+)?(?:[/?#]|\Z)", url, re.ASCII):
        return label
    return Markup('<a href="{}" rel="noopener noreferrer">{}</a>').format(url, label)


def _block(block: dict[str, Any]) -> Markup:
    kind = block.get("type")
    if kind == "rich_text":
        return Markup("").join(map(_rich, _list(block.get("elements"))))
    if kind == "divider":
        return Markup("<hr>")
    if kind == "context":
        parts = map(_text_object, _list(block.get("elements")))
        return Markup('<div class="slack-context">{}</div>').format(Markup(" ").join(parts))
    texts = [block.get("text"), *_list(block.get("fields"))]
    name = "header" if kind == "header" else "text"
    shown = Markup("\n").join(_text_object(text) for text in texts if text)
    return Markup('<div class="slack-{}">{}</div>').format(name, shown)


def _text_object(text: object) -> Markup:
    if not isinstance(text, dict):
        return escape(text or "")
    shown = text.get("text", "")
    return mrkdwn(shown) if text.get("type") == "mrkdwn" else escape(shown)


def _rich(part: object) -> Markup:
    if not isinstance(part, dict):
        return Markup("")
    kind, elements = part.get("type"), _list(part.get("elements"))
    if kind == "rich_text_list":
        items = (Markup("<li>{}</li>").format(_rich(item)) for item in elements)
        return Markup('<ul class="slack-list">{}</ul>').format(Markup("").join(items))
    inline = Markup("").join(map(_inline, elements))
    tag = {"rich_text_preformatted": "pre", "rich_text_quote": "blockquote"}.get(str(kind), "div")
    return Markup('<{0} class="slack-text">{1}</{0}>').format(tag, inline)


def _inline(element: object) -> Markup:
    if not isinstance(element, dict):
        return Markup("")
    kind = element.get("type")
    style = element.get("style")
    if kind == "link":
        url = str(element.get("url", ""))
        html = link(url, escape(element.get("text") or url))
    elif kind == "text":
        html = escape(element.get("text", ""))
    else:  # a ping or an emoji by its name: nothing that trailbell sends
        html = Markup("[{}]").format(kind)
    for name, tag in reversed(STYLES.items()):
        if isinstance(style, dict) and style.get(name):
            html = _tagged(tag, html)
    return html


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _decoded(text: str) -> str:
    """Slack knows these three only, each once."""
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def _tagged(tag: str, inside: Markup) -> Markup:
    """Inside a tag; the tag is one of ours."""
    return Markup("<{0}>{1}</{0}>").format(tag, inside)


class _Telegram(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=False)
        self._html = Markup("")
        self._open: list[tuple[str, str]] = []
        """Telegram's tag, and what has to close it here."""

    def result(self) -> Markup:
        while self._open:
            self._html += Markup(self._open.pop()[1])  # noqa: S704  a tag of the list
        return self._html

    def handle_starttag(self, tag: str, attrs: Iterable[tuple[str, str | None]]) -> None:
        if tag == "a":
            whole = str(link(dict(attrs).get("href") or "", Markup("\0")))
            start, _, end = whole.partition("\0")
        elif tag in TELEGRAM_TAGS:
            start, end = f"<{TELEGRAM_TAGS[tag]}>", f"</{TELEGRAM_TAGS[tag]}>"
        else:
            self.handle_data(self.get_starttag_text() or "")
            return
        self._html += Markup(start)  # noqa: S704  a tag of the list, or a link that is escaped
        self._open.append((tag, end))

    def handle_startendtag(self, tag: str, attrs: Iterable[tuple[str, str | None]]) -> None:
        self.handle_data(self.get_starttag_text() or "")

    def handle_endtag(self, tag: str) -> None:
        if self._open and self._open[-1][0] == tag:
            self._html += Markup(self._open.pop()[1])  # noqa: S704
        else:
            self.handle_data(f"</{tag}>")

    def handle_data(self, data: str) -> None:
        self._html += escape(data)

    def handle_entityref(self, name: str) -> None:
        self.handle_data(ENTITIES.get(name, f"&{name};"))

    def handle_charref(self, name: str) -> None:
        self._html += escape(Markup(f"&#{name};").unescape())  # noqa: S704  unescaped at once

    def handle_comment(self, data: str) -> None:
        self.handle_data(f"<!--{data}-->")

    def handle_decl(self, decl: str) -> None:
        self.handle_data(f"<!{decl}>")

    def handle_pi(self, data: str) -> None:
        self.handle_data(f"<?{data}>")

    def unknown_decl(self, data: str) -> None:
        self.handle_data(f"<![{data}]>")
