"""CPU from process start to first message, beside `import requests` and one POST.

    python benchmarks/cold.py [--json]

Fresh processes in turn, both with their byte code, as the zip ships it.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import traffic
from sink import Sink

PAIRS = 15
FIRST_MESSAGE = """
import sys
sys.path.insert(0, sys.argv[3])
import door
handler = door.handler(sys.argv[1])
import json
with open(sys.argv[2]) as file:
    payload = json.load(file)
assert handler(payload)["messages"] == 1
"""
ONE_POST = """
import sys
import requests
requests.post(sys.argv[1], json={"text": "alice created an access key"}, timeout=10)
"""


def cpu(code: str, arguments: Sequence[str], byte_code: Path) -> float:
    """CPU seconds of a process that runs the code, user and system."""
    environ = {**os.environ, "PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": str(byte_code)}
    process = subprocess.Popen([sys.executable, "-c", code, *arguments], env=environ)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"cold.py: a process ended with {process.returncode}")
    return usage.ru_utime + usage.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--json", action="store_true", help="one JSON object")
    options = parser.parse_args()
    alert = traffic.mixed(100)[50:51]  # the one that rings
    codes = (FIRST_MESSAGE, ONE_POST)
    found: dict[str, list[float]] = {code: [] for code in codes}
    with Sink() as sink, TemporaryDirectory() as folder:
        file = Path(folder, "payload.json")
        file.write_text(json.dumps(traffic.payload(alert)))
        arguments = (sink.url, str(file), str(Path(__file__).parent))
        for code in codes:
            cpu(code, arguments, Path(folder))  # writes the byte code
        for number in range(PAIRS):
            for code in codes if number % 2 else reversed(codes):
                found[code].append(cpu(code, arguments, Path(folder)))
    ours, theirs = (median(found[code]) * 1000 for code in codes)
    ratio = ours / theirs
    line = {"cold_ms": round(ours, 1), "requests_ms": round(theirs, 1), "ratio": round(ratio, 3)}
    if options.json:
        print(json.dumps(line))
    else:
        print(f"first message {ours:.0f} ms, requests {theirs:.0f} ms, ratio {ratio:.2f}")


if __name__ == "__main__":
    main()
