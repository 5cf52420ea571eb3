"""Two ways to open a bucket without a policy: its access list, and its public access block."""

from __future__ import annotations

from trailbell.model import Event, Text, say
from trailbell.rules._record import rows

BLOCKS = (
    "s3:DeletePublicAccessBlock",
    "s3:DeleteBucketPublicAccessBlock",
    "s3:DeleteAccountPublicAccessBlock",
    "s3:PutPublicAccessBlock",
    "s3:PutBucketPublicAccessBlock",
    "s3:PutAccountPublicAccessBlock",
)
FLAGS = {
    "blockpublicacls": "new public ACLs",
    "ignorepublicacls": "public ACLs",
    "blockpublicpolicy": "new public policies",
    "restrictpublicbuckets": "public policies",
}
"""What each part of the block keeps off, by its name in lower case."""
PUBLIC_ACLS = ("public-read", "public-read-write", "authenticated-read")
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/acl-overview.html
PUBLIC_GROUPS = {
    "/groups/global/allusers": "everybody on the internet",
    "/groups/global/authenticatedusers": "everybody with an AWS account",
}


def of_account(event: Event) -> bool:
    """Whether it is about the public access block that an account puts before all its buckets."""
    return event.action in BLOCKS and "Account" in event.name


def public_grants(event: Event) -> list[Text]:
    """What the ACL of a bucket gives to everybody, however it is written."""
    request = event.get("requestParameters")
    if event.action != "s3:PutBucketAcl" or not isinstance(request, dict):
        return []
    found: list[Text] = []
    for key, value in request.items():
        name = key.lower()
        texts = value if isinstance(value, list) else [value]
        for text in (text.lower() for text in texts if isinstance(text, str)):
            if name == "x-amz-acl" and text in PUBLIC_ACLS:
                found.append(say("{}", text))
            elif name.startswith("x-amz-grant-"):
                found += granted(text, name.removeprefix("x-amz-grant-"))
    path = "requestParameters.AccessControlPolicy.AccessControlList.Grant"
    for row in map(Event, rows(event.get(path))):
        found += granted(row.text("Grantee.URI").lower(), row.text("Permission").lower())
    return list(dict.fromkeys(found))


def granted(grantees: str, permission: str) -> list[Text]:
    """A permission for everybody, if they are among the grantees."""
    return [
        say(f"{{}} for {everybody}", permission or "access")
        for group, everybody in PUBLIC_GROUPS.items()
        if group in grantees
    ]


def switched_off(event: Event) -> list[str]:
    """What a public access block no longer keeps off. A part that is not named is off."""
    if event.action not in BLOCKS:
        return []
    if "Delete" in event.name:
        return list(FLAGS.values())
    blocks = rows(event.get("requestParameters.PublicAccessBlockConfiguration"))
    if not blocks:
        return []
    parts = {key.lower(): str(value).lower() for key, value in blocks[0].items()}
    return [words for flag, words in FLAGS.items() if parts.get(flag) != "true"]
