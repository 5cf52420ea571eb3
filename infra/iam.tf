# The function's role: what it may do stands in one document, a statement a purpose.

locals {
  statements = [for statement in [
    {
      Sid      = "Log"
      Effect   = "Allow"
      Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
      Resource = [for arn in aws_cloudwatch_log_group.function[*].arn : "${arn}:*"]
    },
    {
      Sid      = "RetryLane"
      Effect   = "Allow"
      Action   = ["sqs:SendMessage", "sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"]
      Resource = aws_sqs_queue.retry[*].arn
    },
    var.ledger ? {
      Sid      = "Ledger"
      Effect   = "Allow"
      Action   = ["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem", "dynamodb:BatchGetItem", "dynamodb:BatchWriteItem"]
      Resource = aws_dynamodb_table.ledger[*].arn
    } : null,
    length(local.config_parameter_arns) + length(local.parameter_arns) > 0 ? {
      Sid      = "Parameters"
      Effect   = "Allow"
      Action   = ["ssm:GetParameter"]
      Resource = distinct(concat(local.config_parameter_arns, local.parameter_arns))
    } : null,
    local.config_in_s3 ? {
      Sid      = "Settings"
      Effect   = "Allow"
      Action   = ["s3:GetObject"]
      Resource = [for bucket in aws_s3_bucket.config : "${bucket.arn}/config.json"]
    } : null,
    length(local.secret_arns) > 0 ? {
      Sid      = "Secrets"
      Effect   = "Allow"
      Action   = ["secretsmanager:GetSecretValue"]
      Resource = distinct(local.secret_arns)
    } : null,
    length(var.secret_kms_key_arns) > 0 ? {
      Sid      = "SecretKeys"
      Effect   = "Allow"
      Action   = ["kms:Decrypt"]
      Resource = distinct(var.secret_kms_key_arns)
      Condition = {
        StringEquals = { "kms:ViaService" = [for service in ["ssm", "secretsmanager"] : "${service}.${local.region}.${local.dns_suffix}"] }
      }
    } : null,
    var.kms_key_arn != null ? {
      Sid      = "OwnKey"
      Effect   = "Allow"
      Action   = ["kms:Decrypt", "kms:Encrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey"]
      Resource = [var.kms_key_arn]
      Condition = {
        StringEquals = { "kms:ViaService" = [for service in ["sqs", "dynamodb", "s3"] : "${service}.${local.region}.${local.dns_suffix}"] }
      }
    } : null,
    length(local.topic_arns) > 0 ? {
      Sid      = "Topics"
      Effect   = "Allow"
      Action   = ["sns:Publish"]
      Resource = local.topic_arns
    } : null,
    var.event_source == "s3" ? {
      Sid      = "RecordsQueue"
      Effect   = "Allow"
      Action   = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"]
      Resource = aws_sqs_queue.records[*].arn
    } : null,
    var.event_source == "s3" ? {
      Sid      = "LogFiles"
      Effect   = "Allow"
      Action   = ["s3:GetObject"]
      Resource = ["arn:${local.partition}:s3:::${try(var.s3_source.bucket, "")}/${try(var.s3_source.prefix, "")}*"]
    } : null,
    var.event_source == "s3" && try(var.s3_source.kms_key_arn, null) != null ? {
      Sid      = "LogFilesKey"
      Effect   = "Allow"
      Action   = ["kms:Decrypt"]
      Resource = [try(var.s3_source.kms_key_arn, "")]
      Condition = {
        StringEquals = { "kms:ViaService" = ["s3.${try(coalesce(var.s3_source.region, local.region), "")}.${local.dns_suffix}"] }
      }
    } : null,
    var.event_source == "kinesis" ? {
      Sid      = "Stream"
      Effect   = "Allow"
      Action   = ["kinesis:DescribeStream", "kinesis:DescribeStreamSummary", "kinesis:GetRecords", "kinesis:GetShardIterator", "kinesis:ListShards"]
      Resource = [try(var.kinesis_source.stream_arn, "")]
    } : null,
    var.event_source == "kinesis" ? {
      Sid      = "LastQueue"
      Effect   = "Allow"
      Action   = ["sqs:SendMessage"]
      Resource = aws_sqs_queue.last[*].arn
    } : null,
    var.event_source == "kinesis" && try(var.kinesis_source.kms_key_arn, null) != null ? {
      Sid      = "StreamKey"
      Effect   = "Allow"
      Action   = ["kms:Decrypt"]
      Resource = [try(var.kinesis_source.kms_key_arn, "")]
      Condition = {
        StringEquals = { "kms:ViaService" = ["kinesis.${try(split(":", var.kinesis_source.stream_arn)[3], "")}.${local.dns_suffix}"] }
      }
    } : null,
    # Lambda makes and removes the network interfaces with the function's own role, and takes a
    # grant on single interfaces for none: their ids are not known before they exist.
    var.vpc != null ? {
      Sid      = "NetworkInterfaces"
      Effect   = "Allow"
      Action   = ["ec2:CreateNetworkInterface", "ec2:DeleteNetworkInterface", "ec2:AssignPrivateIpAddresses", "ec2:UnassignPrivateIpAddresses"]
      Resource = ["arn:${local.partition}:ec2:${local.region}:${local.account}:*/*"]
    } : null,
    # EC2 knows no resources for these two: * is all that it takes.
    var.vpc != null ? {
      Sid      = "SeeNetwork"
      Effect   = "Allow"
      Action   = ["ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets"]
      Resource = ["*"]
    } : null,
    # All of that is for Lambda, and not for the code that runs in the function.
    var.vpc != null ? {
      Sid       = "NotForTheCode"
      Effect    = "Deny"
      Action    = ["ec2:CreateNetworkInterface", "ec2:DeleteNetworkInterface", "ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets", "ec2:AssignPrivateIpAddresses", "ec2:UnassignPrivateIpAddresses"]
      Resource  = ["*"]
      Condition = { ArnEquals = { "lambda:SourceFunctionArn" = local.function_arn } }
    } : null,
  ] : statement if statement != null]

  # By its name, as the role is there before the function.
  function_arn          = "arn:${local.partition}:lambda:${local.region}:${local.account}:function:${local.name}"
  config_parameter_arns = aws_ssm_parameter.config[*].arn
}

resource "aws_iam_role" "function" {
  count = var.create ? 1 : 0

  name                 = local.name
  path                 = var.role_path
  description          = "Role of the function ${local.name}"
  permissions_boundary = var.permissions_boundary
  tags                 = var.tags

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "lambda.amazonaws.com" }
      Action    = "sts:AssumeRole"
    }]
  })
}

resource "aws_iam_role_policy" "function" {
  #checkov:skip=CKV_AWS_355:the one statement on * is for two Describe calls that know no resources, with a VPC only
  count = var.create ? 1 : 0

  name   = local.name
  role   = one(aws_iam_role.function[*].id)
  policy = jsonencode({ Version = "2012-10-17", Statement = local.statements })
}
