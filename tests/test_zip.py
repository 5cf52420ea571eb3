"""function.zip: what is in it, that it is always the same, and that a failing step fails it."""

from __future__ import annotations

import ast
import importlib
import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from build_zip import BuildError, find_python, place
from trailbell import errors, fit
from zips import build, copy_tree, runnable, unzip, zip_for

HERE = "{}.{}".format(*sys.version_info[:2])
MACHINE = {"aarch64": "arm64"}.get(os.uname().machine, os.uname().machine)
OFFLINE = {
    "PIP_CONFIG_FILE": os.devnull,
    "PIP_EXTRA_INDEX_URL": "",
    "PIP_FIND_LINKS": "",
    "PIP_INDEX_URL": "http://127.0.0.1:9/",
    "PIP_RETRIES": "0",
}
SHARED_OBJECT = "pydantic_core/_pydantic_core.cpython-313-{}-linux-gnu.so"


def names_in(zipped: Path) -> list[str]:
    with zipfile.ZipFile(zipped) as archive:
        return archive.namelist()


def manifest(folder: Path, **facts: object) -> Path:
    (folder / "manifest.json").write_text(json.dumps(facts), "utf-8")
    return folder


def test_fit_without_manifest(tmp_path: Path) -> None:
    """Run from the sources there is nothing to compare."""
    fit.check(tmp_path)


def test_fit(tmp_path: Path) -> None:
    """A zip for this Python and this processor, among others, passes."""
    fit.check(manifest(tmp_path, python=HERE, architectures=["riscv", MACHINE]))


@pytest.mark.parametrize(
    ("python", "arch"), [("2.7", MACHINE), (HERE, "riscv")], ids=["python", "processor"]
)
def test_fit_refuses(tmp_path: Path, python: str, arch: str) -> None:
    """Another Python or another processor is one line that names both sides."""
    with pytest.raises(errors.RuntimeMismatch) as caught:
        fit.check(manifest(tmp_path, python=python, architectures=[arch]))
    line = str(caught.value)
    assert f"is for Python {python} on {arch}, but the runtime is Python {HERE}" in line
    assert "\n" not in line and len(line) < 300


def test_fit_on_old_python(tmp_path: Path) -> None:
    """A Python too old for the rest of trailbell can still say that it is."""
    function = Path(fit.__file__).parents[1]
    names = ["lambda_function.py", "trailbell/__init__.py", "trailbell/errors.py"]
    for name in [*names, "trailbell/fit.py"]:
        source = (function / name).read_bytes()
        ast.parse(source, name, feature_version=(3, 8))
        place(tmp_path / name, source)
    manifest(tmp_path, python="3.13", architectures=["arm64", "x86_64"])
    for python in filter(None, map(find_python, ["3.8", "3.9", "3.10"])):  # those that are here
        done = subprocess.run(
            [python, "-B", "-c", "import lambda_function"],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        last = done.stderr.splitlines()[-1]
        assert last.startswith("trailbell.errors.RuntimeMismatch: this zip is for Python 3.13")


def test_place_refuses_two_files_of_one_name(tmp_path: Path) -> None:
    """Two architectures may share a file only when it is the same in both."""
    place(tmp_path / "a.so", b"one")
    place(tmp_path / "a.so", b"one")
    with pytest.raises(BuildError, match=r"a\.so"):
        place(tmp_path / "a.so", b"another")


@pytest.mark.slow
def test_contents() -> None:
    """Sources, locked packages for both processors, licences and a manifest; nothing else."""
    names = names_in(zip_for("3.13"))
    assert {name.split("/")[0] for name in names} - {"__pycache__"} == {
        *("annotated_types", "pydantic", "pydantic_core", "typing_extensions.py"),
        *("typing_inspection", "tzdata", "urllib3"),
        *("lambda_function.py", "trailbell", "licenses", "manifest.json"),
    }
    assert {SHARED_OBJECT.format(machine) for machine in ("aarch64", "x86_64")} <= {*names}
    left_out = ("trailbell/audit", "trailbell/cli")
    assert not [name for name in names if name.startswith(left_out) or "configs" in name]
    assert not [name for name in names if name.endswith((".pyi", "py.typed", "METADATA"))]
    assert sum(name.startswith("licenses/") for name in names) == 9
    assert len(names) == len({*names})
    with zipfile.ZipFile(zip_for("3.13")) as archive:
        text = archive.read("manifest.json")
    beside = zip_for("3.13")
    assert beside.with_name(f"{beside.name}.json").read_bytes() == text  # Terraform reads it there
    facts = json.loads(text)
    assert facts == {
        "architectures": ["arm64", "x86_64"],
        "pyc": find_python("3.13") is not None,
        "python": "3.13",
        "trailbell": importlib.import_module("trailbell").__version__,
    }


@pytest.mark.slow
def test_size() -> None:
    """Without byte code at most 5 MB for one architecture and 6 MB for both."""
    with zipfile.ZipFile(zip_for("3.13")) as archive:
        size = {
            entry.filename: entry.compress_size + 2 * len(entry.filename) + 76
            for entry in archive.infolist()
            if not entry.filename.endswith(".pyc")
        }
    both = sum(size.values())
    assert both <= 6_000_000
    for machine in ["aarch64", "x86_64"]:
        assert both - size[SHARED_OBJECT.format(machine)] <= 5_000_000


@pytest.mark.slow
def test_two_builds_are_the_same(tmp_path: Path) -> None:
    """Byte for byte, whatever the umask, zone, locale, times, folder, and an older zip there."""
    tree = copy_tree(tmp_path / "another place" / "tree")
    for number, path in enumerate(sorted(tree.joinpath("function").rglob("*"))):
        os.utime(path, (10**9 + number, 10**9 + number))
    with zipfile.ZipFile(tree / "function.zip", "w") as archive:
        archive.writestr("old_secret.py", "TOKEN = 1")
    env = {"TZ": "Asia/Tokyo", "LC_ALL": "C", "PYTHONHASHSEED": "7"}
    done = build(tree, env=env, cwd=tmp_path, umask=0o077)
    assert done.returncode == 0, done.stderr
    assert (tree / "function.zip").read_bytes() == zip_for("3.13").read_bytes()


@pytest.mark.slow
def test_byte_code_is_used(tmp_path: Path) -> None:
    """Every module runs from byte code that no time stamp can spoil: the sources may be gone."""
    version, python = runnable()
    tag = f"cpython-{version.replace('.', '')}"
    folder = unzip(zip_for(version), tmp_path / "task")
    for path in folder.rglob("*.py"):
        cached = path.parent / "__pycache__" / f"{path.stem}.{tag}.pyc"
        assert cached.read_bytes()[4:8] == b"\1\0\0\0", f"{cached} is not unchecked-hash"
        path.write_text("raise RuntimeError('compiled anew: ' + __file__)", "utf-8")
    done = subprocess.run(
        [python, "-S", "-B", "-c", "import lambda_function"],
        cwd=folder,
        env={"TRAILBELL_CHANNELS": '{"type": "stdout"}'},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("", "")


@pytest.mark.slow
def test_without_that_python(tmp_path: Path) -> None:
    """Where no such Python runs, not even a shim of that name, the zip has sources only."""
    version = "3.12" if HERE == "3.11" else "3.11"
    tools = tmp_path / "bin"
    tools.mkdir()
    for name in ["bash", "dirname"]:
        found = shutil.which(name)
        assert found
        (tools / name).symlink_to(found)
    shim = tools / f"python{version}"
    shim.write_text("#!/bin/bash\nexit 127\n", "utf-8")
    shim.chmod(0o755)
    tree = copy_tree(tmp_path / "tree")
    env = {"PATH": str(tools), "PYENV_ROOT": str(tmp_path / "none")}
    done = build(tree, "--python", version, "--arch", "arm64", env=env)
    assert done.returncode == 0, done.stderr
    assert f"no python{version} here, so no byte code" in done.stdout
    names = names_in(tree / "function.zip")
    assert not [name for name in names if name.endswith(".pyc") or "x86_64" in name]


@pytest.mark.slow
def test_settings_go_in(tmp_path: Path) -> None:
    """configs.py and the folder custom_rules/ lie beside the function, unless it is for others."""
    tree = copy_tree(tmp_path / "tree")
    (tree / "configs.py").write_text('CHANNELS = "https://hooks.example.com/x"\n', "utf-8")
    (tree / "custom_rules").mkdir()
    (tree / "custom_rules" / "ours.py").write_text("NUMBER = 1\n", "utf-8")
    done = build(tree, "--arch", "x86_64")
    assert done.returncode == 0, done.stderr
    assert {"configs.py", "custom_rules/ours.py"} <= {*names_in(tree / "function.zip")}
    done = build(tree, "--arch", "x86_64", "--bare", "--output", "bare.zip")
    assert done.returncode == 0, done.stderr
    bare = names_in(tree / "bare.zip")
    assert not [name for name in bare if name.startswith(("configs", "custom_rules"))]


@pytest.mark.slow
def test_settings_that_import_what_the_zip_lacks(tmp_path: Path) -> None:
    """A package that this machine has and the zip has not stops the build, not the function."""
    tree = copy_tree(tmp_path / "tree")
    (tree / "configs.py").write_text(
        "import click\nCHANNELS = 'https://hooks.example.com/x'\n", "utf-8"
    )

    done = build(tree, "--python", runnable()[0])

    assert done.returncode == 1
    assert "configs.py does not run from the zip" in done.stderr
    assert not (tree / "function.zip").exists()


@pytest.mark.slow
@pytest.mark.parametrize("case", ["settings", "index", "hash", "import"])
def test_failing_step_fails(tmp_path: Path, case: str) -> None:
    """It ends with one clear line and not zero, and an older zip stays as it was."""
    tree = copy_tree(tmp_path / "tree")
    (tree / "function.zip").write_bytes(b"older")
    env: dict[str, str] = {}
    if case == "settings":
        (tree / "configs.py").write_text("CHANELS = 1\n", "utf-8")
        line = "trailbell check found a problem in configs.py"
    elif case == "index":
        env = OFFLINE
        line = "pip could not get the locked wheels for arm64"
    elif case == "hash":
        lock = tree / "requirements" / "lambda.txt"
        lines = lock.read_text("utf-8").splitlines()
        keep = [text for text in lines if "--hash" not in text]
        keep = [text.replace(" \\", f" --hash=sha256:{'0' * 64}") for text in keep]
        lock.write_text("\n".join(keep), "utf-8")
        line = "pip could not get the locked wheels for arm64"
    else:
        with (tree / "function" / "lambda_function.py").open("a", encoding="utf-8") as file:
            file.write("\nimport not_there\n")
        line = "lambda_function does not import from the zip"
    done = build(tree, "--python", runnable()[0], env=env)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith(f"zip_function.sh: {line}; no zip was built")
    assert (tree / "function.zip").read_bytes() == b"older"
    assert sorted(path.name for path in tree.glob("function.zip*")) == ["function.zip"]


@pytest.mark.slow
@pytest.mark.parametrize("env", [{}, OFFLINE], ids=["built", "failed"])
def test_sourced(tmp_path: Path, env: dict[str, str]) -> None:
    """A shell that sources it, as the old guide said, keeps its folder, options and variables."""
    tree = copy_tree(tmp_path / "tree")
    script = f"""
    state() {{ pwd; set +o; shopt -p; compgen -v | grep -vx -e BASH_LINENO -e _ -e PIPESTATUS; }}
    cd {tmp_path}; before=; after=; code=; before=$(state)
    . tree/zip_function.sh; code=$?
    after=$(state)
    [ "$before" = "$after" ] && echo kept with $code
    """
    done = subprocess.run(
        ["bash", "-c", script],
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.splitlines()[-1] == f"kept with {1 if env else 0}", done.stderr
    assert (tree / "function.zip").exists() == (not env)
