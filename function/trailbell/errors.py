"""Every error that trailbell raises on purpose.

* TrailbellError
  x ConfigError         a setting is wrong; nothing was posted
  x RuntimeMismatch     the zip was built for another Python or processor
  x PayloadError        the invocation's payload cannot be read; nothing was posted
  x LedgerDown          the ledger did not answer (alerts are posted all the same)
  x PatternError        CloudWatch Logs would refuse a filter pattern
  x ChannelError        a channel did not take a message (says whether to try again)
  x AwsError            a call to AWS failed (says with which code)
  x DeliveryIncomplete  something is left to post; raised so that Lambda tries again

Texts are one line, hold no secret, and stay under 512 characters: Lambda copies them into the
record of a failed invocation.
"""

from __future__ import annotations

from enum import Enum
from typing import Any

TEXT_LIMIT = 500


class TrailbellError(Exception):
    """The base of all of them; its text is one line, cut to what a failure record can carry."""

    def __init__(self, text: str) -> None:
        text = " ".join("".join(c if c.isprintable() else " " for c in text).split())
        super().__init__(text if len(text) <= TEXT_LIMIT else text[: TEXT_LIMIT - 1] + "…")


class ConfigError(TrailbellError):
    """A setting is wrong; the text names it, what is wrong, and the nearest right name."""


class RuntimeMismatch(TrailbellError):
    """The zip holds compiled parts that this runtime cannot load."""


class PayloadError(TrailbellError):
    """The payload of the invocation cannot be read as a whole."""


class LedgerDown(TrailbellError):
    """The ledger's table is missing, closed to us, throttled or slow; the text says which."""


class PatternError(TrailbellError):
    """A filter pattern that CloudWatch Logs would refuse; the text names the place and what is
    wrong there."""


class DeliveryIncomplete(TrailbellError):
    """Alerts are left that no channel has acknowledged."""


class Verdict(Enum):
    """What a channel's answer means for the message that it refused."""

    TRANSIENT = "try again later"
    PERMANENT = "this channel takes nothing any more"
    REPAIRABLE = "the same message, changed as the error says, may pass"


class ChannelError(TrailbellError):
    """A channel did not take a message."""

    def __init__(
        self,
        reason: str,
        verdict: Verdict,
        *,
        retry_after: float | None = None,
        change: dict[str, Any] | None = None,
        in_doubt: bool = False,
    ) -> None:
        super().__init__(reason)
        self.verdict = verdict
        self.retry_after = retry_after
        """Seconds that the channel asked us to wait; None when it did not say."""
        self.change = change
        """REPAIRABLE: fields of the body to replace (None drops one). None: send it plain."""
        self.in_doubt = in_doubt
        """Whether it may have been posted all the same: a 5xx, or no answer to what was sent."""


class AwsError(TrailbellError):
    """A call to AWS failed; the text names the call and the code, never what was sent."""

    def __init__(
        self,
        operation: str,
        code: str,
        *,
        in_doubt: bool = False,
        answer: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(f"{operation}: {code}")
        self.code = code
        """``ResourceNotFoundException``, or the type of the failure where AWS did not answer."""
        self.in_doubt = in_doubt
        """Whether it may have been done all the same."""
        self.answer = answer or {}
        """What AWS said, beyond the code."""
