from __future__ import annotations

from collections.abc import Iterator

from trailbell.first_aid import deny_all, revoke_sessions
from trailbell.model import Event, Line, Severity, Text, say
from trailbell.rules.base import Quiet, Rings, Rule, listed
from trailbell.rules.console_sign_in._issuer import user_behind
from trailbell.rules.console_sign_in.console_login_success import federated
from trailbell.testing import Identity, call, person, role

PORTAL = "Jersey/${project.version}"
"""What the access portal of IAM Identity Center calls itself, an unfilled template and all."""


class SigninTokenPivot(Rule):
    """API credentials were exchanged for a console session.

    Whoever steals the credentials of a role may want to look around with a mouse: one call turns
    them into a link that opens the console, with no password and no MFA.

    Ask whoever uses the role. If it was nobody, revoke its sessions, then find where the
    credentials leaked. It is noisy where people open the console with aws-vault, Granted or Leapp:
    put their roles into `allow_roles`. The portal of IAM Identity Center does the same for each
    of its users and never rings; its roles ring only with `include_sso`.
    """

    id = "signin-token-pivot"
    severity = Severity.HIGH
    actions = ("signin:GetSigninToken",)
    failed_calls = "ignore"
    check_first = "Did somebody open the console from a tool? If not, revoke the role's sessions."
    many = "turned API credentials into console sessions"
    attack = "T1550.001"
    references = (
        "https://docs.aws.amazon.com/IAM/latest/UserGuide/"
        "id_roles_providers_enable-console-custom-url.html",
        "https://github.com/NetSPI/aws_consoler",
    )
    since = "0.1.0"

    allow_agents: tuple[str, ...] = ()
    """User agents (globs) of tools that open the console. Any caller can choose its own."""
    allow_roles: tuple[str, ...] = ()
    """Roles (globs) whose users open the console from a tool."""
    include_sso: bool = False
    """Whether roles of IAM Identity Center ring too."""

    def match(self, event: Event) -> bool:
        return (
            PORTAL not in event.agent
            and (self.include_sso or "AWSReservedSSO_" not in event.text("userIdentity.arn"))
            and not listed(event.agent, self.allow_agents)
            and not (event.actor.role and listed(event.actor.role, self.allow_roles))
        )

    def title(self, event: Event) -> Text:
        return say("{} turned API credentials into a console session", event.actor)

    def details(self, event: Event) -> tuple[Line, ...]:
        return (Line("User agent", say("{}", event.agent)),) if event.agent else ()

    def first_aid(self, event: Event) -> tuple[str, ...]:
        if user := user_behind(event):
            return (deny_all(event, "user", user),)
        role = event.actor.role
        if role.startswith("AWSReservedSSO_"):  # IAM Identity Center lets nobody change these
            return ()
        return (revoke_sessions(event, role),)

    @staticmethod
    def examples() -> Iterator[Rings | Quiet]:
        yield Rings(
            "a role's credentials",
            token(role("deploy", "build-42")),
            "deploy/build-42 turned API credentials into a console session",
            Severity.HIGH,
        )
        yield Rings(
            "a federated user's credentials",
            token(federated("backdoor")),
            "backdoor turned API credentials into a console session",
        )
        yield Rings(
            "no user agent recorded",
            token(role("deploy", "build-42"), agent=None),
            "deploy/build-42 turned API credentials into a console session",
        )
        yield Quiet(
            "the portal of IAM Identity Center",
            token(role("deploy", "build-42"), agent=f"{PORTAL} (HttpUrlConnection 17.0.12)"),
        )
        yield Quiet("a role of IAM Identity Center", token(person("bob@example.com")))
        yield Quiet("a failed call", token(role("deploy", "build-42"), answer="Failure"))


def token(
    by: Identity, *, agent: str | None = "python-requests/2.28.0", answer: str = "Success"
) -> Event:
    return call(
        "signin:GetSigninToken",
        by=by,
        response={"GetSigninToken": answer},
        eventType="AwsConsoleSignIn",
        userAgent=agent,
    )
