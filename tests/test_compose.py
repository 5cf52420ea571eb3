"""The wording of the messages. ``GOLDEN=write pytest tests/test_compose.py`` writes the
golden files in tests/data/golden/ anew; read what git says of them before you commit."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trailbell import noise, rules
from trailbell.actor import HIDDEN
from trailbell.channels.slack import Slack
from trailbell.channels.stdout import Stdout
from trailbell.channels.telegram import Telegram
from trailbell.compose import Reader, compose, tool_of
from trailbell.engine import Engine, unreadable
from trailbell.model import Alert, Event, Group, Message, Origin, Severity, Text, say
from trailbell.rules.base import Rule, find
from trailbell.testing import call, iam_call, person, role, root, service, sign_in, user

GOLDEN = Path(__file__).parent / "data" / "golden"
BERLIN = ZoneInfo("Europe/Berlin")
PRODUCTION = "444455556666"
READER = Reader(BERLIN, {PRODUCTION: "production"}, "1f0c7a3e-0000-4000-8000-00000000cafe", 2026)
SLACK = Slack(url="https://hooks.slack.com/services/T0/B0/x")
TELEGRAM = Telegram(token=f"1:{'a' * 35}", chat_id=-1)
STDOUT = Stdout()
FOUND = find(rules)


class Failing(Rule):
    """Fails for every event."""

    id = "my-rule"
    severity = Severity.LOW
    actions = ("sns:CreateTopic",)

    def match(self, event: Event) -> bool:
        raise KeyError("a secret of the record")

    def title(self, event: Event) -> Text:
        raise NotImplementedError


def rung(*events: Event, by: str = "") -> Message:
    """The message about events; the first of what a rule, or all rules, say of them."""
    shipped = [rule() for rule in FOUND.values() if by in ("", rule.id)]
    found = noise.most_specific(Engine([*shipped, Failing()]).alerts(events))
    return compose(noise.groups(found)[0], READER)


def at(second: int) -> dict[str, Any]:
    """Time and id of the event of that second."""
    time = datetime(2026, 3, 17, 16, 5, tzinfo=UTC) + timedelta(seconds=second)
    return {"eventTime": f"{time:%Y-%m-%dT%H:%M:%SZ}", "eventID": f"{second:08}-0000-4000-8000-0"}


CI = user("ci-deploy", account=PRODUCTION)
CFN = "cloudformation.amazonaws.com"


def storm() -> Message:
    """What the cap leaves over of a storm of sign-ins and keys."""
    events = [
        iam_call("CreateAccessKey", by=f"user-{n % 14:02}", accessKey={"userName": "bob"})
        for n in range(60)
    ]
    events += [sign_in(by=f"user-{n:02}", failure="Failed authentication") for n in range(30)]
    for second, event in enumerate(events):
        event.raw.update(at(second))
    alerts = Engine([FOUND["access-key-created"](), FOUND["console-login-failed"]()]).alerts(events)
    return compose(noise.groups(alerts)[-1], READER)


MESSAGES: dict[str, Callable[[], Message]] = {
    "key-for-another-user": lambda: rung(
        call(
            "iam:CreateAccessKey",
            by=CI,
            request={"userName": "backup"},
            response={"accessKey": {"userName": "backup", "accessKeyId": "AKIAI44QH8DHBEXAMPLE"}},
            sourceIPAddress="203.0.113.66",
            awsRegion="us-east-1",
        )
    ),
    "refused-in-the-console": lambda: rung(
        call(
            "cloudtrail:StopLogging",
            by=person("alice@example.com", "PowerUser", account=PRODUCTION),
            error="AccessDenied",
            awsRegion="eu-west-1",
            sourceIPAddress="198.51.100.7",
            userAgent="Mozilla/5.0 (X11; Linux x86_64)",
            requestParameters={"name": "org-trail"},
        )
    ),
    "root-signed-in": lambda: rung(sign_in(by=root(), awsRegion="eu-west-1")),
    "a-user-name-that-does-not-exist": lambda: rung(
        sign_in(
            by={"type": "IAMUser", "accountId": PRODUCTION, "accessKeyId": "", "userName": HIDDEN},
            mfa="No",
            failure="No username found in supplied account",
        )
    ),
    "through-cloudformation-in-china": lambda: rung(
        call(
            "iam:AttachRolePolicy",
            by=role("deploy", "build-42") | {"invokedBy": CFN},
            request={
                "roleName": "app",
                "policyArn": "arn:aws-cn:iam::aws:policy/AdministratorAccess",
            },
            awsRegion="cn-north-1",
            sourceIPAddress=CFN,
            userAgent=CFN,
        )
    ),
    "a-mistake-by-terraform-in-govcloud": lambda: rung(
        call(
            "sqs:CreateQueue",
            by="alice",
            request={"queueName": "jobs"},
            error="QueueNameExists",
            awsRegion="us-gov-west-1",
            userAgent="APN/1.0 HashiCorp/1.0 Terraform/1.9.5 aws-sdk-go-v2/1.30",
        ),
        by="iam-user-activity",
    ),
    "hardly-anything-in-the-record": lambda: rung(
        Event({"eventName": "CreateAccessKey", "eventSource": "iam.amazonaws.com"})
    ),
    "another-year": lambda: rung(
        sign_in(by=root(), mfa="No", eventTime="2025-12-30T12:00:00Z", sourceIPAddress=None)
    ),
    "hostile-names": lambda: rung(
        iam_call(
            "CreateAccessKey",
            by=user("<!channel> `@here` </code> *b* \u202egnp.exe"),
            accessKey={"userName": "https://evil.example/\x00"},
        )
    ),
    "group-of-refused-calls": lambda: rung(
        *(call("iam:CreateAccessKey", by=CI, error="AccessDenied", **at(4 * n)) for n in range(15))
    ),
    "group-some-refused": lambda: rung(
        *(
            call(
                "iam:CreateAccessKey",
                by=CI,
                request={"userName": f"user-{n % 5}"},
                response={"accessKey": {"userName": f"user-{n % 5}"}},
                error="AccessDenied" if n % 4 == 0 else None,
                sourceIPAddress=f"203.0.113.{n % 2}",
                **at(n),
            )
            for n in range(9)
        )
    ),
    "shown-as-counts": storm,
    "unreadable-record": lambda: compose(
        Group.single(
            unreadable(
                Event(
                    {},
                    message='{"eventVersion":"1.11","userIdentity":{"type":"Ro',
                    origin=Origin(PRODUCTION, "org-trail", f"{PRODUCTION}_CloudTrail_eu-west-1"),
                    received=datetime(2026, 3, 17, 16, 9, 52, tzinfo=UTC),
                )
            )
        ),
        READER,
    ),
    "rule-error": lambda: rung(call("sns:CreateTopic", by=role("deploy", "b-1"))),
    "nothing-happened": lambda: Message(None, say("Test from trailbell: nothing happened")),
}


def flat(body: dict[str, Any]) -> str:
    """A Slack payload as text: **bold**, `values`, and a line a block."""
    lines = [f"notification: {body['text']}"]
    for block in body["blocks"]:
        if block["type"] == "rich_text":
            for part in block["elements"]:
                text = _flat(part)
                plain = part["type"] == "rich_text_section"
                lines.append(text if plain else f"{part['type']}:\n{text}")
        else:
            lines += [f"{block['type']}: {one['text']}" for one in block["elements"]]
    return "\n".join(lines)


def _flat(part: dict[str, Any]) -> str:
    text = ""
    for one in part["elements"]:
        style = one.get("style", {})
        mark = "`" if style.get("code") else "**" if style.get("bold") else ""
        text += f"{mark}{one['text']}{mark}"
    return text


def shown(message: Message) -> str:
    """A message as the three channels render it."""
    return (
        f"--- slack\n{flat(SLACK.render(message))}\n"
        f"--- telegram\n{TELEGRAM.render(message)['text']}\n"
        f"--- stdout\n{STDOUT.render(message)['text']}\n"
    )


@pytest.mark.parametrize("name", MESSAGES)
def test_golden(name: str) -> None:
    """The full text of a message, on each channel, is what somebody once read and found good."""
    file = GOLDEN / f"{name}.txt"
    # The line of our own test file moves whenever somebody adds a line above it.
    text = re.sub(r"(test_compose\.py):\d+", r"\1:0", shown(MESSAGES[name]()))
    if os.environ.get("GOLDEN") == "write":
        GOLDEN.mkdir(parents=True, exist_ok=True)
        file.write_text(text, "utf-8")

    assert file.is_file(), "no golden file: see the top of test_compose.py"
    assert text == file.read_text("utf-8")


def test_no_golden_file_is_left_over() -> None:
    """A golden file that no message is compared with says nothing."""
    assert {file.stem for file in GOLDEN.iterdir()} == set(MESSAGES)


def alert(event: Event, severity: Severity = Severity.HIGH, **more: Any) -> Alert:
    more = {"check_first": "Look twice.", "many": "created keys"} | more
    title = more.pop("title", say("{} did it", event.actor))
    return Alert(more.pop("rule", "a-rule"), severity, title, event, **more)


def single(event: Event, reader: Reader = READER, **more: Any) -> Message:
    return compose(Group.single(alert(event, **more)), reader)


def several(alerts: Iterable[Alert], rest: bool = False) -> Message:
    return compose(Group(tuple(alerts), rest=rest), READER)


def line(message: Message, label: str) -> str:
    """What a labelled line says; "" where there is none."""
    return " | ".join(str(line.text) for line in message.lines if line.label == label)


@pytest.mark.parametrize(
    ("region", "url"),
    [
        ("us-east-1", "https://us-east-1.console.aws.amazon.com/cloudtrailv2/home?region=us-east-1"),
        ("eu-central-2", "https://eu-central-2.console.aws.amazon.com/cloudtrailv2/home?region=eu-central-2"),
        ("ap-southeast-7", "https://ap-southeast-7.console.aws.amazon.com/cloudtrailv2/home?region=ap-southeast-7"),
        ("cn-north-1", "https://cn-north-1.console.amazonaws.cn/cloudtrailv2/home?region=cn-north-1"),
        ("us-gov-east-1", "https://us-gov-east-1.console.amazonaws-us-gov.com/cloudtrailv2/home?region=us-gov-east-1"),
        ("eusc-de-east-1", None),
        ("", None),
        (None, None),
        ("US-EAST-1", None),
        ("us-east-1\n", None),
        ("us-east-1.evil.example/", None),
        ("us-east-1/../", None),
        ("x@evil-1", None),
        (5, None),
    ],
)  # fmt: skip
def test_console_link(region: object, url: str | None) -> None:
    """The link leads to the event in the console of its region and partition; where the region is
    none that we know how to reach, there is no link."""
    event = call("iam:CreateUser", awsRegion=region)

    links = single(event).links

    assert [link.url for link in links] == ([f"{url}#/events/{event.id}"] if url else [])
    assert single(event).events == (event.id,)


@pytest.mark.parametrize(
    ("event_id", "linked", "kept"),
    [
        ("6e4a2f0c-0000-4000-8000-000000000001", True, True),
        ("EXAMPLE12", True, True),
        ("x&y", False, True),
        ("../../x/yyyyyyy", False, True),
        ("12345678\n", False, True),
        ("a" * 65, False, True),
        ("<script>alert", False, True),
        ("", False, False),
        (None, False, False),
        (5, False, False),
    ],
)
def test_event_ids(event_id: object, linked: bool, kept: bool) -> None:
    """An id that is safe in a URL becomes a link; another is told as text."""
    message = single(call("iam:CreateUser", eventID=event_id))

    assert bool(message.links) is linked
    assert message.events == ((event_id,) if kept else ())


@pytest.mark.parametrize(
    ("zone", "time", "expected"),
    [
        (UTC, "2026-03-17T16:09:52Z", "Tue 17 Mar, 16:09:52 UTC"),
        (BERLIN, "2026-03-17T16:09:52Z", "Tue 17 Mar, 17:09:52 CET"),
        (BERLIN, "2026-07-01T12:00:00Z", "Wed 1 Jul, 14:00:00 CEST"),
        (BERLIN, "2026-03-17T23:30:00Z", "Wed 18 Mar, 00:30:00 CET"),
        (ZoneInfo("America/Sao_Paulo"), "2026-03-17T16:09:52Z", "Tue 17 Mar, 13:09:52 UTC-03"),
        (ZoneInfo("Asia/Kathmandu"), "2026-03-17T16:09:52Z", "Tue 17 Mar, 21:54:52 UTC+0545"),
        (BERLIN, "2025-12-31T22:59:59Z", "Wed 31 Dec 2025, 23:59:59 CET"),
        (BERLIN, "2025-12-31T23:00:00Z", "Thu 1 Jan, 00:00:00 CET"),
        (BERLIN, "2027-01-01T12:00:00Z", "Fri 1 Jan 2027, 13:00:00 CET"),
    ],
)
def test_when(zone: tzinfo, time: str, expected: str) -> None:
    """The time of the event in the reader's zone with its label; the year only if it is another."""
    reader = Reader(zone, year=2026)

    assert line(single(call("iam:CreateUser", eventTime=time), reader), "When") == expected


@pytest.mark.parametrize(
    ("agent", "expected"),
    [
        ("aws-cli/2.17.32", "aws-cli"),
        ("APN/1.0 HashiCorp/1.0 Terraform/1.9.5 aws-sdk-go-v2/1.30", "terraform"),
        ("Boto3/1.34 Botocore/1.34", "boto3"),
        ("Botocore/1.34", "boto3"),
        ("aws-sdk-java/2.20", "sdk"),
        ("pulumi/3 aws-sdk-go/1.5", "pulumi"),
        ("Mozilla/5.0 (X11)", "console"),
        ("console.amazonaws.com", "console"),
        ("curl/8.0", ""),
        ("", ""),
        (None, ""),
    ],
)
def test_tool(agent: object, expected: str) -> None:
    """The tool in one word of ours, never a word from the agent."""
    assert tool_of(Event({"userAgent": agent})) == expected


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, "192.0.2.10, aws-cli, us-east-1"),
        ({"sourceIPAddress": "AWS Internal", "userAgent": "AWS Internal"},
         "inside AWS, console, us-east-1"),
        ({"sourceIPAddress": CFN, "userAgent": CFN}, f"{CFN}, us-east-1"),
        ({"sourceIPAddress": None, "userAgent": None, "awsRegion": None}, ""),
        ({"sourceIPAddress": None, "userAgent": None}, "us-east-1"),
        ({"userIdentity": user("alice", invokedBy=CFN)},
         f"192.0.2.10, aws-cli, us-east-1, via {CFN}"),
        ({"userIdentity": user("alice", invokedBy=CFN), "sourceIPAddress": CFN},
         f"{CFN}, aws-cli, us-east-1"),
    ],
)  # fmt: skip
def test_from(fields: dict[str, Any], expected: str) -> None:
    """Address, tool and region, as far as the record tells."""
    assert line(single(call("iam:CreateUser", **fields)), "From") == expected


@pytest.mark.parametrize(
    ("by", "expected"),
    [
        (user("alice"), "alice (IAM user), key AKIAIOSFODNN7EXAMPLE"),
        (user("alice", accessKeyId="ASIAIOSFODNN7EXAMPLE"), "alice (IAM user)"),
        (user("alice", accessKeyId="AKIA; rm -rf"), "alice (IAM user)"),
        (role("deploy", "b-1"), "deploy as b-1 (role session)"),
        (person("bob@example.com", "Admin"), "bob@example.com (Identity Center, Admin)"),
        (root(), "the root user of 111122223333"),
        (service("config"), "config.amazonaws.com (AWS service)"),
        ({"type": "IAMUser", "userName": HIDDEN}, "a user name that does not exist"),
    ],
)
def test_who(by: Any, expected: str) -> None:
    """Who it was, with a long-lived key whole: a reader must be able to paste it."""
    assert line(single(call("iam:CreateUser", by=by)), "Who") == expected


def test_a_hidden_name_is_not_shown() -> None:
    """AWS hides what may be a password typed into the wrong field; a message says so in words."""
    event = sign_in(by={"type": "IAMUser", "userName": HIDDEN}, failure="No username found")

    assert HIDDEN not in shown(single(event))
    assert HIDDEN not in shown(several([alert(event)] * 7))


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, "iam:CreateUser · succeeded"),
        ({"errorCode": "AccessDenied", "errorMessage": "no"}, "iam:CreateUser · AccessDenied"),
        ({"errorMessage": "Failed authentication"}, "iam:CreateUser · Failed authentication"),
        ({"responseElements": {"CreateUser": "Failure"}}, "iam:CreateUser · failed"),
        ({"eventName": None}, ""),
    ],
)
def test_what(fields: dict[str, Any], expected: str) -> None:
    """The API's name for it and how it ended, below the title."""
    assert str(single(call("iam:CreateUser", **fields)).what) == expected


@pytest.mark.parametrize("severity", Severity)
def test_check_first(severity: Severity) -> None:
    """Only what is high or critical says what to do first."""
    event = call("iam:CreateUser")

    expected = "Look twice." if severity >= Severity.HIGH else ""
    assert single(event, severity=severity).check_first == expected
    assert several([alert(event, severity)] * 2).check_first == expected


STOP = "aws iam update-access-key --user-name bob --access-key-id AKIAX --status Inactive"


@pytest.mark.parametrize("severity", Severity)
def test_commands(severity: Severity) -> None:
    """First aid stands in the message about one high or critical alert."""
    one = alert(call("iam:CreateUser"), severity, commands=(STOP,))

    expected = (STOP,) if severity >= Severity.HIGH else ()
    assert compose(Group.single(one), READER).commands == expected
    assert several([one] * 2).commands == ()
    assert several([one] * 2, rest=True).commands == ()


@pytest.mark.parametrize(
    ("commands", "shown"),
    [
        ((STOP, STOP), (STOP,)),
        ((f"{STOP} 1", f"{STOP} 2", f"{STOP} 3"), (f"{STOP} 1", f"{STOP} 2")),
        (("sudo reboot", f" {STOP}", "aws", "aws "), ()),
        ((f"{STOP}\nreboot", f"{STOP}\n", f"{STOP}\x1b[2K", f"{STOP}\u202e"), ()),
        ((f"{STOP} `reboot`", f"{STOP} \N{FULLWIDTH DIGIT ONE}"), ()),
        ((f"{STOP} '<!channel>&'",), (f"{STOP} '<!channel>&'",)),
    ],
)
def test_commands_that_are_none(commands: tuple[str, ...], shown: tuple[str, ...]) -> None:
    """At most two are shown, each a plain line that begins with aws, whatever a rule gave."""
    assert single(call("iam:CreateUser"), commands=commands).commands == shown


@pytest.mark.parametrize(
    ("account", "place"),
    [(PRODUCTION, "production"), ("111122223333", "111122223333"), (None, "")],
)
def test_account(account: str | None, place: str) -> None:
    """The headline names the account, or its id; the id stands in the message in any case."""
    event = call("iam:CreateUser", by=role("x", "y"), recipientAccountId=account)
    event.raw["userIdentity"]["accountId"] = None

    message = single(event)

    assert str(message.place) == place
    for part in shown(message).split("---")[1:]:
        assert (account or "") in part


def test_an_account_name_is_ours() -> None:
    """The user's name for an account is words, its id a value."""
    message = single(call("iam:CreateUser", by=CI))

    assert (message.place.words, message.place.values) == (("production",), ())


def test_nothing_known() -> None:
    """A record without any field gives a message without empty lines."""
    message = single(Event({"a": 1}))

    assert [line.label for line in message.lines] == ["Who"]
    assert (message.place, message.what, message.links, message.events) == (
        say(""), say(""), (), (),
    )  # fmt: skip
    assert all(TELEGRAM.render(message)["text"].splitlines())
    assert all(STDOUT.render(message)["text"].splitlines())


def burst(count: int, many: str = "created keys", **fields: Any) -> list[Alert]:
    return [
        alert(
            call("iam:CreateAccessKey", by=CI, **(at(n) | fields)),
            title=say("made key {}", str(n)),
            many=many,
        )
        for n in range(count)
    ]


@pytest.mark.parametrize(
    ("alerts", "title"),
    [
        (burst(6), "ci-deploy created keys 6 times, 17:05:00 to 17:05:05"),
        (burst(6, **at(0)), "ci-deploy created keys 6 times, 17:05:00"),
        (burst(2000, eventTime=None), "ci-deploy created keys 2,000 times"),
        (burst(6, many="", errorCode="AccessDenied", **at(0)),
         "ci-deploy was refused 6 times, 17:05:00"),
        (burst(4, **at(0)) + burst(2, many="", errorCode="AccessDenied", **at(0)),
         "ci-deploy created keys 6 times (2 refused), 17:05:00"),
        (burst(4, many="", errorCode="LimitExceeded", **at(0))
         + burst(2, many="", errorCode="AccessDenied", **at(0)),
         "ci-deploy set off a-rule 6 times (2 refused, 4 failed), 17:05:00"),
        (burst(6, many="failed to sign in", errorMessage="Failed authentication", **at(0)),
         "ci-deploy failed to sign in 6 times, 17:05:00"),
        ([alert(call("iam:CreateUser", by=root(), **at(0)), many="")] * 6,
         "The root user did it 6 times, 17:05:00"),
        ([alert(call("iam:CreateUser", **at(0)), own=True, title=say("A rule failed"))] * 6,
         "A rule failed 6 times, 17:05:00"),
    ],
)  # fmt: skip
def test_title_of_a_group(alerts: list[Alert], title: str) -> None:
    """A sentence that is true of each: the one that they share, or who did what how often, from
    when to when, and how many of it were refused or failed."""
    message = several(alerts)

    assert str(message.title) == title
    assert message.count == len(alerts)


def test_a_group_counts_and_shows_five() -> None:
    """A group shows its first five events and counts all; sentences stand by how often."""
    alerts = [
        alert(
            call("iam:CreateAccessKey", by=CI, **at(n)),
            title=say("{} made a key for {}", "ci-deploy", f"user-{n % 5}"),
        )
        for n in range(12)
    ]

    message = several(alerts)

    ids = tuple(at(n)["eventID"] for n in range(5))
    assert (message.count, message.events) == (12, ids)
    assert [(link.label, link.event) for link in message.links] == [
        (str(n + 1), ids[n]) for n in range(5)
    ]
    assert line(message, "").split(" | ") == [
        "ci-deploy made a key for user-0 ×3",
        "ci-deploy made a key for user-1 ×3",
        "ci-deploy made a key for user-2 ×2",
        "and 2 others",
    ]


def test_a_group_of_several_actions() -> None:
    """The commonest actions and addresses with their counts, and how many others there are."""
    names = ["A"] * 4 + ["B"] * 3 + ["C"] * 2 + ["D", "E"]
    alerts = [
        alert(call(f"iam:{name}", by=CI, sourceIPAddress=f"192.0.2.{name}", **at(n)))
        for n, name in enumerate(names)
    ]

    message = several(alerts)

    assert str(message.what) == "iam:A ×4, iam:B ×3, iam:C ×2 and 2 others"
    assert line(message, "From").startswith("192.0.2.A, aws-cli, us-east-1 ×4, 192.0.2.B")
    assert line(message, "From").endswith("and 2 others")


def test_counts() -> None:
    """What the cap left over: by severity and rule, with the number of actors, most severe first;
    the title says how many and when it began."""
    alerts = [
        alert(call("iam:CreateUser", by=f"user-{n % 3}", **at(n)), rule="b-rule") for n in range(12)
    ]
    alerts += [
        alert(call("iam:CreateUser", **at(50)), Severity.MEDIUM, rule=rule)
        for rule in ("a-rule", "c-rule", "c-rule")
    ]

    message = several(alerts, rest=True)

    assert str(message.title) == "15 more alerts at 17:05:00, shown as counts only"
    assert [(line.label, str(line.text)) for line in message.lines] == [
        ("high", "b-rule ×12 (3 actors)"),
        ("medium", "c-rule ×2 (1 actor) · a-rule ×1 (1 actor)"),
        ("Note", f"their event ids are in the function's log, request {READER.request}"),
    ]
    assert (message.count, message.severity) == (15, Severity.HIGH)
    assert (message.rule, message.check_first) == ("", "")
    assert message.events == tuple(at(n)["eventID"] for n in range(5))


@given(
    st.lists(st.sampled_from(["alice", "bob"]), min_size=1, max_size=30),
    st.booleans(),
)
def test_a_group_counts_all(names: list[str], rest: bool) -> None:
    """Whatever is in a group, its message counts it and shows five ids at most."""
    message = several(
        [alert(call("iam:CreateUser", by=name, **at(n))) for n, name in enumerate(names)], rest
    )

    assert message.count == len(names)
    assert len(message.events) <= 5
    assert len(message.lines) <= 9
