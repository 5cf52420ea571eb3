"""A payload becomes what a person sees of it, and nothing in it comes alive."""

from __future__ import annotations

import doctest
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import judges
import pages
from trailbell.channels.slack import Slack
from trailbell.channels.telegram import Telegram
from trailbell.cli import apps
from trailbell.cli.standin import CHAT, TOKEN
from trailbell.model import Line, Link, Message, Severity, Text, say

SLACK_TAGS = {"article", "div", "p", "b", "span", "time", "code", "i", "s", "pre", "a", "ul", "li"}
SLACK_TAGS |= {"blockquote", "hr", "svg", "path"}
TELEGRAM_TAGS = {"article", "div", "time", "b", "i", "code", "pre", "a"}
CONSOLE = "https://eu-west-1.console.aws.amazon.com/cloudtrailv2/home?region=eu-west-1#/events/e-1"


def rich(*elements: dict[str, Any], kind: str = "rich_text_section") -> dict[str, Any]:
    part = {"type": kind, "elements": list(elements)}
    return {"blocks": [{"type": "rich_text", "elements": [part]}]}


def words(text: str, **style: bool) -> dict[str, Any]:
    return {"type": "text", "text": text, "style": style}


def inert(html: str, tags: set[str]) -> pages.Page:
    """The page, which loads nothing, has no other tags, and leads nowhere but to https."""
    page = pages.Page.read(html)
    assert not page.loads
    assert page.tags <= tags
    assert all(link.startswith("https://") for link in page.links)
    return page


def test_doctests() -> None:
    """The examples in the docstrings hold."""
    result = doctest.testmod(apps)
    assert result.attempted and not result.failed


@pytest.mark.parametrize(
    ("payload", "html"),
    [
        pytest.param(
            rich(words("a", bold=True), words("<b>", code=True)),
            '<div class="slack-text"><b>a</b><code>&lt;b&gt;</code></div>',
            id="bold-and-code",
        ),
        pytest.param(
            rich(words("a", bold=True, code=True)),
            '<div class="slack-text"><b><code>a</code></b></div>',
            id="bold-code",
        ),
        pytest.param(
            rich(words("aws iam\naws s3"), kind="rich_text_preformatted"),
            '<pre class="slack-text">aws iam\naws s3</pre>',
            id="preformatted",
        ),
        pytest.param(
            rich({"type": "link", "url": "https://example.com/a?b=1&c=2", "text": "<a>"}),
            '<div class="slack-text"><a href="https://example.com/a?b=1&amp;c=2"'
            ' rel="noopener noreferrer">&lt;a&gt;</a></div>',
            id="link",
        ),
        pytest.param(
            rich({"type": "link", "url": "javascript:alert(1)", "text": "a"}),
            '<div class="slack-text">a</div>',
            id="script-link",
        ),
        pytest.param(
            rich({"type": "broadcast", "range": "<channel>"}),
            '<div class="slack-text">[broadcast]</div>',
            id="ping",
        ),
        pytest.param(
            {"blocks": [{"type": "context", "elements": [{"type": "mrkdwn", "text": "`a` *b*"}]}]},
            '<div class="slack-context"><code>a</code> <b>b</b></div>',
            id="context",
        ),
        pytest.param(
            {"blocks": [{"type": "header", "text": {"type": "plain_text", "text": "*a* <i>"}}]},
            '<div class="slack-header">*a* &lt;i&gt;</div>',
            id="header",
        ),
        pytest.param({"text": "*a*"}, '<div class="slack-text"><b>a</b></div>', id="plain"),
    ],
)
def test_slack(payload: dict[str, Any], html: str) -> None:
    """Every part of a webhook's body that trailbell sends has its look."""
    assert str(apps.slack_body(payload)) == html


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("<https://example.com/a?b=1&amp;c=2|a>", "https://example.com/a?b=1&amp;c=2"),
        ("`<https://example.com|a>`", None),
        ("<http://example.com|a>", None),
        ("<https://evil.example\\@example.com|a>", None),
    ],
)
def test_mrkdwn_link(text: str, html: str | None) -> None:
    """A link of Slack's markup leads to https, and only where Slack would make one."""
    shown = str(apps.mrkdwn(text))
    assert (f'href="{html}"' in shown) if html else "<a" not in shown


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("<b>a <code>b</code></b>", "<b>a <code>b</code></b>"),
        ("<strong>a</strong> <em>b</em>", "<b>a</b> <i>b</i>"),
        ("&lt;b&gt; &amp;amp; &quot; &#60;", "&lt;b&gt; &amp;amp; &#34; &lt;"),
        ("&nbsp;", "&amp;nbsp;"),
        ("<b>a", "<b>a</b>"),
        ("a</b>", "a&lt;/b&gt;"),
        ("<b>a</code></b>", "<b>a&lt;/code&gt;</b>"),
        ("<b onclick=x>a</b>", "<b>a</b>"),
        ("<script>alert(1)</script>", "&lt;script&gt;alert(1)&lt;/script&gt;"),
        ("<img src=x onerror=y>", "&lt;img src=x onerror=y&gt;"),
        ("<!-- a -->", "&lt;!-- a --&gt;"),
        (
            '<a href="https://e.com/">a</a>',
            '<a href="https://e.com/" rel="noopener noreferrer">a</a>',
        ),
        ('<a href="javascript:x">a</a>', "a"),
        ("<a>a</a>", "a"),
    ],
)
def test_telegram(text: str, html: str) -> None:
    """Telegram's few tags have their look, all else is text."""
    assert str(apps.telegram_html(text)) == html


def test_telegram_plain() -> None:
    """Without a parse mode nothing is markup."""
    assert str(apps.telegram_body({"text": "<b>a</b>"})) == "&lt;b&gt;a&lt;/b&gt;"


@pytest.mark.parametrize("value", judges.HOSTILE)
def test_hostile(value: str) -> None:
    """Whatever a name in an event says, both apps show it as text, and link the console alone."""
    message = Message(
        Severity.CRITICAL,
        say("{} did it", value),
        place=Text(("production",)),
        what=say("{}", value),
        lines=(Line("Who", say("{}", value)),),
        check_first=value[:300],
        rule="access-key-created",
        links=(Link("Open in CloudTrail", CONSOLE, "e-1"),),
        events=("e-1", value[:300]),
    )
    slack = Slack.model_validate({"url": "https://hooks.slack.com/services/T0/B0/x"})
    telegram = Telegram.model_validate({"token": TOKEN, "chat_id": CHAT})
    for html, tags in (
        (apps.slack(slack.render(message)), SLACK_TAGS),
        (apps.telegram(telegram.render(message)), TELEGRAM_TAGS),
        (apps.telegram(telegram.render_plain(message)), TELEGRAM_TAGS),
    ):
        page = inert(html, tags)
        assert "did it" in page.text
        assert set(page.links) <= {CONSOLE}
    page = inert(apps.slack(slack.render_plain(message)), SLACK_TAGS)
    assert "did it" in page.text


@given(st.text() | st.text(alphabet="<>&;/'\"=abipreco#!-`*_|\n "))
def test_any_text(text: str) -> None:
    """No text at all comes alive, and text that claims no format is shown as it is."""
    inert(apps.slack({"text": text}), SLACK_TAGS)
    inert(apps.telegram({"text": text, "parse_mode": "HTML"}), TELEGRAM_TAGS)
    page = inert(str(apps.slack_body(rich(words(text)))), SLACK_TAGS)
    assert page.text == text
    page = inert(str(apps.telegram_body({"text": text})), TELEGRAM_TAGS)
    assert page.text == text


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=9)
    | st.sampled_from(["rich_text", "context", "section", "text", "mrkdwn", "link", "blocks"]),
    lambda inner: st.lists(inner, max_size=4)
    | st.dictionaries(
        st.sampled_from(["type", "text", "elements", "style", "url", "fields", "bold"]), inner
    ),
    max_leaves=20,
)  # fmt: skip


@given(JSON)
def test_any_payload(value: object) -> None:
    """A payload of another form than ours is shown as far as it goes, and never fails."""
    inert(apps.slack({"blocks": value}), SLACK_TAGS)
    inert(apps.slack({"blocks": [value]}), SLACK_TAGS)
    inert(apps.telegram({"text": value, "parse_mode": "HTML"}), TELEGRAM_TAGS)
