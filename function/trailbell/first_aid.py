"""Commands that stop what happened, ready to paste, built only from values that are what they say.

A value from an event is attacker-chosen. It gets into a command only when it matches AWS's own
pattern for such a value, and then quoted for a shell; else there is no command.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Sequence
from string import Formatter

from trailbell.model import Event

PARTITION = r"aws(?:-[a-z]{1,5}){0,3}"
REGION = r"(?:eusc-)?[a-z]{2}(?:-gov|-iso[a-z]?)?-[a-z]{1,12}-\d"
ACCOUNT = r"\d{12}"
UUID = r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}"
# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html#reference_iam-quotas-names
NAME = r"[A-Za-z0-9_+=,.@][A-Za-z0-9_+=,.@-]{0,127}"
POLICY_PATH = r"(?:/[A-Za-z0-9.,+@=_-]{1,64}){0,7}/"
INSTANCE = r"(?:sso)?ins-[A-Za-z0-9.-]{16}"
ROOT = r"r-[0-9a-z]{4,32}"
PARENT = rf"{ROOT}|ou-[0-9a-z]{{4,32}}-[a-z0-9]{{8,32}}"


def _arn(service: str, rest: str, *, region: str = "", account: str = ACCOUNT) -> str:
    """The pattern of a whole ARN."""
    return f"arn:{PARTITION}:{service}:{region}:{account}:{rest}"


def _list(pattern: str) -> str:
    """A value of that pattern, or a JSON list of at most twenty."""
    return rf'{pattern}|\["{pattern}"(?:,"{pattern}"){{0,19}}\]'


PATTERNS = {
    # https://docs.aws.amazon.com/general/latest/gr/rande.html
    "region": REGION,
    "partition": PARTITION,
    "account": ACCOUNT,
    "accounts": _list(ACCOUNT),
    "id": r"[A-Za-z0-9][A-Za-z0-9_-]{2,127}",
    "name": r"[A-Za-z0-9][A-Za-z0-9._/-]{0,254}",
    "uuid": UUID,
    # https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateRole.html
    "user": NAME,
    "role": r"(?!AWSReservedSSO_|AWSServiceRoleFor)"  # those only AWS can change
    r"[A-Za-z0-9_+=,.@][A-Za-z0-9_+=,.@-]{0,63}",
    "group": NAME,
    "policy": NAME,
    "policy_arn": _arn("iam", rf"policy{POLICY_PATH}{NAME}", account=rf"(?:{ACCOUNT}|aws)"),
    "managed_policy": _arn("iam", rf"policy{POLICY_PATH}{NAME}", account="aws"),
    "policy_path": POLICY_PATH,
    # https://docs.aws.amazon.com/IAM/latest/APIReference/API_DeletePolicyVersion.html
    "version": r"v[1-9][0-9]{0,8}(?:\.[A-Za-z0-9-]{0,64})?",
    # https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html
    "key": r"AKIA[0-9A-Z]{12,124}",
    # https://docs.aws.amazon.com/IAM/latest/APIReference/API_UpdateServiceSpecificCredential.html
    "credential": r"[A-Za-z0-9_]{20,128}",
    # https://docs.aws.amazon.com/IAM/latest/APIReference/API_UpdateSigningCertificate.html
    "certificate": r"[A-Za-z0-9_]{24,128}",
    # https://docs.aws.amazon.com/IAM/latest/APIReference/API_DeactivateMFADevice.html
    "mfa": r"[A-Za-z0-9_+=:,.@](?:[A-Za-z0-9_+=:,.@-]|/(?!/)){8,255}",
    # https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html
    "issue_time": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ",
    # https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateSAMLProvider.html
    "saml_provider": _arn("iam", r"saml-provider/[A-Za-z0-9._-]{1,128}"),
    # https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateOpenIDConnectProvider.html
    "oidc_provider": _arn(
        "iam", r"oidc-provider/[A-Za-z0-9.-]{1,255}(?:/[A-Za-z0-9._~/-]{0,255})?"
    ),
    "client_id": r"[A-Za-z0-9](?:[A-Za-z0-9._:@-]|/(?!/)){0,254}",
    # https://docs.aws.amazon.com/singlesignon/latest/APIReference/API_CreateAccountAssignment.html
    "instance": _arn("sso", f"instance/{INSTANCE}", account=""),
    "permission_set": _arn("sso", rf"permissionSet/{INSTANCE}/ps-[A-Za-z0-9./-]{{16}}", account=""),
    "principal_type": r"USER|GROUP",
    "principal": rf"(?:[0-9a-f]{{10}}-)?{UUID}",
    # https://docs.aws.amazon.com/singlesignon/latest/APIReference/API_DeleteApplication.html
    "application": _arn("sso", rf"application/{INSTANCE}/apl-[A-Za-z0-9]{{16}}"),
    "token_issuer": _arn("sso", rf"trustedTokenIssuer/{INSTANCE}/tti-{UUID}"),
    # https://docs.aws.amazon.com/singlesignon/latest/IdentityStoreAPIReference/API_DeleteUser.html
    "identity_store": rf"d-[0-9a-f]{{10}}|{UUID}",
    # https://docs.aws.amazon.com/organizations/latest/APIReference/API_AttachPolicy.html
    "guardrail": r"p-[0-9A-Za-z_]{8,128}",
    "guardrail_target": rf"{ACCOUNT}|{PARENT}",
    "parent": PARENT,
    "moved_to": PARENT,
    "root": ROOT,
    # https://docs.aws.amazon.com/organizations/latest/APIReference/API_EnablePolicyType.html
    "policy_type": r"[A-Z][A-Z0-9]{1,19}(?:_[A-Z0-9]{1,19}){1,4}",
    # https://docs.aws.amazon.com/organizations/latest/APIReference/API_RegisterDelegatedAdministrator.html
    "service": r"[a-z][a-z0-9-]{0,62}(?:\.[a-z0-9-]{1,23}){0,2}\.amazonaws\.com",
    # https://docs.aws.amazon.com/organizations/latest/APIReference/API_Organization.html
    "organizations": _list(_arn("organizations", r"organization/o-[a-z0-9]{10,32}")),
    # https://docs.aws.amazon.com/accounts/latest/reference/API_DeleteAlternateContact.html
    "contact": r"BILLING|OPERATIONS|SECURITY",
    # https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_CreateTrail.html
    "event_store": rf"(?:{_arn('cloudtrail', 'eventdatastore/', region=REGION)})?"
    r"[A-Za-z0-9][A-Za-z0-9-]{2,127}",
    "trail": rf"(?:{_arn('cloudtrail', 'trail/', region=REGION)})?"
    r"[A-Za-z0-9][A-Za-z0-9._-]{1,126}[A-Za-z0-9]",
    # https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_EnableRule.html
    "event_rule": r"[A-Za-z0-9_.][A-Za-z0-9_.-]{0,63}",
    "event_bus": rf"(?:{_arn('events', 'event-bus/', region=REGION)})?"
    r"[A-Za-z0-9_./][A-Za-z0-9_./-]{0,255}",
    # https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/resource-ids.html
    "association": r"iip-assoc-[0-9a-f]{8,17}",
    "security_group": r"sg-[0-9a-f]{8,17}",
    "security_group_rules": _list(r"sgr-[0-9a-f]{8,17}"),
    "network_acl": r"acl-[0-9a-f]{8,17}",
    "rule_number": r"[1-9]\d{0,4}",
    "snapshot": r"snap-[0-9a-f]{8,17}",
    "image": r"ami-[0-9a-f]{8,17}",
    # https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_ModifyDBSnapshotAttribute.html
    "db_snapshot": r"(?:awsbackup:)?[A-Za-z][A-Za-z0-9-]{0,254}",
    "shares": _list(rf"(?:all|{ACCOUNT})"),
    # https://docs.aws.amazon.com/kms/latest/developerguide/concepts.html
    "kms_key": rf"(?:{_arn('kms', 'key/', region=REGION)})?(?:mrk-[0-9a-f]{{32}}|{UUID})",
    # https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
    "bucket": r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]",
    # https://docs.aws.amazon.com/lambda/latest/api/API_AddPermission.html
    "function": rf"(?:{_arn('lambda', 'function:', region=REGION)})?"
    r"[A-Za-z0-9_][A-Za-z0-9_-]{0,63}",
    "statement": r"[A-Za-z0-9_.][A-Za-z0-9_.-]{0,99}",
    "qualifier": r"\$LATEST|[A-Za-z0-9_][A-Za-z0-9_-]{0,127}",
    # https://docs.aws.amazon.com/lambda/latest/api/API_UpdateFunctionUrlConfig.html
    "alias": r"(?!\d+\Z)[A-Za-z0-9_][A-Za-z0-9_-]{0,127}",
    # https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_CreateRepository.html
    "repository": r"(?=.{2,256}\Z)[a-z0-9]+(?:(?:[._/]|__|-+)[a-z0-9]+)*",
    # https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_CreateSecret.html
    "secret": rf"(?:{_arn('secretsmanager', 'secret:', region=REGION)})?"
    r"[A-Za-z0-9/_+=.@][A-Za-z0-9/_+=.@-]{0,511}",
}
"""What a placeholder of that name may hold; add one beside the page that gives its pattern.
None allows what begins like an option, or like a file to read instead (``file://``)."""


def aws(template: str, **values: str) -> str:
    """A command of the AWS CLI; "" where a value is not what its placeholder's name says.

    >>> aws("iam delete-login-profile --user-name {user}", user="backdoor")
    'aws iam delete-login-profile --user-name backdoor'
    >>> aws("iam delete-login-profile --user-name {user}", user="x; rm -rf /")
    ''
    """
    for _, name, _, _ in Formatter().parse(template):
        if name and not re.fullmatch(PATTERNS[name], values[name], re.ASCII):
            return ""
    return "aws " + template.format(**{k: shlex.quote(value) for k, value in values.items()})


def several(values: Sequence[str]) -> str:
    """Values for one placeholder, where the option takes a list. None of them make no command.

    >>> aws("ec2 modify-image-attribute --user-ids {accounts}", accounts=several(["111122223333"]))
    'aws ec2 modify-image-attribute --user-ids 111122223333'
    """
    return values[0] if len(values) == 1 else json.dumps(values, separators=(",", ":"))


def stop_key(event: Event) -> str:
    """The command that deactivates the caller's own key; "" for one who has no lasting key."""
    key = event.text("userIdentity.accessKeyId")
    if event.identity != "IAMUser" or not key.startswith("AKIA"):
        return ""
    user = event.text("userIdentity.userName")
    return deactivate_key(user, key)


def deactivate_key(user: str, key: str) -> str:
    """The command after which a key opens nothing; it can be activated again."""
    return aws(
        "iam update-access-key --user-name {user} --access-key-id {key} --status Inactive",
        user=user,
        key=key,
    )


def deny_all(event: Event, kind: str, name: str) -> str:
    """The command after which a user or role may do nothing, whatever else it was given.

    Unlike deleting it works at once, for open sessions too, and is undone by detaching.

    :param kind: ``user`` or ``role``.
    """
    arn = event.text("userIdentity.arn")
    partition = arn.split(":")[1] if arn.startswith("arn:") else "aws"
    return aws(
        f"iam attach-{kind}-policy --{kind}-name {{{kind}}}"
        " --policy-arn arn:{partition}:iam::aws:policy/AWSDenyAll",
        partition=partition,
        **{kind: name},
    )


def revoke_sessions(event: Event, role: str) -> str:
    """The command that makes the role's credentials worthless, those issued up to the event.

    As IAM's console does, but the event's own second counts: times here have no smaller unit.
    https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_revoke-sessions.html
    """
    return aws(
        "iam put-role-policy --role-name {role} --policy-name AWSRevokeOlderSessions"
        """ --policy-document '{{"Version":"2012-10-17","Statement":[{{"Effect":"Deny","""
        """"Action":"*","Resource":"*","Condition":{{"DateLessThanEquals":"""
        """{{"aws:TokenIssueTime":"{issue_time}"}}}}}}]}}'""",
        role=role,
        issue_time=event.text("eventTime"),
    )
