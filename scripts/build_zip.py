"""Build function.zip: what zip_function.sh calls.

The same sources give the same bytes, whatever the umask, time zone, locale and file times.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "requirements" / "lambda.txt"
PIP_NAMES = {"arm64": "aarch64", "x86_64": "x86_64"}
CLI_PACKAGES = ("click", "jinja2", "pydantic", "rich", "urllib3")
LEFT_OUT = {"trailbell/audit", "trailbell/cli"}
NOT_SHIPPED = {".pyc", ".pyi"}
TASK_ROOT = "/var/task"
"""Where Lambda unzips it, so that tracebacks show the paths that are there."""
EPOCH = (1980, 1, 1, 0, 0, 0)
"""The earliest time that a zip can hold."""


class BuildError(Exception):
    """A step failed; the text is the one line to print."""


def main() -> int:
    options = read_options()
    archs = sorted(PIP_NAMES) if options.arch == "both" else [options.arch]
    try:
        with_settings = not options.bare and check_settings()
        with tempfile.TemporaryDirectory(prefix="trailbell-zip-") as folder:
            stage = Path(folder, "stage")
            for arch in archs:
                wheels = download(options.python, arch, Path(folder, arch))
                for wheel in wheels:
                    unpack(wheel, stage)
            copy_tree(ROOT / "function", stage)
            place(stage / "licenses" / "trailbell" / "LICENSE", (ROOT / "LICENSE").read_bytes())
            python = find_python(options.python)
            verify(python, stage, archs)
            if with_settings:
                copy_settings(stage)
                try_settings(python, stage, archs)
            if python is not None:
                compile_all(python, stage)
            write_manifest(stage, options.python, archs, pyc=python is not None)
            write_zip(stage, options.output)
            # Terraform compares it with the runtime that it is to set, and cannot look into a zip.
            beside = options.output.with_name(f"{options.output.name}.json")
            beside.write_bytes((stage / "manifest.json").read_bytes())
    except BuildError as error:
        old = f" ({options.output} is an older one)" if options.output.exists() else ""
        print(f"zip_function.sh: {error}; no zip was built{old}", file=sys.stderr)
        return 1
    holds = "with your configs.py: keep it to yourself" if with_settings else "without configs.py"
    say(holds)
    report(options.output, options.python, archs, pyc=python is not None)
    return 0


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="zip_function.sh", description="Builds function.zip, ready for Lambda."
    )
    parser.add_argument("--arch", choices=["both", *PIP_NAMES], default="both")
    parser.add_argument(
        "--python",
        choices=["3.11", "3.12", "3.13", "3.14"],
        default="3.13",
        help="the Lambda runtime's (default: %(default)s)",
    )
    parser.add_argument(
        "--bare",
        action="store_true",
        help="leave configs.py and custom_rules/ out, for a zip that others may see",
    )
    parser.add_argument(
        "--output", type=Path, default=ROOT / "function.zip", help="default: %(default)s"
    )
    return parser.parse_args()


def check_settings() -> bool:
    """Run `trailbell check` on configs.py; False where there is none."""
    if not (ROOT / "configs.py").exists():
        say("no configs.py: the function will take its settings from its environment")
        say("  (TRAILBELL_CHANNELS and the other names in configs.example.py)")
        return False
    missing = [name for name in CLI_PACKAGES if importlib.util.find_spec(name) is None]
    if missing:
        raise BuildError(f"configs.py cannot be checked without {', '.join(missing)}: make setup")
    command = "import sys; from trailbell.cli import main; sys.exit(main())"
    run(
        [sys.executable, "-P", "-B", "-c", command, "check", "--config", "configs.py"],
        "trailbell check found a problem in configs.py",
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT / "function")},
    )
    return True


def download(python: str, arch: str, folder: Path) -> list[Path]:
    """The locked wheels for one processor."""
    if importlib.util.find_spec("pip") is None:
        raise BuildError(f"{sys.executable} has no pip: make setup")
    machine = PIP_NAMES[arch]
    platforms = [f"manylinux2014_{machine}", f"manylinux_2_17_{machine}"]
    run(
        [
            *(sys.executable, "-P", "-m", "pip", "--disable-pip-version-check", "--quiet"),
            *("download", "--dest", str(folder)),
            *("--requirement", str(LOCK), "--require-hashes", "--only-binary", ":all:"),
            *("--implementation", "cp", "--python-version", python),
            *(word for name in platforms for word in ("--platform", name)),
        ],
        f"pip could not get the locked wheels for {arch}",
    )
    return sorted(folder.glob("*.whl"))


def unpack(wheel: Path, stage: Path) -> None:
    """Of a wheel the modules and the licences; of its metadata nothing else is used."""
    name = "-".join(wheel.name.split("-")[:2])
    with zipfile.ZipFile(wheel) as archive:
        for entry in archive.infolist():
            path = PurePosixPath(entry.filename)
            top, parts = path.parts[0], path.parts[1:]
            if entry.is_dir() or path.suffix in NOT_SHIPPED or path.name == "py.typed":
                continue
            if top.endswith(".dist-info"):
                if "licenses" not in parts and not path.name.startswith("LICENSE"):
                    continue
                path = PurePosixPath("licenses", name, path.name)
            place(stage / path, archive.read(entry))


def copy_tree(source: Path, target: Path) -> None:
    for path in files(source):
        place(target / path.relative_to(source), path.read_bytes())


def copy_settings(stage: Path) -> None:
    place(stage / "configs.py", (ROOT / "configs.py").read_bytes())
    if (ROOT / "custom_rules").is_dir():
        copy_tree(ROOT / "custom_rules", stage / "custom_rules")


def files(folder: Path) -> Iterator[Path]:
    """The sources under a folder: no byte code, nothing hidden, no editor's copies."""
    for path in sorted(folder.rglob("*")):
        parts = path.relative_to(folder).parts
        stray = any(part.startswith(".") or part == "__pycache__" for part in parts)
        left_out = "/".join(parts[:2]) in LEFT_OUT
        if path.is_file() and not stray and not left_out and not path.name.endswith((".pyc", "~")):
            yield path


def place(target: Path, content: bytes) -> None:
    """Write a file; two that differ under one name would hide one another."""
    if target.exists() and target.read_bytes() != content:
        raise BuildError(f"two different files are called {target.name} in the zip")
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(content)


def find_python(version: str) -> str | None:
    """A Python of this version that runs: a version manager's shim may be there and not run."""
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    candidates = [
        sys.executable,
        shutil.which(f"python{version}"),
        *sorted(map(str, pyenv.glob(f"versions/{version}*/bin/python{version}"))),
    ]
    wanted = f"cpython {version} final"
    ask = (
        "import sys; v = sys.version_info;"
        "print(sys.implementation.name, f'{v.major}.{v.minor}', v.releaselevel)"
    )
    for python in filter(None, candidates):
        answer = subprocess.run(
            [python, "-S", "-c", ask], capture_output=True, text=True, check=False
        )
        if answer.returncode == 0 and answer.stdout.strip() == wanted:
            return python
    return None


def can_run(python: str | None, archs: Sequence[str]) -> bool:
    """Whether this machine can run what the zip is built for."""
    here = {"aarch64": "arm64"}.get(platform.machine(), platform.machine())
    return python is not None and here in archs and platform.libc_ver()[0] == "glibc"


def try_settings(python: str | None, stage: Path, archs: Sequence[str]) -> None:
    """Run configs.py with nothing but what the zip holds; no secret is looked up."""
    if python is None or not can_run(python, archs):
        return
    command = (
        "import sys; sys.path.insert(0, sys.argv[1]); from pathlib import Path;"
        "from trailbell.errors import ConfigError; from trailbell.settings import gather\n"
        "try: gather(Path(sys.argv[1]), {})\n"
        "except ConfigError as error: sys.exit(str(error))"
    )
    run(
        [python, "-P", "-S", "-B", "-c", command, str(stage)],
        "configs.py does not run from the zip: it may import only what the zip holds"
        " (trailbell, custom_rules/, Python's own library)",
    )


def verify(python: str | None, stage: Path, archs: Sequence[str]) -> None:
    """Import the function from the staged files and nothing but the standard library."""
    if python is None or not can_run(python, archs):
        say("not tried out: this machine cannot run what the zip was built for")
        return
    command = "import sys; sys.path.insert(0, sys.argv[1]); import lambda_function as f"
    run(
        [python, "-P", "-S", "-B", "-c", f"{command}; f.lambda_handler", str(stage)],
        "lambda_function does not import from the zip",
        env={"TRAILBELL_CHANNELS": '{"type": "stdout"}'},
    )


def compile_all(python: str, stage: Path) -> None:
    """Byte code that is used whatever the files' times are after unzipping (PEP 552)."""
    run(
        [
            *(python, "-P", "-S", "-m", "compileall", "-q"),
            *("--invalidation-mode", "unchecked-hash"),
            *("-s", str(stage), "-p", TASK_ROOT, str(stage)),
        ],
        "a file does not compile",
        env={"PYTHONHASHSEED": "0"},
    )


def write_manifest(stage: Path, python: str, archs: Sequence[str], *, pyc: bool) -> None:
    """What the zip was built for; trailbell/fit.py reads it."""
    source = (ROOT / "function" / "trailbell" / "__init__.py").read_text("utf-8")
    version = re.search(r'^__version__ = "(.+)"$', source, re.MULTILINE)
    if version is None:
        raise BuildError("function/trailbell/__init__.py has no __version__")
    facts = {"architectures": archs, "pyc": pyc, "python": python, "trailbell": version[1]}
    place(stage / "manifest.json", json.dumps(facts, sort_keys=True).encode() + b"\n")


def write_zip(stage: Path, output: Path) -> None:
    """Names sorted; times, modes and compression fixed; in place only when it is whole."""
    partial = output.with_name(output.name + ".partial")
    try:
        with zipfile.ZipFile(partial, "w") as archive:
            for path in sorted(stage.rglob("*"), key=lambda path: path.relative_to(stage).parts):
                if path.is_file():
                    info = zipfile.ZipInfo(path.relative_to(stage).as_posix(), EPOCH)
                    info.create_system = 3  # Unix, which is what reads the mode
                    info.external_attr = 0o100644 << 16
                    info.compress_type = zipfile.ZIP_DEFLATED
                    archive.writestr(info, path.read_bytes(), compresslevel=9)
        partial.replace(output)
    except OSError as error:
        raise BuildError(f"cannot write {output}: {error.strerror}") from error
    finally:
        partial.unlink(missing_ok=True)


def report(output: Path, python: str, archs: Sequence[str], *, pyc: bool) -> None:
    content = output.read_bytes()
    if not pyc:
        say(f"no python{python} here, so no byte code: a cold start costs 2 to 3 times the CPU")
    say(f"{output}")
    say(f"  {len(content) / 1e6:.2f} MB, Python {python}, {' and '.join(archs)}")
    say(f"  sha256 {hashlib.sha256(content).hexdigest()}")
    say("In the console:")
    say(f"  runtime      Python {python}")
    say(f"  architecture {' or '.join(archs)}")
    say("  handler      lambda_function.lambda_handler")
    say("  timeout      60 s")
    say("  memory       256 MB")


def run(
    command: list[str],
    failure: str,
    cwd: Path | None = None,
    env: dict[str, str] | None = None,
) -> None:
    """Run a step; its own words go to stderr, and its failure is ours."""
    if subprocess.run(command, cwd=cwd, env=env, stdout=sys.stderr, check=False).returncode:
        raise BuildError(failure)


def say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main())
