"""Killed between any two steps: nothing is lost, and at most that one message is doubled.

The handler runs in processes of its own (mortal.py) against moto's server and a receiver in this
one; what is killed is a real process, by SIGKILL.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import pytest

import tables
from fakes import Receiver, payload, receiving
from ledgers import PATIENCE, QUIET, aws_server
from trailbell.runs import CLOSES
from trailbell.testing import call

RETRY = 60.0  # seconds after which Lambda tries again for the first time
MORTAL = Path(__file__).with_name("mortal.py")
pytestmark = pytest.mark.slow


def record(number: int, action: str, **fields: Any) -> Mapping[str, Any]:
    return call(
        action,
        eventID=f"{number:08}-0000-4000-8000-000000000000",
        eventTime=f"2026-03-17T16:09:{number:02}Z",
        **fields,
    ).raw


STOPPED = record(1, "cloudtrail:StopLogging", by="mallory", request={"name": "trail"})
CREATED = [
    record(number, "iam:CreateUser", by="terraform", request={"userName": f"user-{number}"})
    for number in range(11, 17)
]
UPDATED = [
    record(
        number,
        "iam:UpdateAccessKey",
        by="rotation",
        request={"userName": f"user-{number}", "status": "Active"},
    )
    for number in range(21, 25)
]
EVENT = payload(STOPPED, *CREATED, *UPDATED)
"""One critical alert, a group of six high ones, four medium ones that make a run."""
ONE = payload(STOPPED)
RING = ["iam-user-created", "access-key-updated", "cloudtrail-stopped"]


@dataclass
class Life:
    """What became of one process."""

    killed: bool
    done: list[str]
    """What it did to the world, in order; the last of them perhaps not."""
    answer: dict[str, Any]

    @property
    def error(self) -> str:
        return str(self.answer.get("error", ""))


@dataclass
class World:
    """What lasts when a process dies: the chat, the table and the queue."""

    receiver: Receiver
    processes: list[subprocess.Popen[str]]
    settings: dict[str, str] = field(default_factory=dict)
    ahead: float = 0.0

    def begin(self, *, queue: bool) -> None:
        """An empty table, an empty queue, and nothing said."""
        self.ahead = 0.0
        self.receiver.requests.clear()
        table = tables.make().name
        url = boto3.client("sqs").create_queue(QueueName=table)["QueueUrl"]
        self.settings = {
            "TRAILBELL_LEDGER_TABLE": table,
            "TRAILBELL_RETRY_QUEUE_URL": url if queue else "",
        }

    def invoke(self, event: Any, at: int = 0, when: str = "before") -> Life:
        self._send(self.processes[0], event, at, when)
        return self._receive(self.processes[0])

    def at_once(self, event: Any) -> list[Life]:
        """The same in each of the processes at the same time."""
        for process in self.processes:
            self._send(process, event)
        return [self._receive(process) for process in self.processes]

    def _send(
        self, process: subprocess.Popen[str], event: Any, at: int = 0, when: str = "before"
    ) -> None:
        order = {"event": event, "at": at, "when": when}
        order |= {"ahead": self.ahead, "settings": self.settings}
        assert process.stdin
        process.stdin.write(f"{json.dumps(order)}\n")
        process.stdin.flush()

    def _receive(self, process: subprocess.Popen[str]) -> Life:
        assert process.stdout
        return Life(**json.loads(process.stdout.readline()))

    def again(self, event: Any) -> Life:
        """Lambda's retry, after the lease; it has to succeed."""
        self.ahead += RETRY
        life = self.invoke(event)
        assert not life.killed and not life.error, life
        assert life.answer["failed"] == 0
        return life

    def waiting(self) -> list[dict[str, Any]]:
        """What the queue brings back, which leaves it."""
        client, url = boto3.client("sqs"), self.settings["TRAILBELL_RETRY_QUEUE_URL"]
        found: list[dict[str, Any]] = []
        while messages := client.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get(
            "Messages"
        ):
            for message in messages:
                client.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
                found.append(json.loads(message["Body"]))
        return found

    @property
    def told(self) -> Counter[str]:
        """What the chat took, and how often each."""
        return Counter(json.dumps(body) for body in self.receiver.taken)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("function")
    (folder / "configs.py").touch()
    with aws_server(), receiving() as receiver:
        environ = {name: text for name, text in os.environ.items() if "TRAILBELL" not in name}
        environ |= {
            "TRAILBELL_CHANNELS": json.dumps(
                {"type": "slack", "url": receiver.slack, "pace": 0, "rules": RING}
            ),
            "TRAILBELL_PRESET": "security",
            "TRAILBELL_RULES": json.dumps(QUIET),
        }
        with ExitStack() as stack:
            processes = [stack.enter_context(started(folder, environ)) for _ in range(4)]
            yield World(receiver, processes)
            for process in processes:
                assert process.stdin
                process.stdin.close()
        assert not any(process.returncode for process in processes)


def started(folder: Path, environ: Mapping[str, str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, str(MORTAL), str(folder), str(PATIENCE)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=environ,
        text=True,
    )


def closing(*bodies: dict[str, Any]) -> dict[str, Any]:
    """What SQS brings to the function."""
    records = [
        {"eventSource": "aws:sqs", "messageId": f"m-{n}", "body": json.dumps(body)}
        for n, body in enumerate(bodies)
    ]
    return {"Records": records}


def close(world: World) -> list[dict[str, Any]]:
    """A quarter of an hour later: the queue brings back what closes the run."""
    bodies = world.waiting()
    assert bodies and all(CLOSES in body for body in bodies)
    world.ahead += 900
    life = world.invoke(closing(*bodies))
    assert not life.error and life.answer["batchItemFailures"] == []
    return bodies


def doubled(told: Counter[str], clean: Counter[str], where: str) -> int:
    """How many messages came twice. None is missing, and none was not in the clean run."""
    assert told.keys() == clean.keys(), where
    return told.total() - clean.total()


def posted_unmarked(life: Life, when: str) -> bool:
    """Whether it died with a message posted that the table does not know of."""
    *before, last = life.done
    return (last, when) == ("post", "after") or (before[-1:] == ["post"] and when == "before")


def test_unharmed(world: World) -> None:
    """What the process does when nobody kills it: each step that the others are killed at."""
    world.begin(queue=True)
    life = world.invoke(EVENT)

    assert life.answer["messages"] == 3
    assert life.done == [
        "get_item",  # is a run open?
        "batch_get_item",  # which of its alerts are new?
        "update_item",  # what a run would be about
        "send_message",  # what will close it
        "put_item",  # the run
        "update_item",  # the others are counted
        "batch_write_item",  # and with that told
        *("put_item", "post", "update_item"),  # the critical one
        *("batch_get_item", "put_item", "post", "update_item", "batch_write_item"),  # the group
        *("put_item", "post", "update_item"),  # the first of the run
    ]
    texts = [json.dumps(body) for body in world.receiver.taken]
    assert "StopLogging" in texts[0]
    assert "6 times" in texts[1]
    assert UPDATED[0]["eventID"] in texts[2]

    world.ahead += RETRY
    assert world.invoke(EVENT).answer["messages"] == 0

    close(world)
    assert "3 more in 15 minutes" in json.dumps(world.receiver.taken[3:])
    assert len(world.receiver.taken) == 4


@pytest.mark.parametrize(
    ("at", "when", "doubles"),
    [
        pytest.param(1, "before", 0, id="before-the-claim"),
        pytest.param(1, "after", 0, id="F-13-between-claim-and-post"),
        pytest.param(2, "before", 0, id="F-13-just-before-the-post"),
        pytest.param(2, "after", 1, id="F-12-between-post-and-mark"),
        pytest.param(3, "before", 1, id="F-12-just-before-the-mark"),
        pytest.param(3, "after", 0, id="after-the-mark"),
    ],
)
def test_one_alert(at: int, when: str, doubles: int, world: World) -> None:
    """One alert: posted by the retry at +60 s, and twice only where nobody could know."""
    world.begin(queue=False)
    life = world.invoke(ONE, at, when)
    assert life.killed
    assert life.done == ["put_item", "post", "update_item"][:at]

    world.again(ONE)

    assert world.told.total() == 1 + doubles
    assert len(world.told) == 1


def test_too_early(world: World) -> None:
    """F-13: while the lease of the one that was killed holds, a retry posts nothing and raises."""
    world.begin(queue=False)
    world.invoke(ONE, 1, "after")
    world.ahead += 30

    assert world.invoke(ONE).error.startswith("DeliveryIncomplete: 1 of 1 messages not delivered")
    assert not world.receiver.taken
    world.again(ONE)
    assert world.told.total() == 1


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("queue", [False, True], ids=["no-queue", "queue"])
def test_any_step(queue: bool, when: str, world: World) -> None:
    """Killed at any step: every message comes, the run's count is whole, and one is doubled only
    where it had been posted and was not marked yet."""
    world.begin(queue=queue)
    steps = len(world.invoke(EVENT).done)
    if queue:
        close(world)
    clean = world.told
    assert clean.total() == (4 if queue else 3)

    for at in range(1, steps + 1):
        world.begin(queue=queue)
        life = world.invoke(EVENT, at, when)
        where = f"{when} {at}: {life.done[-1]}"
        assert life.killed and len(life.done) == at, where
        world.again(EVENT)
        if queue:
            close(world)
        assert doubled(world.told, clean, where) == posted_unmarked(life, when), where


@pytest.mark.parametrize("when", ["before", "after"])
def test_any_step_of_the_end(when: str, world: World) -> None:
    """Killed while it closes a run: the queue brings it again, and the count is told once, or
    twice where it had been posted and was not marked yet."""
    world.begin(queue=True)
    world.invoke(EVENT)
    [body] = world.waiting()
    world.ahead += 900
    steps = world.invoke(closing(body)).done
    clean = world.told
    assert steps == ["update_item", "get_item", "put_item", "post", "update_item"]

    for at in range(1, len(steps) + 1):
        world.begin(queue=True)
        world.invoke(EVENT)
        [body] = world.waiting()
        world.ahead += 900
        life = world.invoke(closing(body), at, when)
        where = f"{when} {at}: {life.done[-1]}"
        assert life.killed and len(life.done) == at, where
        world.ahead += 900
        assert world.invoke(closing(body)).answer["batchItemFailures"] == [], where
        assert doubled(world.told, clean, where) == posted_unmarked(life, when), where


def test_killed_again_and_again(world: World) -> None:
    """A process that dies at each step in turn gets there at last: a double for each of its deaths
    between post and mark, none for the others."""
    world.begin(queue=True)
    world.invoke(EVENT)
    close(world)
    clean = world.told
    world.begin(queue=True)
    doubles = at = 0
    while True:
        at += 1
        life = world.invoke(EVENT, at, "after")
        if not life.killed:
            break
        doubles += posted_unmarked(life, "after")
        world.ahead += RETRY
    close(world)

    assert 0 < doubles <= 3
    assert doubled(world.told, clean, "") == doubles


def test_refused_half_way(world: World) -> None:
    """F-06: what Slack took before it refused is not told again by the retry."""
    world.begin(queue=True)
    world.receiver.answer([None, (429, {"Retry-After": "3600"}, "")])
    error = world.invoke(EVENT).error
    assert "2 of 3 messages not delivered" in error and len(error) < 512
    world.receiver.answer(())

    world.again(EVENT)
    close(world)

    assert len(world.told) == world.told.total() == 4


@pytest.mark.parametrize("queue", [False, True], ids=["no-queue", "queue"])
def test_four_processes(queue: bool, world: World) -> None:
    """F-14: four processes that get the same payload at once post each message once; those that
    find one claimed raise, unless it is posted by the end, and their retry has nothing to do."""
    world.begin(queue=queue)
    lives = world.at_once(EVENT)
    assert not any(life.killed for life in lives)
    assert sum(life.answer.get("messages", 0) for life in lives) <= 3
    for life in lives:
        assert not life.error or "another invocation is posting it" in life.error

    assert all(world.again(EVENT).answer["messages"] == 0 for life in lives if life.error)
    if queue:
        assert len(close(world)) >= 1
    assert len(world.told) == world.told.total() == (4 if queue else 3)


def test_runs_of_four_processes(world: World) -> None:
    """Four processes that count the same alerts at once count each once."""
    world.begin(queue=True)
    world.at_once(payload(*UPDATED))
    world.again(payload(*UPDATED))
    world.ahead += 300
    close(world)

    first, last = map(json.dumps, world.receiver.taken)
    assert UPDATED[0]["eventID"] in first
    assert "3 more in 15 minutes" in last
