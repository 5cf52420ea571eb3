"""Documentation that cannot rot: generated pages are fresh, and everything is mentioned."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from trailbell import rules
from trailbell.cli import COMMANDS
from trailbell.rules.base import find

ROOT = Path(__file__).parent.parent
TEXTS = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]


def test_generated_pages_are_fresh() -> None:
    """`make docs` would change nothing."""
    import docs

    assert [str(path) for path in docs.stale()] == []


@pytest.mark.parametrize("command", COMMANDS)
def test_command_is_documented(command: str) -> None:
    """Each command is in the README, and has a page."""
    assert f"{command}" in (ROOT / "README.md").read_text("utf-8")
    assert f"## trailbell {command}\n" in (ROOT / "docs/cli.md").read_text("utf-8")


def test_rules_are_in_the_changelog() -> None:
    """Whoever updates reads there which rules came."""
    changelog = (ROOT / "CHANGELOG.md").read_text("utf-8")

    assert [rule for rule in find(rules) if f"`{rule}`" not in changelog] == []


@pytest.mark.parametrize("page", TEXTS, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    """A relative link in a page names a file, and an anchor in its own page a heading."""
    text = page.read_text("utf-8")
    headings = {
        re.sub(r"[^\w -]", "", heading.lower()).strip().replace(" ", "-")
        for heading in re.findall(r"^#+ (.*)$", text, re.M)
    }
    for target in re.findall(r"\]\(([^)\s]+)\)", re.sub(r"```.*?```", "", text, flags=re.S)):
        if target.startswith("#"):
            assert target[1:] in headings, target
        elif "://" not in target:
            assert (page.parent / target.partition("#")[0]).exists(), target


@pytest.mark.parametrize("page", TEXTS, ids=lambda page: str(page.relative_to(ROOT)))
def test_speaks_only_of_itself(page: Path) -> None:
    """No page holds a path of one machine."""
    assert not re.search(r"(^|[\s`(])/(work|root|home)/", page.read_text("utf-8"))
