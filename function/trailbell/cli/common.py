"""What the commands share: options, settings, and how output looks."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from trailbell import app
from trailbell.errors import ConfigError
from trailbell.model import Severity
from trailbell.secrets import Secrets
from trailbell.settings import Settings

STYLES = {  # of a severity, in a terminal; the word stands beside the colour
    Severity.CRITICAL: "bold red",
    Severity.HIGH: "dark_orange",
    Severity.MEDIUM: "yellow",
    Severity.LOW: "bright_black",
    Severity.INFO: "bright_black",
}

HELP = {"help_option_names": ["-h", "--help"]}
config_option = click.option(
    "--config",
    type=click.Path(path_type=Path),
    help="The settings.  [default: ./configs.py, if there is one]",
)
format_option = click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="json: one object a line.",
)


def settings_from(config: Path | None, secrets: Secrets | None = None) -> Settings:
    """The settings of a command: ``--config``, else ./configs.py, and the environment."""
    if config is not None and not config.is_file():
        what = "is a folder, not a file" if config.is_dir() else "there is no such file"
        raise ConfigError(f"--config {config}: {what}")
    return app.load_settings(config or Path(), os.environ, secrets)


def print_json(value: Mapping[str, Any]) -> None:
    """One line on stdout, in plain ASCII: nothing in it can drive a terminal."""
    click.echo(json.dumps(value))


def stdout() -> Console:
    return Console(highlight=False, soft_wrap=False)


def stderr() -> Console:
    return Console(stderr=True, highlight=False)


def progress_bar(task: str, total: float | None) -> Any:
    """A bar on a terminal, and nothing elsewhere; what is printed meanwhile stands above it."""
    console = stderr()
    if not console.is_terminal:
        return nullcontext()
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        redirect_stdout=sys.stdout.isatty(),
    )
    bar.add_task(task, total=total)
    return bar


def counted(number: int, noun: str) -> str:
    """
    >>> counted(1, "rule"), counted(1234, "alert")
    ('1 rule', '1,234 alerts')
    """
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
