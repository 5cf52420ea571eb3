"""What a call to AWS Organizations does, in words."""

from __future__ import annotations

import re

from trailbell.actor import HIDDEN
from trailbell.model import Event, Text, say
from trailbell.rules.base import did

REQUEST = "requestParameters"
INVITATION = "an invitation to the organization"
WORDS = {
    "AcceptHandshake": ("accepted", "accept", "an invitation from an organization"),
    "AttachPolicy": ("attached", "attach", "{policy} to {target}"),
    "CancelHandshake": ("cancelled", "cancel", INVITATION),
    "CloseAccount": ("closed", "close", "{closed}"),
    "CreateAccount": ("created", "create", "a new account in the organization"),
    "CreateOrganization": ("created", "create", "an organization"),
    "CreateOrganizationalUnit": ("created", "create", "an organizational unit{name}"),
    "CreatePolicy": ("created", "create", "an organization policy{name}"),
    "DeclineHandshake": ("declined", "decline", "an invitation from an organization"),
    "DeleteOrganization": ("deleted", "delete", "the whole organization"),
    "DeleteOrganizationalUnit": ("deleted", "delete", "{unit}"),
    "DeletePolicy": ("deleted", "delete", "{policy}"),
    "DeregisterDelegatedAdministrator": (
        "dismissed",
        "dismiss",
        "{account} as the administrator of {service}",
    ),
    "DetachPolicy": ("detached", "detach", "{policy} from {target}"),
    "DisableAWSServiceAccess": ("shut", "shut", "{service} out of the organization"),
    "DisablePolicyType": ("switched off", "switch off", "all {type} in the organization"),
    "EnableAWSServiceAccess": ("let", "let", "{service} into the organization"),
    "EnableAllFeatures": ("switched on", "switch on", "all features of the organization"),
    "EnablePolicyType": ("switched on", "switch on", "{type} in the organization"),
    "InviteAccountToOrganization": ("invited", "invite", "{invited} into the organization"),
    "LeaveOrganization": ("took", "take", "{own} out of its organization"),
    "MoveAccount": ("moved", "move", "{account} from {source} to {destination}"),
    "RegisterDelegatedAdministrator": (
        "made",
        "make",
        "{account} the administrator of {service}",
    ),
    "RemoveAccountFromOrganization": ("removed", "remove", "{account} from the organization"),
    "UpdateOrganizationalUnit": ("renamed", "rename", "{unit}"),
    "UpdatePolicy": ("changed", "change", "{policy}"),
}
"""What was done, what was tried, and to what."""
TYPES = {
    "SERVICE_CONTROL_POLICY": "service control policies",
    "RESOURCE_CONTROL_POLICY": "resource control policies",
    "TAG_POLICY": "tag policies",
    "BACKUP_POLICY": "backup policies",
}


def deed(event: Event) -> Text:
    """The sentence of a call."""
    operation = event.action.rpartition(":")[2]
    past, infinitive, rest = WORDS.get(operation, ("changed", "change", "the organization"))
    parts = [part(event, name) for name in re.findall(r"\{(\w+)\}", rest)]
    return did(event, past, infinitive, re.sub(r"\{\w+\}", "{}", rest), *parts)


def part(event: Event, name: str) -> Text:
    """What stands in one of the places of WORDS."""
    match name:
        case "policy":
            return named("organization policy", event.text(f"{REQUEST}.policyId"), "an")
        case "account":
            return named("account", event.text(f"{REQUEST}.accountId"), "an")
        case "closed":  # without an id, the account closed itself
            return named("account", event.text(f"{REQUEST}.accountId") or event.account, "an")
        case "own":
            return named("account", event.account, "an")
        case "invited":
            return named("account", event.text(f"{REQUEST}.target.id"), "an")
        case "unit":
            unit = event.text(f"{REQUEST}.organizationalUnitId")
            return named("organizational unit", unit, "an")
        case "target":
            return place(event.text(f"{REQUEST}.targetId"))
        case "source":
            return place(event.text(f"{REQUEST}.sourceParentId"))
        case "destination":
            return place(event.text(f"{REQUEST}.destinationParentId"))
        case "service":
            return named("service", event.text(f"{REQUEST}.servicePrincipal"), "a")
        case "type":
            kind = event.text(f"{REQUEST}.policyType")
            if not kind:
                return say("policies of a kind")
            return say(TYPES[kind]) if kind in TYPES else say("policies of type {}", kind)
    name = event.text(f"{REQUEST}.name")
    return say(" named {}", name) if name not in ("", HIDDEN) else say("")


def named(kind: str, name: str, article: str) -> Text:
    if kind == "service" and name:
        return say("{}", name)
    return say(f"{kind} {{}}", name) if name else say(f"{article} {kind}")


def place(name: str) -> Text:
    """A root, an organizational unit or an account, told apart by its id."""
    if name.startswith("r-"):
        return say("the root of the organization")
    if name.startswith("ou-"):
        return say("organizational unit {}", name)
    return say("account {}", name) if name else say("an unknown account or unit")
