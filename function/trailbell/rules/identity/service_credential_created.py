from __future__ import annotations

from collections.abc import Iterator

from trailbell.first_aid import aws, stop_key
from trailbell.model import Event, Line, Severity, Text, say
from trailbell.rules.base import Quiet, Rings, Rule, did
from trailbell.rules.identity._owner import owner_of, user_named
from trailbell.testing import Identity, iam_call, role, service

SSH_KEY = "iam:UploadSSHPublicKey"
CERTIFICATE = "iam:UploadSigningCertificate"
ANSWERS = {
    SSH_KEY: ("sSHPublicKey", "sSHPublicKeyId"),
    CERTIFICATE: ("certificate", "certificateId"),
}
"""Where the answer has the credential, and its id there; else as in OF_A_SERVICE."""
OF_A_SERVICE = ("serviceSpecificCredential", "serviceSpecificCredentialId")
STOP = {
    SSH_KEY: "iam update-ssh-public-key --user-name {user} --ssh-public-key-id {credential}",
    CERTIFICATE: "iam update-signing-certificate --user-name {user} --certificate-id {certificate}",
}
STOP_SERVICE = (
    "iam update-service-specific-credential --user-name {user}"
    " --service-specific-credential-id {credential}"
)
BEDROCK = "bedrock.amazonaws.com"
MEANING = {
    BEDROCK: "a Bedrock API key",
    "cassandra.amazonaws.com": "a Keyspaces password",
    "codecommit.amazonaws.com": "a CodeCommit password",
    "logs.amazonaws.com": "a CloudWatch Logs API key",
}


class ServiceCredentialCreated(Rule):
    """A credential for a single service was made: a password, an API key or an SSH key.

    IAM users can have credentials beside their access keys: API keys for Bedrock, passwords for
    CodeCommit and Keyspaces, SSH keys, signing certificates. They last, and few look for them. A
    Bedrock key rings as high, since models run up a bill within hours, and so does a credential
    made for another user.

    Check that the user asked for it. If not, deactivate the credential. It is noisy only where
    developers still use CodeCommit or Keyspaces with passwords.
    """

    id = "service-credential-created"
    severity = Severity.MEDIUM
    actions = (
        "iam:CreateServiceSpecificCredential",
        "iam:ResetServiceSpecificCredential",
        SSH_KEY,
        CERTIFICATE,
    )
    failed_calls = "ignore"
    service_calls = "drop-aws"
    check_first = "Did the user ask for it? If not, deactivate it before anything else."
    many = "made service credentials"
    attack = "T1098.001"
    references = (
        "https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateServiceSpecificCredential.html",
        "https://docs.aws.amazon.com/bedrock/latest/userguide/api-keys.html",
    )
    since = "0.1.0"

    def match(self, event: Event) -> bool:
        return True

    def severity_of(self, event: Event) -> Severity:
        owner = owner_named(event)
        for_another = bool(owner) and owner != event.actor.name
        return Severity.HIGH if for_another or service_of(event) == BEDROCK else self.severity

    def title(self, event: Event) -> Text:
        owner = owner_named(event)
        whom = say("themselves") if owner == event.actor.name else user_named(owner)
        if event.action == SSH_KEY:
            return did(event, "uploaded", "upload", "an SSH key for {}", whom)
        if event.action == CERTIFICATE:
            return did(event, "uploaded", "upload", "a signing certificate for {}", whom)
        name = service_of(event)
        if not name:
            what = say("a service credential")
        else:
            what = say(MEANING[name]) if name in MEANING else say("a credential of {}", name)
        if event.action == "iam:ResetServiceSpecificCredential":
            return did(event, "reset", "reset", "{} for {}", what, whom)
        return did(event, "created", "create", "{} for {}", what, whom)

    def details(self, event: Event) -> tuple[Line, ...]:
        credential = credential_of(event)
        return (Line("Credential", say("{}", credential)),) if credential else ()

    def first_aid(self, event: Event) -> tuple[str, ...]:
        stop = aws(
            f"{STOP.get(event.action, STOP_SERVICE)} --status Inactive",
            user=owner_named(event),
            credential=credential_of(event),
            certificate=credential_of(event),
        )
        return stop, stop_key(event)

    @staticmethod
    def examples() -> Iterator[Rings | Quiet]:
        yield Rings(
            "an API key for Bedrock",
            credential("bob", BEDROCK, by="bob"),
            "bob created a Bedrock API key for themselves",
            Severity.HIGH,
        )
        yield Rings(
            "a password for another user",
            credential("bob", "codecommit.amazonaws.com", by="mallory"),
            "mallory created a CodeCommit password for bob",
            Severity.HIGH,
        )
        yield Rings(
            "a password of one's own",
            credential("bob", "codecommit.amazonaws.com", by="bob"),
            "bob created a CodeCommit password for themselves",
            Severity.MEDIUM,
        )
        yield Rings(
            "a service that is new",
            credential("bob", "example.amazonaws.com", by="bob"),
            "bob created a credential of example.amazonaws.com for themselves",
        )
        yield Rings(
            "a new password, whose service only the answer names",
            iam_call(
                "ResetServiceSpecificCredential",
                by="mallory",
                request={
                    "userName": "bob",
                    "serviceSpecificCredentialId": "ACCAEXAMPLE123EXAMPLE",
                },
                serviceSpecificCredential={
                    "userName": "bob",
                    "serviceName": "cassandra.amazonaws.com",
                },
            ),
            "mallory reset a Keyspaces password for bob",
            Severity.HIGH,
        )
        yield Rings(
            "an SSH key",
            iam_call(
                "UploadSSHPublicKey",
                by="bob",
                request={"userName": "bob", "sSHPublicKeyBody": "ssh-rsa AAAAEXAMPLE"},
                sSHPublicKey={"userName": "bob", "sSHPublicKeyId": "APKAEXAMPLE1234567890"},
            ),
            "bob uploaded an SSH key for themselves",
            Severity.MEDIUM,
        )
        yield Rings(
            "a signing certificate",
            iam_call(
                "UploadSigningCertificate",
                by=role("deploy", "build-42"),
                request={"userName": "bob"},
                certificate={"userName": "bob", "certificateId": "TA7SMP42TDN5Z26OBPJE7EXAMPLE"},
            ),
            "deploy/build-42 uploaded a signing certificate for bob",
            Severity.HIGH,
        )
        yield Rings(
            "a record that names nobody",
            iam_call("CreateServiceSpecificCredential", by=role("deploy", "build-42")),
            "deploy/build-42 created a service credential for an unknown user",
            Severity.MEDIUM,
        )
        yield Quiet(
            "a refused attempt",
            iam_call("CreateServiceSpecificCredential", by="mallory", error="AccessDenied"),
        )
        yield Quiet("AWS itself", credential("bob", BEDROCK, by=service("support")))


def answer_of(event: Event) -> tuple[str, str]:
    """Where the answer has the credential, and the name of its id."""
    holder, key = ANSWERS.get(event.action, OF_A_SERVICE)
    return f"responseElements.{holder}", key


def owner_named(event: Event) -> str:
    return owner_of(event, f"{answer_of(event)[0]}.userName")


def service_of(event: Event) -> str:
    """The service that the credential is for; "" where the record does not tell."""
    answer = event.text(f"{answer_of(event)[0]}.serviceName")
    return event.text("requestParameters.serviceName") or answer


def credential_of(event: Event) -> str:
    """The id of the credential, which is no secret."""
    holder, key = answer_of(event)
    return event.text(f"{holder}.{key}") or event.text(f"requestParameters.{key}")


def credential(name: str, service_name: str, *, by: Identity | str) -> Event:
    return iam_call(
        "CreateServiceSpecificCredential",
        by=by,
        request={"userName": name, "serviceName": service_name},
        serviceSpecificCredential={
            "userName": name,
            "serviceName": service_name,
            "serviceSpecificCredentialId": "ACCAEXAMPLE123EXAMPLE",
        },
    )
