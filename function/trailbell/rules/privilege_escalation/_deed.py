"""What a writing call to IAM did, in words: for rules that tell of many such calls."""

from __future__ import annotations

from trailbell.model import Event, Text, say
from trailbell.rules.privilege_escalation._target import target_of


def deed_of(event: Event) -> tuple[str, str, Text]:
    """What was done, what was tried, and to what: ``("created", "create", role worker)``."""
    name = event.name
    if name.endswith("PolicyVersion") or name in ("CreatePolicy", "DeletePolicy"):
        return _managed(event)
    if name.endswith("Policy") and not name.endswith("AssumeRolePolicy"):
        return _on_target(event)
    if name == "UpdateAssumeRolePolicy":
        return "changed", "change", say("who may assume {}", named(event, "role"))
    if name == "CreateAccessKey":
        return "created", "create", say("an access key for {}", named(event, "user"))
    if name == "CreateLoginProfile":
        return "set", "set", say("a console password for {}", named(event, "user"))
    if name == "AddUserToGroup":
        return "added", "add", named(event, "user") + say(" to {}", named(event, "group"))
    if name == "AddRoleToInstanceProfile":
        profile = named(event, "instanceProfile", "instance profile")
        return "put", "put", named(event, "role") + say(" into {}", profile)
    if name == "CreateInstanceProfile":
        return "created", "create", named(event, "instanceProfile", "instance profile")
    if name == "CreateRole":
        return "created", "create", named(event, "role")
    return "created", "create", named(event, "user", "IAM user")


def named(event: Event, kind: str, words: str = "") -> Text:
    """The thing of that kind in the request, such as ``role worker``, or ``a role``."""
    words = words or kind
    name = event.text(f"requestParameters.{kind}Name")
    if name:
        return say(f"{words} {{}}", name)
    return say(f"an {words}" if words[0] in "Iaeio" else f"a {words}")


def policy_of(event: Event) -> str:
    """The policy's name: managed ones go by their ARN, inline and new ones by their name."""
    arn = event.text("requestParameters.policyArn")
    return arn.rpartition("/")[2] or event.text("requestParameters.policyName")


def version_of(event: Event) -> str:
    """The version of a managed policy that a call was about, such as ``v2``."""
    answer = event.text("responseElements.policyVersion.versionId")
    return event.text("requestParameters.versionId") or answer


def managed_policy(event: Event) -> Text:
    """The managed policy in a sentence."""
    name = policy_of(event)
    return say("managed policy {}", name) if name else say("a managed policy")


def _managed(event: Event) -> tuple[str, str, Text]:
    policy, version = managed_policy(event), version_of(event)
    created = event.name.startswith("Create")
    if not event.name.endswith("Version"):
        return ("created", "create", policy) if created else ("deleted", "delete", policy)
    which = say("version {}", version) if version else say("a version")
    if created:
        return "added", "add", which + say(" to {}", policy)
    return "deleted", "delete", which + say(" of {}", policy)


def _on_target(event: Event) -> tuple[str, str, Text]:
    name, target, policy = event.name, target_of(event), policy_of(event)
    if name.startswith(("Attach", "Detach")):
        which = say("policy {}", policy) if policy else say("a policy")
        if name.startswith("Attach"):
            return "attached", "attach", which + say(" to {}", target)
        return "detached", "detach", which + say(" from {}", target)
    which = say("inline policy {}", policy) if policy else say("an inline policy")
    if name.startswith("Put"):
        return "put", "put", which + say(" on {}", target)
    return "deleted", "delete", which + say(" of {}", target)
