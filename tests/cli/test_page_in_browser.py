"""The demo's page in a real browser."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

import browser
import png
from trailbell.cli import day, page
from trailbell.cli.cards import Ring
from trailbell.cli.standin import SLACK, TELEGRAM, Post

LONG = "arn:aws:iam::111122223333:role/" + "averylongname" * 20
CONTRAST = """
(() => {
  const parts = c => (c.match(/[\\d.]+/g) || []).map(Number);
  const light = c => {
    const [r, g, b] = parts(c).map(v => v / 255)
      .map(v => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = e => {
    for (; e; e = e.parentElement) {
      const c = getComputedStyle(e).backgroundColor, p = parts(c);
      if (p.length < 4 || p[3] === 1) return c;
    }
    return "rgb(255, 255, 255)";
  };
  const poor = [];
  for (const e of document.querySelectorAll("body *")) {
    const own = [...e.childNodes].some(n => n.nodeType === 3 && n.data.trim());
    if (!own || e.closest(".date") || e.offsetParent === null) continue;
    const [a, b] = [light(getComputedStyle(e).color), light(ground(e))].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05);
    if (ratio < 4.5) poor.push(`${e.tagName}.${e.className} ${e.textContent} ${ratio}`);
  }
  return poor;
})()
"""

CLIPPED = """
[...document.querySelectorAll(".message *")].filter(
  e => e.getBoundingClientRect().right > e.closest(".app").getBoundingClientRect().right
).map(e => e.className || e.tagName)
"""
VISIBLE = """
[...document.querySelectorAll(".app")].filter(e => e.offsetParent).map(e => e.classList[1])
"""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(browser.find() is None, reason=browser.MISSING),
]


@pytest.fixture
def shown(tmp_path: Path) -> Path:
    """A page with an ordinary message and one of long words."""
    records = day.records()
    arrives = next(day.deliveries(records)).arrives
    rings = []
    for word in ("mallory", LONG):
        text = {"type": "text", "text": f"🟥 CRITICAL {word}"}
        value = {"type": "text", "text": word, "style": {"code": True}}
        parts = [
            {"type": "rich_text_section", "elements": [text, value]},
            {"type": "rich_text_preformatted", "elements": [{"type": "text", "text": word}]},
        ]
        context = {"type": "context", "elements": [{"type": "mrkdwn", "text": f"`{word}`"}]}
        slack = {"text": word, "blocks": [{"type": "rich_text", "elements": parts}, context]}
        html = f"<b>{word}</b> <code>{word}</code>\n<pre>{word}</pre>"
        html += '<a href="https://console.aws.amazon.com/">Open</a>'
        telegram = {"text": html, "parse_mode": "HTML"}
        rings.append(Ring(arrives, Post(SLACK, slack, (429,)), Post(TELEGRAM, telegram, ())))
    counts = Counter(events=len(records), alerts=2, messages=4)
    file = tmp_path / "page.html"
    file.write_text(page.render(page.Day(records, counts, rings, [(SLACK, 429)], [])), "utf-8")
    return file


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [320, 390, 1280])
def test_page(shown: Path, width: int, dark: bool) -> None:
    """No error, no request, no horizontal scroll, contrast as WCAG AA wants it, in either tab."""
    with browser.browser() as window:
        window.open(shown, width, dark=dark)
        for tab in ("slack", "telegram"):
            window.evaluate(f"document.getElementById('show-{tab}').checked = true")
            assert window.evaluate("document.documentElement.scrollWidth") <= width
            assert window.evaluate("document.documentElement.clientWidth") == width
            assert window.evaluate(CONTRAST) == []
            assert window.evaluate(CLIPPED) == []
            assert window.evaluate(VISIBLE) == ([tab] if width < 800 else ["slack", "telegram"])
        assert not window.problems


def test_browser_notices(tmp_path: Path) -> None:
    """The judge itself: an error and a request from the page are seen."""
    bad = tmp_path / "bad.html"
    bad.write_text("<!doctype html><script>console.error('x'); mallory()</script>")
    with browser.browser() as window:
        window.open(bad, 390)
        assert window.evaluate("1") == 1
        assert len(window.problems) == 2


def test_small_picture(shown: Path) -> None:
    """A picture keeps its size when it loses colours, and most of its bytes."""
    with browser.browser() as window:
        window.open(shown, 390, scale=2)
        large = window.picture("h1")
    small = png.small(large)
    assert small[16:24] == large[16:24]
    assert len(small) < len(large) / 2
