"""The import direction, as a test."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

FUNCTION = Path(__file__).parent.parent / "function"
PACKAGE = FUNCTION / "trailbell"

LAYERS = {  # a layer, and what is in it
    "errors": ("errors", "names", "fit"),
    "aws": ("aws", "deadline"),
    "model": ("text", "actor", "model"),
    "testing": ("testing",),
    "policy": ("policy", "first_aid"),
    "pattern": ("pattern", "regex"),
    "state": ("state",),
    "rules": ("rules",),
    "channels": ("channels",),
    "road": (
        "payload",
        "doors",
        "bucket",
        "unpack",
        "engine",
        "noise",
        "runs",
        "compose",
        "deliver",
        "ledger",
    ),
    "audit": ("audit",),
    "settings": ("settings",),
    "app": ("app", "bell", "notifier", "redrive", "secrets"),
    "cli": ("cli", "examples"),
}
BASES = {"rules.base", "channels.base", "state.base", "deadline"}
MAY_IMPORT = {  # a layer, and the layers or modules of trailbell that it may know of
    "errors": set[str](),
    "aws": {"errors"},
    "model": {"errors"},
    "testing": {"model"},
    "policy": {"errors", "model"},
    "pattern": {"errors"},
    "state": {"errors", "model", "aws"},
    "rules": {"errors", "model", "testing", "policy", "state.base"},
    "channels": {"errors", "model", "aws"},
    "road": {"errors", "model", *BASES},
    "audit": {"errors", "aws", "model", "policy", "state.base"},
    "settings": {"errors", "model", *BASES},
    "app": {"errors", "aws", "model", "rules", "channels", "state", "road", "settings", *BASES},
    "cli": {*LAYERS},
}
HOME = {  # a package from outside, and the only places that may import it
    "boto3": {"aws"},
    "botocore": {"aws"},
    "duckdb": {"history"},
    "rich": {"cli"},
    "click": {"cli"},
    "jinja2": {"cli"},
    "markupsafe": {"cli"},
    "requests": set[str](),
    "urllib3": {"channels", "deliver", "app"},
}
WORLD = {  # what rules and the things that they know of must not look at
    "boto3", "botocore", "http", "io", "logging", "os", "pathlib", "random", "requests", "shutil",
    "socket", "subprocess", "sys", "tempfile", "threading", "time", "urllib3",
}  # fmt: skip
CLOCK = {"now", "utcnow", "today", "time", "monotonic", "perf_counter"}
SEES_NOTHING = ("errors", "model", "testing", "policy", "pattern", "rules")


def files_of(layer: str) -> list[Path]:
    names = LAYERS[layer]
    files = [PACKAGE / f"{name}.py" for name in names]
    files += [file for name in names for file in (PACKAGE / name).rglob("*.py")]
    return [file for file in files if file.is_file()]


def short(file: Path) -> str:
    """``rules/base.py``"""
    return file.relative_to(PACKAGE).as_posix()


def imports(file: Path) -> set[str]:
    """The modules that a file imports, anywhere in it."""
    found = set[str]()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{short(file)}: import by the full name"
            module = node.module or ""
            # from trailbell import app: app is what is imported
            within = module == "trailbell" or (FUNCTION / module.replace(".", "/")).is_dir()
            found |= {f"{module}.{a.name}" for a in node.names} if within else {module}
    return found


def ours(file: Path) -> set[str]:
    """The modules of trailbell that a file imports: ``rules.base``."""
    return {
        name.removeprefix("trailbell.")
        for name in imports(file)
        if name.startswith("trailbell.") and not name.startswith("trailbell.__")
    }


def layer_of(module: str) -> str:
    return next(layer for layer, names in LAYERS.items() if module.partition(".")[0] in names)


ALL = sorted(file for layer in LAYERS for file in files_of(layer))
every_file = pytest.mark.parametrize("file", ALL, ids=short)


def test_every_module_has_a_layer() -> None:
    """A new module gets a place before it gets an import."""
    known = set(ALL) | {PACKAGE / "__init__.py"}

    assert {short(file) for file in PACKAGE.rglob("*.py") if file not in known} == set()


@pytest.mark.parametrize("layer", LAYERS)
def test_layer(layer: str) -> None:
    """A layer imports only the layers below it; of rules and channels the road knows the base."""
    allowed = MAY_IMPORT[layer] | {layer}
    files = files_of(layer)

    assert files
    for file in files:
        strange = {
            module
            for module in ours(file)
            if layer_of(module) not in allowed
            and not any(module == base or module.startswith(f"{base}.") for base in allowed & BASES)
        }
        assert strange == set(), short(file)


@every_file
def test_outside(file: Path) -> None:
    """A package from outside has a home: a cold start and a rule do not pay for it."""
    for package in {name.partition(".")[0] for name in imports(file)} & set(HOME):
        homes = HOME[package]
        name = short(file)
        assert name in homes or name.partition("/")[0].removesuffix(".py") in homes, package


@pytest.mark.parametrize(
    "file", [file for layer in SEES_NOTHING for file in files_of(layer)], ids=short
)
def test_no_world(file: Path) -> None:
    """Model, policy and rules see no AWS, network, files, environment and clock."""
    if short(file) == "fit.py":
        return  # asks for the processor, before anything else is imported
    tree = ast.parse(file.read_text())
    calls = {
        node.func.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
    }

    assert {name.partition(".")[0] for name in imports(file)} & WORLD == set()
    assert calls & CLOCK == set()
    assert {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)} & {"open"} == set()


def test_who_knows_app() -> None:
    """Only the doors know the composition root."""
    know = {short(file) for file in ALL if "app" in ours(file)}

    assert {name.partition("/")[0] for name in know} <= {"cli"}
    assert "trailbell.app" in imports(FUNCTION / "lambda_function.py")


@pytest.mark.parametrize("file", [*FUNCTION.glob("*.py")], ids=lambda file: file.name)
def test_doors(file: Path) -> None:
    """A door translates and knows nothing else of the road."""
    known = {name for name in imports(file) if name.startswith("trailbell")}

    assert known <= {"trailbell.app", "trailbell.fit"}


@every_file
def test_nothing_happens_at_import(file: Path) -> None:
    """No module has a main part, a print, or another star import."""
    tree = ast.parse(file.read_text())

    for node in tree.body:
        assert not isinstance(node, ast.For | ast.While | ast.With | ast.Try), short(file)
        if isinstance(node, ast.Expr):
            assert isinstance(node.value, ast.Constant), f"{short(file)}:{node.lineno}"
    for inner in ast.walk(tree):
        if isinstance(inner, ast.ImportFrom):
            assert all(alias.name != "*" for alias in inner.names)


HEAVY = {
    "boto3",
    "botocore",
    "click",
    "duckdb",
    "hypothesis",
    "jinja2",
    "pytest",
    "requests",
    "rich",
}


def test_what_a_cold_start_loads() -> None:
    """The function's door loads no package that it does not need."""
    script = "import sys, lambda_function; print(*{n.partition('.')[0] for n in sys.modules})"

    done = subprocess.run(
        [sys.executable, "-c", script], cwd=FUNCTION, capture_output=True, text=True, check=True
    )

    assert set(done.stdout.split()) & HEAVY == set()
