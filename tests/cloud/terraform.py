"""Terraform's command line on a copy of the module, against a local AWS and without a network."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cloud.guard import ACCOUNT, REGION

ROOT = Path(__file__).resolve().parents[2]
MADE_BY_TERRAFORM = shutil.ignore_patterns(".terraform*", "*.tfstate*", "tests")


class NotInstalled(Exception):
    """Something that the offline provider is made of is not at hand."""


def mirror(standin: Path) -> Path:
    """The folder with the offline provider, installed once for all processes and runs.

    :param standin: the folder with its install.sh.
    :raises NotInstalled: says what it lacks: Terraform, npm, or a network the first time.
    """
    place = os.environ.get("TERRAFORM_STANDIN_DIR")
    folder = Path(place or Path(tempfile.gettempdir(), f"terraform-standin-{os.getuid()}"))
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".tests.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = subprocess.run(
            ["sh", standin / "install.sh", folder, sys.executable],
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
    if done.returncode != 0:
        raise NotInstalled(f"Terraform's offline provider: {(done.stdout + done.stderr).strip()}")
    return folder


def copy_module(target: Path) -> Path:
    """infra/ with nothing in it that Terraform made."""
    return Path(shutil.copytree(ROOT / "infra", target / "infra", ignore=MADE_BY_TERRAFORM))


@dataclass
class Workspace:
    """A folder with a root module and its state."""

    folder: Path
    mirror: Path
    endpoint: str
    variables: Mapping[str, Any]
    _ready: bool = field(default=False, init=False)

    def run(
        self, *arguments: str, codes: tuple[int, ...] = (0,)
    ) -> subprocess.CompletedProcess[str]:
        """A command of Terraform; one that ends otherwise than it should fails the test."""
        given = {f"TF_VAR_{name}": _text(value) for name, value in self.variables.items()}
        done = subprocess.run(
            ["terraform", f"-chdir={self.folder}", *arguments],
            env={
                "HOME": str(self.folder),
                "PATH": os.environ["PATH"],
                "TMPDIR": tempfile.gettempdir(),
                "TF_CLI_CONFIG_FILE": str(self.mirror / "terraform.rc"),
                "TF_IN_AUTOMATION": "1",
                "CHECKPOINT_DISABLE": "1",
                "FAKEAWS_ENDPOINT": self.endpoint,
                "FAKEAWS_ACCOUNT": ACCOUNT,
                "AWS_REGION": REGION,
                "AWS_EC2_METADATA_DISABLED": "true",
                **given,
            },
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode in codes, done.stdout + done.stderr
        return done

    def apply(self) -> dict[str, Any]:
        """Make it so; the outputs."""
        if not self._ready:
            self.run("init", "-input=false", "-no-color")
            self._ready = True
        self.run("apply", "-auto-approve", "-input=false", "-no-color")
        said = json.loads(self.run("output", "-json").stdout)
        return {name: output["value"] for name, output in said.items()}

    def is_settled(self) -> bool:
        """Whether another plan has nothing to change."""
        plan = ("plan", "-detailed-exitcode", "-input=false", "-no-color")
        return self.run(*plan, codes=(0, 2)).returncode == 0

    def destroy(self) -> None:
        self.run("destroy", "-auto-approve", "-input=false", "-no-color")


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
