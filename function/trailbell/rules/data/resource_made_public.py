from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from trailbell import policy
from trailbell.first_aid import aws
from trailbell.model import Event, Line, Severity, Text, say
from trailbell.rules._record import first_text, named
from trailbell.rules.base import Quiet, Rings, Rule, did, listed
from trailbell.rules.data._bucket import BLOCKS, FLAGS, of_account, public_grants, switched_off
from trailbell.rules.data._sharing import (
    ADD_PERMISSION,
    POLICIES,
    outsiders,
    policy_of,
    quoted,
    unreadable,
    whom,
)
from trailbell.testing import ACCOUNT, call, role, service
from trailbell.text import join

URLS = ("lambda:CreateFunctionUrlConfig", "lambda:UpdateFunctionUrlConfig")
RESOURCES: dict[str, tuple[str, tuple[str, ...]]] = {
    "s3": ("bucket", ("bucketName",)),
    "lambda": ("function", ("functionName",)),
    "sqs": ("queue", ("queueUrl", "queueName")),
    "sns": ("topic", ("topicArn", "name")),
    "ecr": ("repository", ("repositoryName",)),
    "secretsmanager": ("secret", ("secretId",)),
    "kms": ("KMS key", ("keyId", "responseElements.keyMetadata.keyId")),
    "es": ("search domain", ("domainName",)),
    "glacier": ("vault", ("vaultName",)),
}
"""What a service keeps, and where a record has its name."""
FRONTS = (":function:", ":secret:", ":key/")
"""What ends the front of an ARN, with a name behind it that may have colons and slashes."""
MOST_PRECIOUS = ("s3", "secretsmanager", "kms")
CLOSED = (
    "BlockPublicAcls=true,IgnorePublicAcls=true,BlockPublicPolicy=true,RestrictPublicBuckets=true"
)


class ResourceMadePublic(Rule):
    """A bucket, key, secret, queue or function was opened to the public or to another account.

    Most leaks from the cloud were no break-in: somebody opened a bucket. The policy is read: it
    rings when it lets in anybody without a condition that narrows them down, and, less severely,
    when it lets in another account. So do public ACLs, functions that anybody may call, and an
    S3 public access block that is taken away in whole or in part, which opens nothing by itself.

    Check whether it is meant to be public. If not, close it, then look at who read it: that is
    recorded only where data events are. Noisy for public websites, which belong into
    `allow_resources`; where accounts share data or AWS's own deliver logs, whose accounts belong
    into `trusted_accounts`; for search domains inside a VPC; and with Terraform, which takes the
    block away and puts it back.
    """

    id = "resource-made-public"
    severity = Severity.HIGH
    actions = (*POLICIES, *ADD_PERMISSION, "s3:PutBucketAcl", *BLOCKS, *URLS)
    failed_calls = "denied-lower"
    service_calls = "drop-aws"
    check_first = "Is this meant to be public? If not, close it, then look at who has read it."
    many = "opened resources to outsiders"
    attack = "T1537"
    references = (
        "https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-control-block-public-access.html",
        "https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html",
    )
    since = "0.1.0"

    trusted_accounts: tuple[str, ...] = ()
    """Accounts (12 digits each) that may be let in; other principals as the policy has them."""
    allow_resources: tuple[str, ...] = ()
    """Resources (globs) that may be public: a name, or the whole ARN or URL of a request."""

    def match(self, event: Event) -> bool:
        full = resource_of(event)
        if listed(full, self.allow_resources) or listed(short(full), self.allow_resources):
            return False
        return bool(
            is_public(event) or self.let_in(event) or switched_off(event) or unreadable(event)
        )

    def severity_of(self, event: Event) -> Severity:
        if not is_public(event):
            return Severity.MEDIUM
        precious = event.action.partition(":")[0] in MOST_PRECIOUS
        return Severity.CRITICAL if precious else self.severity

    def title(self, event: Event) -> Text:
        what = resource_named(event)
        if is_public(event):
            if event.action == "lambda:CreateFunctionUrlConfig":
                return did(event, "gave", "give", "{} a URL that anybody may call", what)
            if event.action in URLS:
                return did(event, "opened", "open", "the URL of {} to anybody", what)
            return did(event, "made", "make", "{} public", what)
        if found := self.let_in(event):
            return did(event, "gave", "give", "{} access to {}", whom(found), what)
        if not switched_off(event):
            return did(event, "gave", "give", "{} a policy that could not be read", what)
        rest = "the public access block of {}"
        if "Delete" in event.name:
            return did(event, "removed", "remove", rest, what)
        if len(switched_off(event)) == len(FLAGS):
            return did(event, "switched off", "switch off", rest, what)
        return did(event, "left", "leave", f"gaps in {rest}", what)

    def details(self, event: Event) -> tuple[Line, ...]:
        document = policy_of(event)
        if opened := policy.public(document):
            return quoted(opened)
        if found := self.let_in(event):
            return quoted(found[0])
        if grants := public_grants(event):
            return (Line("Grant", join("; ", grants)),)
        if event.name.startswith("Put") and (flags := switched_off(event)):
            return (Line("Lets in", say(", ".join(flags))),)
        return ()

    def first_aid(self, event: Event) -> tuple[str, ...]:
        return (close(event),) if event.succeeded else ()

    def let_in(self, event: Event) -> list[policy.Trust]:
        """The outsiders whom the policy lets in."""
        return outsiders(policy_of(event), event.account, self.trusted_accounts)

    @staticmethod
    def examples() -> Iterator[Rings | Quiet]:
        anyone = allow("*", "s3:GetObject")
        yield Rings(
            "a bucket's policy, which is recorded as an object",
            put_policy(anyone),
            "alice made bucket example public",
            Severity.CRITICAL,
        )
        yield Rings(
            "anybody under a condition that lets anybody in",
            put_policy(allow("*", "s3:*", {"IpAddress": {"aws:SourceIp": "0.0.0.0/0"}})),
            "alice made bucket example public",
            Severity.CRITICAL,
        )
        yield Rings(
            "another account",
            put_policy(allow({"AWS": "arn:aws:iam::999988887777:root"}, "s3:*")),
            "alice gave account 999988887777 access to bucket example",
            Severity.MEDIUM,
        )
        yield Rings(
            "somebody whose account the policy does not tell",
            put_policy(allow({"CanonicalUser": "79a59df900b949e55d96a1e698fbaced" * 2}, "s3:*")),
            "alice gave somebody from outside access to bucket example",
            Severity.MEDIUM,
        )
        yield Rings(
            "a public ACL by its name",
            call("s3:PutBucketAcl", request={**BUCKET, "acl": "", "x-amz-acl": "public-read"}),
            "alice made bucket example public",
            Severity.CRITICAL,
        )
        yield Rings(
            "a public ACL in full",
            put_acl("http://acs.amazonaws.com/groups/global/AuthenticatedUsers"),
            "alice made bucket example public",
            Severity.CRITICAL,
        )
        yield Rings(
            "a public ACL in a header",
            call(
                "s3:PutBucketAcl",
                request={
                    **BUCKET,
                    "x-amz-grant-read": ['uri="http://acs.amazonaws.com/groups/global/AllUsers"'],
                },
            ),
            "alice made bucket example public",
            Severity.CRITICAL,
        )
        yield Rings(
            "a bucket without its block",
            call("s3:DeleteBucketPublicAccessBlock", request={**BUCKET, "publicAccessBlock": ""}),
            "alice removed the public access block of bucket example",
            Severity.MEDIUM,
        )
        yield Rings(
            "a block with a hole",
            put_block(BlockPublicPolicy=False),
            "alice left gaps in the public access block of bucket example",
            Severity.MEDIUM,
        )
        yield Rings(
            "a block that blocks nothing, as what is not named is off",
            call(
                "s3:PutAccountPublicAccessBlock",
                request={"PublicAccessBlockConfiguration": {"BlockPublicAcls": "false"}},
            ),
            "alice switched off the public access block of the whole account",
            Severity.MEDIUM,
        )
        yield Rings(
            "the block of all buckets of an account",
            call("s3:DeleteAccountPublicAccessBlock", request={"publicAccessBlock": ""}),
            "alice removed the public access block of the whole account",
            Severity.MEDIUM,
        )
        yield Rings(
            "a function that anybody may call",
            add_permission(principal="*"),
            "alice made function report public",
            Severity.HIGH,
        )
        yield Rings(
            "a function that another account may call",
            add_permission(principal="arn:aws:iam::999988887777:root"),
            "alice gave account 999988887777 access to function report",
            Severity.MEDIUM,
        )
        yield Rings(
            "a function with a URL for anybody",
            call(
                "lambda:CreateFunctionUrlConfig",
                request={"functionName": FUNCTION, "authType": "NONE"},
            ),
            "alice gave function report a URL that anybody may call",
            Severity.HIGH,
        )
        yield Rings(
            "a URL that asked for credentials before",
            call(
                "lambda:UpdateFunctionUrlConfig",
                request={"functionName": "report", "authType": "NONE"},
            ),
            "alice opened the URL of function report to anybody",
            Severity.HIGH,
        )
        yield Rings(
            "a queue, by CloudFormation for a role; one statement of two is open",
            call(
                "sqs:SetQueueAttributes",
                by=role("deploy", "build-42") | {"invokedBy": "cloudformation.amazonaws.com"},
                request={
                    "queueUrl": f"https://sqs.us-east-1.amazonaws.com/{ACCOUNT}/orders",
                    "attributes": {
                        "Policy": allow("*", "sqs:*", ORGANIZATION, more=allow("*", "sqs:*"))
                    },
                },
            ),
            "deploy/build-42 made queue orders public",
            Severity.HIGH,
        )
        yield Rings(
            "a queue for another account",
            call(
                "sqs:AddPermission",
                request={
                    "queueUrl": f"https://sqs.us-east-1.amazonaws.com/{ACCOUNT}/orders",
                    "label": "partner",
                    "aWSAccountIds": ["999988887777"],
                    "actions": ["SendMessage"],
                },
            ),
            "alice gave account 999988887777 access to queue orders",
            Severity.MEDIUM,
        )
        yield Rings(
            "a topic, by an attribute",
            call(
                "sns:SetTopicAttributes",
                request={
                    "topicArn": f"arn:aws:sns:us-east-1:{ACCOUNT}:alarms",
                    "attributeName": "Policy",
                    "attributeValue": allow("*", "sns:Subscribe"),
                },
            ),
            "alice made topic alarms public",
            Severity.HIGH,
        )
        yield Rings(
            "a topic that is born with it",
            call(
                "sns:CreateTopic",
                request={"name": "alarms", "attributes": {"Policy": allow("*", "sns:Subscribe")}},
            ),
            "alice made topic alarms public",
        )
        yield Rings(
            "a repository of images",
            call(
                "ecr:SetRepositoryPolicy",
                request={
                    "repositoryName": "team/app",
                    "policyText": allow("*", "ecr:BatchGetImage"),
                },
            ),
            "alice made repository team/app public",
            Severity.HIGH,
        )
        yield Rings(
            "a secret",
            call(
                "secretsmanager:PutResourcePolicy",
                request={
                    "secretId": f"arn:aws:secretsmanager:us-east-1:{ACCOUNT}:secret:prod/db-a1b2c3",
                    "resourcePolicy": allow("*", "secretsmanager:GetSecretValue"),
                },
            ),
            "alice made secret prod/db-a1b2c3 public",
            Severity.CRITICAL,
        )
        yield Rings(
            "a key",
            call("kms:PutKeyPolicy", request={"keyId": KEY, "policy": allow("*", "kms:Decrypt")}),
            f"alice made KMS key {KEY} public",
            Severity.CRITICAL,
        )
        yield Rings(
            "a search domain",
            call(
                "es:UpdateElasticsearchDomainConfig",
                request={"domainName": "logs", "accessPolicies": allow("*", "es:*")},
            ),
            "alice made search domain logs public",
            Severity.HIGH,
        )
        yield Rings(
            "a vault",
            call(
                "glacier:SetVaultAccessPolicy",
                request={"vaultName": "old", "policy": {"policy": allow("*", "glacier:*")}},
            ),
            "alice made vault old public",
            Severity.HIGH,
        )
        yield Rings(
            "a refused attempt",
            put_policy(anyone, error="AccessDenied"),
            "alice tried to make bucket example public and was refused",
            Severity.HIGH,
        )
        yield Rings(
            "a policy too large for CloudTrail, which leaves out all parameters then",
            call("s3:PutBucketPolicy", request={"omitted": True}),
            "alice gave an unknown bucket a policy that could not be read",
            Severity.MEDIUM,
        )
        yield Rings(
            "a policy that is no JSON",
            put_policy("Allow all"),
            "alice gave bucket example a policy that could not be read",
            Severity.MEDIUM,
        )
        yield Quiet("anybody of an organization", put_policy(allow("*", "s3:*", ORGANIZATION)))
        yield Quiet("the account itself", put_policy(allow({"AWS": ACCOUNT}, "s3:*")))
        yield Quiet("a service", put_policy(allow({"Service": "delivery.logs.amazonaws.com"}, "*")))
        yield Quiet("a function for a service", add_permission(principal="sns.amazonaws.com"))
        yield Quiet(
            "a function for anybody of an organization",
            add_permission(principal="*", principalOrgID="o-exampleorg"),
        )
        yield Quiet(
            "a function for whatever comes from this account",
            add_permission(principal="*", sourceAccount=ACCOUNT),
        )
        yield Quiet(
            "a URL that asks for credentials",
            call(
                "lambda:CreateFunctionUrlConfig",
                request={"functionName": "report", "authType": "AWS_IAM"},
            ),
        )
        yield Quiet(
            "a private ACL",
            call("s3:PutBucketAcl", request={**BUCKET, "acl": [""], "x-amz-acl": ["private"]}),
        )
        yield Quiet(
            "an ACL for S3's own log delivery",
            put_acl("http://acs.amazonaws.com/groups/s3/LogDelivery"),
        )
        yield Quiet("a whole block", put_block())
        yield Quiet(
            "a queue whose policy is taken away",
            call("sqs:SetQueueAttributes", request={"attributes": {"Policy": ""}}),
        )
        yield Quiet(
            "another attribute of a topic",
            call(
                "sns:SetTopicAttributes",
                request={"attributeName": "DisplayName", "attributeValue": "Alarms"},
            ),
        )
        yield Quiet("a call that is recorded without its parameters", call("s3:PutBucketPolicy"))
        yield Quiet("a mistake changed nothing", put_policy(anyone, error="NoSuchBucket"))
        yield Quiet("AWS itself", put_policy(anyone, by=service("config")))


def resource_of(event: Event) -> str:
    """The resource as the request has it: a name, an ARN or a URL; "" where it has none."""
    _, paths = RESOURCES.get(event.action.partition(":")[0], ("", ()))
    return first_text(event, *paths)


def short(resource: str) -> str:
    """The name without what leads up to it."""
    if resource.startswith("https://"):
        return resource.rpartition("/")[2]
    for front in FRONTS:
        resource = resource.rpartition(front)[2]
    return resource.rpartition(":")[2] if resource.startswith("arn:") else resource


def resource_named(event: Event) -> Text:
    """The resource in a sentence."""
    name = short(resource_of(event))
    if of_account(event):
        return say("the whole account")
    kind, _ = RESOURCES.get(event.action.partition(":")[0], ("resource", ()))
    return named(kind, name)


def is_public(event: Event) -> bool:
    """Whether the call opens something to anybody."""
    if event.action in URLS:
        return event.text("requestParameters.authType").upper() == "NONE"
    return bool(policy.public(policy_of(event)) or public_grants(event))


def close(event: Event) -> str:
    """The command that closes what the call opened; "" where one would break more than it mends."""
    action, region, name = event.action, event.region, resource_of(event)
    if action.startswith("s3:") and (is_public(event) or switched_off(event)):
        block = f"put-public-access-block --public-access-block-configuration {CLOSED}"
        if of_account(event):
            template = f"s3control {block} --account-id {{account}} --region {{region}}"
            return aws(template, account=event.account, region=region)
        template = f"s3api {block} --bucket {{bucket}} --region {{region}}"
        return aws(template, bucket=name, region=region)
    if action == "lambda:AddPermission":
        qualifier = event.text("requestParameters.qualifier")
        return aws(
            "lambda remove-permission --function-name {function} --statement-id {statement}"
            + (" --qualifier {qualifier}" if qualifier else "")
            + " --region {region}",
            function=name,
            statement=event.text("requestParameters.statementId"),
            qualifier=qualifier,
            region=region,
        )
    if action in URLS:
        alias = event.text("requestParameters.qualifier")
        return aws(
            "lambda update-function-url-config --function-name {function} --auth-type AWS_IAM"
            + (" --qualifier {alias}" if alias else "")
            + " --region {region}",
            function=name,
            alias=alias,
            region=region,
        )
    if action == "ecr:SetRepositoryPolicy" and is_public(event):
        template = "ecr delete-repository-policy --repository-name {repository} --region {region}"
        return aws(template, repository=name, region=region)
    if action == "secretsmanager:PutResourcePolicy" and is_public(event):
        template = "secretsmanager delete-resource-policy --secret-id {secret} --region {region}"
        return aws(template, secret=name, region=region)
    return ""


BUCKET = {"bucketName": "example", "Host": "example.s3.us-east-1.amazonaws.com"}
FUNCTION = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:report"
KEY = "1234abcd-12ab-34cd-56ef-1234567890ab"
ORGANIZATION = {"StringEquals": {"aws:PrincipalOrgID": "o-exampleorg"}}


def allow(
    principal: object, action: str, condition: object = None, more: Any = None
) -> dict[str, Any]:
    """A policy of one statement, or of one more."""
    statement = {"Effect": "Allow", "Principal": principal, "Action": action, "Resource": "*"}
    if condition:
        statement["Condition"] = condition
    statements = [statement, *(more["Statement"] if more else ())]
    return {"Version": "2012-10-17", "Statement": statements}


def put_policy(document: object, *, error: str | None = None, by: Any = "alice") -> Event:
    request = {**BUCKET, "bucketPolicy": document, "policy": ""}
    return call("s3:PutBucketPolicy", by=by, request=request, error=error)


def put_acl(uri: str) -> Event:
    grant = {"Grantee": {"xsi:type": "Group", "URI": uri}, "Permission": "READ"}
    acl = {"AccessControlList": {"Grant": [grant]}}
    return call("s3:PutBucketAcl", request={**BUCKET, "acl": "", "AccessControlPolicy": acl})


def put_block(**flags: bool) -> Event:
    whole = {
        "BlockPublicAcls": True,
        "IgnorePublicAcls": True,
        "BlockPublicPolicy": True,
        "RestrictPublicBuckets": True,
    }
    request = {**BUCKET, "publicAccessBlock": "", "PublicAccessBlockConfiguration": whole | flags}
    return call("s3:PutBucketPublicAccessBlock", request=request)


def add_permission(**fields: str) -> Event:
    request = {"functionName": "report", "statementId": "s1", "action": "lambda:InvokeFunction"}
    return call("lambda:AddPermission20150331v2", request=request | fields)
