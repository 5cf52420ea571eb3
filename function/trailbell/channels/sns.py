from __future__ import annotations

import re
from functools import cached_property
from typing import Annotated, Any, ClassVar, Literal

import urllib3
from pydantic import AfterValidator

from trailbell import aws
from trailbell.channels.base import (
    MORE,
    Channel,
    TimeUp,
    command_lines,
    cut,
    deadline,
    encoded,
    in_words,
    link_label,
    one_line,
    unlinked,
)
from trailbell.channels.webhook import document, first_lines
from trailbell.errors import AwsError, ChannelError, TrailbellError, Verdict
from trailbell.model import Message, say

TOPIC = re.compile(r"arn:aws[a-z-]*:sns:([a-z]{2}(?:-[a-z]+)+-\d{1,2}):\d{12}:[\w-]{1,256}", re.A)
# https://docs.aws.amazon.com/sns/latest/api/API_Publish.html
SUBJECT_LIMIT = 99  # characters of ASCII
ATTRIBUTE_LIMIT = 150  # characters; a filter policy ends there
SMS_LIMIT = 140  # characters; what is longer comes in pieces
MACHINES = ("sqs", "lambda", "https")  # protocols that get the document
# https://docs.aws.amazon.com/sns/latest/api/API_Publish.html#API_Publish_Errors
BUSY = re.compile(r"(KMS)?Throttl|RequestLimitExceeded|Internal(Error|Failure)|ServiceUnavailable")
UNREACHED = {"ConnectTimeoutError", "EndpointConnectionError"}


def topic_form(arn: str) -> str:
    if not TOPIC.fullmatch(arn):
        raise ValueError("is no topic: arn:aws:sns:region:account:name (and no FIFO topic)")
    return arn


class Sns(Channel):
    """An SNS topic: e-mail for people, JSON for SQS, Lambda and HTTPS.

    Subscriptions can filter by the attributes severity, rule and account. The function's role
    needs `sns:Publish`, and rights on the key of an encrypted topic.
    https://docs.aws.amazon.com/sns/latest/api/API_Publish.html
    """

    type: Literal["sns"] = "sns"
    topic_arn: Annotated[str, AfterValidator(topic_form)]

    help: ClassVar = '{"type": "sns", "topic_arn": "arn:aws:sns:eu-west-1:111122223333:alerts"}'

    def render(self, message: Message) -> dict[str, Any]:
        texts = {"default": _text(message), "sms": _ascii(message, SMS_LIMIT)}
        attributes = {
            "severity": str(message.severity) if message.severity else "",
            "rule": message.rule,
            "account": message.account,
        }
        return {
            "TopicArn": self.topic_arn,
            "Subject": _ascii(message, SUBJECT_LIMIT),
            "Message": texts | dict.fromkeys(MACHINES, document(message)),
            "MessageAttributes": {
                name: {"DataType": "String", "StringValue": cut(value, ATTRIBUTE_LIMIT)}
                for name, value in attributes.items()
                if value
            },
        }

    def render_plain(self, message: Message) -> dict[str, Any]:
        return self.render(message)

    def send(
        self, body: dict[str, Any], http: urllib3.PoolManager, timeout: urllib3.Timeout
    ) -> None:
        variants = {
            protocol: one if isinstance(one, str) else encoded(one).decode()
            for protocol, one in body["Message"].items()
        }
        request = body | {"Message": encoded(variants).decode(), "MessageStructure": "json"}
        try:
            with deadline(timeout.total):
                aws.call(self._client, "publish", **request)
            return
        except AwsError as error:
            busy = error.in_doubt or error.code in UNREACHED or bool(BUSY.match(error.code))
            verdict = Verdict.TRANSIENT if busy else Verdict.PERMANENT
            problem = ChannelError(str(error), verdict, in_doubt=error.in_doubt)
        except TimeUp:
            problem = ChannelError("publish: no answer", Verdict.TRANSIENT, in_doubt=True)
        except TrailbellError as error:  # boto3 is not there
            problem = ChannelError(str(error), Verdict.PERMANENT)
        raise problem  # out here, where no context hangs on it

    @cached_property
    def _client(self) -> Any:
        return aws.client("sns", region=self.topic_arn.split(":")[3])


def _ascii(message: Message, limit: int) -> str:
    """The notification, in a line of ASCII that begins with a letter, a digit or a sign."""
    words = in_words(message).replace("×", "x").replace(MORE, "...")
    words = " ".join(words.encode("ascii", "replace").decode().split())
    return words if len(words) <= limit else f"{words[: limit - 3].rstrip()}..."


def _text(message: Message) -> str:
    """The message as an e-mail shows it, where nothing but our own links is to become one."""
    text = [unlinked(one_line(message)), unlinked(message.what), ""]
    text += [f"{line.label}: {unlinked(line.text)}".lstrip(": ") for line in first_lines(message)]
    if message.check_first:
        text += ["", f"Check first: {message.check_first}"]
    if commands := command_lines(message):
        text += ["", commands]
    text += ["", f"Rule: {message.rule}" if message.rule else ""]
    text += [f"{link_label(link)}: {link.url}" for link in message.links]
    linked = {link.event for link in message.links}
    text += [unlinked(say("Event: {}", event)) for event in message.events if event not in linked]
    return "\n".join(text).replace("\n\n\n", "\n\n").strip()
