"""What can be done to the parts of trailbell, where a record names them, and what undoes it."""

from __future__ import annotations

CUT_OFF = "logs:DeleteSubscriptionFilter"
FILTER = "logs:PutSubscriptionFilter"
DELETE_GROUP = "logs:DeleteLogGroup"
CONCURRENCY = "lambda:PutFunctionConcurrency"
RIGHTS = ("changed", "change", "the rights of trailbell's own role {}")
WORDS = {
    "lambda:DeleteFunction": ("deleted", "delete", "trailbell's own function {}"),
    "lambda:UpdateFunctionCode": (
        "replaced", "replace", "the code of trailbell's own function {}"
    ),
    "lambda:UpdateFunctionConfiguration": (
        "changed", "change", "the settings of trailbell's own function {}"
    ),
    CONCURRENCY: ("throttled", "throttle", "trailbell's own function {}"),
    "lambda:RemovePermission": (
        "took away", "take away", "the permission to call trailbell's own function {}"
    ),
    "lambda:PutFunctionEventInvokeConfig": (
        "changed", "change", "the retries of trailbell's own function {}"
    ),
    "lambda:UpdateFunctionEventInvokeConfig": (
        "changed", "change", "the retries of trailbell's own function {}"
    ),
    "lambda:DeleteFunctionEventInvokeConfig": (
        "removed", "remove", "the retries of trailbell's own function {}"
    ),
    "lambda:UpdateEventSourceMapping": (
        "changed", "change", "what feeds trailbell's own function {}"
    ),
    "lambda:DeleteEventSourceMapping": (
        "removed", "remove", "what feeds trailbell's own function {}"
    ),
    CUT_OFF: ("cut", "cut", "trailbell off from {}"),
    FILTER: ("changed", "change", "what trailbell is sent from {}"),
    DELETE_GROUP: ("deleted", "delete", "trailbell's own log group {}"),
    "iam:AttachRolePolicy": RIGHTS,
    "iam:DetachRolePolicy": RIGHTS,
    "iam:PutRolePolicy": RIGHTS,
    "iam:DeleteRolePolicy": RIGHTS,
    "iam:PutRolePermissionsBoundary": RIGHTS,
    "iam:UpdateAssumeRolePolicy": (
        "changed", "change", "who may assume trailbell's own role {}"
    ),
    "iam:DeleteRole": ("deleted", "delete", "trailbell's own role {}"),
    "ssm:PutParameter": ("changed", "change", "trailbell's own parameter {}"),
    "ssm:DeleteParameter": ("deleted", "delete", "trailbell's own parameter {}"),
    "ssm:DeleteParameters": ("deleted", "delete", "trailbell's own parameter {}"),
    "secretsmanager:PutSecretValue": ("changed", "change", "trailbell's own secret {}"),
    "secretsmanager:UpdateSecret": ("changed", "change", "trailbell's own secret {}"),
    "secretsmanager:DeleteSecret": ("deleted", "delete", "trailbell's own secret {}"),
    "dynamodb:DeleteTable": ("deleted", "delete", "trailbell's own table {}"),
    "sqs:DeleteQueue": ("deleted", "delete", "trailbell's own queue {}"),
    "sqs:PurgeQueue": ("emptied", "empty", "trailbell's own queue {}"),
    "sqs:SetQueueAttributes": ("changed", "change", "trailbell's own queue {}"),
    "sns:DeleteTopic": ("deleted", "delete", "trailbell's own topic {}"),
    "sns:Unsubscribe": ("took", "take", "a subscriber off trailbell's own topic {}"),
    "monitoring:DeleteAlarms": ("deleted", "delete", "trailbell's own alarm {}"),
    "monitoring:DisableAlarmActions": ("silenced", "silence", "trailbell's own alarm {}"),
    "events:DeleteRule": ("deleted", "delete", "trailbell's own event rule {}"),
    "events:DisableRule": ("switched off", "switch off", "trailbell's own event rule {}"),
    "events:RemoveTargets": (
        "disconnected", "disconnect", "trailbell's own event rule {} from its targets"
    ),
    "scheduler:DeleteSchedule": ("deleted", "delete", "trailbell's own schedule {}"),
    "scheduler:UpdateSchedule": ("changed", "change", "trailbell's own schedule {}"),
    "kms:DisableKey": ("disabled", "disable", "trailbell's own key {}"),
    "kms:ScheduleKeyDeletion": ("scheduled", "schedule", "trailbell's own key {} for deletion"),
    "cloudformation:DeleteStack": ("deleted", "delete", "trailbell's own stack {}"),
}  # fmt: skip
"""What was done, what was tried, and to which part of trailbell."""
TARGETS = (
    "functionName", "fullyQualifiedArn.relativeId.functionName", "filterName", "logGroupName",
    "logGroupIdentifier", "destinationArn", "roleName", "name", "names", "secretId", "tableName",
    "queueUrl", "topicArn", "subscriptionArn", "alarmNames", "rule", "keyId", "stackName",
)  # fmt: skip
"""Where a request names what the call was about: a name, or a list of names."""
MAPPED = "responseElements.functionArn"
"""The function behind an event source mapping, whose own name is an id."""
REMEDIES: dict[str, tuple[str, ...]] = {
    CONCURRENCY: (
        "lambda delete-function-concurrency --function-name {function} --region {region}",
    ),
    "iam:AttachRolePolicy": (
        "iam detach-role-policy --role-name {role} --policy-arn {policy_arn}",
    ),
    "iam:DetachRolePolicy": (
        "iam attach-role-policy --role-name {role} --policy-arn {policy_arn}",
    ),
    "secretsmanager:DeleteSecret": (
        "secretsmanager restore-secret --secret-id {secret} --region {region}",
    ),
    "monitoring:DisableAlarmActions": (
        "cloudwatch enable-alarm-actions --alarm-names {name} --region {region}",
    ),
    "events:DisableRule": ("events enable-rule --name {event_rule} --region {region}",),
    "kms:DisableKey": ("kms enable-key --key-id {kms_key} --region {region}",),
    "kms:ScheduleKeyDeletion": (
        "kms cancel-key-deletion --key-id {kms_key} --region {region}",
        "kms enable-key --key-id {kms_key} --region {region}",
    ),
}
