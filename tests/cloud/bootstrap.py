"""What a function's process runs: Lambda's side of one invocation.

    python -P -S bootstrap.py TASK LIBRARIES < {"event", "handler", "request", "seconds", "clock"}

As in Lambda, the zip comes first on the path and boto3 behind it, nothing else of the machine; the
root logger writes as Lambda's. The answer is the last line of standard output. Time is the
stand-in's: it begins `clock` seconds after the machine's, and a sleep costs none.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import time
from datetime import UTC, datetime
from importlib import import_module
from typing import Any


class Clock:
    """The machine's, put forward."""

    def __init__(self, ahead: float) -> None:
        self.ahead = ahead
        self.real, self.monotonic = time.time, time.monotonic

    def sleep(self, seconds: float) -> None:
        self.ahead += seconds

    def start(self) -> None:
        time.time = lambda: self.real() + self.ahead
        time.monotonic = lambda: self.monotonic() + self.ahead
        time.sleep = self.sleep  # type: ignore[assignment]


class Context:
    """https://docs.aws.amazon.com/lambda/latest/dg/python-context.html"""

    def __init__(self, request: str, seconds: float) -> None:
        self.aws_request_id = request
        self.log_group_name = os.environ["AWS_LAMBDA_LOG_GROUP_NAME"]
        self._end = time.monotonic() + seconds

    def get_remaining_time_in_millis(self) -> int:
        return int((self._end - time.monotonic()) * 1000)


class LambdaLoggerHandler(logging.StreamHandler):  # type: ignore[type-arg]
    """Named as the runtime's own, which the function looks for."""

    terminator = ""

    def __init__(self, request: str) -> None:
        super().__init__(sys.stdout)
        line = f"[%(levelname)s]\t%(asctime)s\t{request}\t%(message)s\n"
        self.setFormatter(logging.Formatter(line))


def main() -> None:
    task, libraries = sys.argv[1:]
    call: dict[str, Any] = json.load(sys.stdin)
    clock = Clock(call["clock"])
    clock.start()
    sys.path[:0] = [task]
    sys.path.append(libraries)
    logging.getLogger().addHandler(LambdaLoggerHandler(call["request"]))
    module, _, name = call["handler"].rpartition(".")
    try:
        handler = getattr(import_module(module), name)
        answer = {"answer": handler(call["event"], Context(call["request"], call["seconds"]))}
    except Exception as error:
        answer = {"error": {"errorType": type(error).__name__, "errorMessage": str(error)}}
        stamp = datetime.now(UTC).isoformat()
        print(f"[ERROR]\t{stamp}\t{type(error).__name__}: {error}")  # noqa: T201
    print(json.dumps({**answer, "slept": clock.ahead - call["clock"]}))  # noqa: T201


main()
