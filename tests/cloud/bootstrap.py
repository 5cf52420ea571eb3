"""What a function's process runs: Lambda's side of its invocations.

    python -P -S bootstrap.py TASK LIBRARIES HANDLER

As in Lambda, the zip comes first on the path and boto3 behind it, nothing else of the machine; the
root logger writes as Lambda's. Each line of standard input is a call: event, environ, request,
seconds, and clock. Each is a cold start: it runs in a fork of this process, which has done nothing
but import, as with Lambda's SnapStart. On standard output come the function's log, a line with its
answer, and END. Time is the stand-in's: it begins `clock` seconds after the machine's, and a sleep
costs none.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
import time
from collections.abc import Callable
from importlib import import_module
from typing import Any

END = "-- end --"
TOO_LONG = 60  # seconds of the machine's


class Clock:
    """The machine's, put forward."""

    def __init__(self) -> None:
        self.ahead = 0.0
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


def say(line: str) -> None:
    print(line, flush=True)  # noqa: T201


def answer(function: Callable[..., Any], call: dict[str, Any], clock: Clock) -> None:
    """One invocation."""
    signal.alarm(TOO_LONG)
    clock.ahead = call["clock"]
    os.environ.clear()
    os.environ.update(call["environ"])
    logging.getLogger().addHandler(LambdaLoggerHandler(call["request"]))
    try:
        said = {"answer": function(call["event"], Context(call["request"], call["seconds"]))}
    except Exception as error:
        said = {"error": {"errorType": type(error).__name__, "errorMessage": str(error)}}
        say(f"[ERROR] {type(error).__name__}: {error}")
    say(json.dumps({**said, "slept": clock.ahead - call["clock"]}))


def main() -> None:
    task, libraries, handler = sys.argv[1:]
    clock = Clock()
    clock.start()
    sys.path[:0] = [task]
    sys.path.append(libraries)
    import_module("boto3")
    module, _, name = handler.rpartition(".")
    function = getattr(import_module(module), name)
    for line in sys.stdin:
        if os.fork() == 0:
            answer(function, json.loads(line), clock)
            os._exit(0)
        os.wait()
        say(END)


if __name__ == "__main__":
    main()
