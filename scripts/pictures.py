"""Writes docs/images/slack.png and telegram.png: messages of the recorded day, photographed.

Run it by `.venv/bin/python scripts/pictures.py` after the look of a message changed. It needs
chromium (apt-get install chromium fonts-noto-color-emoji).
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from datetime import datetime
from pathlib import Path
from typing import Any

from markupsafe import Markup

import browser
import png
from trailbell.cli import apps, cards

ROOT = Path(__file__).resolve().parent.parent
IMAGES = ROOT / "docs" / "images"
STYLE = (Path(apps.__file__).with_name("apps.css")).read_text("utf-8")
RULES = ("root-console-login", "admin-policy-attached", "access-key-created")
SHOW = {"slack": apps.slack, "telegram": apps.telegram}
WIDTH = 560  # pixels, in the README
PLAIN = f"""
:root {{ --sans: "Liberation Sans", Arial, Helvetica, "Noto Color Emoji", sans-serif }}
body {{ margin: 0 }}
main {{ box-sizing: border-box; width: {WIDTH}px; padding: 12px 0 }}
main.telegram {{ background: var(--tg-bg) }}  /* a gradient has too many colours */
"""
LIMIT = 150_000  # bytes of a picture


def messages() -> list[dict[str, Any]]:
    """What `trailbell demo` posts."""
    command = "from trailbell.cli import main; main()"
    with tempfile.TemporaryDirectory() as folder:
        run = subprocess.run(
            [sys.executable, "-c", command, "demo", "--format", "json"],
            cwd=folder,
            capture_output=True,
            check=True,
        )
    return [json.loads(line) for line in run.stdout.splitlines()]


def page(app: str, posts: list[dict[str, Any]]) -> str:
    """The messages of one app that tell the most, and nothing else."""
    shown = [
        SHOW[app](post["body"], cards.local(datetime.fromisoformat(post["time"])))
        for rule in RULES
        for post in posts
        if post["channel"] == app and rule in json.dumps(post["body"])
    ]
    if len(shown) != len(RULES):
        raise SystemExit(f"{app}: expected one message of each of {', '.join(RULES)}")
    return Markup(
        '<!doctype html><meta charset="utf-8"><style>{}</style><main class="{}">{}</main>'
    ).format(Markup(STYLE + PLAIN), app, Markup("").join(shown))  # noqa: S704 - ours


def main() -> None:
    posts = messages()
    IMAGES.mkdir(parents=True, exist_ok=True)
    with browser.browser() as window, tempfile.TemporaryDirectory() as folder:
        for app in SHOW:
            html = Path(folder, f"{app}.html")
            html.write_text(page(app, posts), "utf-8")
            window.open(html, WIDTH, scale=2)
            picture = png.small(window.picture("main"))
            if len(picture) > LIMIT:
                raise SystemExit(f"{app}.png would have {len(picture):,} bytes")
            (IMAGES / f"{app}.png").write_bytes(picture)
            print(f"docs/images/{app}.png  {len(picture):,} bytes")


if __name__ == "__main__":
    main()
