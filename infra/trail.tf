# The trail's side of door 1: a log group and the role that writes to it, and, where there is none,
# the trail with its bucket. A trail that exists is connected by update_trail_command.

locals {
  create_log_group = local.from_logs && var.log_group_name == null
  create_trail     = local.create_log_group && var.create_trail
  trail_name       = coalesce(var.trail_name, local.name)
  trail_arn        = "arn:${local.partition}:cloudtrail:${local.region}:${local.account}:trail/${local.trail_name}"
}

resource "aws_cloudwatch_log_group" "trail" {
  #checkov:skip=CKV_AWS_158:CloudWatch Logs encrypts with a key of its own; kms_key_arn is there for who wants another
  #checkov:skip=CKV_AWS_338:the trail's bucket keeps the records; trail_log_retention_days keeps these longer
  count = local.create_log_group ? 1 : 0

  name              = "/aws/cloudtrail/${local.name}"
  retention_in_days = var.trail_log_retention_days
  kms_key_id        = var.kms_key_arn
  tags              = var.tags
}

resource "aws_iam_role" "cloudtrail" {
  count = local.create_log_group ? 1 : 0

  name                 = "${local.name}-cloudtrail"
  path                 = var.role_path
  description          = "CloudTrail writes to the log group of ${local.name}"
  permissions_boundary = var.permissions_boundary
  tags                 = var.tags

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "cloudtrail.amazonaws.com" }
      Action    = "sts:AssumeRole"
    }]
  })
}

resource "aws_iam_role_policy" "cloudtrail" {
  count = local.create_log_group ? 1 : 0

  name = "write-log"
  role = one(aws_iam_role.cloudtrail[*].id)
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid    = "Write"
      Effect = "Allow"
      Action = ["logs:CreateLogStream", "logs:PutLogEvents"]
      # CloudTrail names its streams after the account, or after the organization.
      Resource = [for owner in compact([local.account, var.organization_id]) : "${local.log_group_arn}:log-stream:${owner}_*"]
    }]
  })
}

resource "aws_cloudtrail" "this" {
  #checkov:skip=CKV_AWS_35:SSE-S3 unless kms_key_arn is given: a key costs a dollar a month
  #checkov:skip=CKV_AWS_252:the subscription filter is what tells
  #checkov:skip=CKV2_AWS_10:its log group is set, by a local value that the check does not follow
  count = local.create_trail ? 1 : 0

  name                          = local.trail_name
  s3_bucket_name                = one(aws_s3_bucket.trail[*].id)
  cloud_watch_logs_group_arn    = "${local.log_group_arn}:*"
  cloud_watch_logs_role_arn     = one(aws_iam_role.cloudtrail[*].arn)
  is_multi_region_trail         = true
  is_organization_trail         = var.organization_id != null
  include_global_service_events = true
  enable_log_file_validation    = true
  enable_logging                = true
  kms_key_id                    = var.kms_key_arn
  tags                          = var.tags

  depends_on = [
    aws_cloudwatch_log_group.trail,
    aws_iam_role_policy.cloudtrail,
    aws_s3_bucket_policy.trail,
    aws_s3_bucket_server_side_encryption_configuration.trail,
  ]
}

resource "aws_s3_bucket" "trail" {
  #checkov:skip=CKV_AWS_18:access logs want a bucket of the user's; digests show whether a file was changed
  #checkov:skip=CKV_AWS_144:a copy in another region is a matter of the user's retention
  #checkov:skip=CKV_AWS_145:SSE-S3 unless kms_key_arn is given: a key costs a dollar a month
  #checkov:skip=CKV2_AWS_62:nobody waits for its events
  count = local.create_trail ? 1 : 0

  bucket        = "${local.bucket_name}-trail-${local.account}-${local.region}"
  force_destroy = var.force_destroy
  tags          = var.tags
}

resource "aws_s3_bucket_public_access_block" "trail" {
  count = local.create_trail ? 1 : 0

  bucket                  = one(aws_s3_bucket.trail[*].id)
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_ownership_controls" "trail" {
  count = local.create_trail ? 1 : 0

  bucket = one(aws_s3_bucket.trail[*].id)
  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_versioning" "trail" {
  count = local.create_trail ? 1 : 0

  bucket = one(aws_s3_bucket.trail[*].id)
  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "trail" {
  count = local.create_trail ? 1 : 0

  bucket = one(aws_s3_bucket.trail[*].id)
  rule {
    bucket_key_enabled = true
    apply_server_side_encryption_by_default {
      sse_algorithm     = var.kms_key_arn == null ? "AES256" : "aws:kms"
      kms_master_key_id = var.kms_key_arn
    }
  }
}

resource "aws_s3_bucket_lifecycle_configuration" "trail" {
  count = local.create_trail ? 1 : 0

  bucket = one(aws_s3_bucket.trail[*].id)

  rule {
    id     = "log-files"
    status = "Enabled"
    filter {}

    abort_incomplete_multipart_upload {
      days_after_initiation = 7
    }
    noncurrent_version_expiration {
      noncurrent_days = 30
    }
    dynamic "expiration" {
      for_each = var.trail_bucket_expiration_days > 0 ? [var.trail_bucket_expiration_days] : []
      content {
        days = expiration.value
      }
    }
  }

  depends_on = [aws_s3_bucket_versioning.trail]
}

resource "aws_s3_bucket_policy" "trail" {
  count = local.create_trail ? 1 : 0

  bucket = one(aws_s3_bucket.trail[*].id)
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "CloudTrailLooks"
        Effect    = "Allow"
        Principal = { Service = "cloudtrail.amazonaws.com" }
        Action    = "s3:GetBucketAcl"
        Resource  = one(aws_s3_bucket.trail[*].arn)
        Condition = { StringEquals = { "aws:SourceArn" = local.trail_arn } }
      },
      {
        Sid       = "CloudTrailWrites"
        Effect    = "Allow"
        Principal = { Service = "cloudtrail.amazonaws.com" }
        Action    = "s3:PutObject"
        Resource  = [for owner in compact([local.account, var.organization_id]) : "${one(aws_s3_bucket.trail[*].arn)}/AWSLogs/${owner}/*"]
        Condition = { StringEquals = { "aws:SourceArn" = local.trail_arn, "s3:x-amz-acl" = "bucket-owner-full-control" } }
      },
      {
        Sid       = "TlsOnly"
        Effect    = "Deny"
        Principal = "*"
        Action    = "s3:*"
        Resource  = [one(aws_s3_bucket.trail[*].arn), "${one(aws_s3_bucket.trail[*].arn)}/*"]
        Condition = { Bool = { "aws:SecureTransport" = "false" } }
      },
    ]
  })

  depends_on = [aws_s3_bucket_public_access_block.trail]
}
