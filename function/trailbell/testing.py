"""Events for examples and tests. Part of the product: a user's own rules use it too.

Accounts, addresses and names are those that documentation may use: 111122223333, 192.0.2.x,
example.com. https://www.rfc-editor.org/rfc/rfc5737
"""

from __future__ import annotations

from typing import Any

from trailbell.model import Event

ACCOUNT = "111122223333"
OTHER_ACCOUNT = "444455556666"
ADDRESS = "192.0.2.10"
TIME = "2026-03-17T16:09:52Z"
KEY = "AKIAIOSFODNN7EXAMPLE"

Identity = dict[str, Any]


def user(name: str, *, account: str = ACCOUNT, path: str = "/", **fields: Any) -> Identity:
    """An IAM user with a long-lived key."""
    return {
        "type": "IAMUser",
        "principalId": "AIDACKCEVSQ6C2EXAMPLE",
        "arn": f"arn:aws:iam::{account}:user{path}{name}",
        "accountId": account,
        "accessKeyId": KEY,
        "userName": name,
        **fields,
    }


def root(*, account: str = ACCOUNT, **fields: Any) -> Identity:
    """The root user. It has no userName, unless the account has an alias."""
    return {
        "type": "Root",
        "principalId": account,
        "arn": f"arn:aws:iam::{account}:root",
        "accountId": account,
        "accessKeyId": "",
        **fields,
    }


def role(name: str, session: str, *, account: str = ACCOUNT, path: str = "/") -> Identity:
    """A session of a role."""
    return {
        "type": "AssumedRole",
        "principalId": f"AROACKCEVSQ6C2EXAMPLE:{session}",
        "arn": f"arn:aws:sts::{account}:assumed-role/{name}/{session}",
        "accountId": account,
        "accessKeyId": "ASIAIOSFODNN7EXAMPLE",
        "sessionContext": {
            "sessionIssuer": {
                "type": "Role",
                "principalId": "AROACKCEVSQ6C2EXAMPLE",
                "arn": f"arn:aws:iam::{account}:role{path}{name}",
                "accountId": account,
                "userName": name,
            },
            "attributes": {"creationDate": TIME, "mfaAuthenticated": "false"},
        },
    }


def person(email: str, permission_set: str = "DeveloperAccess", **fields: Any) -> Identity:
    """Somebody who came through IAM Identity Center."""
    name = f"AWSReservedSSO_{permission_set}_0123456789abcdef"
    return role(name, email, path="/aws-reserved/sso.amazonaws.com/", **fields)


def service(name: str = "cloudformation") -> Identity:
    """An AWS service that acts for itself."""
    return {"type": "AWSService", "invokedBy": f"{name}.amazonaws.com"}


def call(
    action: str,
    *,
    by: Identity | str = "alice",
    request: Any = None,
    response: Any = None,
    error: str | None = None,
    **fields: Any,
) -> Event:
    """A call as CloudTrail records it.

    :param action: such as ``iam:CreateAccessKey``.
    :param by: an identity, or the name of an IAM user.
    :param error: the errorCode of a call that failed.
    :param fields: top-level fields of the record, added or replaced.
    """
    service_name, _, name = action.partition(":")
    identity = user(by) if isinstance(by, str) else by
    record: dict[str, Any] = {
        "eventVersion": "1.11",
        "userIdentity": identity,
        "eventTime": TIME,
        "eventSource": f"{service_name}.amazonaws.com",
        "eventName": name,
        "awsRegion": "us-east-1",
        "sourceIPAddress": ADDRESS,
        "userAgent": "aws-cli/2.17.32",
        "requestParameters": request,
        "responseElements": response,
        "requestID": "b22414a3-c089-4f78-a95c-8fb6a801e9f2",
        "eventID": "6e4a2f0c-0000-4000-8000-000000000001",
        "readOnly": name.startswith(("Get", "List", "Describe")),
        "eventType": "AwsApiCall",
        "managementEvent": True,
        "recipientAccountId": identity.get("accountId", ACCOUNT),
        "eventCategory": "Management",
    }
    if error:
        record |= {"errorCode": error, "errorMessage": f"{error}: not allowed to {action}"}
    return Event(record | fields)


def iam_call(
    name: str, *, by: Identity | str, error: str | None = None, request: Any = None, **response: Any
) -> Event:
    """A call to IAM; what is left over is its answer: ``accessKey={"userName": "bob"}``."""
    return call(f"iam:{name}", by=by, error=error, request=request, response=response or None)


def sign_in(
    *, by: Identity | str = "alice", mfa: str | None = "Yes", failure: str = "", **fields: Any
) -> Event:
    """A sign-in to the console. A failed one has no errorCode, only a message and an answer.

    :param mfa: what additionalEventData.MFAUsed says; None leaves it out.
    :param failure: the message of a sign-in that failed, such as "Failed authentication".
    """
    additional = {"LoginTo": "https://console.aws.amazon.com/console/home", "MobileVersion": "No"}
    event = call(
        "signin:ConsoleLogin",
        by=by,
        response={"ConsoleLogin": "Failure" if failure else "Success"},
        eventType="AwsConsoleSignIn",
        userAgent="Mozilla/5.0 (X11; Linux x86_64)",
        readOnly=False,
        additionalEventData=additional | ({"MFAUsed": mfa} if mfa is not None else {}),
        **fields,
    )
    if failure:
        event.raw["errorMessage"] = failure
    event.raw.pop("requestID")
    return event
