# Where the records come from: event_source chooses one of four doors.

locals {
  from_logs        = var.create && var.event_source == "logs"
  from_s3          = var.create && var.event_source == "s3"
  from_eventbridge = var.create && var.event_source == "eventbridge"
  from_kinesis     = var.create && var.event_source == "kinesis"

  filter_presets = jsondecode(file("${path.module}/filters.json"))
  filter_pattern = var.filter_preset == "custom" ? var.filter_pattern : local.filter_presets[var.filter_preset]

  log_group_name = local.create_log_group ? one(aws_cloudwatch_log_group.trail[*].name) : var.log_group_name
  log_group_arn  = "arn:${local.partition}:logs:${local.region}:${local.account}:log-group:${coalesce(local.log_group_name, "-")}"
}

# Door 1: a subscription filter on the trail's log group.

# While the function or this permission is missing, CloudWatch Logs skips the records, for up to ten
# minutes more. So a changed permission is a second one before the first one goes (a prefix, since
# two statements of one name exclude each other), and a renamed function likewise.
resource "aws_lambda_permission" "logs" {
  count = local.from_logs ? 1 : 0

  statement_id_prefix = "cloudwatch-logs-"
  action              = "lambda:InvokeFunction"
  function_name       = one(aws_lambda_function.this[*].function_name)
  principal           = "logs.amazonaws.com"
  source_arn          = "${local.log_group_arn}:*"
  source_account      = local.account

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_cloudwatch_log_subscription_filter" "this" {
  count = local.from_logs ? 1 : 0

  name            = local.name
  log_group_name  = local.log_group_name
  filter_pattern  = local.filter_pattern
  destination_arn = one(aws_lambda_function.this[*].arn)

  # Nothing comes in before what fails has a place to go.
  depends_on = [
    aws_lambda_permission.logs,
    aws_lambda_function_event_invoke_config.this,
    aws_lambda_event_source_mapping.retry,
  ]

  lifecycle {
    create_before_destroy = true
  }
}

# Door 2: the log-archive bucket. Its notifications go to a topic that is there already; a queue of
# our own subscribes to it.

resource "aws_sqs_queue" "records" {
  count = local.from_s3 ? 1 : 0

  name                       = "${local.name}-records"
  visibility_timeout_seconds = local.visibility
  message_retention_seconds  = local.two_weeks
  sqs_managed_sse_enabled    = var.kms_key_arn == null ? true : null
  kms_master_key_id          = var.kms_key_arn
  tags                       = var.tags

  redrive_policy = jsonencode({
    deadLetterTargetArn = one(aws_sqs_queue.last[*].arn)
    maxReceiveCount     = local.attempts
  })
}

resource "aws_sqs_queue_policy" "records" {
  count = local.from_s3 ? 1 : 0

  queue_url = one(aws_sqs_queue.records[*].url)
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      local.queue_tls_only["records"],
      {
        Sid       = "Topic"
        Effect    = "Allow"
        Principal = { Service = "sns.amazonaws.com" }
        Action    = "sqs:SendMessage"
        Resource  = one(aws_sqs_queue.records[*].arn)
        Condition = { ArnEquals = { "aws:SourceArn" = try(var.s3_source.topic_arn, "") } }
      },
    ]
  })
}

resource "aws_sns_topic_subscription" "records" {
  count = local.from_s3 ? 1 : 0

  topic_arn            = try(var.s3_source.topic_arn, "")
  protocol             = "sqs"
  endpoint             = one(aws_sqs_queue.records[*].arn)
  raw_message_delivery = true

  depends_on = [aws_sqs_queue_policy.records]
}

resource "aws_lambda_event_source_mapping" "records" {
  count = local.from_s3 ? 1 : 0

  event_source_arn        = one(aws_sqs_queue.records[*].arn)
  function_name           = one(aws_lambda_function.this[*].arn)
  batch_size              = 1
  function_response_types = ["ReportBatchItemFailures"]
  tags                    = var.tags

  scaling_config {
    maximum_concurrency = 10
  }
}

# Door 3: EventBridge, an event at a time.

resource "aws_cloudwatch_event_rule" "this" {
  count = local.from_eventbridge ? 1 : 0

  name           = local.name
  description    = "CloudTrail records for ${local.name}"
  event_bus_name = var.eventbridge_source.bus_name
  event_pattern  = coalesce(var.eventbridge_source.pattern, file("${path.module}/event_pattern.json"))
  # A rule in the state ENABLED never sees a read, and a refused or a root user's read rings.
  state = "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS"
  tags  = var.tags
}

resource "aws_lambda_permission" "eventbridge" {
  count = local.from_eventbridge ? 1 : 0

  statement_id_prefix = "eventbridge-"
  action              = "lambda:InvokeFunction"
  function_name       = one(aws_lambda_function.this[*].function_name)
  principal           = "events.amazonaws.com"
  source_arn          = one(aws_cloudwatch_event_rule.this[*].arn)
  source_account      = local.account

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_cloudwatch_event_target" "this" {
  count = local.from_eventbridge ? 1 : 0

  rule           = one(aws_cloudwatch_event_rule.this[*].name)
  event_bus_name = var.eventbridge_source.bus_name
  target_id      = local.name
  arn            = one(aws_lambda_function.this[*].arn)

  dead_letter_config {
    arn = one(aws_sqs_queue.retry[*].arn)
  }

  depends_on = [
    aws_lambda_permission.eventbridge,
    aws_sqs_queue_policy.retry,
    aws_lambda_function_event_invoke_config.this,
    aws_lambda_event_source_mapping.retry,
  ]
}

# Door 4: a stream that log groups of other accounts subscribe to.

resource "aws_lambda_event_source_mapping" "stream" {
  count = local.from_kinesis ? 1 : 0

  event_source_arn               = try(var.kinesis_source.stream_arn, null)
  function_name                  = one(aws_lambda_function.this[*].arn)
  starting_position              = try(var.kinesis_source.starting_position, null)
  batch_size                     = try(var.kinesis_source.batch_size, null)
  function_response_types        = ["ReportBatchItemFailures"]
  bisect_batch_on_function_error = true
  maximum_record_age_in_seconds  = 86400
  tags                           = var.tags

  # Of a stream's record Lambda keeps the place and not the content, which the retry lane could not
  # read; so it tries for a day, and then the last queue and its alarm say what was passed over.
  destination_config {
    on_failure {
      destination_arn = one(aws_sqs_queue.last[*].arn)
    }
  }
}
