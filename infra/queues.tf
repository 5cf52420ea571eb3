# The retry lane: what could not be posted in three tries waits here, and the function itself takes
# it up again every quarter of an hour for a day. What is left then lies in the last queue.

locals {
  # AWS asks for six times the function's timeout; a quarter of an hour is the lane's pace.
  visibility = max(900, 6 * var.timeout)
  attempts   = 96
  two_weeks  = 1209600
  one_mib    = 1048576
}

resource "aws_sqs_queue" "retry" {
  count = var.create ? 1 : 0

  name                       = "${local.name}-retry"
  visibility_timeout_seconds = local.visibility
  message_retention_seconds  = local.two_weeks
  max_message_size           = local.one_mib
  sqs_managed_sse_enabled    = var.kms_key_arn == null ? true : null
  kms_master_key_id          = var.kms_key_arn
  tags                       = var.tags

  redrive_policy = jsonencode({
    deadLetterTargetArn = one(aws_sqs_queue.last[*].arn)
    maxReceiveCount     = local.attempts
  })
}

resource "aws_sqs_queue" "last" {
  count = var.create ? 1 : 0

  name                      = "${local.name}-last"
  message_retention_seconds = local.two_weeks
  max_message_size          = local.one_mib
  sqs_managed_sse_enabled   = var.kms_key_arn == null ? true : null
  kms_master_key_id         = var.kms_key_arn
  tags                      = var.tags
}

resource "aws_sqs_queue_redrive_allow_policy" "last" {
  count = var.create ? 1 : 0

  queue_url = one(aws_sqs_queue.last[*].url)
  redrive_allow_policy = jsonencode({
    redrivePermission = "byQueue"
    sourceQueueArns   = concat(aws_sqs_queue.retry[*].arn, aws_sqs_queue.records[*].arn)
  })
}

resource "aws_sqs_queue_policy" "retry" {
  count = var.create ? 1 : 0

  queue_url = one(aws_sqs_queue.retry[*].url)
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [local.queue_tls_only["retry"]],
      # What EventBridge could not hand over: the same lane takes it up again.
      [for rule in aws_cloudwatch_event_rule.this : {
        Sid       = "EventBridge"
        Effect    = "Allow"
        Principal = { Service = "events.amazonaws.com" }
        Action    = "sqs:SendMessage"
        Resource  = one(aws_sqs_queue.retry[*].arn)
        Condition = { ArnEquals = { "aws:SourceArn" = rule.arn } }
      }],
    )
  })
}

resource "aws_sqs_queue_policy" "last" {
  count = var.create ? 1 : 0

  queue_url = one(aws_sqs_queue.last[*].url)
  policy    = jsonencode({ Version = "2012-10-17", Statement = [local.queue_tls_only["last"]] })
}

locals {
  queue_tls_only = {
    for key, queue in { retry = aws_sqs_queue.retry, last = aws_sqs_queue.last, records = aws_sqs_queue.records } : key => {
      Sid                     = "TlsOnly"
      Effect                  = "Deny"
      Principal               = "*"
      Action                  = "sqs:*"
      Resource                = one(queue[*].arn)
      Condition               = { Bool = { "aws:SecureTransport" = "false" } }
    }
  }
}

resource "aws_lambda_event_source_mapping" "retry" {
  count = var.create ? 1 : 0

  event_source_arn        = one(aws_sqs_queue.retry[*].arn)
  function_name           = one(aws_lambda_function.this[*].arn)
  batch_size              = 1
  function_response_types = ["ReportBatchItemFailures"]
  tags                    = var.tags

  # After an outage the lane empties without crowding out what is new.
  scaling_config {
    maximum_concurrency = 2
  }
}

resource "aws_dynamodb_table" "ledger" {
  #checkov:skip=CKV_AWS_28:it remembers two weeks of what was posted; without it a retry may post twice, and nothing is lost
  #checkov:skip=CKV_AWS_119:it holds digests and times, no records; kms_key_arn is there for who wants it
  #checkov:skip=CKV2_AWS_16:it is on demand, which needs no scaling
  count = var.create && var.ledger ? 1 : 0

  name         = "${local.name}-ledger"
  billing_mode = "PAY_PER_REQUEST"
  hash_key     = "pk"
  tags         = var.tags

  attribute {
    name = "pk"
    type = "S"
  }

  ttl {
    attribute_name = "ttl"
    enabled        = true
  }

  dynamic "server_side_encryption" {
    for_each = var.kms_key_arn[*]
    content {
      enabled     = true
      kms_key_arn = server_side_encryption.value
    }
  }
}
