from __future__ import annotations

import base64
import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from cli.conftest import Run
from trailbell.testing import ACCOUNT, call, iam_call, root, sign_in

KEY = iam_call("CreateAccessKey", by="mallory", accessKey={"userName": "backup"}).raw
LOGIN = sign_in(by=root(), eventID="0c4e0000-0000-4000-8000-00000000aaaa").raw
QUIET = call("ec2:DescribeInstances", eventID="0c4e0000-0000-4000-8000-00000000bbbb").raw


def lines(*records: Any) -> bytes:
    return b"".join(json.dumps(record).encode() + b"\n" for record in records)


def payload(*records: Any) -> dict[str, Any]:
    entries = [{"id": "1", "timestamp": 1, "message": json.dumps(record)} for record in records]
    body = {"messageType": "DATA_MESSAGE", "logGroup": "trail", "logEvents": entries}
    return {
        "awslogs": {"data": base64.b64encode(gzip.compress(json.dumps(body).encode())).decode()}
    }


FILES = {
    "one record a line": lines(KEY, QUIET, LOGIN),
    "empty lines between": lines(KEY, QUIET).replace(b"\n", b"\n\n") + lines(LOGIN),
    "no newline at the end": lines(KEY, QUIET, LOGIN).rstrip(),
    "a byte-order mark": b"\xef\xbb\xbf" + lines(KEY, QUIET, LOGIN),
    "a log file": json.dumps({"Records": [KEY, QUIET, LOGIN]}).encode(),
    "a log file over many lines": json.dumps({"Records": [KEY, QUIET, LOGIN]}, indent=1).encode(),
    "a zipped log file": gzip.compress(json.dumps({"Records": [KEY, QUIET, LOGIN]}).encode()),
    "zipped lines": gzip.compress(lines(KEY, QUIET, LOGIN)),
    "a saved payload": json.dumps(payload(KEY, QUIET, LOGIN)).encode(),
    "a saved payload over many lines": json.dumps(payload(KEY, QUIET, LOGIN), indent=1).encode(),
    "payloads, one a line": lines(payload(KEY), payload(QUIET, LOGIN)),
    "what aws cloudtrail lookup-events prints": json.dumps(
        {"Events": [{"CloudTrailEvent": json.dumps(one)} for one in (KEY, QUIET, LOGIN)]}, indent=4
    ).encode(),
    "what aws logs filter-log-events prints": json.dumps(
        {"events": [{"message": json.dumps(one)} for one in (KEY, QUIET, LOGIN)]}
    ).encode(),
    "events of EventBridge": lines(
        *(
            {"detail-type": "AWS API Call via CloudTrail", "detail": one}
            for one in (KEY, QUIET, LOGIN)
        )
    ),
    "a bare list": json.dumps([KEY, QUIET, LOGIN]).encode(),
}


@pytest.mark.parametrize("data", FILES.values(), ids=FILES.keys())
@pytest.mark.parametrize("how", ["file", "stdin"])
def test_reads_what_people_have(run: Run, tmp_path: Path, data: bytes, how: str) -> None:
    """Each form in which records are kept gives the same alerts."""
    Path(tmp_path, "records").write_bytes(data)
    name = "records" if how == "file" else "-"

    ran = run("replay", name, "--format", "json", stdin=data)

    assert ran.code == 0
    assert [json.loads(line)["rule"] for line in ran.out.splitlines()] == [
        "access-key-created",
        "root-console-login",
    ]
    assert "3 records: 2 alerts, 0 muted." in ran.err


def test_an_alert_as_json(run: Run, tmp_path: Path) -> None:
    """An alert's object has the promised fields, in the promised forms."""
    Path("records").write_bytes(lines(KEY))

    (line,) = run("replay", "records", "--format", "json").out.splitlines()

    assert json.loads(line) == {
        "rule": "access-key-created",
        "severity": "critical",
        "title": "mallory created an access key for backup",
        "event_id": KEY["eventID"],
        "time": "2026-03-17T16:09:52Z",
        "account": ACCOUNT,
        "region": "us-east-1",
        "action": "iam:CreateAccessKey",
        "actor": "mallory",
        "outcome": "succeeded",
    }


def test_a_line_that_is_no_record_costs_no_other(run: Run) -> None:
    """A cut line becomes an alert of its own, and its neighbours ring."""
    Path("records").write_bytes(lines(KEY) + b'{"eventName": "Cut\n' + lines(LOGIN))

    ran = run("replay", "records", "--format", "json")

    alerts = [json.loads(line) for line in ran.out.splitlines()]
    assert {alert["rule"] for alert in alerts} == {
        "access-key-created",
        "root-console-login",
        "unreadable-record",
    }
    assert [alert["event_id"] for alert in alerts if alert["rule"] == "unreadable-record"] == [""]
    assert "1 unreadable" in ran.err


def test_a_first_line_that_is_cut(run: Run) -> None:
    """The first line of a file decides nothing about the rest."""
    Path("records").write_bytes(b'{"eventName": "Cut\n' + lines(KEY, LOGIN))

    assert "2 records: 3 alerts" in run("replay", "records").err


def test_a_record_that_was_delivered_twice(run: Run) -> None:
    """An event id counts once in a run, over the borders of files and batches."""
    Path("one").write_bytes(lines(KEY, *[QUIET] * 600, KEY))
    Path("two").write_bytes(lines(KEY))

    ran = run("replay", "one", "two", "--format", "json")

    assert len(ran.out.splitlines()) == 1
    assert "603 records: 1 alert, 0 muted, 601 seen twice." in ran.err


def test_a_muted_alert_is_counted(run: Run) -> None:
    """A mute keeps an alert from the output, not from the summary."""
    Path("configs.py").write_text('MUTES = [{"actor": "mallory", "reason": "a test"}]')
    Path("records").write_bytes(lines(KEY))

    ran = run("replay", "records", "--format", "json")

    assert (ran.code, ran.out) == (0, "")
    assert "1 record: 0 alerts, 1 muted." in ran.err


@pytest.mark.parametrize(
    ("options", "rules"),
    [
        ([], {"iam-user-activity"}),
        (["--all-rules"], {"off-hours-activity"}),
        (["--rules", "off-hours-activity"], {"off-hours-activity"}),
        (["--rules", "off-hours-activity, iam-user-activity"], {"off-hours-activity"}),
        (["--rules", "access-key-created"], set()),
    ],
)
def test_which_rules_run(run: Run, options: list[str], rules: set[str]) -> None:
    """--all-rules runs those that are off too, --rules the named ones; the specific one wins."""
    night = call("s3:DeleteBucket", eventTime="2026-03-17T02:00:00Z").raw
    Path("records").write_bytes(lines(night))

    ran = run("replay", "records", "--format", "json", *options)

    assert {json.loads(line)["rule"] for line in ran.out.splitlines()} == rules


def test_hostile_text_drives_no_terminal(run: Run) -> None:
    """Control characters of a record do not reach a terminal, in neither format."""
    name = "mal\x1b[31mlory\r\n\u202e"
    record = iam_call("CreateAccessKey", by=name, accessKey={"userName": name}).raw
    Path("records").write_bytes(lines(record))

    for form in ("text", "json"):
        out = run("replay", "records", "--format", form).out
        assert not {"\x1b", "\r", "\u202e"} & set(out)


@pytest.mark.parametrize(
    ("args", "data", "words"),
    [
        (["nowhere"], b"", "nowhere: No such file"),
        (["records"], b"\x89PNG\r\n\x1a\n", "records: holds no JSON"),
        (["records"], b"\x1f\x8bbroken", "records: "),
        (["records"], gzip.compress(lines(KEY))[:-9], "records: "),
        (["records"], json.dumps({"awslogs": {"data": "!"}}).encode(), "not base64"),
        (["records", "--rules", "access-key-create"], b"", "did you mean 'access-key-created'"),
        (["records", "--config", "missing.py"], b"", "missing.py"),
        (["."], b"", ".: Is a directory"),
        (["records"], b'{"foo": 1}', "holds JSON, but no CloudTrail records"),
        (["records", "--rules", ""], b"", "--rules names the rules"),
        (["records", "--all-rules", "--rules", "root-activity"], b"", "without --all-rules"),
        ([], b"", "Missing argument 'FILE...'"),
        (["records", "--format", "xml"], b"", "'xml'"),
    ],
)
def test_bad_input_is_one_line(run: Run, args: list[str], data: bytes, words: str) -> None:
    """What cannot be read is named in one line on stderr, with exit code 2."""
    Path("records").write_bytes(data)

    ran = run("replay", *args)

    assert ran.code == 2
    assert ran.out == ""
    assert ran.err.count("\n") == 1
    assert ran.err.startswith("trailbell: ")
    assert words in ran.err


def test_an_empty_file_is_an_answer(run: Run) -> None:
    """No record is no alert, and no error."""
    Path("records").write_bytes(b"")

    ran = run("replay", "records")

    assert (ran.code, ran.out) == (0, "")
    assert "0 records: 0 alerts" in ran.err
