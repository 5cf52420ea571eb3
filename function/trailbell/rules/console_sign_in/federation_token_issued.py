from __future__ import annotations

import json
from collections.abc import Iterator

from trailbell.first_aid import deny_all, stop_key
from trailbell.model import Event, Line, Severity, Text, say
from trailbell.policy import Grant, Worst, omitted, read, worst
from trailbell.rules.base import Quiet, Rings, Rule, did, listed
from trailbell.rules.console_sign_in._issuer import user_behind
from trailbell.rules.privilege_escalation.admin_policy_attached import POLICY, AdminPolicyAttached
from trailbell.testing import call, iam_call, role, root
from trailbell.text import join

GET_SESSION_TOKEN = "sts:GetSessionToken"  # noqa: S105 - the name of a call
REQUEST = "requestParameters"


class FederationTokenIssued(Rule):
    """An IAM user made a federation token, a session that outlives their access key.

    For up to 36 hours the token works on, even when the key that made it is deactivated or
    deleted, and it opens the console too. Few programs need one today. It can do what both the
    user and the policy in the request allow; without a policy nearly nothing.

    Ask the owner of the key. If it was not them, deny the user everything first, which stops the
    token too, and the key after that. GetSessionToken, which tools for MFA call all day, rings
    only with `include_session_token`.
    """

    id = "federation-token-issued"
    severity = Severity.HIGH
    actions = ("sts:GetFederationToken", GET_SESSION_TOKEN)
    failed_calls = "denied-lower"
    check_first = (
        "Did the owner of the key make it? If not, deny the user everything: stopping the key "
        "alone leaves the token alive."
    )
    many = "made session tokens"
    attack = "T1550.001"
    references = (
        "https://docs.aws.amazon.com/STS/latest/APIReference/API_GetFederationToken.html",
        "https://docs.aws.amazon.com/IAM/latest/UserGuide/"
        "id_credentials_temp_control-access_disable-perms.html",
    )
    since = "0.1.0"

    include_session_token: bool = False
    """Whether GetSessionToken by an IAM user rings too, as low."""
    allow_actors: tuple[str, ...] = ()
    """Actors (globs) that make such tokens as their job."""

    def match(self, event: Event) -> bool:
        if listed(event.actor.name, self.allow_actors):
            return False
        if event.action != GET_SESSION_TOKEN:
            return True
        return self.include_session_token and event.identity == "IAMUser" and event.succeeded

    def severity_of(self, event: Event) -> Severity:
        if event.action == GET_SESSION_TOKEN:
            return Severity.LOW
        found = granted(event)
        full = found.grant == Grant.FULL_ADMIN and not found.conditional
        return Severity.CRITICAL if full or admin_policies_of(event) else self.severity

    def title(self, event: Event) -> Text:
        if event.action == GET_SESSION_TOKEN:
            return did(event, "made", "make", "a session token for themselves")
        name = event.text(f"{REQUEST}.name")
        token = say("a federation token named {}", name) if name else say("a federation token")
        return did(event, "made", "make", "{}{}", token, rights_of(event))

    def details(self, event: Event) -> tuple[Line, ...]:
        if event.action == GET_SESSION_TOKEN or not event.succeeded:
            return ()
        if statement := granted(event).statement:
            return (Line("Allows", say("{}", statement)),)
        if arns := policy_arns(event):
            return (Line("Policies", join(", ", [say("{}", arn) for arn in arns[:5]])),)
        if unreadable(event):
            return (Line("Policy", say("could not be read")),)
        request = event.get(REQUEST)
        if not isinstance(request, dict) or request.get("policy"):
            return ()
        return (Line("Policy", say("none, so that the token may do nearly nothing")),)

    def first_aid(self, event: Event) -> tuple[str, ...]:
        if not event.succeeded:
            return ()
        return (deny_all(event, "user", user_behind(event)), stop_key(event))

    @staticmethod
    def examples() -> Iterator[Rings | Quiet]:
        everything: dict[str, object] = {"Effect": "Allow", "Action": "*", "Resource": "*"}
        yield Rings(
            "a token that allows everything",
            token(policy=policy(everything)),
            "mallory made a federation token named backdoor that allows everything",
            Severity.CRITICAL,
        )
        yield Rings(
            "administrator rights by the policy's ARN",
            token(policyArns=[{"arn": "arn:aws:iam::aws:policy/AdministratorAccess"}]),
            "mallory made a federation token named backdoor with AdministratorAccess",
            Severity.CRITICAL,
        )
        yield Rings(
            "everything under a condition",
            token(
                policy=policy(
                    {**everything, "Condition": {"IpAddress": {"aws:SourceIp": "192.0.2.0/24"}}}
                )
            ),
            "mallory made a federation token named backdoor that allows everything, under a "
            "condition",
            Severity.HIGH,
        )
        yield Rings(
            "a few rights",
            token(policy=policy({"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"})),
            "mallory made a federation token named backdoor",
            Severity.HIGH,
        )
        yield Rings(
            "no policy",
            token(),
            "mallory made a federation token named backdoor",
            Severity.HIGH,
        )
        yield Rings(
            "a request too large for CloudTrail",
            call("sts:GetFederationToken", by="mallory", request={"omitted": True}),
            "mallory made a federation token",
            Severity.HIGH,
        )
        yield Rings(
            "a refused attempt, whose request is not recorded",
            call("sts:GetFederationToken", by="mallory", error="AccessDenied"),
            "mallory tried to make a federation token and was refused",
            Severity.MEDIUM,
        )
        yield Rings(
            "root can too",
            call("sts:GetFederationToken", by=root(), request={"name": "backdoor"}),
            "The root user made a federation token named backdoor",
        )
        yield Quiet(
            "a mistake made no token", token(error="MalformedPolicyDocumentException", policy="{")
        )
        yield Quiet(
            "a session token, which tools for MFA ask for all day",
            call(GET_SESSION_TOKEN, by="alice", request={"durationSeconds": 900}),
        )
        yield Quiet("a role", call(GET_SESSION_TOKEN, by=role("deploy", "build-42")))
        yield Quiet("another call", iam_call("GetUser", by="alice"))


def granted(event: Event) -> Worst:
    """The most that the policy in the request allows."""
    return worst(read(event.get(f"{REQUEST}.policy")))


def unreadable(event: Event) -> bool:
    document = event.get(f"{REQUEST}.policy")
    return omitted(event.get(REQUEST)) if document is None else read(document) is None


def policy_arns(event: Event) -> list[str]:
    """The managed policies that limit the token, by their ARNs."""
    found = []
    for item in event.items(f"{REQUEST}.policyArns"):
        arn = item.get("arn") if isinstance(item, dict) else item
        if isinstance(arn, str):
            found.append(arn)
    return found


def admin_policies_of(event: Event) -> list[str]:
    """Those of AWS's administrator policies that the request names."""
    arns = filter(None, map(POLICY.fullmatch, policy_arns(event)))
    known = AdminPolicyAttached.admin_policies
    return [arn[2] for arn in arns if arn[1] == "aws" and arn[2] in known]


def rights_of(event: Event) -> Text:
    """What the token allows, where it is a lot."""
    if names := admin_policies_of(event):
        return say(" with {}", names[0])
    found = granted(event)
    if found.grant != Grant.FULL_ADMIN:
        return say("")
    return say(" that allows everything" + (", under a condition" if found.conditional else ""))


def policy(statement: dict[str, object]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def token(*, error: str | None = None, **request: object) -> Event:
    return call(
        "sts:GetFederationToken",
        by="mallory",
        request={"name": "backdoor", "durationSeconds": 43200, **request},
        error=error,
    )
