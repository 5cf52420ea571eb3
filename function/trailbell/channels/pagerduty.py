from __future__ import annotations

import re
from typing import Annotated, Any, ClassVar, Literal

import urllib3
from pydantic import AfterValidator, SecretStr

from trailbell.channels.base import (
    LINE_LIMIT,
    Channel,
    Secret,
    api_address,
    command_lines,
    cut,
    in_words,
    link_label,
    literal,
    post_json,
    short_key,
    unlinked,
    utc,
)
from trailbell.channels.webhook import first_lines
from trailbell.errors import Verdict
from trailbell.model import Message, Severity, say

# https://developer.pagerduty.com/docs/events-api-v2-overview
SUMMARY_LIMIT = 1024
KEY = re.compile(r"[A-Za-z0-9]{32}")
SEVERITIES = {
    Severity.CRITICAL: "critical",
    Severity.HIGH: "error",
    Severity.MEDIUM: "warning",
}  # what is less, or says nothing of an event, is info
KNOWN = {"invalid event", "throttle exceeded", "rate limit exceeded"}


def key_form(secret: SecretStr) -> SecretStr:
    key = literal(secret)
    if key is not None and not KEY.fullmatch(key):
        raise ValueError("is no integration key of Events API v2: 32 letters and digits")
    return secret


class PagerDuty(Channel):
    """A PagerDuty service, by Events API v2. https://developer.pagerduty.com/docs/send-alert-event"""

    type: Literal["pagerduty"] = "pagerduty"
    routing_key: Annotated[Secret, AfterValidator(key_form)]
    api_url: Annotated[str, AfterValidator(api_address)] = "https://events.pagerduty.com"
    """https://events.eu.pagerduty.com for accounts in the European region."""

    help: ClassVar = '{"type": "pagerduty", "routing_key": "32 letters and digits"}'

    def render(self, message: Message) -> dict[str, Any]:
        place = unlinked(message.place)
        severity = SEVERITIES.get(message.severity) if message.severity else None
        payload = {
            "summary": cut(in_words(message), SUMMARY_LIMIT),
            "source": place or "trailbell",
            "severity": severity or "info",
            "timestamp": utc(message.time),
            "component": "CloudTrail",
            "group": message.account,
            "class": message.rule,
            "custom_details": _details(message),
        }
        body = {
            "event_action": "trigger",
            # One incident however often it is tried: PagerDuty tells doubles apart by this.
            "dedup_key": short_key(message.key),
            "payload": {name: value for name, value in payload.items() if value},
            "client": "trailbell",
            "links": [{"href": link.url, "text": link_label(link)} for link in message.links],
        }
        return {name: value for name, value in body.items() if value}

    def render_plain(self, message: Message) -> dict[str, Any]:
        return self.render(message)

    def send(
        self, body: dict[str, Any], http: urllib3.PoolManager, timeout: urllib3.Timeout
    ) -> None:
        key = self.routing_key.get_secret_value()  # out of render: what is shown holds no secret
        answer = post_json(
            f"{self.api_url}/v2/enqueue", {"routing_key": key, **body}, http, timeout
        )
        if answer.status == 202:
            return
        if answer.status < 300:  # a proxy, or a URL that is not PagerDuty's
            raise answer.refusal("but the answer is not PagerDuty's 202", Verdict.TRANSIENT)
        word = str(answer.said.get("status", ""))
        busy = Verdict.TRANSIENT if answer.status == 403 else None
        raise answer.refusal(word if word in KNOWN else "", busy)


def _details(message: Message) -> dict[str, Any]:
    """What PagerDuty shows as a table, in this order."""
    details = {"What": unlinked(message.what)}
    for line in first_lines(message):
        label, text = line.label or "More", unlinked(line.text)
        details[label] = f"{details[label]}\n{text}" if label in details else text
    details |= {
        "Check first": cut(message.check_first, LINE_LIMIT),
        "Commands": command_lines(message),
        "Rule": message.rule,
        "Events": "\n".join(unlinked(say("{}", event)) for event in message.events),
    }
    return {label: text for label, text in details.items() if text}
