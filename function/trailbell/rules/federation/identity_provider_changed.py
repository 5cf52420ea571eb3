from __future__ import annotations

from collections.abc import Iterator

from trailbell.first_aid import aws
from trailbell.model import Event, Line, Severity, Text, say
from trailbell.rules.base import Quiet, Rings, Rule, did, listed
from trailbell.testing import ACCOUNT, call, iam_call, role
from trailbell.text import join

REQUEST, ANSWER = "requestParameters", "responseElements"
SAML, OIDC = "SAML provider", "OIDC provider"
ANCHOR, PROFILE = "Roles Anywhere trust anchor", "Roles Anywhere profile"
WORDS = {
    "iam:CreateSAMLProvider": ("created", "create", SAML),
    "iam:UpdateSAMLProvider": ("changed", "change", SAML),
    "iam:DeleteSAMLProvider": ("deleted", "delete", SAML),
    "iam:CreateOpenIDConnectProvider": ("created", "create", OIDC),
    "iam:UpdateOpenIDConnectProviderThumbprint": (
        "changed the certificates of",
        "change the certificates of",
        OIDC,
    ),
    "iam:AddClientIDToOpenIDConnectProvider": (
        "let another client use",
        "let another client use",
        OIDC,
    ),
    "iam:DeleteOpenIDConnectProvider": ("deleted", "delete", OIDC),
    "rolesanywhere:CreateTrustAnchor": ("created", "create", ANCHOR),
    "rolesanywhere:UpdateTrustAnchor": ("changed", "change", ANCHOR),
    "rolesanywhere:CreateProfile": ("created", "create", PROFILE),
    "rolesanywhere:UpdateProfile": ("changed", "change", PROFILE),
}
"""What was done, what was tried, and to which kind of provider."""
NAMES = (
    f"{REQUEST}.name",
    f"{REQUEST}.url",
    f"{REQUEST}.sAMLProviderArn",
    f"{REQUEST}.openIDConnectProviderArn",
    f"{ANSWER}.trustAnchor.name",
    f"{ANSWER}.profile.name",
    f"{REQUEST}.trustAnchorId",
    f"{REQUEST}.profileId",
)
"""Where the calls name the provider, best first."""
SSO = "sso.amazonaws.com"
SHOWN = 5


class IdentityProviderChanged(Rule):
    """A provider of outside identities was created, changed or deleted.

    The account trusts whatever such a provider says about who is calling. Somebody who adds one,
    or puts their own certificate into one that is there, signs in as whomever they like, and no
    user or key of the account shows it. SAML, OIDC (as used by GitHub Actions) and the trust
    anchors and profiles of IAM Roles Anywhere are watched.

    Check that the provider is yours, then which roles trust it. IAM Identity Center keeps a SAML
    provider of its own in each account, which does not ring.
    """

    id = "identity-provider-changed"
    severity = Severity.HIGH
    actions = tuple(WORDS)
    failed_calls = "denied-lower"
    service_calls = "drop-aws"
    check_first = "Is this provider yours, and was it planned? If not, remove it before it is used."
    many = "changed identity providers"
    attack = "T1484.002"
    references = (
        "https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_providers.html",
        "https://docs.aws.amazon.com/rolesanywhere/latest/userguide/introduction.html",
    )
    since = "0.1.0"

    allow_actors: tuple[str, ...] = ()
    """Actors (globs) that set up identity providers as their job."""

    def match(self, event: Event) -> bool:
        identity_center = event.ip == SSO and event.agent == SSO
        return not identity_center and not listed(event.actor.name, self.allow_actors)

    def title(self, event: Event) -> Text:
        past, infinitive, kind = WORDS.get(event.action, ("changed", "change", SAML))
        name = name_of(event)
        if not name:
            article = "an" if kind == OIDC else "a"
            return did(event, past, infinitive, f"{article} {kind}")
        return did(event, past, infinitive, f"{kind} {{}}", name)

    def details(self, event: Event) -> tuple[Line, ...]:
        lines = []
        if client := event.text(f"{REQUEST}.clientID"):
            lines.append(Line("Client", say("{}", client)))
        for label, field in (("Clients", "clientIDList"), ("Opens roles", "roleArns")):
            if values := event.items(f"{REQUEST}.{field}"):
                shown = [say("{}", value) for value in values[:SHOWN]]
                more = len(values) - SHOWN
                lines.append(
                    Line(label, join(", ", shown) + say(f" and {more} more" if more > 0 else ""))
                )
        return tuple(lines)

    def first_aid(self, event: Event) -> tuple[str, ...]:
        if not event.succeeded:
            return ()
        call = event.action.partition(":")[2]
        if call == "CreateSAMLProvider":
            arn = event.text(f"{ANSWER}.sAMLProviderArn")
            return (
                aws(
                    "iam delete-saml-provider --saml-provider-arn {saml_provider}",
                    saml_provider=arn,
                ),
            )
        if call == "CreateOpenIDConnectProvider":
            return (
                aws(
                    "iam delete-open-id-connect-provider"
                    " --open-id-connect-provider-arn {oidc_provider}",
                    oidc_provider=event.text(f"{ANSWER}.openIDConnectProviderArn"),
                ),
            )
        if call == "AddClientIDToOpenIDConnectProvider":
            return (
                aws(
                    "iam remove-client-id-from-open-id-connect-provider"
                    " --open-id-connect-provider-arn {oidc_provider} --client-id {client_id}",
                    oidc_provider=event.text(f"{REQUEST}.openIDConnectProviderArn"),
                    client_id=event.text(f"{REQUEST}.clientID"),
                ),
            )
        if call.endswith("TrustAnchor"):
            return (disable(event, "trust-anchor", "trustAnchor"),)
        return (disable(event, "profile", "profile"),) if call.endswith("Profile") else ()

    @staticmethod
    def examples() -> Iterator[Rings | Quiet]:
        yield Rings(
            "a SAML provider",
            iam_call(
                "CreateSAMLProvider",
                by="mallory",
                request={"name": "corp", "sAMLMetadataDocument": "<EntityDescriptor/>"},
                sAMLProviderArn=SAML_ARN,
            ),
            "mallory created SAML provider corp",
            Severity.HIGH,
        )
        yield Rings(
            "new metadata, which may hold another's certificate",
            iam_call("UpdateSAMLProvider", by="mallory", request={"sAMLProviderArn": SAML_ARN}),
            "mallory changed SAML provider corp",
        )
        yield Rings(
            "a SAML provider deleted",
            iam_call("DeleteSAMLProvider", by="mallory", request={"sAMLProviderArn": SAML_ARN}),
            "mallory deleted SAML provider corp",
        )
        yield Rings(
            "an OIDC provider",
            iam_call(
                "CreateOpenIDConnectProvider",
                by="mallory",
                request={
                    "url": "https://token.actions.githubusercontent.com",
                    "clientIDList": ["sts.amazonaws.com"],
                },
                openIDConnectProviderArn=OIDC_ARN,
            ),
            "mallory created OIDC provider token.actions.githubusercontent.com",
        )
        yield Rings(
            "a client more",
            iam_call(
                "AddClientIDToOpenIDConnectProvider",
                by="mallory",
                request={"openIDConnectProviderArn": OIDC_ARN, "clientID": "example-app"},
            ),
            "mallory let another client use OIDC provider token.actions.githubusercontent.com",
        )
        yield Rings(
            "a trust anchor: certificates of one's own",
            call(
                "rolesanywhere:CreateTrustAnchor",
                by="mallory",
                request={"name": "backdoor", "enabled": True},
                response={"trustAnchor": {"trustAnchorId": UUID, "name": "backdoor"}},
            ),
            "mallory created Roles Anywhere trust anchor backdoor",
            Severity.HIGH,
        )
        yield Rings(
            "a profile: the roles that such certificates open",
            call(
                "rolesanywhere:UpdateProfile",
                by="mallory",
                request={
                    "profileId": UUID,
                    "roleArns": [f"arn:aws:iam::{ACCOUNT}:role/deploy"],
                },
                response={"profile": {"profileId": UUID, "name": "backdoor"}},
            ),
            "mallory changed Roles Anywhere profile backdoor",
        )
        yield Rings(
            "a refused attempt, whose request is not recorded",
            iam_call("CreateOpenIDConnectProvider", by="mallory", error="AccessDenied"),
            "mallory tried to create an OIDC provider and was refused",
            Severity.MEDIUM,
        )
        yield Quiet(
            "a mistake changed nothing",
            iam_call("DeleteSAMLProvider", by="mallory", error="NoSuchEntityException"),
        )
        yield Quiet(
            "IAM Identity Center, by its role",
            iam_call(
                "UpdateSAMLProvider",
                by=role(
                    "AWSServiceRoleForSSO", "AWS-SSO", path="/aws-service-role/sso.amazonaws.com/"
                ),
            ),
        )
        yield Quiet(
            "IAM Identity Center, by its address",
            call(
                "iam:CreateSAMLProvider",
                by=role("setup", "AWS-SSO"),
                sourceIPAddress=SSO,
                userAgent=SSO,
            ),
        )
        yield Quiet("a profile of another service", call("mediaconvert:CreateProfile", by="alice"))


SAML_ARN = f"arn:aws:iam::{ACCOUNT}:saml-provider/corp"
OIDC_ARN = f"arn:aws:iam::{ACCOUNT}:oidc-provider/token.actions.githubusercontent.com"
UUID = "ac4e09d1-a150-4924-bb76-23b00fa7c34a"


def name_of(event: Event) -> str:
    """The provider: a name, an issuer's host and path, or an id."""
    name = next(filter(None, map(event.text, NAMES)), "").removeprefix("https://")
    return name.partition("-provider/")[2] or name


def disable(event: Event, thing: str, field: str) -> str:
    return aws(
        f"rolesanywhere disable-{thing} --{thing}-id {{uuid}} --region {{region}}",
        uuid=event.text(f"{ANSWER}.{field}.{field}Id") or event.text(f"{REQUEST}.{field}Id"),
        region=event.region,
    )
