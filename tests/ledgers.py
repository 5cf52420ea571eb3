"""Ledgers that several claimants share, and an AWS of its own that processes can share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Lock, Thread
from typing import Any

import boto3
import pytest

import tables
from trailbell import aws, rules
from trailbell.rules.base import find
from trailbell.state.base import Ledger
from trailbell.state.dynamodb import DynamoLedger, Table
from trailbell.state.memory import MemoryLedger


@dataclass
class Shared:
    """A ledger, its clock, and whoever claims on it."""

    now: float = 1_773_763_792.0
    items: dict[str, dict[str, Any]] = field(default_factory=dict)

    def claimant(self) -> Ledger:
        return MemoryLedger(self.items, lambda: self.now)


class SharedTable(Shared):
    """The same in a table of DynamoDB."""

    def __init__(self) -> None:
        super().__init__()
        self.table: Table = tables.make(now=lambda: self.now)

    def claimant(self) -> Ledger:
        return DynamoLedger(self.table)

    def item(self, key: str) -> dict[str, Any]:
        """What is stored, as it is."""
        found: dict[str, Any] = boto3.client("dynamodb").get_item(
            TableName=self.table.name, Key={"pk": {"S": key}}
        )["Item"]
        return found


QUIET = {rule: {"enabled": False} for rule, of in find(rules).items() if of.needs_state}
"""Settings without what rules remember: it has tests of its own, and asks the same table."""
KINDS: dict[str, Callable[[], Shared]] = {"memory": Shared, "dynamodb": SharedTable}


PATIENCE = 15.0  # seconds; a busy machine is no ledger that is down


@contextmanager
def aws_server() -> Iterator[str]:
    """AWS at an address on loopback, which the environment names: for several processes.

    moto looks at a condition and writes in two steps, so requests take turns here.
    """
    from moto.moto_server.werkzeug_app import (
        DomainDispatcherApplication,
        MotoRequestHandler,
        create_backend_app,
    )
    from werkzeug.serving import make_server

    application = DomainDispatcherApplication(create_backend_app)
    turn = Lock()

    def one_by_one(environ: Any, start: Any) -> list[bytes]:
        with turn:
            return list(application(environ, start))

    server = make_server(
        "127.0.0.1", 0, one_by_one, threaded=True, request_handler=MotoRequestHandler
    )
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    address = f"http://127.0.0.1:{server.server_port}"
    with pytest.MonkeyPatch.context() as patch:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            patch.setenv(name, "testing")
        patch.setenv("AWS_DEFAULT_REGION", tables.REGION)
        patch.setenv("AWS_ENDPOINT_URL", address)
        patch.delenv("AWS_PROFILE", raising=False)
        patch.setattr(aws, "READ", PATIENCE)
        try:
            yield address
        finally:
            server.shutdown()
            thread.join()
            server.server_close()
