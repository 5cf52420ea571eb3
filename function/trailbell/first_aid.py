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

NAME = r"[A-Za-z0-9_+=,.@][A-Za-z0-9_+=,.@-]{0,127}"
# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html#reference_iam-quotas-names
ARN = r"arn:aws[a-z-]*:[a-z0-9-]+:[a-z0-9-]*:(\d{12}|aws)?:[A-Za-z0-9_+=,.@:/*-]{1,512}"
UUID = r"[A-Fa-f0-9]{8}-([A-Fa-f0-9]{4}-){3}[A-Fa-f0-9]{12}"
PARENT = r"r-[0-9a-z]{4,32}|ou-[0-9a-z]{4,32}-[a-z0-9]{8,32}"


def _one_or_more(pattern: str) -> str:
    """A value of that pattern, or a JSON list of at most twenty."""
    return rf'{pattern}|\["{pattern}"(?:,"{pattern}"){{0,19}}\]'


PATTERNS = {
    "user": NAME,
    "role": rf"(?!AWSReservedSSO_|AWSServiceRoleFor){NAME}",  # those only AWS can change
    "group": NAME,
    "policy": NAME,
    "key": r"A[KS]IA[0-9A-Z]{12,124}",
    "policy_arn": ARN,
    "arn": ARN,
    "trail": rf"(?:{ARN}|[A-Za-z0-9][A-Za-z0-9._-]{{2,127}})",
    "region": r"[a-z]{2}(-[a-z]+)+-\d{1,2}",
    "account": r"\d{12}",
    "id": r"[A-Za-z0-9][A-Za-z0-9_-]{0,127}",
    "name": r"[A-Za-z0-9][A-Za-z0-9._/-]{0,255}",
    # https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html
    "partition": r"aws(-[a-z]+){0,2}",
    # https://docs.aws.amazon.com/IAM/latest/APIReference/API_DeletePolicyVersion.html
    "version": r"v[1-9][0-9]{0,8}(\.[A-Za-z0-9-]{0,64})?",
    # https://docs.aws.amazon.com/IAM/latest/APIReference/API_DeactivateMFADevice.html
    "mfa": r"[A-Za-z0-9_+=/:,.@][A-Za-z0-9_+=/:,.@-]{8,255}",
    # https://docs.aws.amazon.com/IAM/latest/APIReference/API_UpdateServiceSpecificCredential.html
    "credential": r"[A-Za-z0-9_]{20,128}",
    # https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_IamInstanceProfileAssociation.html
    "association": r"iip-assoc-[0-9a-f]{8,17}",
    # https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html
    "issue_time": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ",
    # https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateSAMLProvider.html
    "saml_provider": r"arn:aws[a-z-]*:iam::\d{12}:saml-provider/[A-Za-z0-9._-]{1,128}",
    # https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateOpenIDConnectProvider.html
    "oidc_provider": (
        r"arn:aws[a-z-]*:iam::\d{12}:oidc-provider/[A-Za-z0-9.-]{1,255}(/[A-Za-z0-9._~/-]*)?"
    ),
    "client_id": r"[A-Za-z0-9][A-Za-z0-9._:/@-]{0,254}",
    # https://docs.aws.amazon.com/rolesanywhere/latest/APIReference/API_DisableTrustAnchor.html
    "uuid": r"[a-f0-9]{8}-([a-z0-9]{4}-){3}[a-z0-9]{12}",
    # https://docs.aws.amazon.com/singlesignon/latest/APIReference/API_CreateAccountAssignment.html
    "instance": r"arn:aws[a-z-]*:sso:::instance/(sso)?ins-[A-Za-z0-9.-]{16}",
    "permission_set": (
        r"arn:aws[a-z-]*:sso:::permissionSet/(sso)?ins-[A-Za-z0-9.-]{16}/ps-[A-Za-z0-9./-]{16}"
    ),
    "principal_type": r"USER|GROUP",
    "principal": rf"([0-9a-f]{{10}}-)?{UUID}",
    "managed_policy": r"arn:aws[a-z-]*:iam::aws:policy(/[A-Za-z0-9.,+@=_-]+)+",
    "policy_path": r"(/[A-Za-z0-9.,+@=_-]+)*/",
    # https://docs.aws.amazon.com/singlesignon/latest/APIReference/API_DeleteApplication.html
    "application": (
        r"arn:aws[a-z-]*:sso::\d{12}:application/(sso)?ins-[A-Za-z0-9.-]{16}/apl-[A-Za-z0-9]{16}"
    ),
    "token_issuer": (
        rf"arn:aws[a-z-]*:sso::\d{{12}}:trustedTokenIssuer/(sso)?ins-[A-Za-z0-9.-]{{16}}/tti-{UUID}"
    ),
    # https://docs.aws.amazon.com/singlesignon/latest/IdentityStoreAPIReference/API_DeleteUser.html
    "identity_store": rf"d-[0-9a-f]{{10}}|{UUID}",
    # https://docs.aws.amazon.com/organizations/latest/APIReference/API_AttachPolicy.html
    "guardrail": r"p-[0-9A-Za-z_]{8,128}",
    "guardrail_target": rf"\d{{12}}|{PARENT}",
    "parent": PARENT,
    "moved_to": PARENT,
    # https://docs.aws.amazon.com/organizations/latest/APIReference/API_EnablePolicyType.html
    "root": r"r-[0-9a-z]{4,32}",
    "policy_type": (
        r"(SERVICE_CONTROL|RESOURCE_CONTROL|TAG|BACKUP|AISERVICES_OPT_OUT|CHATBOT|SECURITYHUB)_POLICY"
        r"|DECLARATIVE_POLICY_EC2"
    ),
    # https://docs.aws.amazon.com/organizations/latest/APIReference/API_RegisterDelegatedAdministrator.html
    "service": r"[a-z][a-z0-9-]*(\.[a-z0-9-]+)*\.amazonaws\.com",
    # https://docs.aws.amazon.com/accounts/latest/reference/API_DeleteAlternateContact.html
    "contact": r"BILLING|OPERATIONS|SECURITY",
    "accounts": _one_or_more(r"\d{12}"),
    "shares": _one_or_more(r"(?:all|\d{12})"),
    # https://docs.aws.amazon.com/organizations/latest/APIReference/API_Organization.html
    "organizations": _one_or_more(
        r"arn:aws[a-z-]*:organizations::\d{12}:organization/o-[a-z0-9]{10,32}"
    ),
    # https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/resource-ids.html
    "security_group": r"sg-[0-9a-f]{8,17}",
    "security_group_rules": _one_or_more(r"sgr-[0-9a-f]{8,17}"),
    "network_acl": r"acl-[0-9a-f]{8,17}",
    "rule_number": r"[1-9]\d{0,4}",
    "snapshot": r"snap-[0-9a-f]{8,17}",
    "image": r"ami-[0-9a-f]{8,17}",
    # https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CreateDBSnapshot.html
    "db_snapshot": r"(?:awsbackup:)?[A-Za-z][A-Za-z0-9-]{0,254}",
    # https://docs.aws.amazon.com/kms/latest/developerguide/concepts.html
    "kms_key": (
        r"(?:arn:aws[a-z-]*:kms:[a-z0-9-]+:\d{12}:key/)?"
        r"(?:mrk-[0-9a-f]{32}|[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12})"
    ),
    # https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
    "bucket": r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]",
    # https://docs.aws.amazon.com/lambda/latest/api/API_AddPermission.html
    "function": (
        r"(?:arn:aws[a-z-]*:lambda:[a-z0-9-]+:\d{12}:function:)?[A-Za-z0-9_][A-Za-z0-9_-]{0,63}"
    ),
    "statement": r"[A-Za-z0-9_][A-Za-z0-9_-]{0,99}",
    "qualifier": r"\$LATEST|[A-Za-z0-9_][A-Za-z0-9_-]{0,127}",
    # https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_CreateRepository.html
    "repository": r"[a-z0-9][a-z0-9._/-]{1,255}",
    # https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_CreateSecret.html
    "secret": (
        r"(?:arn:aws[a-z-]*:secretsmanager:[a-z0-9-]+:\d{12}:secret:)?"
        r"[A-Za-z0-9/_+=.@][A-Za-z0-9/_+=.@-]{0,511}"
    ),
}
"""What a placeholder of that name may hold; add one beside the page that gives its pattern."""


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
    """The command that makes the role's credentials of up to now worthless, as IAM's console does.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_revoke-sessions.html
    """
    return aws(
        "iam put-role-policy --role-name {role} --policy-name AWSRevokeOlderSessions"
        """ --policy-document '{{"Version":"2012-10-17","Statement":[{{"Effect":"Deny","""
        """"Action":"*","Resource":"*","Condition":{{"DateLessThan":"""
        """{{"aws:TokenIssueTime":"{issue_time}"}}}}}}]}}'""",
        role=role,
        issue_time=event.text("eventTime"),
    )
