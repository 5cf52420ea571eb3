"""Writes the tables of inputs and outputs in the READMEs of infra/: python scripts/tf_docs.py.

With --check it writes nothing and exits 1 when a table is stale. It reads what `terraform fmt`
leaves, not all of HCL.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent

ROOT = Path(__file__).parent.parent
MODULES = ("infra", "infra/modules/audit-role")
BLOCK = re.compile(r'^(variable|output) "(\w+)" \{\n(.*?)^\}', re.MULTILINE | re.DOTALL)


def pages() -> Iterator[tuple[Path, str]]:
    """Every README with its tables as they should be."""
    for module in MODULES:
        folder = ROOT / module
        readme = folder / "README.md"
        text = readme.read_text("utf-8")
        text = _between(text, "inputs", _inputs(_blocks(folder / "variables.tf")))
        yield readme, _between(text, "outputs", _outputs(_blocks(folder / "outputs.tf")))


def _blocks(path: Path) -> list[tuple[str, str]]:
    return [(name, body) for _, name, body in BLOCK.findall(path.read_text("utf-8"))]


def _inputs(blocks: list[tuple[str, str]]) -> str:
    lines = ["| name | what it is | type | default |", "|---|---|---|---|"]
    for name, body in blocks:
        default = _attribute(body, "default")
        shown = "required" if default is None else f"`{default}`"
        kind = re.split(r"[({]", _attribute(body, "type") or "")[0]
        kind = kind if kind == "object" else _attribute(body, "type") or ""
        lines.append(f"| `{name}` | {_description(body)} | `{kind}` | {shown} |")
    return "\n".join(lines)


def _outputs(blocks: list[tuple[str, str]]) -> str:
    lines = ["| name | what it is |", "|---|---|"]
    lines += [f"| `{name}` | {_description(body)} |" for name, body in blocks]
    return "\n".join(lines)


def _description(body: str) -> str:
    if here := re.search(r"description = <<-EOT\n(.*?)\n\s*EOT", body, re.DOTALL):
        text = " ".join(dedent(here[1]).split())
    else:
        text = (_attribute(body, "description") or "").strip('"').replace('\\"', '"')
    return text.replace("|", "\\|")


def _attribute(body: str, name: str) -> str | None:
    """A value of the block itself; of one that takes several lines the first is enough."""
    found = re.search(rf"^  {name} += (.*)$", body, re.MULTILINE)
    return found[1] if found else None


def _between(text: str, marker: str, table: str) -> str:
    start, end = f"<!-- {marker} -->", f"<!-- /{marker} -->"
    head, _, rest = text.partition(start)
    if start not in text or end not in rest:
        raise SystemExit(f"a README of infra/ lacks {start} or {end}")
    return f"{head}{start}\n\n{table}\n\n{end}{rest.partition(end)[2]}"


def main() -> int:
    stale = [(path, text) for path, text in pages() if path.read_text("utf-8") != text]
    if "--check" in sys.argv[1:]:
        for path, _ in stale:
            print(f"{path.relative_to(ROOT)} is stale: python scripts/tf_docs.py", file=sys.stderr)
        return 1 if stale else 0
    for path, text in stale:
        path.write_text(text, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
