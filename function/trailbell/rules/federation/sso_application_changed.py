from __future__ import annotations

from collections.abc import Iterator

from trailbell.actor import HIDDEN
from trailbell.first_aid import aws
from trailbell.model import Event, Line, Severity, Text, say
from trailbell.rules.base import Quiet, Rings, Rule, did
from trailbell.testing import call, person, service

REQUEST, ANSWER = "requestParameters", "responseElements"
ISSUER = "sso:CreateTrustedTokenIssuer"
NAMES = (
    f"{REQUEST}.displayName",
    f"{REQUEST}.name",
    f"{REQUEST}.clientId",
    f"{REQUEST}.applicationArn",
    f"{REQUEST}.instanceId",
)
"""Where the calls name the application, best first."""


class SsoApplicationChanged(Rule):
    """An application of IAM Identity Center, or an issuer that it trusts, was created or deleted.

    An application receives the identities of the people who sign in to it. One that somebody
    slips in can pose as anything in the portal; a trusted token issuer lets tokens from outside
    stand for your people.

    Check who asked for the application and where it sends people. The console's own calls (with
    "ApplicationInstance" in their names) are watched as well as the public API.
    """

    id = "sso-application-changed"
    severity = Severity.MEDIUM
    actions = (
        "sso:CreateManagedApplicationInstance",
        "sso:CreateApplicationInstance",
        "sso:CreateApplication",
        "sso:DeleteManagedApplicationInstance",
        "sso:DeleteApplicationInstance",
        "sso:DeleteApplication",
        ISSUER,
    )
    failed_calls = "ignore"
    service_calls = "drop-aws"
    many = "created or deleted applications"
    attack = "T1098.003"
    references = (
        "https://docs.aws.amazon.com/singlesignon/latest/userguide/manage-your-applications.html",
        "https://docs.aws.amazon.com/singlesignon/latest/userguide/"
        "using-apps-with-trusted-token-issuer.html",
    )
    since = "0.1.0"

    def match(self, event: Event) -> bool:
        return True

    def title(self, event: Event) -> Text:
        kind = "trusted token issuer" if event.action == ISSUER else "application"
        name = next(filter(None, map(event.text, NAMES)), "").rpartition("/")[2]
        if name == HIDDEN:
            which = say(f"the Identity Center {kind} (hidden)")
        elif name:
            which = say(f"the Identity Center {kind} {{}}", name)
        else:
            which = say(f"an unknown Identity Center {kind}")
        if ":Delete" in event.action:
            return did(event, "deleted", "delete", "{}", which)
        return did(event, "created", "create", "{}", which)

    def details(self, event: Event) -> tuple[Line, ...]:
        configuration = f"{REQUEST}.trustedTokenIssuerConfiguration.oidcJwtConfiguration"
        url = event.text(f"{configuration}.issuerUrl")
        return (Line("Trusts", say("{}", url)),) if url else ()

    def first_aid(self, event: Event) -> tuple[str, ...]:
        if not event.succeeded:
            return ()
        if event.action == ISSUER:
            return (
                aws(
                    "sso-admin delete-trusted-token-issuer"
                    " --trusted-token-issuer-arn {token_issuer} --region {region}",
                    token_issuer=event.text(f"{ANSWER}.trustedTokenIssuerArn"),
                    region=event.region,
                ),
            )
        if event.action != "sso:CreateApplication":
            return ()
        return (
            aws(
                "sso-admin delete-application --application-arn {application} --region {region}",
                application=event.text(f"{ANSWER}.applicationArn"),
                region=event.region,
            ),
        )

    @staticmethod
    def examples() -> Iterator[Rings | Quiet]:
        admin = person("carol@example.com", "OrgAdmin")
        yield Rings(
            "an application",
            call(
                "sso:CreateApplication",
                by=admin,
                request={"name": "wiki"},
                response={"applicationArn": APPLICATION},
            ),
            "carol@example.com created the Identity Center application wiki",
            Severity.MEDIUM,
        )
        yield Rings(
            "an application from the console, which hides its name",
            call(
                "sso:CreateManagedApplicationInstance",
                by=admin,
                request={"displayName": HIDDEN, "templateId": "tpl-0123456789abcdef"},
            ),
            "carol@example.com created the Identity Center application (hidden)",
        )
        yield Rings(
            "an application deleted",
            call("sso:DeleteApplication", by=admin, request={"applicationArn": APPLICATION}),
            "carol@example.com deleted the Identity Center application apl-0123456789abcdef",
        )
        yield Rings(
            "an issuer from outside",
            call(
                ISSUER,
                by=admin,
                request={
                    "name": "partner",
                    "trustedTokenIssuerConfiguration": {
                        "oidcJwtConfiguration": {"issuerUrl": "https://login.example.com"}
                    },
                },
                response={"trustedTokenIssuerArn": ISSUER_ARN},
            ),
            "carol@example.com created the Identity Center trusted token issuer partner",
            Severity.MEDIUM,
        )
        yield Rings(
            "a record without a request",
            call("sso:DeleteApplicationInstance", by=admin),
            "carol@example.com deleted an unknown Identity Center application",
        )
        yield Quiet(
            "a failed call",
            call("sso:CreateApplication", by=admin, request={"name": "wiki"}, error="AccessDenied"),
        )
        yield Quiet("AWS itself", call("sso:CreateApplication", by=service("quicksight")))
        yield Quiet("another service", call("amplify:CreateApplication", by=admin))


APPLICATION = "arn:aws:sso::111122223333:application/ssoins-7223b1f2f4e8a9d0/apl-0123456789abcdef"
ISSUER_ARN = (
    "arn:aws:sso::111122223333:trustedTokenIssuer/ssoins-7223b1f2f4e8a9d0/"
    "tti-ac4e09d1-a150-4924-bb76-23b00fa7c34a"
)
