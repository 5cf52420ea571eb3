# Ten alarms at most, each for a way in which silence could mean something else than quiet.

locals {
  has_alarms    = var.create && var.alarms
  create_topic  = local.has_alarms && var.alarm_email != null
  alarm_actions = compact([var.alarm_topic_arn, one(aws_sns_topic.alarms[*].arn)])

  # The counts of the function's log line that an alarm looks at.
  metric_filters = {
    for name, filter in {
      dead_channel  = { pattern = "{ $.dead[0] = \"*\" }", value = "1" }
      unparsed      = { pattern = "{ $.unparsed > 0 }", value = "$.unparsed" }
      ledger_errors = { pattern = "{ $.ledger_errors > 0 }", value = "$.ledger_errors" }
    } : name => filter if local.has_alarms && (var.ledger || name != "ledger_errors")
  }

  bus = try(var.eventbridge_source.bus_name, "default")
  rule_dimensions = merge(
    { RuleName = local.name },
    local.bus == "default" ? {} : { EventBusName = local.bus },
  )

  # Is the door itself in order, and does anything come through it?
  door_alarms = {
    logs = {
      delivery = {
        description = "CloudWatch Logs could not hand records to the function: it or its permission is missing. Those records are skipped; find them with redrive."
        namespace   = "AWS/Logs", metric = "DeliveryErrors", statistic = "Sum", threshold = 0
        dimensions  = { LogGroupName = coalesce(local.log_group_name, "-"), DestinationType = "Lambda", FilterName = local.name }
      }
      silence = {
        namespace = "AWS/Logs", metric = "IncomingLogEvents", dimensions = { LogGroupName = coalesce(local.log_group_name, "-") }
      }
    }
    s3 = {
      delivery = {
        description = "Log files wait for twenty minutes: the function cannot read them, or cannot post."
        namespace   = "AWS/SQS", metric = "ApproximateAgeOfOldestMessage", statistic = "Maximum", threshold = 1200
        dimensions  = { QueueName = "${local.name}-records" }
      }
      silence = {
        namespace = "AWS/SQS", metric = "NumberOfMessagesSent", dimensions = { QueueName = "${local.name}-records" }
      }
    }
    eventbridge = {
      delivery = {
        description = "EventBridge could not hand events to the function: it or its permission is missing."
        namespace   = "AWS/Events", metric = "FailedInvocations", statistic = "Sum", threshold = 0
        dimensions  = local.rule_dimensions
      }
      silence = {
        namespace = "AWS/Events", metric = "MatchedEvents", dimensions = local.rule_dimensions
      }
    }
    kinesis = {
      delivery = {
        description = "The function is half an hour behind the stream."
        namespace   = "AWS/Lambda", metric = "IteratorAge", statistic = "Maximum", threshold = 1800000
        dimensions  = { FunctionName = local.name }
      }
      silence = {
        namespace = "AWS/Kinesis", metric = "IncomingRecords", dimensions = { StreamName = try(split("/", var.kinesis_source.stream_arn)[1], "-") }
      }
    }
  }[var.event_source]

  alarms = merge(
    {
      errors = {
        description = "The function failed three times in a quarter of an hour: an event that used up its tries, or settings or a secret that cannot be read. The function's log says why."
        namespace   = "AWS/Lambda", metric = "Errors", statistic = "Sum", threshold = 2, period = 900
        dimensions  = { FunctionName = local.name }
      }
      throttles = {
        description = "The function was throttled for a quarter of an hour: alerts are late, and lost after six hours. The account's or the function's concurrency is used up."
        namespace   = "AWS/Lambda", metric = "Throttles", statistic = "Sum", threshold = 0, periods = 3, ends = true
        dimensions  = { FunctionName = local.name }
      }
      destination = {
        description = "Lambda could not keep an event that failed: the retry queue or the right to send there is missing. That event is lost here; find it with redrive."
        namespace   = "AWS/Lambda", metric = "DestinationDeliveryFailures", statistic = "Sum", threshold = 0
        dimensions  = { FunctionName = local.name }
      }
      # Twenty minutes: a burst's delayed messages wait for fifteen, and SQS leaves a message out of
      # this metric that was received three times, which here is after thirty.
      retry_age = {
        description = "Alerts wait in the retry queue for twenty minutes: a channel is down. They are posted when it is back, for a day."
        namespace   = "AWS/SQS", metric = "ApproximateAgeOfOldestMessage", statistic = "Maximum", threshold = 1200
        dimensions  = { QueueName = "${local.name}-retry" }
      }
      last_queue = {
        description = "Alerts were not delivered within a day and lie in the last queue, for two weeks from their first day. Mend the channel, then start a redrive."
        namespace   = "AWS/SQS", metric = "ApproximateNumberOfMessagesVisible", statistic = "Maximum", threshold = 0, ends = true
        dimensions  = { QueueName = "${local.name}-last" }
      }
      dead_channel = {
        description = "A channel refuses for good: its webhook or token is gone. The function's log names it under \"dead\"."
        namespace   = local.name, metric = "dead_channel", statistic = "Sum", threshold = 0, dimensions = {}
      }
      unparsed = {
        description = "Something that is no CloudTrail record came in; each was told as unreadable-record."
        namespace   = local.name, metric = "unparsed", statistic = "Sum", threshold = 0, dimensions = {}
      }
      delivery = local.door_alarms.delivery
      silence = merge(local.door_alarms.silence, {
        description = "No record came in for ${var.silence_hours} h: the trail is stopped, or no longer connected. An account is never that quiet, unless nothing runs in it."
        statistic   = "Sum", threshold = 1, comparison = "LessThanThreshold", period = 3600, periods = var.silence_hours, missing = "breaching", ends = true
      })
    },
    var.ledger ? {
      ledger_errors = {
        description = "The ledger did not answer: alerts are posted all the same, perhaps twice."
        namespace   = local.name, metric = "ledger_errors", statistic = "Sum", threshold = 0, dimensions = {}
      }
    } : {},
  )
}

resource "aws_cloudwatch_log_metric_filter" "this" {
  for_each = local.metric_filters

  name           = "${local.name}-${replace(each.key, "_", "-")}"
  log_group_name = one(aws_cloudwatch_log_group.function[*].name)
  pattern        = each.value.pattern

  metric_transformation {
    name      = each.key
    namespace = local.name
    value     = each.value.value
    unit      = "Count"
  }
}

resource "aws_cloudwatch_metric_alarm" "this" {
  for_each = { for name, alarm in local.alarms : name => alarm if local.has_alarms }

  alarm_name          = "${local.name}-${replace(each.key, "_", "-")}"
  alarm_description   = each.value.description
  namespace           = each.value.namespace
  metric_name         = each.value.metric
  dimensions          = each.value.dimensions
  statistic           = each.value.statistic
  period              = try(each.value.period, 300)
  evaluation_periods  = try(each.value.periods, 1)
  comparison_operator = try(each.value.comparison, "GreaterThanThreshold")
  threshold           = each.value.threshold
  treat_missing_data  = try(each.value.missing, "notBreaching")
  alarm_actions       = local.alarm_actions
  # Only where the end of the alarm is the end of the trouble: a dead channel is not well again
  # because nothing was posted to it for five minutes.
  ok_actions = try(each.value.ends, false) ? local.alarm_actions : []
  tags       = var.tags
}

resource "aws_sns_topic" "alarms" {
  #checkov:skip=CKV_AWS_26:CloudWatch cannot publish to a topic under AWS's own key; kms_key_arn is there for who wants one, and the alarms hold no records
  count = local.create_topic ? 1 : 0

  name              = "${local.name}-alarms"
  kms_master_key_id = var.kms_key_arn
  tags              = var.tags
}

resource "aws_sns_topic_policy" "alarms" {
  count = local.create_topic ? 1 : 0

  arn = one(aws_sns_topic.alarms[*].arn)
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "Alarms"
      Effect    = "Allow"
      Principal = { Service = "cloudwatch.amazonaws.com" }
      Action    = "sns:Publish"
      Resource  = one(aws_sns_topic.alarms[*].arn)
      Condition = {
        StringEquals = { "aws:SourceAccount" = local.account }
        ArnLike      = { "aws:SourceArn" = "arn:${local.partition}:cloudwatch:${local.region}:${local.account}:alarm:${local.name}-*" }
      }
    }]
  })
}

resource "aws_sns_topic_subscription" "email" {
  count = local.create_topic ? 1 : 0

  topic_arn = one(aws_sns_topic.alarms[*].arn)
  protocol  = "email"
  endpoint  = var.alarm_email
}
