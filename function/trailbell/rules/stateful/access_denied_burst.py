from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from trailbell.model import Event, Line, Severity, Text, say
from trailbell.rules.base import Quiet, Rings, Rule
from trailbell.rules.reconnaissance.unauthorized_api_call import UnauthorizedApiCall
from trailbell.rules.stateful._examples import at, several
from trailbell.rules.stateful._memory import (
    check_numbers,
    is_first,
    kinds,
    lasted,
    note,
    some,
    subject,
)
from trailbell.state.base import Entry, densest
from trailbell.testing import Identity, call, role, service

REFUSED = UnauthorizedApiCall()
CALLS = (
    "s3:ListBuckets", "iam:ListUsers", "iam:ListRoles", "secretsmanager:ListSecrets",
    "lambda:ListFunctions20150331", "kms:ListKeys", "ec2:DescribeInstances", "dynamodb:ListTables",
)  # fmt: skip


class AccessDeniedBurst(Rule):
    """An actor was refused many calls in a few minutes.

    Whoever has found a key does not know what it may do, and tries one call after the other. A
    program that lacks a right is refused the same call again and again; many different calls are
    the sign of somebody who looks around, and ring as high. It rings once per window, and again
    when it comes to many different calls.

    Ask the actor, and look which calls were not refused. The console does not count: its pages
    make calls that the user has no right to. It is noisy for programs that were set up without
    their rights. Without a table it remembers only what one replay reads.
    """

    id = "access-denied-burst"
    severity = Severity.MEDIUM
    gate = '"errorCode"'
    failed_calls = "only-failed"
    service_calls = "drop-aws"
    passes_over_own = True
    needs_state = True
    check_first = (
        "Is it a program of yours? If not, stop the actor's keys, then see what got through."
    )
    many = "was refused many calls"
    attack = "T1580"
    references = (
        "https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html",
    )
    since = "0.1.0"

    threshold: int = 15
    """How many refused calls are too many."""
    window_minutes: int = 10
    """The time in which they happen."""
    distinct_calls: int = 8
    """How many different calls among them ring as high."""

    def check(self) -> None:
        check_numbers(self, 1_000, "threshold", "distinct_calls")
        check_numbers(self, 7 * 24 * 60, "window_minutes")

    def match(self, event: Event) -> bool:
        return self.burst(event)[1] is not None

    def severity_of(self, event: Event) -> Severity:
        return self.burst(event)[1] or self.severity

    def title(self, event: Event) -> Text:
        burst, _ = self.burst(event)
        calls = kinds(burst)
        what = say("{}", calls[0]) if len(calls) == 1 else say(f"{len(calls)} kinds of calls")
        return say(
            f"{{}} was refused {len(burst)} times {lasted(burst)}, at {{}}", event.actor, what
        )

    def details(self, event: Event) -> tuple[Line, ...]:
        calls = kinds(self.burst(event)[0])
        return (Line("Calls", some(calls, 5)),) if len(calls) > 1 else ()

    def burst(self, event: Event) -> tuple[tuple[Entry, ...], Severity | None]:
        """The refused calls, and the severity that the event is the first to tell; or None."""
        if not REFUSED.match(event) or event.from_console:
            return (), None
        about = subject(self, event, event.actor.name)
        window = timedelta(minutes=self.window_minutes)
        call = event.action or "an unnamed call"
        entries = note(self, about, event, window, call)
        burst = densest(entries, event.id, window)
        if len(burst) < self.threshold:
            return burst, None
        varied = densest(entries, event.id, window, distinct=True)
        if len(varied) < self.threshold:
            varied = burst
        # Both marks are set, so that the next event does not tell the lower after the higher.
        first = is_first(self, f"{about}:many", event, window)
        if len(kinds(varied)) >= self.distinct_calls and is_first(
            self, f"{about}:varied", event, window
        ):
            return varied, max(self.severity, Severity.HIGH)
        return burst, self.severity if first else None

    @staticmethod
    def examples() -> Iterator[Rings | Quiet]:
        def refused(second: int, by: Identity | str = "ci-deploy", **fields: Any) -> Event:
            error = {"error": "AccessDenied", **fields}
            action = error.pop("action", CALLS[second // 4 % 2])
            return call(action, by=by, **{**at(second), **error})

        def varied(second: int, **fields: Any) -> Event:
            return refused(second, action=CALLS[second // 4 % len(CALLS)], **fields)

        def in_console(second: int) -> Event:
            return varied(second, userAgent="Mozilla/5.0 (X11; Linux x86_64)")

        yield Rings(
            "the fifteenth refusal, of few different calls",
            refused(56),
            "ci-deploy was refused 15 times in 56 seconds, at 2 kinds of calls",
            Severity.MEDIUM,
            before=several(refused, 14, 4),
        )
        yield Rings(
            "always the same call, by a role session",
            refused(140, role("app", "i-0abc"), action="s3:ListBuckets"),
            "app/i-0abc was refused 15 times in 3 minutes, at s3:ListBuckets",
            Severity.MEDIUM,
            before=several(
                lambda s: refused(s, role("app", "i-0abc"), action="s3:ListBuckets"), 14
            ),
        )
        yield Rings(
            "many different calls",
            varied(56),
            "ci-deploy was refused 15 times in 56 seconds, at 8 kinds of calls",
            Severity.HIGH,
            before=several(varied, 14, 4),
        )
        yield Rings(
            "few different calls that become many",
            refused(84, action="ses:ListIdentities"),
            "ci-deploy was refused 22 times in 84 seconds, at 8 kinds of calls",
            Severity.HIGH,
            before=(
                *several(refused, 15, 4),
                *(refused(60 + 4 * n, action=CALLS[2 + n]) for n in range(5)),
                refused(80),
            ),
        )
        yield Rings(
            "the one before the last comes late; EC2 has other codes",
            refused(52, error="Client.UnauthorizedOperation"),
            "ci-deploy was refused 15 times in 56 seconds, at 2 kinds of calls",
            before=(*several(refused, 13, 4), refused(56)),
        )
        yield Quiet("the fourteenth", refused(52), before=several(refused, 13, 4))
        yield Quiet("the sixteenth: it was told", refused(60), before=several(refused, 15, 4))
        yield Quiet(
            "the sixteenth of many different ones", varied(60), before=several(varied, 15, 4)
        )
        yield Quiet(
            "the same records again and again", refused(52), before=several(refused, 14, 4) * 2
        )
        yield Quiet("too far apart", refused(700), before=several(lambda s: refused(s), 14, 50))
        yield Quiet(
            "other actors",
            refused(56),
            before=several(lambda second: refused(second, f"user-{second}"), 14, 4),
        )
        yield Quiet("the console", in_console(56), before=several(in_console, 14, 4))
        yield Quiet("AWS itself", refused(56, service("config")), before=several(refused, 14, 4))
        yield Quiet("a mistake", refused(56, error="NoSuchEntity"), before=several(refused, 14, 4))
        yield Quiet("no id recorded", refused(56, eventID=None), before=several(refused, 14, 4))
