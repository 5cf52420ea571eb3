"""The report in a real browser: nothing leaves it, it sorts, it fits a phone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from moto.organizations.models import organizations_backends

import browser
from audit.cloud import K, P, Root, audit, organization, the, virtual
from cli.test_page_in_browser import CONTRAST
from pages import Page

LONG = "very-long-name-" * 4
HOSTILE = "<img src=x onerror=alert(1)>"

SORTED = """
(place => {
  const button = document.querySelectorAll("#findings th button")[place];
  const column = () => [...document.querySelectorAll("#findings tbody tr")].map(
    row => row.children[place].dataset.sort ?? row.children[place].textContent.trim());
  const before = column();
  button.click();
  const up = column();
  const said = button.closest("th").getAttribute("aria-sort");
  button.click();
  return [before, up, column(), said, button.closest("th").getAttribute("aria-sort")];
})
"""


def filled(folder: Path) -> Path:
    """The report on 26 accounts, with names as awkward as AWS lets them be."""
    with organization(26) as (cloud, ids):
        backend = organizations_backends["123456789012"]["aws"]
        backend.get_account_by_id(ids[1]).name = HOSTILE
        backend.get_account_by_id(ids[2]).name = LONG[:50]
        for place, one in enumerate(ids[:24]):
            cloud.roots[one] = Root(mfa=place % 9 != 5, signed_in=10 if place == 7 else None)
            for number in range(place % 7 + 1):
                device = [virtual(one, "a")] if number % 3 else []
                used = 400 if number == 4 else 3
                keys = [K(made=20 + 90 * number, used=2)] if number % 2 else []
                cloud.account(one, P(f"user-{place}-{number}", used, keys, device))
        cloud.account(ids[2], P(LONG[:60], 3, [K(made=10)]))
        cloud.account(ids[3], P("two", None, [K(used=1), K(used=1)]))  # low
        cloud.denied.add(("AssumeRole", f"arn:aws:iam::{ids[9]}:role/A"))
        audit("root", "--role", "A", "--output", str(folder))
    return the(folder, "iam_report_*.html")


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    yield filled(tmp_path_factory.mktemp("report"))


def test_self_contained(report: Path) -> None:
    """It loads nothing, and names are text; its one script is the one that it allows."""
    page = Page.read(report.read_text("utf-8"))

    assert page.loads == ["script"]
    assert page.links == []
    assert HOSTILE in page.text


@pytest.mark.slow
@pytest.mark.skipif(browser.find() is None, reason=browser.MISSING)
class TestInBrowser:
    @pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
    @pytest.mark.parametrize("width", [320, 390, 840, 1280])
    def test_page(self, report: Path, width: int, dark: bool) -> None:
        """No error, no request, no horizontal scroll, contrast as WCAG AA wants it."""
        with browser.browser() as window:
            window.open(report, width, dark=dark)
            assert window.evaluate("document.documentElement.scrollWidth") <= width
            assert window.evaluate(CONTRAST) == []
            assert not window.problems

    @pytest.mark.parametrize("place", range(5))
    def test_sorts(self, report: Path, place: int) -> None:
        """A click on a heading sorts by it, another one the other way round."""
        with browser.browser() as window:
            window.open(report, 1280)
            before, up, down, said, then = window.evaluate(f"{SORTED}({place})")
            assert not window.problems
        assert (said, then) == ("ascending", "descending")
        assert sorted(up) == sorted(before) == sorted(down)
        assert up != down
        assert (up[0], up[-1]) == (down[-1], down[0])
        if place == 0:
            assert up == sorted(before)

    def test_plots(self, report: Path) -> None:
        """The plots are drawn: bars with a width and a text for who cannot see them."""
        with browser.browser() as window:
            window.open(report, 1280)
            widths = window.evaluate(
                "[...document.querySelectorAll('figure svg .fill')]"
                ".map(e => e.getBoundingClientRect().width)"
            )
            labels = window.evaluate(
                "[...document.querySelectorAll('figure svg')].map(e => e.ariaLabel)"
            )
        assert max(widths) > 100 and len(widths) > 10
        assert labels[0].startswith("up to 30 days: ")
        assert any(label.startswith("All accounts: ") for label in labels)

    def test_printed(self, report: Path) -> None:
        """On paper: nothing is cut off at the right, and it is dark on white."""
        with browser.browser() as window:
            window.open(report, 700, dark=True)  # A4 between its margins
            window.call("Emulation.setEmulatedMedia", media="print")
            assert window.evaluate("getComputedStyle(document.body).backgroundColor") == (
                "rgb(255, 255, 255)"
            )
            assert window.evaluate("document.documentElement.scrollWidth") <= 700
            assert window.evaluate("getComputedStyle(document.querySelector('td')).display") == (
                "table-cell"
            )
            assert window.call("Page.printToPDF")["data"]
