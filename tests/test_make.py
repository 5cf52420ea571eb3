"""The verbs of the Makefile."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
MAKEFILE = (ROOT / "Makefile").read_text()


def said(*arguments: str) -> str:
    """What make says in a clone that has its .venv."""
    old = [f"--old-file=.venv/{name}" for name in ("bin/python", ".cli", ".dev")]
    done = subprocess.run(
        ["make", "-C", ROOT, "--no-print-directory", *old, *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize(
    ("verb", "lines"),
    [
        (
            "deploy",
            [
                "bash zip_function.sh --bare",
                "terraform -chdir={} init -input=false",
                "terraform -chdir={} apply",
            ],
        ),
        ("destroy", ["terraform -chdir={} destroy"]),
        (
            "logs",
            [
                "aws logs tail --since 1h --follow"
                ' "/aws/lambda/$(terraform -chdir={} output -raw function_name)"'
            ],
        ),
    ],
)
def test_rollout(verb: str, lines: list[str]) -> None:
    """Zip, Terraform and the AWS CLI are called as a user would; Terraform asks before it acts."""
    for folder, given in (("infra/examples/simple", []), ("../mine", ["DIR=../mine"])):
        wanted = [line.format(folder) for line in lines]
        assert said("-n", verb, *given).splitlines()[-len(lines) :] == wanted


def test_help() -> None:
    """Each verb is in the help, and is a recipe of five lines at most."""
    recipes = dict(re.findall(r"^([a-z-]+):.*\n((?:\t.*\n)*)", MAKEFILE, re.MULTILINE))
    listed = re.findall(r"^make ([a-z-]+) ", said("help"), re.MULTILINE)
    (phony,) = re.findall(r"^\.PHONY: (.*)$", MAKEFILE, re.MULTILINE)
    assert listed == phony.split()
    assert all(recipe.count("\n") <= 5 for recipe in recipes.values())
