"""lambda_handler in processes that die where they are told to.

Started by test_kills.py: python mortal.py FOLDER SECONDS, the folder of configs.py and how long to
wait for AWS. Orders come as lines of JSON on standard input; for each a process is forked that runs
the handler once, and dies by SIGKILL before or after the n-th thing that it does to the world
outside. The answer is a line of JSON.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "function")]

import lambda_function  # noqa: E402 - found on the path above
from trailbell import aws  # noqa: E402
from trailbell.channels.slack import Slack  # noqa: E402
from trailbell.secrets import Secrets  # noqa: E402
from trailbell.state import dynamodb  # noqa: E402, F401 - loaded once for all of them


class Fate:
    """What a process lives to do."""

    def __init__(self, told: int, at: int, when: str) -> None:
        """
        :param told: the descriptor that hears of each thing before it is done.
        :param at: the number of the thing to die at, 0 for none.
        :param when: ``before`` or ``after`` it is done.
        """
        self._told, self._at, self._when = told, at, when
        self._done = 0

    def do(self, name: str, act: Callable[[], Any]) -> Any:
        self._done += 1
        os.write(self._told, f"{name}\n".encode())
        self._die("before")
        answer = act()
        self._die("after")
        return answer

    def _die(self, when: str) -> None:
        if (self._done, when) == (self._at, self._when):
            os.kill(os.getpid(), signal.SIGKILL)


def live(order: dict[str, Any], told: int) -> None:
    """Run the handler once, with the world told of what it does."""
    fate = Fate(told, order.get("at", 0), order.get("when", "before"))
    ahead = order.get("ahead", 0.0)
    clock, call, send = time.time, aws.call, Slack.send

    def called(client: Any, operation: str, **request: Any) -> Any:
        delay = request.get("DelaySeconds")
        if delay is not None:
            assert delay == 900, delay
            request["DelaySeconds"] = 0  # whoever reads the queue need not wait
        return fate.do(operation, lambda: call(client, operation, **request))

    def sent(*args: Any) -> Any:
        return fate.do("post", lambda: send(*args))

    time.time = lambda: clock() + ahead
    aws.call = called
    Slack.send = sent  # type: ignore[assignment, method-assign]
    os.environ.update(order["settings"])
    lambda_function.secrets = Secrets(os.environ)
    answer = lambda_function.lambda_handler(order["event"])
    os.write(told, f"{json.dumps(answer)}\n".encode())


def obey(order: dict[str, Any]) -> dict[str, Any]:
    """One process: whether it was killed, what it did, and its answer or its error."""
    heard, told = os.pipe()
    child = os.fork()
    if not child:
        status = 1
        try:
            os.close(heard)
            live(order, told)
            status = 0
        except Exception as error:
            os.write(
                told, f"{json.dumps({'error': f'{type(error).__name__}: {error}'})}\n".encode()
            )
            traceback.print_exc()
        finally:
            os._exit(status)
    os.close(told)
    with os.fdopen(heard) as lines:
        said = lines.read().split("\n")[:-1]
    _, status = os.waitpid(child, 0)
    last = said.pop() if said and said[-1].startswith("{") else "{}"
    return {"killed": os.WIFSIGNALED(status), "done": said, "answer": json.loads(last)}


def main() -> None:
    lambda_function.HERE = Path(sys.argv[1])
    aws.READ = float(sys.argv[2])
    aws.client("dynamodb")  # what botocore reads from its files, it reads once
    aws.client("sqs")
    for line in sys.stdin:
        answer = obey(json.loads(line))
        sys.stdout.write(f"{json.dumps(answer)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
