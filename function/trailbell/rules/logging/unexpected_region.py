from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from trailbell.first_aid import aws
from trailbell.model import Event, Severity, Text, say
from trailbell.rules.base import Quiet, Rings, Rule, did, listed
from trailbell.testing import call, person, service

HOME = "us-east-1"
GLOBAL = frozenset(
    f"{name}.amazonaws.com"
    for name in (
        "account", "artifact", "billing", "budgets", "ce", "cloudfront", "cur", "globalaccelerator",
        "health", "iam", "importexport", "organizations", "route53", "route53domains",
        "savingsplans", "shield", "sts", "support", "trustedadvisor", "waf",
    )
)  # fmt: skip
"""Services without a region of their own: their records say us-east-1."""
SIGN_IN = "signin.amazonaws.com"
"""Its region is that of the page on which somebody signed in, wherever they then work."""


class UnexpectedRegion(Rule):
    """A region was switched on, or something changed in a region that you do not use.

    Who mines coins with somebody else's account does it where nobody looks: in a region that the
    team never opens. Switching on a region that is off at first is rare, and one of the ways
    there.

    Look at what runs in that region. The list of regions that you use is yours to give, in
    `allowed_regions`, which is why this rule is off until you switch it on; without a list only
    the switching on of regions rings. Calls of global services, which are recorded in us-east-1,
    and sign-ins stay quiet, and so do calls that only read. A pipeline that sets up every region,
    as for GuardDuty, makes it noisy.
    """

    id = "unexpected-region"
    severity = Severity.MEDIUM
    failed_calls = "ignore"
    service_calls = "drop-aws"
    on_by_default = False
    check_first = "Look at what runs in that region. If nobody planned it, stop it there first."
    many = "worked in unused regions"
    attack = "T1535"
    references = ("https://docs.aws.amazon.com/accounts/latest/reference/manage-acct-regions.html",)
    since = "0.1.0"

    allowed_regions: tuple[str, ...] = ()
    """Regions (globs) that you use, as ``eu-west-1`` or ``eu-*``."""

    def match(self, event: Event) -> bool:
        if event.name == "EnableRegion":
            return True
        return bool(self.allowed_regions) and self.unexpected(event)

    def unexpected(self, event: Event) -> bool:
        region, source = event.region, event.source
        return (
            not event.read_only
            and not (region == HOME and source in GLOBAL)
            and source != SIGN_IN
            and not listed(region, self.allowed_regions)
        )

    def title(self, event: Event) -> Text:
        if event.name == "EnableRegion":
            region = event.text("requestParameters.RegionName")
            what = say("the region {}", region) if region else say("an unknown region")
            return did(event, "switched on", "switch on", "{}", what)
        where = (
            say("the unused region {}", event.region) if event.region else say("an unknown region")
        )
        what = say("{}", event.action) if event.action else say("an unknown operation")
        return did(event, "called", "call", "{} in {}", what, where)

    def first_aid(self, event: Event) -> tuple[str, ...]:
        if event.name != "EnableRegion" or not event.succeeded:
            return ()
        command = "account disable-region --region-name {region}"
        region = event.text("requestParameters.RegionName")
        # The management account may have switched it on for a member.
        member = event.text("requestParameters.AccountId")
        if member:
            command += " --account-id {account}"
        return (aws(command, region=region, account=member),)

    @staticmethod
    def examples() -> Iterator[Rings | Quiet]:
        def enable(**fields: Any) -> Event:
            request = {"RegionName": "me-south-1"}
            return call("account:EnableRegion", by="mallory", request=request, **fields)

        yield Rings(
            "a region switched on",
            enable(),
            "mallory switched on the region me-south-1",
            Severity.MEDIUM,
        )
        yield Rings(
            "switched on from the console, in a record that does not name it",
            call("account:EnableRegion", by=person("alice@example.com")),
            "alice@example.com switched on an unknown region",
        )
        yield Quiet("a refused attempt", enable(error="AccessDenied"))
        yield Quiet(
            "a call in any region, as long as no list of regions is given",
            call("ec2:RunInstances", by="mallory", awsRegion="ap-south-1"),
        )
        yield Quiet("a call that only reads", call("account:ListRegions", by="alice"))
        yield Quiet("AWS itself", call("account:EnableRegion", by=service("controltower")))
