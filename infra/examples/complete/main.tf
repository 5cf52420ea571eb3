# An account without a trail, and nearly everything that the module can be told.

data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

data "aws_region" "current" {}

module "trailbell" {
  source = "../.."

  name_prefix = var.name_prefix
  tags        = var.tags

  package_path       = coalesce(var.package_path, "${path.module}/../../../function.zip")
  runtime            = "python3.13"
  architecture       = "arm64"
  memory_size        = 512
  timeout            = 90
  log_retention_days = 90

  role_path            = "/security/"
  permissions_boundary = var.permissions_boundary
  kms_key_arn          = aws_kms_key.this.arn

  # Whose changes to trailbell are no alarm.
  deploy_roles = ["terraform-*"]

  # The size of config is not known before the topic below exists, so its place is said here.
  config_store = "ssm"
  config = {
    channels = [
      {
        type     = "slack"
        name     = "team"
        url      = "ssm:${var.slack_parameter}"
        fallback = "mail"
      },
      {
        type         = "telegram"
        name         = "on-call"
        token        = "ssm:${var.telegram_parameter}"
        chat_id      = var.telegram_chat_id
        api_url      = var.telegram_api_url
        min_severity = "high"
        fallback     = "mail"
      },
      {
        type         = "sns"
        name         = "mail"
        topic_arn    = aws_sns_topic.mail.arn
        min_severity = "critical"
      },
    ]
    preset   = "security"
    timezone = "Europe/Berlin"
    accounts = { (data.aws_caller_identity.current.account_id) = "production" }
    rules = {
      off-hours-activity   = { enabled = true, start = 20, end = 7 }
      console-login-failed = { severity = "medium" }
    }
    mutes = [
      { rule = "iam-user-activity", actor = "terraform", reason = "our pipeline" },
      { role = "Deploy*", until = "2026-12-31", reason = "migration" },
    ]
  }

  filter_preset            = "security"
  create_trail             = true
  trail_name               = "${var.name_prefix}account"
  trail_log_retention_days = 14
  force_destroy            = var.force_destroy

  alarm_email     = var.alarm_email
  alarm_topic_arn = var.alarm_topic_arn
  silence_hours   = 12
}

resource "aws_sns_topic" "mail" {
  #checkov:skip=CKV_AWS_26:an example; trailbell would need a right on the topic's key
  name = "${var.name_prefix}trailbell-mail"
  tags = var.tags
}

# What a key needs in its policy to serve the module: the services that encrypt by themselves, each
# for this account's things only. The function's own rights on it stand in its role.
resource "aws_kms_key" "this" {
  description             = "trailbell"
  enable_key_rotation     = true
  deletion_window_in_days = 7
  tags                    = var.tags

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "Account"
        Effect    = "Allow"
        Principal = { AWS = "arn:${data.aws_partition.current.partition}:iam::${data.aws_caller_identity.current.account_id}:root" }
        Action    = "kms:*"
        Resource  = "*"
      },
      {
        Sid       = "Logs"
        Effect    = "Allow"
        Principal = { Service = "logs.${data.aws_region.current.region}.amazonaws.com" }
        Action    = ["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:Describe*"]
        Resource  = "*"
        Condition = {
          ArnLike = { "kms:EncryptionContext:aws:logs:arn" = "arn:${data.aws_partition.current.partition}:logs:${data.aws_region.current.region}:${data.aws_caller_identity.current.account_id}:log-group:*" }
        }
      },
      {
        Sid       = "Trail"
        Effect    = "Allow"
        Principal = { Service = "cloudtrail.amazonaws.com" }
        Action    = ["kms:GenerateDataKey*", "kms:Decrypt", "kms:DescribeKey"]
        Resource  = "*"
        Condition = { StringEquals = { "aws:SourceArn" = "arn:${data.aws_partition.current.partition}:cloudtrail:${data.aws_region.current.region}:${data.aws_caller_identity.current.account_id}:trail/${var.name_prefix}account" } }
      },
      {
        Sid       = "AlarmsAndEvents"
        Effect    = "Allow"
        Principal = { Service = ["cloudwatch.amazonaws.com", "events.amazonaws.com"] }
        Action    = ["kms:GenerateDataKey*", "kms:Decrypt"]
        Resource  = "*"
        Condition = { StringEquals = { "aws:SourceAccount" = data.aws_caller_identity.current.account_id } }
      },
    ]
  })
}
