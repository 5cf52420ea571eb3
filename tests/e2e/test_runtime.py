"""The unzipped zip under AWS's own client of the Lambda runtime, against a Runtime API here.

awslambdaric lies in a folder of its own behind the zip's on the path, and Python runs without
its site-packages (-S): as in Lambda, the function finds its packages in the zip or not at all.
"""

from __future__ import annotations

import base64
import gzip
import json
import platform
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

from runtime_api import RuntimeApi
from zips import ROOT, runnable, unzip, zip_for

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="Lambda's runtime client needs Linux"),
]

EVENT_ID = "9f2c1d34-5a6b-4c7d-8e9f-0a1b2c3d4e5f"
ROOT_LOGIN = {
    "eventVersion": "1.09",
    "userIdentity": {
        "type": "Root",
        "principalId": "111122223333",
        "arn": "arn:aws:iam::111122223333:root",
        "accountId": "111122223333",
        "accessKeyId": "",
    },
    "eventTime": "2026-03-02T09:15:00Z",
    "eventSource": "signin.amazonaws.com",
    "eventName": "ConsoleLogin",
    "awsRegion": "us-east-1",
    "sourceIPAddress": "192.0.2.10",
    "userAgent": "Mozilla/5.0",
    "requestParameters": None,
    "responseElements": {"ConsoleLogin": "Success"},
    "additionalEventData": {
        "LoginTo": "https://console.aws.amazon.com/console/home",
        "MobileVersion": "No",
        "MFAUsed": "Yes",
    },
    "eventID": EVENT_ID,
    "readOnly": False,
    "eventType": "AwsConsoleSignIn",
    "managementEvent": True,
    "recipientAccountId": "111122223333",
    "eventCategory": "Management",
}


def awslogs(*records: object, kind: str = "DATA_MESSAGE") -> dict[str, dict[str, str]]:
    """A payload as a CloudWatch Logs subscription filter sends it."""
    content = {
        "messageType": kind,
        "owner": "111122223333",
        "logGroup": "aws-cloudtrail-logs",
        "logStream": "111122223333_CloudTrail_us-east-1",
        "subscriptionFilters": ["trailbell"],
        "logEvents": [
            {"id": str(number), "timestamp": 1772442900000, "message": json.dumps(record)}
            for number, record in enumerate(records)
        ],
    }
    data = gzip.compress(json.dumps(content).encode())
    return {"awslogs": {"data": base64.b64encode(data).decode()}}


@contextmanager
def webhook() -> Iterator[tuple[str, list[str]]]:
    """A stand-in for Slack's incoming webhook: its URL, and the bodies that it was sent."""
    bodies: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            bodies.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
            self.send_response(200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"ok")

        def log_message(self, format: str, *args: object) -> None:
            """A test's output is for what went wrong."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/services/T0/B0/secret", bodies
        server.shutdown()


@pytest.fixture(scope="module")
def runtime_client(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with awslambdaric for the Python that runs the zip."""
    folder = tmp_path_factory.mktemp("awslambdaric")
    tag = platform.machine()
    subprocess.run(
        [
            *(sys.executable, "-m", "pip", "install", "--quiet", "--target", str(folder)),
            *("--requirement", str(ROOT / "requirements" / "awslambdaric.txt")),
            *("--only-binary", ":all:", "--python-version", runnable()[0]),
            *("--platform", f"manylinux2014_{tag}", "--platform", f"manylinux_2_17_{tag}"),
        ],
        check=True,
    )
    return folder


@contextmanager
def running(task: Path, client: Path, url: str) -> Iterator[RuntimeApi]:
    """The function of an unzipped zip, posting to this URL."""
    with RuntimeApi() as api, (task.parent / "log").open("w+") as log:
        process = subprocess.Popen(
            [runnable()[1], "-S", "-m", "awslambdaric", "lambda_function.lambda_handler"],
            cwd=task,
            env={
                "AWS_LAMBDA_FUNCTION_NAME": "trailbell",
                "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256",
                "AWS_LAMBDA_RUNTIME_API": api.address,
                "AWS_REGION": "us-east-1",
                "LAMBDA_TASK_ROOT": str(task),
                "PYTHONPATH": f"{task}:{client}",
                "TRAILBELL_CHANNELS": url,
            },
            stdout=log,
            stderr=log,
        )
        try:
            yield api
        finally:
            process.kill()
            process.wait()
            log.seek(0)
            print(log.read())  # noqa: T201 - pytest shows it beside a failure


def test_invoke(tmp_path: Path, runtime_client: Path) -> None:
    """A root sign-in is told in chat; what cannot be read is an error; the next one is served."""
    task = unzip(zip_for(runnable()[0]), tmp_path / "task")
    with webhook() as (url, bodies), running(task, runtime_client, url) as api:
        control = api.invoke(awslogs("CWL CONTROL MESSAGE", kind="CONTROL_MESSAGE"))
        assert (control.kind, control.body["alerts"], bodies) == ("response", 0, [])

        corrupt = api.invoke({"awslogs": {"data": "bm90IGd6aXA="}})
        assert (corrupt.kind, corrupt.body["errorType"]) == ("error", "PayloadError")
        message = corrupt.body["errorMessage"]
        assert message and "\n" not in message and len(message) < 512
        assert bodies == []

        told = api.invoke(awslogs(ROOT_LOGIN))
        assert told.kind == "response", told.body
        assert (told.body["events"], told.body["messages"], told.body["failed"]) == (1, 1, 0)
        assert len(bodies) == 1 and EVENT_ID in bodies[0]
    # Metric filters read a line as JSON only where it is nothing else.
    log = (task.parent / "log").read_text().splitlines()
    lines = [json.loads(line) for line in log if line.startswith('{"events"')]
    assert [(line["messages"], "problems" in line) for line in lines] == [
        (0, False), (0, True), (1, False),
    ]  # fmt: skip


def test_wrong_python(tmp_path: Path, runtime_client: Path) -> None:
    """On another Python than the zip's, init fails with one line that names both."""
    version = runnable()[0]
    other = "3.12" if version != "3.12" else "3.13"
    task = unzip(zip_for(other), tmp_path / "task")
    with webhook() as (url, bodies), running(task, runtime_client, url) as api:
        answer = api.answer()
    assert (answer.kind, answer.body["errorType"]) == ("init", "RuntimeMismatch")
    message = answer.body["errorMessage"]
    assert f"is for Python {other} " in message and f"runtime is Python {version} " in message
    assert "\n" not in message and bodies == []
