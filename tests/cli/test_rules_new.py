from __future__ import annotations

import json
from pathlib import Path

import pytest

from cli.conftest import Run

LISTED = "from custom_rules.bucket_gone import BucketGone\nCUSTOM_RULES = [BucketGone]\n"


def test_a_new_rule_passes_at_once(run: Run) -> None:
    """The file is a rule that works: listed, checked, and in every command."""
    assert run("rules", "new", "bucket-gone").code == 0
    Path("configs.py").write_text(LISTED)
    Path("records").write_text(
        '{"eventSource":"s3.amazonaws.com","eventName":"DeleteBucket","userIdentity":'
        '{"type":"IAMUser","userName":"bob"},"requestParameters":{"bucketName":"b"}}'
    )

    check = run("check", "--format", "json")
    replayed = json.loads(run("replay", "records", "--format", "json").out)

    assert check.code == 0
    assert "bucket-gone" not in check.out
    assert "bucket-gone" in run("rules").out
    assert (replayed["rule"], replayed["title"]) == ("bucket-gone", "bob deleted the bucket b")


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ("deleted the bucket backups", "ate it", "says 'mallory deleted the bucket backups', not"),
        ("NoSuchBucket", "AccessDenied", "should stay quiet, but says"),
        ('"s3:DeleteBucket",)', '"s3:DeleteBuckets",)', "should ring, and stays quiet"),
    ],
)
def test_examples_that_are_wrong(run: Run, before: str, after: str, words: str) -> None:
    """`check` runs the examples of a user's rules, and a wrong one is a problem."""
    run("rules", "new", "bucket-gone")
    Path("configs.py").write_text(LISTED)
    file = Path("custom_rules/bucket_gone.py")
    file.write_text(file.read_text().replace(before, after))

    ran = run("check")

    assert ran.code == 1
    assert words in ran.out


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["Bucket"], "must look like 'bucket-deleted'"),
        (["../../etc/x-y"], "must look like 'bucket-deleted'"),
        (["access-key-created"], "there is a rule access-key-created already"),
        (["there-already"], "is there already"),
        (["not-writable", "--folder", "a-file"], "a-file"),
    ],
)
def test_what_it_refuses(run: Run, args: list[str], words: str) -> None:
    """A wrong id, a taken one, a file that is there: one line, and nothing is written."""
    Path("custom_rules").mkdir()
    Path("custom_rules/there_already.py").write_text("mine")
    Path("a-file").write_text("")

    ran = run("rules", "new", *args)

    assert (ran.code, ran.out) == (2, "")
    assert words in ran.err
    assert Path("custom_rules/there_already.py").read_text() == "mine"
