from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from trailbell.model import Event, Severity, Text, say
from trailbell.rules._record import first_text, named
from trailbell.rules.base import Quiet, Rings, Rule
from trailbell.testing import call

WORDS = {
    "s3:PutBucketAcl": "{} changed the access list of {}",
    "s3:PutBucketPolicy": "{} changed the policy of {}",
    "s3:PutBucketCors": "{} changed which websites may use {}",
    "s3:PutBucketLifecycle": "{} changed when objects of {} expire",
    "s3:PutBucketReplication": "{} changed where {} is copied to",
    "s3:DeleteBucketPolicy": "{} deleted the policy of {}",
    "s3:DeleteBucketCors": "{} deleted the rules for websites that use {}",
    "s3:DeleteBucketLifecycle": "{} deleted the rules by which objects of {} expire",
    "s3:DeleteBucketReplication": "{} stopped the copying of {}",
}


class S3BucketAccessChanged(Rule):
    """The policy, access list, lifecycle or replication of a bucket was changed.

    The record of each change that the CIS benchmark asks for. What opens a bucket to the public
    or to another account rings in `resource-made-public`, louder and without this rule.

    Check a lifecycle or replication that nobody planned: the one deletes data after a day, the
    other copies it elsewhere. It is off because every run of Terraform puts bucket policies.
    """

    id = "s3-bucket-access-changed"
    severity = Severity.LOW
    actions = tuple(WORDS)
    failed_calls = "ignore"
    service_calls = "drop-automation"
    on_by_default = False
    many = "changed the access to buckets"
    attack = "T1530"
    cis: ClassVar = {
        "1.2": "3.8",
        "1.4-5.0": "4.8",
        "6.0-7.0": "5.8",
        "securityhub": "CloudWatch.8",
    }
    references = (
        "https://docs.aws.amazon.com/securityhub/latest/userguide/cloudwatch-controls.html",
    )
    since = "0.1.0"

    def match(self, event: Event) -> bool:
        return True

    def title(self, event: Event) -> Text:
        words = WORDS.get(event.action, "{} changed the access to {}")
        return say(words, event.actor, named("bucket", first_text(event, "bucketName")))

    @staticmethod
    def examples() -> Iterator[Rings | Quiet]:
        bucket = {"bucketName": "example", "Host": "example.s3.us-east-1.amazonaws.com"}
        yield Rings(
            "another policy",
            call("s3:PutBucketPolicy", request={**bucket, "bucketPolicy": {}, "policy": ""}),
            "alice changed the policy of bucket example",
            Severity.LOW,
        )
        yield Rings(
            "no policy any more",
            call("s3:DeleteBucketPolicy", request={**bucket, "policy": ""}),
            "alice deleted the policy of bucket example",
        )
        yield Rings(
            "objects that expire after a day",
            call(
                "s3:PutBucketLifecycle",
                request={
                    **bucket,
                    "lifecycle": "",
                    "LifecycleConfiguration": {
                        "Rule": {"Status": "Enabled", "Expiration": {"Days": 1}, "ID": "nuke"}
                    },
                },
            ),
            "alice changed when objects of bucket example expire",
        )
        yield Rings(
            "objects that are copied elsewhere",
            call("s3:PutBucketReplication", request={**bucket, "replication": ""}),
            "alice changed where bucket example is copied to",
        )
        yield Rings(
            "a call that is recorded without its parameters",
            call("s3:PutBucketAcl"),
            "alice changed the access list of an unknown bucket",
        )
        yield Quiet(
            "a refused attempt",
            call("s3:PutBucketAcl", request={**bucket, "acl": ""}, error="AccessDenied"),
        )
        yield Quiet(
            "CloudFormation, for a user",
            call(
                "s3:PutBucketPolicy",
                request={**bucket, "policy": ""},
                sourceIPAddress="cloudformation.amazonaws.com",
            ),
        )
