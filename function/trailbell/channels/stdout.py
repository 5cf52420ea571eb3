from __future__ import annotations

import sys
from typing import Any, ClassVar, Literal

import urllib3

from trailbell.channels.base import Channel, clean, command_lines, one_line, plain
from trailbell.model import Message


class Stdout(Channel):
    """The terminal, for the command line and for trying things out."""

    type: Literal["stdout"] = "stdout"

    help: ClassVar = '{"type": "stdout"}'

    def render(self, message: Message) -> dict[str, Any]:
        lines = [plain(one_line(message))]
        if message.what:
            lines.append(plain(message.what))
        lines += [f"{line.label} {plain(line.text)}".lstrip() for line in message.lines]
        if message.check_first:
            lines.append(f"Check first: {message.check_first}")
        if commands := command_lines(message):
            lines.append(commands)
        lines.append(" · ".join(filter(None, [message.rule, *map(clean, message.events)])))
        return {"text": "\n".join(lines)}

    def render_plain(self, message: Message) -> dict[str, Any]:
        return self.render(message)

    def send(
        self, body: dict[str, Any], http: urllib3.PoolManager, timeout: urllib3.Timeout
    ) -> None:
        sys.stdout.write(f"{body['text']}\n\n")
