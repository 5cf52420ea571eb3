from __future__ import annotations

from collections.abc import Iterator

from trailbell import policy
from trailbell.model import Event, Line, Severity, Text, say
from trailbell.rules.base import Quiet, Rings, Rule, did
from trailbell.testing import iam_call, service
from trailbell.text import join

DELETE = "iam:DeleteAccountPasswordPolicy"
DEFAULT_LENGTH = "6"
DEFAULT_REUSE = "0"
"""What a request means that leaves the length or the memory out: IAM goes back to its default.

https://docs.aws.amazon.com/IAM/latest/APIReference/API_UpdateAccountPasswordPolicy.html
"""


class PasswordPolicyWeakened(Rule):
    """The password policy of the account was deleted or changed.

    It says how long the passwords of IAM users must be and how soon an old one may come back.
    Without it each of them may be set to something that is guessed at once. The record does not
    tell the old values, so that every change rings, and the new values that are weak are named.
    A value that a change leaves out goes back to IAM's default: six characters, no memory.

    Check that somebody planned it, and set the policy that you want. It is noisy only where a
    pipeline writes the same policy again and again.
    """

    id = "password-policy-weakened"
    severity = Severity.MEDIUM
    actions = (DELETE, "iam:UpdateAccountPasswordPolicy")
    failed_calls = "ignore"
    service_calls = "drop-aws"
    check_first = "Was this planned? If not, set the password policy again, then see who did it."
    many = "changed the password policy"
    attack = "T1556"
    references = (
        "https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_passwords_account-policy.html",
        "https://docs.aws.amazon.com/IAM/latest/APIReference/API_UpdateAccountPasswordPolicy.html",
    )
    since = "0.1.0"

    min_length: int = 14
    """The fewest characters that are not called weak."""
    min_reuse: int = 24
    """The fewest former passwords to be remembered that are not called weak."""

    def match(self, event: Event) -> bool:
        return True

    def severity_of(self, event: Event) -> Severity:
        return Severity.HIGH if event.action == DELETE else self.severity

    def title(self, event: Event) -> Text:
        if event.action == DELETE:
            return did(event, "deleted", "delete", "the password policy of the account")
        if self.weak(event):
            return did(event, "set", "set", "a weak password policy for the account")
        return did(event, "changed", "change", "the password policy of the account")

    def details(self, event: Event) -> tuple[Line, ...]:
        weak = self.weak(event)
        return (Line("Weak", join("; ", weak)),) if weak else ()

    def weak(self, event: Event) -> list[Text]:
        """The new values that are under the minimum, each in a few words."""
        request = event.get("requestParameters", {})
        if event.action == DELETE or not isinstance(request, dict) or policy.omitted(request):
            return []
        length = event.text("requestParameters.minimumPasswordLength") or DEFAULT_LENGTH
        reuse = event.text("requestParameters.passwordReusePrevention") or DEFAULT_REUSE
        found = []
        if below(length, self.min_length):
            found.append(say(f"{{}} characters are enough, not {self.min_length}", length))
        if below(reuse, self.min_reuse):
            found.append(say(f"remembers {{}} former passwords, not {self.min_reuse}", reuse))
        return found

    @staticmethod
    def examples() -> Iterator[Rings | Quiet]:
        yield Rings(
            "deleted",
            iam_call("DeleteAccountPasswordPolicy", by="mallory"),
            "mallory deleted the password policy of the account",
            Severity.HIGH,
        )
        yield Rings(
            "short passwords",
            update(minimumPasswordLength=8, passwordReusePrevention=24),
            "alice set a weak password policy for the account",
            Severity.MEDIUM,
        )
        yield Rings(
            "a change that leaves everything out, which means the defaults",
            iam_call("UpdateAccountPasswordPolicy", by="alice"),
            "alice set a weak password policy for the account",
            Severity.MEDIUM,
        )
        yield Rings(
            "a good policy, which may be weaker than the old one",
            update(minimumPasswordLength="16", passwordReusePrevention=24),
            "alice changed the password policy of the account",
            Severity.MEDIUM,
        )
        yield Quiet(
            "a refused attempt",
            iam_call("DeleteAccountPasswordPolicy", by="mallory", error="AccessDenied"),
        )
        yield Quiet(
            "a mistake deleted nothing",
            iam_call("DeleteAccountPasswordPolicy", by="alice", error="NoSuchEntityException"),
        )
        yield Quiet(
            "AWS itself", iam_call("DeleteAccountPasswordPolicy", by=service("controltower"))
        )


def below(value: str, minimum: int) -> bool:
    """Whether a text is a number, and under the minimum."""
    try:
        return float(value) < minimum
    except ValueError:
        return False


def update(**request: object) -> Event:
    return iam_call("UpdateAccountPasswordPolicy", by="alice", request=request)
