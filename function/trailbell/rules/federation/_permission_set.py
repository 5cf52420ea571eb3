"""The permission set of IAM Identity Center that a call is about."""

from __future__ import annotations

import re

from trailbell.first_aid import aws
from trailbell.model import Event, Line, Text, say

REQUEST = "requestParameters"
INSTANCE = "arn:aws:sso:::instance/ssoins-7223b1f2f4e8a9d0"
PERMISSION_SET = "arn:aws:sso:::permissionSet/ssoins-7223b1f2f4e8a9d0/ps-1a2b3c4d5e6f7a8b"
"""For examples."""


def set_id(event: Event) -> str:
    """``ps-1a2b3c4d5e6f7a8b``; "" where the record does not tell."""
    return event.text(f"{REQUEST}.permissionSetArn").rpartition("/")[2]


def permission_set(event: Event) -> Text:
    """The permission set in a sentence."""
    name = set_id(event)
    return say("permission set {}", name) if name else say("an unknown permission set")


def session_line(event: Event) -> list[Line]:
    """How long sessions may last, where the call sets it."""
    duration = event.text(f"{REQUEST}.sessionDuration")
    if not duration:
        return []
    parts = re.fullmatch(r"PT(?:(\d{1,2})H)?(?:(\d{1,4})M)?", duration, re.ASCII)
    hours, minutes = parts.groups() if parts else ("", "")
    told = [f"{hours} h"] * bool(hours) + [f"{minutes} min"] * bool(minutes)
    return [Line("Sessions", say("last up to {}", " ".join(told) or duration))]


def sso_admin(command: str, event: Event, **values: str) -> str:
    """A command about the permission set, in the region that IAM Identity Center lives in."""
    return aws(
        f"sso-admin {command} --instance-arn {{instance}} --permission-set-arn {{permission_set}}"
        " --region {region}",
        **{
            "instance": event.text(f"{REQUEST}.instanceArn"),
            "permission_set": event.text(f"{REQUEST}.permissionSetArn"),
            "region": event.region,
            **values,
        },
    )
