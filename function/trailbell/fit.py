"""Does the zip fit the runtime that loads it?

lambda_function.py asks this before anything that has compiled parts is imported, so that the
log shows one line that says what to do instead of an ImportError from inside pydantic. It has
to import on a Python that is too old for all the rest, so no syntax newer than 3.8's here.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from trailbell.errors import RuntimeMismatch

LAMBDA_NAMES = {"aarch64": "arm64"}


def check(folder: str | os.PathLike[str]) -> None:
    """Compare the manifest.json in the folder with this Python; without one, all is well.

    Raises RuntimeMismatch when the zip was built for another Python or another processor.
    """
    try:
        text = Path(folder, "manifest.json").read_text("utf-8")
    except FileNotFoundError:  # run from the sources, not from a zip
        return
    zipped = json.loads(text)
    archs = " or ".join(zipped["architectures"])
    python = "{}.{}".format(*sys.version_info[:2])
    machine = os.uname().machine
    machine = LAMBDA_NAMES.get(machine, machine)
    if zipped["python"] != python or machine not in zipped["architectures"]:
        raise RuntimeMismatch(
            f"this zip is for Python {zipped['python']} on {archs}, "
            f"but the runtime is Python {python} on {machine}: "
            "change the function's runtime settings, or build another zip (zip_function.sh --help)"
        )
