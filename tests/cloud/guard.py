"""IAM in front of moto: whoever calls as a role gets what the role's policies allow.

moto can enforce actions, not resources. So the calls that trailbell makes in AWS are translated
here into actions on resources; any other call of a role is refused, and says so. Calls by the
owner's key (Terraform, the test) pass. Where a queue has a key of KMS, that is asked for too; key
policies are not evaluated, as those of the module leave it to IAM.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any
from urllib.parse import parse_qs, unquote

from moto.iam.models import ManagedPolicy, iam_backends
from moto.secretsmanager.models import secretsmanager_backends
from moto.sqs.models import sqs_backends

from cloud.iam import Ask, allowed

ACCOUNT, REGION = "123456789012", "us-east-1"
OWNER = "testing"
SERVICES = {
    "AmazonSSM": "ssm",
    "AmazonSQS": "sqs",
    "DynamoDB_20120810": "dynamodb",
    "Logs_20140328": "logs",
    "secretsmanager": "secretsmanager",
}
"""The part of X-Amz-Target before its dot."""
USES_OF_KEYS = {
    "SendMessage": ("kms:GenerateDataKey", "kms:Decrypt"),
    "ReceiveMessage": ("kms:Decrypt",),
}
"""https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-key-management.html"""
Wsgi = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class Guard:
    """A WSGI application around another."""

    def __init__(self, inside: Wsgi) -> None:
        self.inside = inside
        self.sessions: dict[str, str] = {}
        """Access key -> the ARN of the role that it is a session of."""
        self.refused: list[str] = []
        """Action and resource of each call that was refused."""

    def __call__(
        self, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        key = environ.get("HTTP_AUTHORIZATION", "").partition("Credential=")[2].split("/")[0]
        if key != OWNER:
            body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
            environ["wsgi.input"] = io.BytesIO(body)
            policies = identity_policies(self.sessions[key]) if key in self.sessions else []
            for ask in asked(environ, body):
                if not all(allowed(documents, ask) for documents in policies or [[]]):
                    self.refused.append(f"{ask.action} {ask.resource}")
                    return _refusal(environ, ask, start_response)
        return self.inside(environ, start_response)


def identity_policies(role_arn: str) -> list[list[Any]]:
    """The role's own policies, and its boundary if it has one: both have to allow."""
    backend = iam_backends[ACCOUNT]["aws"]
    role = backend.get_role_by_arn(role_arn)
    own = [*role.policies.values(), *map(_document, role.managed_policies.values())]
    if not role.permissions_boundary_arn:
        return [own]
    return [own, [_document(backend.get_policy(role.permissions_boundary_arn))]]


def _document(policy: ManagedPolicy) -> str:
    return next(one.document for one in policy.versions if one.is_default)


def asked(environ: dict[str, Any], body: bytes) -> Iterator[Ask]:
    """What a request asks for; one call may ask for several things."""
    target = environ.get("HTTP_X_AMZ_TARGET", "")
    service, _, operation = target.partition(".")
    if service in SERVICES:
        yield from _of_json(SERVICES[service], operation, json.loads(body or b"{}"))
    elif "/sns/aws4_request" in environ.get("HTTP_AUTHORIZATION", ""):
        form = parse_qs(body.decode())
        yield Ask(f"sns:{form['Action'][0]}", form.get("TopicArn", ["-"])[0])
    elif "/s3/aws4_request" in environ.get("HTTP_AUTHORIZATION", ""):
        verb = {"GET": "GetObject"}.get(environ["REQUEST_METHOD"], environ["REQUEST_METHOD"])
        yield Ask(f"s3:{verb}", f"arn:aws:s3:::{unquote(environ['PATH_INFO']).lstrip('/')}")
    else:
        yield Ask(f"unknown:{target or environ['PATH_INFO']}", "-")


def _of_json(service: str, operation: str, request: dict[str, Any]) -> Iterator[Ask]:
    action = f"{service}:{operation}"
    if service == "ssm":
        name = str(request.get("Name"))
        yield Ask(action, arn(service, f"parameter/{name.removeprefix('/')}"))
    elif service == "secretsmanager":
        yield Ask(action, _secret_arn(str(request.get("SecretId"))))
    elif service == "dynamodb":
        for table in [request["TableName"]] if "TableName" in request else request["RequestItems"]:
            yield Ask(action, arn(service, f"table/{table}"))
    elif service == "logs":
        group, stream = request["logGroupName"], request["logStreamName"]
        yield Ask(action, arn(service, f"log-group:{group}:log-stream:{stream}"))
    else:
        name = str(request.get("QueueUrl")).rsplit("/", 1)[-1]
        yield Ask(action, arn(service, name))
        yield from _of_key(operation, name)


def _of_key(operation: str, name: str) -> Iterator[Ask]:
    queue = sqs_backends[ACCOUNT][REGION].queues.get(name)
    if key := getattr(queue, "kms_master_key_id", None):
        for action in USES_OF_KEYS.get(operation, ()):
            yield Ask(action, key, {"kms:ViaService": f"sqs.{REGION}.amazonaws.com"})


def _secret_arn(secret_id: str) -> str:
    """With the six characters that Secrets Manager appends to a name."""
    if secret_id.startswith("arn:"):
        return secret_id
    found = secretsmanager_backends[ACCOUNT][REGION].secrets.get(secret_id)
    return found.arn if found else arn("secretsmanager", f"secret:{secret_id}")


def arn(service: str, resource: str) -> str:
    return f"arn:aws:{service}:{REGION}:{ACCOUNT}:{resource}"


def _refusal(
    environ: dict[str, Any], ask: Ask, start_response: Callable[..., Any]
) -> Iterable[bytes]:
    said = f"not authorized to perform: {ask.action} on resource: {ask.resource}"
    if environ.get("HTTP_X_AMZ_TARGET"):
        kind, status = "application/x-amz-json-1.1", "400 Bad Request"
        text = json.dumps({"__type": "AccessDeniedException", "message": said})
    else:
        kind, status = "application/xml", "403 Forbidden"
        text = f"<Error><Code>AccessDenied</Code><Message>{said}</Message></Error>"
        if ask.action.startswith("sns:"):
            text = f"<ErrorResponse>{text}</ErrorResponse>"
    start_response(status, [("Content-Type", kind), ("Content-Length", str(len(text)))])
    return [text.encode()]
