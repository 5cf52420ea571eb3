"""What an HTML page would do: its text, its tags, and whatever it would load, run or lead to."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Self

LOADS = re.compile(r"url\(|@import|image-set\(|expression\(", re.IGNORECASE)
REFERS = ("src", "srcset", "action", "formaction", "data", "poster", "background", "ping")


class Page(HTMLParser):
    """A page, read as a browser would."""

    def __init__(self) -> None:
        super().__init__()
        self.text = ""
        self.tags: set[str] = set()
        self.links: list[str] = []
        self.loads: list[str] = []
        """Whatever it would fetch or run by itself."""
        self._style = False

    @classmethod
    def read(cls, html: str) -> Self:
        page = cls()
        page.feed(str(html))
        page.close()
        return page

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self._style = tag == "style"
        for name, value in attrs:
            value = value or ""
            if name == "href" and tag == "a":
                self.links.append(value)
            elif name.startswith("on") or name in REFERS or (name == "href" and value != "data:,"):
                self.loads.append(f"{tag} {name}={value}")
            elif name == "style" and LOADS.search(value):
                self.loads.append(value)
        if tag in ("script", "iframe", "object", "embed", "base", "form", "img"):
            self.loads.append(tag)

    def handle_endtag(self, tag: str) -> None:
        self._style = False

    def handle_data(self, data: str) -> None:
        if self._style and (found := LOADS.search(data)):
            self.loads.append(found[0])
        elif not self._style:
            self.text += data
