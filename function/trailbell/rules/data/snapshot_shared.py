from __future__ import annotations

import re
from collections.abc import Iterator

from trailbell.first_aid import aws, several
from trailbell.model import Event, Line, Severity, Text, say
from trailbell.rules._record import first_text, named, rows
from trailbell.rules.base import Quiet, Rings, Rule, did
from trailbell.testing import ACCOUNT, Identity, call, role, service, user
from trailbell.text import join

SNAPSHOT = "ec2:ModifySnapshotAttribute"
IMAGE = "ec2:ModifyImageAttribute"
DATABASE = "rds:ModifyDBSnapshotAttribute"
CLUSTER = "rds:ModifyDBClusterSnapshotAttribute"
KINDS = {
    SNAPSHOT: ("snapshot", "snapshotId"),
    IMAGE: ("machine image", "imageId"),
    DATABASE: ("database snapshot", "dBSnapshotIdentifier"),
    CLUSTER: ("database cluster snapshot", "dBClusterSnapshotIdentifier"),
}
"""What is shared, and where the request has its name."""
_DISK = (
    "ec2 modify-snapshot-attribute --snapshot-id {snapshot}"
    " --attribute createVolumePermission --operation-type remove"
)
_IMAGE = (
    "ec2 modify-image-attribute --image-id {image}"
    " --attribute launchPermission --operation-type remove"
)
COMMANDS = {
    "snapshot": (f"{_DISK} --group-names all", f"{_DISK} --user-ids {{accounts}}"),
    "machine image": (
        f"{_IMAGE} --user-groups all",
        f"{_IMAGE} --user-ids {{accounts}}",
        f"{_IMAGE} --organization-arns {{organizations}}",
    ),
    "database snapshot": (
        "rds modify-db-snapshot-attribute --db-snapshot-identifier {db_snapshot}"
        " --attribute-name restore --values-to-remove {shares}",
    ),
    "database cluster snapshot": (
        "rds modify-db-cluster-snapshot-attribute --db-cluster-snapshot-identifier {db_snapshot}"
        " --attribute-name restore --values-to-remove {shares}",
    ),
}
"""What takes each of them back, by its kind; the one for everybody only where it was everybody."""
LISTS = {SNAPSHOT: "createVolumePermission.add", IMAGE: "launchPermission.add"}
EVERYBODY = "all"
MARKETPLACE = "assets.marketplace.amazonaws.com"
ACCOUNT_ID = re.compile(r"[0-9]{12}")
SHOWN = 5


class SnapshotShared(Rule):
    """A snapshot or machine image was shared with another account, or with everybody.

    A snapshot is a whole disk or database. Whoever it is shared with makes a copy in an account
    of theirs, out of your sight, and taking the share back later does not take back the copy.

    Check who the account belongs to. If you do not know it, take the share back at once. Noisy
    where backups go to an account of their own: name it in `trusted_accounts`, and it is told as
    information only.
    """

    id = "snapshot-shared"
    severity = Severity.HIGH
    actions = tuple(KINDS)
    failed_calls = "denied-lower"
    service_calls = "drop-aws"
    check_first = "Is this account yours? If not, take the share back: a copy is made in minutes."
    many = "shared snapshots or images"
    attack = "T1537"
    references = (
        "https://docs.aws.amazon.com/ebs/latest/userguide/ebs-modifying-snapshot-permissions.html",
        "https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_ShareSnapshot.html",
    )
    since = "0.1.0"

    trusted_accounts: tuple[str, ...] = ()
    """Accounts (12 digits each) that may have copies; an organization goes by its main account."""

    def match(self, event: Event) -> bool:
        if event.text("userIdentity.invokedBy") == MARKETPLACE:
            return False
        return bool(added(event))

    def severity_of(self, event: Event) -> Severity:
        return max((self.danger(who, event) for who in added(event)), default=self.severity)

    def danger(self, who: str, event: Event) -> Severity:
        if who == EVERYBODY:
            return Severity.CRITICAL
        owner = who.split(":")[4] if who.count(":") > 4 else who
        known = owner in self.trusted_accounts or owner == event.account
        return Severity.INFO if known else self.severity

    def title(self, event: Event) -> Text:
        kind, path = kind_of(event)
        what = named(kind, first_text(event, path))
        whom = sorted(added(event), key=lambda who: self.danger(who, event), reverse=True)
        if not whom or whom[0] == EVERYBODY:
            return did(event, "shared", "share", "{} with everybody", what)
        others = len(whom) - 1
        more = f" and {others} other{'' if others == 1 else 's'}" if others else ""
        return did(event, "shared", "share", f"{{}} with {{}}{more}", what, named_sharer(whom[0]))

    def details(self, event: Event) -> tuple[Line, ...]:
        found = added(event)
        if len(found) < 2:
            return ()
        shown = [named_sharer(who) for who in found[:SHOWN]]
        if len(found) > SHOWN:
            shown.append(say(f"{len(found) - SHOWN} more"))
        return (Line("Shared with", join(", ", shown)),)

    def first_aid(self, event: Event) -> tuple[str, ...]:
        if not event.succeeded:
            return ()
        unknown = [who for who in added(event) if self.danger(who, event) > Severity.INFO]
        return take_back(event, unknown)

    @staticmethod
    def examples() -> Iterator[Rings | Quiet]:
        other = {"userId": "999988887777"}
        yield Rings(
            "a disk for another account",
            share_disk({"items": [other]}),
            "alice shared snapshot snap-083d3b857c13988bc with account 999988887777",
            Severity.HIGH,
        )
        yield Rings(
            "a disk for everybody",
            share_disk({"items": [{"group": "all"}]}),
            "alice shared snapshot snap-083d3b857c13988bc with everybody",
            Severity.CRITICAL,
        )
        yield Rings(
            "a lone object in place of a list",
            share_disk({"items": other}),
            "alice shared snapshot snap-083d3b857c13988bc with account 999988887777",
        )
        yield Rings(
            "an image for two accounts",
            share_image({"items": [other, {"userId": "888877776666"}]}),
            "alice shared machine image ami-0aa1d83d0b0985c86"
            " with account 999988887777 and 1 other",
            Severity.HIGH,
        )
        yield Rings(
            "an image for an organization",
            share_image({"items": [{"organizationArn": ORGANIZATION}]}),
            "alice shared machine image ami-0aa1d83d0b0985c86 with organization o-exampleorg",
            Severity.HIGH,
        )
        yield Rings(
            "an image for the organization that this account heads",
            share_image(
                {"items": [{"organizationArn": ORGANIZATION}]},
                by=user("alice", account="999988887777"),
            ),
            "alice shared machine image ami-0aa1d83d0b0985c86 with organization o-exampleorg",
            Severity.INFO,
        )
        yield Rings(
            "a database for another account",
            share_database("999988887777"),
            "alice shared database snapshot orders with account 999988887777",
            Severity.HIGH,
        )
        yield Rings(
            "a database cluster for everybody",
            call(
                CLUSTER,
                request={
                    "dBClusterSnapshotIdentifier": "orders",
                    "attributeName": "restore",
                    "valuesToAdd": ["all"],
                },
            ),
            "alice shared database cluster snapshot orders with everybody",
            Severity.CRITICAL,
        )
        yield Rings(
            "a refused attempt",
            share_disk({"items": [other]}, error="Client.UnauthorizedOperation"),
            "alice tried to share snapshot snap-083d3b857c13988bc with account 999988887777"
            " and was refused",
            Severity.MEDIUM,
        )
        yield Quiet(
            "a share that is taken back",
            call(
                SNAPSHOT,
                request={
                    "snapshotId": "snap-083d3b857c13988bc",
                    "createVolumePermission": {"remove": {"items": [other]}},
                },
            ),
        )
        yield Quiet("the account itself", share_disk({"items": [{"userId": ACCOUNT}]}))
        yield Quiet("a group that is nobody", share_disk({"items": [{"group": "none"}]}))
        yield Quiet("a database that is taken back", share_database())
        yield Quiet(
            "the marketplace, which copies what a seller offers",
            share_image(
                {"items": [other]},
                by=role("seller", "ingest") | {"invokedBy": MARKETPLACE},
            ),
        )
        yield Quiet(
            "a call that is recorded without its parameters",
            call(IMAGE, error="Client.UnauthorizedOperation"),
        )
        yield Quiet(
            "a mistake shared nothing",
            share_disk({"items": [other]}, error="Client.InvalidSnapshot.NotFound"),
        )
        yield Quiet("AWS itself", share_disk({"items": [other]}, by=service("backup")))


def added(event: Event) -> list[str]:
    """Whom the call shares with: ``all``, accounts, or ARNs of organizations."""
    if event.action in LISTS:
        found: list[object] = []
        for row in rows(event.get(f"requestParameters.{LISTS[event.action]}")):
            fields = Event(row)
            if fields.text("group").lower() == EVERYBODY:
                found.append(EVERYBODY)
            found += [
                fields.text(name) for name in ("userId", "organizationArn", "organizationalUnitArn")
            ]
    else:
        if event.text("requestParameters.attributeName") != "restore":
            return []
        values = event.get("requestParameters.valuesToAdd")
        found = values if isinstance(values, list) else [values]
    texts = [who.strip() for who in found if isinstance(who, str)]
    return [who for who in dict.fromkeys(texts) if who and who != event.account]


def named_sharer(who: str) -> Text:
    """One of them, in a sentence."""
    if who == EVERYBODY:
        return say("everybody")
    if who.startswith("arn:"):
        kind = "organizational unit" if ":ou/" in who else "organization"
        return say(f"{kind} {{}}", who.rpartition("/")[2])
    return say("account {}", who)


def take_back(event: Event, whom: list[str]) -> tuple[str, ...]:
    """The commands that end the share, for everybody first."""
    kind, path = kind_of(event)
    values = {
        "snapshot": first_text(event, path),
        "region": event.region,
        "accounts": several([who for who in whom if ACCOUNT_ID.fullmatch(who)]),
        "organizations": several([who for who in whom if who.startswith("arn:")]),
        "shares": several(whom),
    }
    values |= {"image": values["snapshot"], "db_snapshot": values["snapshot"]}
    commands = [
        aws(f"{template} --region {{region}}", **values)
        for template in COMMANDS[kind]
        if EVERYBODY in whom or not template.endswith(EVERYBODY)
    ]
    return tuple(filter(None, commands))[:2]


def kind_of(event: Event) -> tuple[str, str]:
    """What is shared, and where the request has its name."""
    return KINDS.get(event.action, ("snapshot", "snapshotId"))


ORGANIZATION = "arn:aws:organizations::999988887777:organization/o-exampleorg"


def share_disk(added: object, *, by: Identity | str = "alice", error: str | None = None) -> Event:
    request = {
        "snapshotId": "snap-083d3b857c13988bc",
        "createVolumePermission": {"add": added},
        "attributeType": "CREATE_VOLUME_PERMISSION",
    }
    return call(SNAPSHOT, by=by, request=request, error=error)


def share_image(added: object, *, by: Identity | str = "alice") -> Event:
    request = {
        "imageId": "ami-0aa1d83d0b0985c86",
        "launchPermission": {"add": added},
        "attributeType": "launchPermission",
    }
    return call(IMAGE, by=by, request=request)


def share_database(*accounts: str) -> Event:
    values = {"valuesToAdd" if accounts else "valuesToRemove": list(accounts) or ["999988887777"]}
    request = {"dBSnapshotIdentifier": "orders", "attributeName": "restore", **values}
    return call(DATABASE, request=request)
