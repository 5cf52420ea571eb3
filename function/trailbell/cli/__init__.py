"""The command line: one file a command.

Every command exits 0, 1 (findings or failures, where its help says so) or 2 (bad input, told in
one line on stderr), and with ``--format json`` prints one JSON object a line on stdout.
"""

from __future__ import annotations

import importlib
import os
import sys

import click

from trailbell import __version__
from trailbell.errors import TrailbellError
from trailbell.names import nearest

COMMANDS = {  # in the order of a first hour
    "demo": "a recorded day of an AWS account rings on this machine",
    "check": "look over the settings; --post sends a test message",
    "rules": "the rules, and which of them run",
    "pattern": "what a subscription filter lets pass of recorded events",
    "replay": "what the rules say of recorded events",
    "audit": "how things stand: users, keys, MFA, root, in one account or all",
    "redrive": "post what failed for good, or never reached the function",
}


class _Commands(click.Group):
    """Loads a command's file when the command is asked for: the others' imports cost nothing."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command:
        if name not in COMMANDS:
            raise click.UsageError(f"there is no command {name!r}{nearest(name, COMMANDS)}")
        command = getattr(importlib.import_module(f"trailbell.cli.{name}"), name)
        assert isinstance(command, click.Command)  # noqa: S101 - for the type checker
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.command(
    cls=_Commands,
    no_args_is_help=False,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, prog_name="trailbell", message="%(prog)s %(version)s")
@click.pass_context
def trailbell(ctx: click.Context) -> None:
    """Rings in chat when somebody touches the keys of an AWS account."""
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


def main() -> None:
    """Run the command line and exit: every error on purpose is one line, without a traceback."""
    try:
        code = trailbell.main(prog_name="trailbell", standalone_mode=False)
    except click.ClickException as error:
        code = _fail(error.format_message())
    except TrailbellError as error:
        code = _fail(str(error))
    except (click.Abort, KeyboardInterrupt):
        code = 130
    except BrokenPipeError:  # whoever reads our output has seen enough, as in `| head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    sys.exit(code if isinstance(code, int) else 0)


def _fail(text: str) -> int:
    click.echo(f"trailbell: {' '.join(text.split())}", err=True)
    return 2
