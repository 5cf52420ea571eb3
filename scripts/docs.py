"""Writes what can be generated of the documentation: `make docs`. A test fails when it is stale.

docs/rules/ from the rule classes, docs/cli.md from the commands' help, docs/configuration.md from
configs.example.py and the settings' classes, the table of rules in README.md, and that of the
presets in docs/filters.md.
"""

from __future__ import annotations

import ast
import inspect
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from textwrap import dedent

import click
from pydantic import BaseModel, SecretStr
from pydantic_core import PydanticUndefined

from trailbell import channels, rules
from trailbell.channels.base import Channel
from trailbell.channels.base import find as find_channels
from trailbell.channels.stdout import Stdout
from trailbell.cli import COMMANDS, trailbell
from trailbell.cli.filters import presets
from trailbell.compose import Reader, compose
from trailbell.engine import OWN, Engine
from trailbell.examples import hidden
from trailbell.model import Group, Severity
from trailbell.pattern import Pattern
from trailbell.rules.base import Quiet, Rings, Rule
from trailbell.rules.base import find as find_rules
from trailbell.settings import Mute
from trailbell.state.memory import MemoryState

ROOT = Path(__file__).parent.parent
MADE = "<!-- made by `make docs`: change the code, not this page -->\n"
FAILED = {
    "ignore": "quiet: only calls that succeeded ring",
    "only-failed": "the only ones that ring",
    "report-lower": "ring one step less severe",
    "denied-lower": "refused calls ring one step less severe; mistakes are quiet",
    "report-same": "ring like any other, and say so",
}
BY_AWS = {
    "keep": "ring, and say which service",
    "drop-aws": "quiet when AWS acts for itself",
    "drop-automation": "quiet, also when AWS acts for a user (CloudFormation)",
}


def pages() -> Iterator[tuple[Path, str]]:
    """Every generated page: its path and its text."""
    found = [rule() for rule in find_rules(rules).values()]
    found.sort(key=lambda rule: (rule.group(), rule.id))
    docs = ROOT / "docs"
    yield docs / "rules" / "index.md", _index(found)
    for rule in found:
        yield docs / "rules" / f"{rule.id}.md", _rule_page(rule)
    yield docs / "cli.md", _cli_page()
    yield docs / "configuration.md", _configuration_page()
    filters = docs / "filters.md"
    yield filters, _between(filters.read_text("utf-8"), "presets", _presets(found))
    readme = ROOT / "README.md"
    yield readme, _between(readme.read_text("utf-8"), "rules", _table(found, "docs/rules/"))


def _index(found: list[Rule]) -> str:
    attack = sorted({(rule.attack, rule.id) for rule in found if rule.attack})
    cis = sorted(
        {
            (_control(number), number, version, rule.id)
            for rule in found
            for version, number in rule.cis.items()
        }
    )
    own = [f"| `{name}` | {severity} | {text} |" for name, (severity, text) in OWN.items()]
    return "\n".join(
        [
            MADE,
            "# Rules",
            "",
            f"{len(found)} rules. `trailbell rules` shows which run under your settings.",
            "",
            *_by_group(found),
            "## Of trailbell itself",
            "",
            "trailbell's own alerts, which cannot be muted:",
            "",
            "| alert | severity | what happened |",
            "|---|---|---|",
            *own,
            "",
            "## By MITRE ATT&CK technique",
            "",
            "| technique | rule |",
            "|---|---|",
            *(f"| {_attack(technique)} | {_link(rule)} |" for technique, rule in attack),
            "",
            "## By control of the CIS AWS Foundations Benchmark",
            "",
            "| benchmark | control | rule |",
            "|---|---|---|",
            *(f"| {version} | {number} | {_link(rule)} |" for _, number, version, rule in cis),
            "",
        ]
    )


def _by_group(found: list[Rule]) -> Iterator[str]:
    for group in sorted({rule.group() for rule in found}):
        yield f"## {group}\n"
        yield _table([rule for rule in found if rule.group() == group], "")


def _control(number: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", number))


def _link(rule_id: str) -> str:
    return f"[{rule_id}]({rule_id}.md)"


def _attack(technique: str) -> str:
    url = f"https://attack.mitre.org/techniques/{technique.replace('.', '/')}/"
    return f"[{technique}]({url})"


def _table(found: list[Rule], where: str) -> str:
    lines = ["| rule | severity | what happened | |", "|---|---|---|---|"]
    for rule in found:
        off = "" if rule.on_by_default else "off by default"
        link = f"[`{rule.id}`]({where}{rule.id}.md)"
        lines.append(f"| {link} | {rule.severity} | {rule.summary()} | {off} |")
    return "\n".join(lines) + "\n"


def _rule_page(rule: Rule) -> str:
    title, _, story = dedent(f"    {rule.__doc__ or ''}").strip().partition("\n")
    facts = [
        f"| id | `{rule.id}` |",
        f"| severity | {rule.severity} |",
        f"| group | {rule.group()} |",
        f"| runs by default | {'yes' if rule.on_by_default else 'no'} |",
        f"| events | {_events(rule)} |",
        f"| failed calls | {FAILED[rule.failed_calls]} |",
        f"| calls by AWS | {BY_AWS[rule.service_calls]} |",
    ]
    if rule.needs_state:
        facts.append("| memory | needs one: on in `replay`, off in the function |")
    if rule.gives_way:
        facts.append("| gives way | to any other rule that matches the same event |")
    if rule.attack:
        facts.append(f"| MITRE ATT&CK | {_attack(rule.attack)} |")
    facts += [f"| CIS {version} | {number} |" for version, number in rule.cis.items()]
    facts.append(f"| since | {rule.since} |")
    lines = [MADE, f"# {title}", story.rstrip(), "", "| | |", "|---|---|", *facts, ""]
    if tunables := rule.tunables():
        lines += ["## Settings", "", "| name | default | |", "|---|---|---|"]
        notes = _field_notes(type(rule))
        for name, value in tunables.items():
            shown = repr(list(value) if isinstance(value, tuple) else value).replace("|", "\\|")
            lines.append(f"| `{name}` | `{shown}` | {notes.get(name, '')} |")
        lines.append("")
    lines += ["## Rings", ""]
    for example in rule.examples():
        if isinstance(example, Rings):
            message = _message(rule, example)
            lines += [f"{_sentence(example.name)}:", "", "```text", message, "```", ""]
    lines += ["## Stays quiet", ""]
    lines += [f"- {ex.name}" for ex in rule.examples() if isinstance(ex, Quiet)]
    if rule.references:
        lines += ["", "## References", "", *(f"- <{url}>" for url in rule.references)]
    return "\n".join(lines) + "\n"


def _events(rule: Rule) -> str:
    callers = [f"all that `{identity}` does" for identity in rule.identities]
    return ", ".join([*callers, *(f"`{action}`" for action in rule.actions)]) or "any"


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def _message(rule: Rule, example: Rings) -> str:
    engine = Engine([rule], MemoryState())
    for event in example.before:
        engine.alerts([event])
    alert = next(a for a in engine.alerts([example.event]) if not a.own)
    message = compose(Group((alert,)), Reader(year=2026))
    return str(Stdout().render(message)["text"])


def _field_notes(of: type) -> dict[str, str]:
    """The docstrings under a class's fields, which Python itself throws away."""
    (node,) = ast.parse(dedent(inspect.getsource(of))).body
    assert isinstance(node, ast.ClassDef)  # noqa: S101 - for the type checker
    notes = {}
    for field, after in zip(node.body, node.body[1:], strict=False):
        is_field = isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)
        if is_field and isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant):
            notes[field.target.id] = " ".join(str(after.value.value).split())  # type: ignore[attr-defined]
    return notes


def _cli_page() -> str:
    parts = [MADE, "# Command line", "", "```text", _help(trailbell, "trailbell"), "```", ""]
    context = click.Context(trailbell, info_name="trailbell", **trailbell.context_settings)
    for name in COMMANDS:
        command = trailbell.get_command(context, name)
        text = _help(command, name, context)
        parts += [f"## trailbell {name}", "", "```text", text, "```", ""]
        if isinstance(command, click.Group):
            inner = click.Context(command, info_name=name, parent=context)
            for sub in command.list_commands(inner):
                text = _help(command.commands[sub], sub, inner)
                parts += [f"### trailbell {name} {sub}", "", "```text", text, "```", ""]
    return "\n".join(parts)


def _help(command: click.Command, name: str, parent: click.Context | None = None) -> str:
    settings = {**command.context_settings, "terminal_width": 92}
    with click.Context(command, info_name=name, parent=parent, **settings) as context:
        return command.get_help(context).rstrip()


def _configuration_page() -> str:
    parts = [
        MADE,
        "# Configuration",
        "",
        "Order, the last wins: `configs.py`, the document of `TRAILBELL_CONFIG`, the environment",
        "(`TRAILBELL_<NAME>`, JSON for anything but a plain text). `TRAILBELL_CONFIG` holds, or",
        "names (`ssm:/path`, `s3://bucket/key`), one JSON object with any of the settings, since",
        "the environment of a Lambda function ends at 4 KB. A wrong setting is an error that names",
        "it and the nearest right name; `trailbell check` looks the settings over.",
        "",
        "## configs.py",
        "",
        "```python",
        (ROOT / "configs.example.py").read_text("utf-8").rstrip(),
        "```",
        "",
        "## Channels",
        "",
    ]
    common = [name for name in Channel.model_fields if name not in ("type", "pace")]
    parts += ["Each takes, beside its own fields:", "", *_fields(Channel, common)]
    for name, load in find_channels(channels).items():
        channel = load()
        own = [field for field in channel.model_fields if field not in (*common, "type")]
        parts += [f"### {name}", "", (inspect.getdoc(channel) or ""), ""]
        parts += ["```python", channel.help.replace(" or {", "\n# or\n{"), "```", ""]
        parts += _fields(channel, own)
    parts += ["## Mutes", "", (inspect.getdoc(Mute) or ""), "", *_fields(Mute, Mute.model_fields)]
    return "\n".join(parts)


def _fields(model: type[BaseModel], names: Iterable[str]) -> list[str]:
    notes = {**_field_notes(Channel), **_field_notes(model)}
    lines = ["| name | default | |", "|---|---|---|"]
    for name in names:
        field = model.model_fields[name]
        default = "required" if field.default is PydanticUndefined else _default(field.default)
        lines.append(f"| `{name}` | {default} | {notes.get(name, '')} |")
    return [*lines, ""]


def _default(value: object) -> str:
    if isinstance(value, SecretStr) or value == ():
        return ""
    return f"`{str(value)!r}`" if isinstance(value, Severity) else f"`{value!r}`"


def _presets(found: list[Rule]) -> str:
    lines = ["| preset | hides wholly | hides a part of |", "|---|---|---|"]
    for name, text in presets().items():
        passes = Pattern(text).matches
        lost = [(rule.id, hidden(rule, passes)) for rule in found if rule.on_by_default]
        cells = [
            ", ".join(
                f"[{rule_id}](rules/{rule_id}.md)"
                for rule_id, of in lost
                if of and of.wholly is wholly
            )
            or "-"
            for wholly in (True, False)
        ]
        lines.append(f"| `{name}` | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _between(text: str, mark: str, new: str) -> str:
    start, end = f"<!-- {mark} -->\n", f"<!-- /{mark} -->"
    before, _, rest = text.partition(start)
    _, _, after = rest.partition(end)
    return f"{before}{start}\n{new}\n{end}{after}"


def stale() -> list[Path]:
    """The pages that differ from what the code says, and pages of rules that are gone."""
    made = dict(pages())
    found = [
        path for path, text in made.items() if not path.is_file() or path.read_text("utf-8") != text
    ]
    return found + [page for page in (ROOT / "docs" / "rules").glob("*.md") if page not in made]


def main() -> int:
    old = stale()
    for path, text in pages():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    for path in old:
        if path not in dict(pages()):
            path.unlink()
        print(path.relative_to(ROOT))
    return 0


if __name__ == "__main__":
    sys.exit(main())
