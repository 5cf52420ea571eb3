"""What moto does not do by itself: run functions, and hand them what log groups and queues hold.

`running` is a moto server on loopback with the guard before it. Nothing happens on its own in it:
`Aws.settle` lets what is there take its way, `Aws.wait` lets time pass for queues and functions.
Sources:
https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/SubscriptionFilters.html
https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html
https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html
"""

from __future__ import annotations

import base64
import gzip
import importlib.util
import io
import json
import subprocess
import threading
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import takewhile
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

import boto3
import pytest
from botocore.exceptions import ClientError
from moto.awslambda.models import EventSourceMapping, LambdaBackend, lambda_backends
from moto.backends import get_backend
from moto.core.utils import unix_time_millis
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from moto.sns import models as sns
from moto.sqs import models as sqs
from werkzeug.serving import WSGIRequestHandler, make_server

from cloud import bootstrap
from cloud.bootstrap import END
from cloud.guard import ACCOUNT, OWNER, REGION, Guard, arn
from cloud.iam import Ask, allowed
from trailbell.pattern import Pattern

BOOTSTRAP = Path(bootstrap.__file__)
LIBRARIES = ("boto3", "botocore", "dateutil", "jmespath", "s3transfer", "six", "urllib3")
"""What the runtime brings along; all of it plain Python, for any version."""
MOTO = (
    "awslambda", "cloudtrail", "cloudwatch", "dynamodb", "iam", "kms", "logs", "s3",
    "secretsmanager", "sns", "sqs", "ssm", "sts",
)  # fmt: skip
WAITS = (60, 120)  # seconds before the second and the third try of an asynchronous invocation


class Logged(NamedTuple):
    """Log events, as moto hands them on for a subscription filter."""

    function: str
    filter: str
    group: str
    stream: str
    events: list[dict[str, Any]]


@dataclass(frozen=True)
class Invocation:
    """A try, and what came of it."""

    function: str
    event: dict[str, Any]
    answer: dict[str, Any] | None
    error: dict[str, str] | None
    log: str

    @property
    def line(self) -> dict[str, Any]:
        """The line that says what an invocation did."""
        lines = [line for line in self.log.splitlines() if line.startswith('{"events"')]
        assert len(lines) == 1, self.log
        found: dict[str, Any] = json.loads(lines[0])
        return found


@dataclass
class Aws:
    """The local AWS; `python` runs the functions."""

    endpoint: str
    guard: Guard
    python: str
    folder: Path
    """For what functions run: unpacked zips, libraries, byte code. It may be kept for others."""
    clock: float = 0.0
    """Seconds that queues and functions are ahead of the machine's time."""
    logged: list[Logged] = field(default_factory=list)
    """On its way through subscription filters."""
    invocations: list[Invocation] = field(default_factory=list)
    """See `made`."""
    undelivered: list[str] = field(default_factory=list)
    """What a service could not hand on: AWS counts it in a metric, and it is gone."""
    _clients: dict[tuple[str, str], Any] = field(default_factory=dict)
    _processes: dict[tuple[Path, str], subprocess.Popen[str]] = field(default_factory=dict)

    def client(self, service: str, key: str = OWNER) -> Any:
        """A client of the local AWS, as the account's owner unless another's key is given."""
        if (service, key) not in self._clients:
            self._clients[service, key] = boto3.client(
                service,
                region_name=REGION,
                endpoint_url=self.endpoint,
                aws_access_key_id=key,
                aws_secret_access_key="testing",
            )
        return self._clients[service, key]

    def as_role(self, service: str, role: str, principal: str) -> Any:
        """A client with a session of a role, which has to trust the service that takes it."""
        trust = self.client("iam").get_role(RoleName=role.rsplit("/", 1)[-1])["Role"]
        document = trust["AssumeRolePolicyDocument"]
        assert allowed([document], Ask("sts:AssumeRole", role), principal), f"{role}: {document}"
        return self.client(service, self._session(role))

    def made(self) -> list[Invocation]:
        """The invocations since this was last asked."""
        made, self.invocations = self.invocations, []
        return made

    def _session(self, role: str) -> str:
        answer = self.client("sts").assume_role(RoleArn=role, RoleSessionName="local")
        key = str(answer["Credentials"]["AccessKeyId"])
        self.guard.sessions[key] = role
        return key

    # Time and what it moves

    def wait(self, seconds: float) -> None:
        """Let time pass, for queues and functions, and then `settle`."""
        self.clock += seconds
        self.settle()

    def settle(self) -> None:
        """Hand on what lies in log groups and queues until nothing moves any more."""
        while self._filter_one() or self._poll_once():
            pass

    def write(self, group: str, *records: object, by: Any = None) -> None:
        """Put records into a log group and hand them on.

        :param by: a client of logs, of whoever writes; the owner's unless it is given.
        """
        logs = by or self.client("logs")
        stream = f"{ACCOUNT}_CloudTrail_{REGION}_{uuid4().hex[:6]}"
        texts = [one if isinstance(one, str) else json.dumps(one) for one in records]
        events = [{"timestamp": int(unix_time_millis()), "message": text} for text in texts]
        logs.create_log_stream(logGroupName=group, logStreamName=stream)
        logs.put_log_events(logGroupName=group, logStreamName=stream, logEvents=events)
        self.settle()

    # CloudWatch Logs -> function

    def _filter_one(self) -> bool:
        if not self.logged:
            return False
        of = self.logged.pop(0)
        filters = self.client("logs").describe_subscription_filters(
            logGroupName=of.group, filterNamePrefix=of.filter
        )["subscriptionFilters"]
        pattern = next(one["filterPattern"] for one in filters if one["filterName"] == of.filter)
        if events := [one for one in of.events if matches(pattern, one["message"])]:
            source = arn("logs", f"log-group:{of.group}:*")
            if self._may_invoke(of.function, "logs", source):
                self.invoke(of.function, _awslogs(of, events))
            else:
                self.undelivered.append(f"{of.group} may not invoke {of.function}")
        return True

    def _may_invoke(self, function: str, service: str, source: str) -> bool:
        try:
            policy = self.client("lambda").get_policy(FunctionName=function)["Policy"]
        except ClientError:  # there is none
            return False
        context = {"aws:SourceArn": source, "aws:SourceAccount": ACCOUNT}
        ask = Ask("lambda:InvokeFunction", function, context)
        names = (f"{service}.amazonaws.com", f"{service}.{REGION}.amazonaws.com")
        return any(allowed([policy], ask, name) for name in names)

    # Functions

    def invoke(self, function: str, event: dict[str, Any]) -> None:
        """Asynchronously: with more tries, and then a record for the destination."""
        lambda_ = self.client("lambda")
        config = lambda_.get_function_event_invoke_config(FunctionName=function)
        tries = 1 + config["MaximumRetryAttempts"]
        for number in range(tries):
            self.clock += WAITS[number - 1] if number else 0
            done = self.run(function, event)
            if done.error is None:
                return
        record = {
            "version": "1.0",
            "timestamp": "2026-03-17T16:10:00.000Z",
            "requestContext": {
                "requestId": str(uuid4()),
                "functionArn": f"{function}:$LATEST",
                "condition": "RetriesExhausted",
                "approximateInvokeCount": tries,
            },
            "requestPayload": event,
            "responseContext": {
                "statusCode": 200,
                "executedVersion": "$LATEST",
                "functionError": "Unhandled",
            },
            "responsePayload": done.error,
        }
        target = config["DestinationConfig"]["OnFailure"]["Destination"]
        try:
            self._by_function("sqs", function).send_message(
                QueueUrl=self._url(target), MessageBody=json.dumps(record)
            )
        except ClientError as error:
            self.undelivered.append(f"{target}: {error}")

    def run(self, function: str, event: dict[str, Any]) -> Invocation:
        """One try; each is a cold start."""
        config = self.client("lambda").get_function_configuration(FunctionName=function)
        name, request = config["FunctionName"], str(uuid4())
        group = f"/aws/lambda/{name}"
        call = {
            "event": event,
            "request": request,
            "seconds": config["Timeout"],
            "clock": self.clock,
            "environ": {
                **config.get("Environment", {}).get("Variables", {}),
                "AWS_ACCESS_KEY_ID": self._key(config["Role"]),
                "AWS_SECRET_ACCESS_KEY": "testing",
                "AWS_DEFAULT_REGION": REGION,
                "AWS_REGION": REGION,
                "AWS_EC2_METADATA_DISABLED": "true",
                "AWS_ENDPOINT_URL": self.endpoint,
                "AWS_LAMBDA_FUNCTION_NAME": name,
                "AWS_LAMBDA_LOG_GROUP_NAME": group,
            },
        }
        process = self._process(self._task(name), config["Handler"])
        assert process.stdin and process.stdout
        process.stdin.write(f"{json.dumps(call)}\n")
        process.stdin.flush()
        *log, last = ["", *takewhile(lambda line: line != f"{END}\n", process.stdout)]
        assert last.startswith("{"), "".join([*log, last])
        said = json.loads(last)
        self.clock += said["slept"]
        lines = [line.rstrip("\n") for line in log if line.strip()]
        made = Invocation(name, event, said.get("answer"), said.get("error"), "\n".join(lines))
        self.invocations.append(made)
        self._write_log(function, group, request, lines)
        return made

    def _process(self, task: Path, handler: str) -> subprocess.Popen[str]:
        if (task, handler) not in self._processes:
            self._processes[task, handler] = subprocess.Popen(
                [self.python, "-P", "-S", BOOTSTRAP, task, self._libraries(), handler],
                env={"PYTHONPYCACHEPREFIX": str(self.folder / "pycache")},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
        return self._processes[task, handler]

    def close(self) -> None:
        for process in self._processes.values():
            with process:  # closes its pipes, and waits for it
                pass

    def _write_log(self, function: str, group: str, request: str, lines: Sequence[str]) -> None:
        """Lambda writes it with the function's role; what it may not write is gone."""
        logs = self._by_function("logs", function)
        events = [{"timestamp": int(unix_time_millis()), "message": line} for line in lines]
        try:
            logs.create_log_stream(logGroupName=group, logStreamName=request)
            if events:
                logs.put_log_events(logGroupName=group, logStreamName=request, logEvents=events)
        except ClientError as error:
            self.undelivered.append(f"{group}: {error}")

    def _task(self, name: str) -> Path:
        """The folder with the function's code, as it was uploaded."""
        function = lambda_backends[ACCOUNT][REGION].get_function(name)
        folder = self.folder / function.code_sha_256.replace("/", "_")
        if not folder.exists():
            with zipfile.ZipFile(io.BytesIO(function.code_bytes)) as archive:
                archive.extractall(folder)
        return folder

    def _libraries(self) -> Path:
        folder = self.folder / "libraries"
        if not folder.exists():
            folder.mkdir()
            for name in LIBRARIES:
                spec = importlib.util.find_spec(name)
                assert spec and spec.origin
                source = Path(spec.origin)
                source = source.parent if source.name == "__init__.py" else source
                (folder / source.name).symlink_to(source)
        return folder

    def _by_function(self, service: str, function: str) -> Any:
        config = self.client("lambda").get_function_configuration(FunctionName=function)
        return self.client(service, self._key(config["Role"]))

    def _key(self, role: str) -> str:
        for key, of in self.guard.sessions.items():
            if of == role:
                return key
        self.as_role("sts", role, "lambda.amazonaws.com")
        return self._key(role)

    # Queues -> function

    def _poll_once(self) -> bool:
        """One batch of each queue that a function consumes; False when all were empty."""
        mappings = self.client("lambda").list_event_source_mappings()["EventSourceMappings"]
        return any([self._poll(one) for one in mappings if one["State"] == "Enabled"])

    def _poll(self, mapping: dict[str, Any]) -> bool:
        function, url = mapping["FunctionArn"], self._url(mapping["EventSourceArn"])
        consumer = self._by_function("sqs", function)
        try:
            answer = consumer.receive_message(
                QueueUrl=url,
                MaxNumberOfMessages=mapping["BatchSize"],
                MessageSystemAttributeNames=["All"],
            )
            messages = answer.get("Messages", [])
            if not messages:
                return False
            done = self.run(function, {"Records": [_sqs_record(one, mapping) for one in messages]})
            for message in messages:
                if message["MessageId"] not in _failed(done, messages, mapping):
                    consumer.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        except ClientError as error:
            self.undelivered.append(f"{url}: {error}")
            return False
        return True

    def _url(self, queue_arn: str) -> str:
        name = queue_arn.rsplit(":", 1)[-1]
        return str(self.client("sqs").get_queue_url(QueueName=name)["QueueUrl"])

    def messages(self, queue: str) -> list[str]:
        """The bodies of what lies in a queue, seen or not; nothing of it is received."""
        held = sqs.sqs_backends[ACCOUNT][REGION].queues[queue]._messages
        return [str(one.body) for one in held]


def matches(pattern: str, message: str) -> bool:
    """Whether a filter of CloudWatch Logs takes a message: a line of a log, or a record."""
    if not pattern:
        return True
    try:
        value = json.loads(message)
    except ValueError:
        return False
    return Pattern(pattern).matches(value)


def _awslogs(of: Logged, events: Sequence[dict[str, Any]]) -> dict[str, Any]:
    data = {
        "messageType": "DATA_MESSAGE",
        "owner": ACCOUNT,
        "logGroup": of.group,
        "logStream": of.stream,
        "subscriptionFilters": [of.filter],
        "logEvents": list(events),
    }
    return {
        "awslogs": {"data": base64.b64encode(gzip.compress(json.dumps(data).encode())).decode()}
    }


def _sqs_record(message: dict[str, Any], mapping: dict[str, Any]) -> dict[str, Any]:
    """https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html"""
    return {
        "messageId": message["MessageId"],
        "receiptHandle": message["ReceiptHandle"],
        "body": message["Body"],
        "attributes": message["Attributes"],
        "messageAttributes": {},
        "md5OfBody": message["MD5OfBody"],
        "eventSource": "aws:sqs",
        "eventSourceARN": mapping["EventSourceArn"],
        "awsRegion": REGION,
    }


def _failed(
    done: Invocation, messages: Sequence[dict[str, Any]], mapping: dict[str, Any]
) -> set[str]:
    """The ids of the messages that stay in the queue."""
    if done.error is not None:
        return {str(one["MessageId"]) for one in messages}
    if "ReportBatchItemFailures" not in mapping.get("FunctionResponseTypes", []):
        return set()
    return {str(one["itemIdentifier"]) for one in (done.answer or {})["batchItemFailures"]}


def _hooks(aws: Aws, patch: pytest.MonkeyPatch) -> None:
    """Where moto would run a function in Docker, or lacks a check, it asks the stand-in."""
    create, publish = LambdaBackend.create_event_source_mapping, sns.Subscription.publish

    def send_log_event(
        self: LambdaBackend, function: str, name: str, group: str, stream: str, events: Any
    ) -> None:
        aws.logged.append(Logged(function, name, group, stream, events))

    def create_event_source_mapping(
        self: LambdaBackend, spec: dict[str, Any]
    ) -> EventSourceMapping:
        made = create(self, spec)
        for queue in sqs.sqs_backends[self.account_id][self.region_name].queues.values():
            queue.lambda_event_source_mappings.clear()  # `settle` polls it
        return made

    def publish_if_allowed(self: sns.Subscription, *args: Any, **kwargs: Any) -> None:
        if self.protocol == "sqs":
            queue = sqs.sqs_backends[ACCOUNT][REGION].queues[self.endpoint.rsplit(":", 1)[-1]]
            ask = Ask("sqs:SendMessage", self.endpoint, {"aws:SourceArn": self.topic.arn})
            if not allowed([queue.policy] if queue.policy else [], ask, "sns.amazonaws.com"):
                aws.undelivered.append(f"{self.topic.arn} may not write to {self.endpoint}")
                return
        publish(self, *args, **kwargs)

    patch.setattr(LambdaBackend, "send_log_event", send_log_event)
    patch.setattr(LambdaBackend, "create_event_source_mapping", create_event_source_mapping)
    patch.setattr(sns.Subscription, "publish", publish_if_allowed)
    patch.setattr(sqs, "unix_time_millis", lambda: unix_time_millis() + aws.clock * 1000)


class _Quiet(WSGIRequestHandler):
    def log(self, type: str, message: str, *args: Any) -> None:
        """A test's output is for what went wrong."""


@contextmanager
def running(python: str, folder: Path) -> Iterator[Aws]:
    """A local AWS with nothing in it."""
    _reset()
    guard = Guard(DomainDispatcherApplication(create_backend_app))
    server = make_server("127.0.0.1", 0, guard, threaded=True, request_handler=_Quiet)
    aws = Aws(f"http://127.0.0.1:{server.server_port}", guard, python, folder)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    with pytest.MonkeyPatch.context() as patch:
        _hooks(aws, patch)
        thread.start()
        try:
            yield aws
        finally:
            aws.close()
            server.shutdown()
            thread.join()
            server.server_close()
            _reset()


def _reset() -> None:
    """moto keeps all it has in this process, for tests of other kinds too."""
    for name in MOTO:
        for account in get_backend(name).values():  # type: ignore[call-overload]
            account.reset()
