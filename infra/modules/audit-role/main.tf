# What the audits may see in a member account: users, keys, devices, the credential report. It reads
# and changes nothing, and no secret is among it.

resource "aws_iam_role" "this" {
  count = var.create ? 1 : 0

  name                 = var.name
  path                 = var.path
  description          = "trailbell's audits read IAM users and keys"
  permissions_boundary = var.permissions_boundary
  max_session_duration = 3600
  tags                 = var.tags

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [merge(
      {
        Sid       = "Auditors"
        Effect    = "Allow"
        Principal = { AWS = var.trusted_role_arns }
        Action    = "sts:AssumeRole"
      },
      var.external_id == null ? {} : { Condition = { StringEquals = { "sts:ExternalId" = var.external_id } } },
    )]
  })
}

resource "aws_iam_role_policy" "this" {
  #checkov:skip=CKV_AWS_355:see the two statements on *
  #checkov:skip=CKV_AWS_290:GenerateCredentialReport counts as a write, and makes nothing but the report
  count = var.create ? 1 : 0

  name = "audit"
  role = one(aws_iam_role.this[*].id)
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [
        {
          Sid    = "Users"
          Effect = "Allow"
          Action = [
            "iam:GetLoginProfile",
            "iam:GetUser",
            "iam:ListAccessKeys",
            "iam:ListAttachedUserPolicies",
            "iam:ListGroupsForUser",
            "iam:ListMFADevices",
            "iam:ListUserPolicies",
            "iam:ListUserTags",
          ]
          Resource = ["arn:${one(data.aws_partition.current[*].partition)}:iam::${one(data.aws_caller_identity.current[*].account_id)}:user/*"]
        },
        {
          # IAM knows no resource for these: they are about the account.
          Sid    = "Account"
          Effect = "Allow"
          Action = [
            "iam:GenerateCredentialReport",
            "iam:GetAccessKeyLastUsed",
            "iam:GetAccountPasswordPolicy",
            "iam:GetAccountSummary",
            "iam:GetCredentialReport",
            "iam:ListAccountAliases",
            "iam:ListUsers",
            "iam:ListVirtualMFADevices",
          ]
          Resource = ["*"]
        },
      ],
      var.event_history ? [{
        # The same: the event history has no ARN.
        Sid      = "EventHistory"
        Effect   = "Allow"
        Action   = ["cloudtrail:LookupEvents"]
        Resource = ["*"]
      }] : [],
    )
  })
}

data "aws_caller_identity" "current" {
  count = var.create ? 1 : 0
}

data "aws_partition" "current" {
  count = var.create ? 1 : 0
}
