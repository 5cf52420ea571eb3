from __future__ import annotations

import gzip
import json
import tomllib
from pathlib import Path

import pytest

from cli.conftest import Run
from cli.test_replay import FILES, KEY, LOGIN, QUIET, lines
from trailbell.cli import filters
from trailbell.cli.filters import presets

ROOT = Path(__file__).resolve().parents[2]
DAY = ROOT / "function" / "trailbell" / "cli" / "sample_day.ndjson.gz"
READS = '{ $.eventName = "Describe*" }'


def answers(out: str) -> list[tuple[str, bool]]:
    return [(line["event_id"], line["matched"]) for line in map(json.loads, out.splitlines())]


@pytest.mark.parametrize("data", FILES.values(), ids=FILES.keys())
@pytest.mark.parametrize("how", ["file", "stdin"])
def test_reads_what_replay_reads(run: Run, data: bytes, how: str) -> None:
    """Each form in which records are kept gives an answer a record, in their order."""
    Path("records").write_bytes(data)

    ran = run("pattern", READS, "records" if how == "file" else "-", "--format", "json", stdin=data)

    assert ran.code == 0
    assert answers(ran.out) == [
        (KEY["eventID"], False),
        (QUIET["eventID"], True),
        (LOGIN["eventID"], False),
    ]
    assert ran.err == "1 of 3 records matched.\n"


def test_a_record_that_comes_twice(run: Run) -> None:
    """Each copy of a record gets an answer, as each log event is delivered or not."""
    Path("one").write_bytes(lines(QUIET, QUIET))
    Path("two").write_bytes(lines(QUIET))

    ran = run("pattern", READS, "one", "two", "--format", "json")

    assert answers(ran.out) == [(QUIET["eventID"], True)] * 3


def test_an_object_has_two_fields(run: Run) -> None:
    """The JSON object holds the promised fields; an id that is no text is empty."""
    Path("records").write_bytes(lines({**QUIET, "eventID": 7}))

    ran = run("pattern", READS, "records", "--format", "json")

    assert ran.out == '{"event_id": "", "matched": true}\n'


def test_text(run: Run) -> None:
    """A line for a person says what passes and what is hidden, and what it is."""
    Path("records").write_bytes(lines(KEY, QUIET))

    ran = run("pattern", READS, "records")

    hidden, passes = ran.out.splitlines()
    assert hidden.startswith("hidden  2026-03-17T16:09:52Z  iam:CreateAccessKey  mallory")
    assert passes.startswith("passes  2026-03-17T16:09:52Z  ec2:DescribeInstances  alice")
    assert passes.endswith(QUIET["eventID"])


def test_hostile_text_drives_no_terminal(run: Run) -> None:
    """Control characters of a record reach a terminal in neither format."""
    name = "x\x1b[31m\r\u202e"
    hostile = {**QUIET, "eventName": name, "eventID": name, "userIdentity": {"userName": name}}
    Path("records").write_bytes(lines(hostile))

    for form in ("text", "json"):
        assert not {"\x1b", "\r", "\u202e"} & set(
            run("pattern", "", "records", "--format", form).out
        )


def test_a_line_that_is_no_record(run: Run) -> None:
    """A cut line is counted, and costs no other line its answer."""
    Path("records").write_bytes(lines(QUIET) + b'{"eventName": "Cut\n' + lines(KEY))

    ran = run("pattern", "", "records", "--format", "json")

    assert answers(ran.out) == [(QUIET["eventID"], True), (KEY["eventID"], True)]
    assert ran.err == "2 of 2 records matched, 1 unreadable.\n"


@pytest.mark.parametrize(
    ("name", "passed"), [("all-but-reads", 90), ("security", 45), ("iam-user", 22)]
)
def test_a_presets_name(run: Run, name: str, passed: int) -> None:
    """A preset's name is as good as its pattern; the sample day shows what each leaves."""
    by_name = run("pattern", name, str(DAY), "--format", "json")
    by_text = run("pattern", presets()[name], str(DAY), "--format", "json")

    assert by_name == by_text
    assert by_name.err == f"{passed} of 640 records matched.\n"


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ("{ $.a = 1", "character 1: { is not closed"),
        ('{ $.a = "' + "x" * 1024 + '" }', "at most 1,024 characters"),
        ("{ $.a = %x% || $.a = %y% || $.a = %z% }", "at most 2 regular expressions"),
        ("{ $.a = %(x)% }", "character 10: a regular expression has no (; \\x28"),
        ("ERROR", "only JSON patterns"),
        ("all-but-read", "did you mean 'all-but-reads'?"),
        ("-WARN", "No such option"),
        ("\x1b[31m{", "only JSON patterns"),
    ],
)
def test_a_pattern_that_is_refused(run: Run, pattern: str, words: str) -> None:
    """What the service refuses is one line on stderr, with exit code 2."""
    Path("records").write_bytes(lines(QUIET))

    ran = run("pattern", pattern, "records")

    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("trailbell: ")
    assert ran.err.count("\n") == 1
    assert "\x1b" not in ran.err
    assert words in ran.err


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"\x89PNG\r\n\x1a\n", "records: holds no JSON"),
        (b'{"foo": 1}', "records: holds JSON, but no CloudTrail records"),
        (gzip.compress(lines(KEY))[:-9], "records: "),
    ],
)
def test_a_file_that_cannot_be_read(run: Run, data: bytes, words: str) -> None:
    """What cannot be read is named in one line on stderr, with exit code 2."""
    Path("records").write_bytes(data)

    ran = run("pattern", "", "records", "--format", "json")

    assert (ran.code, ran.out, ran.err.count("\n")) == (2, "", 1)
    assert words in ran.err


def test_the_readme_shows_the_default_preset() -> None:
    """The pattern that the README says to paste is the preset all-but-reads."""
    readme = (ROOT / "README.md").read_text("utf-8")

    assert f"\n```text\n{presets()['all-but-reads']}\n```\n" in readme


def test_presets_are_in_the_wheel() -> None:
    """A wheel brings the presets that lie outside the package in a checkout."""
    build = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["hatch"]["build"]
    copied = build["targets"]["wheel"]["force-include"]

    assert copied["infra/filters.json"] == f"trailbell/cli/{filters.NAME}"
    assert presets().keys() == {"all-but-reads", "security", "iam-user"}
