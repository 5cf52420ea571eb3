from __future__ import annotations

from collections.abc import Iterator

from trailbell.model import Event, Line, Severity, Text, say
from trailbell.rules.base import Quiet, Rings, Rule, did
from trailbell.testing import call, person, service

CENTER = "IAM Identity Center"
OUTSIDE = f"an external identity provider for {CENTER}"
WORDS = {
    "AssociateDirectory": ("connected", "connect", f"a directory to {CENTER}"),
    "DisassociateDirectory": ("disconnected", "disconnect", f"a directory from {CENTER}"),
    "DisableExternalIdPConfigurationForDirectory": ("switched off", "switch off", OUTSIDE),
    "EnableExternalIdPConfigurationForDirectory": ("switched on", "switch on", OUTSIDE),
    "CreateExternalIdPConfigurationForDirectory": ("added", "add", OUTSIDE),
    "UpdateExternalIdPConfigurationForDirectory": ("changed", "change", OUTSIDE),
    "StartSSO": ("switched on", "switch on", CENTER),
    "DeleteInstance": ("deleted", "delete", f"an instance of {CENTER}"),
}
"""What was done, what was tried, and to what."""


class SsoIdentitySourceChanged(Rule):
    """The source of IAM Identity Center's users was changed.

    It decides who everybody is. Whoever points it to a directory or an identity provider of their
    own signs in as any user of the company, in every account of the organization.

    Find out at once who did it and whether it was planned. If not, put the old source back in the
    settings of IAM Identity Center, and end the sessions that began since. It never happens on a
    normal day.
    """

    id = "sso-identity-source-changed"
    severity = Severity.CRITICAL
    actions = tuple(f"{source}:{name}" for source in ("sso", "sso-directory") for name in WORDS)
    failed_calls = "denied-lower"
    service_calls = "drop-aws"
    check_first = "Was this planned? If not, put the old identity source back: all sign-ins use it."
    many = "changed where sign-ins come from"
    attack = "T1556"
    references = (
        "https://docs.aws.amazon.com/singlesignon/latest/userguide/manage-your-identity-source.html",
        "https://docs.aws.amazon.com/singlesignon/latest/userguide/logging-using-cloudtrail.html",
    )
    since = "0.1.0"

    def match(self, event: Event) -> bool:
        return True

    def title(self, event: Event) -> Text:
        operation = event.action.rpartition(":")[2]
        changed = ("changed", "change", f"the identity source of {CENTER}")
        return did(event, *WORDS.get(operation, changed))

    def details(self, event: Event) -> tuple[Line, ...]:
        directory = event.text("requestParameters.directoryId")
        return (Line("Directory", say("{}", directory)),) if directory else ()

    @staticmethod
    def examples() -> Iterator[Rings | Quiet]:
        admin = person("carol@example.com", "OrgAdmin")
        yield Rings(
            "sign-ins go to an identity provider from now on",
            call(
                "sso:EnableExternalIdPConfigurationForDirectory",
                by=admin,
                request={"directoryId": "d-9067012345"},
            ),
            "carol@example.com switched on an external identity provider for IAM Identity Center",
            Severity.CRITICAL,
        )
        yield Rings(
            "its certificates changed, by the name of the other service",
            call("sso-directory:UpdateExternalIdPConfigurationForDirectory", by=admin),
            "carol@example.com changed an external identity provider for IAM Identity Center",
        )
        yield Rings(
            "another directory",
            call("sso:AssociateDirectory", by=admin, request={"directoryId": "d-9067012345"}),
            "carol@example.com connected a directory to IAM Identity Center",
        )
        yield Rings(
            "the end of it",
            call("sso:DeleteInstance", by=admin),
            "carol@example.com deleted an instance of IAM Identity Center",
        )
        yield Rings(
            "a refused attempt",
            call("sso:StartSSO", by="mallory", error="AccessDeniedException"),
            "mallory tried to switch on IAM Identity Center and was refused",
            Severity.HIGH,
        )
        yield Quiet(
            "a mistake changed nothing",
            call("sso:AssociateDirectory", by=admin, error="ResourceNotFoundException"),
        )
        yield Quiet("AWS itself", call("sso:StartSSO", by=service("controltower")))
        yield Quiet("another service", call("ds:AssociateDirectory", by=admin))
