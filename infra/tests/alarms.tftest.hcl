# Alarms: ten at most, each reaches somebody, each looks at what it says.

mock_provider "aws" {
  source = "./tests/mocks"
}

override_resource {
  target = aws_sqs_queue.retry
  values = {
    arn = "arn:aws:sqs:eu-west-1:111122223333:trailbell-retry"
    url = "https://sqs.eu-west-1.amazonaws.com/111122223333/trailbell-retry"
  }
}

override_resource {
  target = aws_sqs_queue.last
  values = {
    arn = "arn:aws:sqs:eu-west-1:111122223333:trailbell-last"
    url = "https://sqs.eu-west-1.amazonaws.com/111122223333/trailbell-last"
  }
}

override_resource {
  target = aws_sqs_queue.records
  values = {
    arn = "arn:aws:sqs:eu-west-1:111122223333:trailbell-records"
    url = "https://sqs.eu-west-1.amazonaws.com/111122223333/trailbell-records"
  }
}

variables {
  package_path   = "tests/function.zip"
  log_group_name = "trail"
  alarm_email    = "team@example.com"
  config         = { channels = [{ type = "slack", url = "ssm:/trailbell/slack" }] }
}

run "ten_alarms_each_with_an_action" {
  assert {
    condition     = toset(keys(aws_cloudwatch_metric_alarm.this)) == toset(["errors", "throttles", "destination", "retry_age", "last_queue", "dead_channel", "unparsed", "ledger_errors", "delivery", "silence"])
    error_message = "the alarms are ${join(", ", keys(aws_cloudwatch_metric_alarm.this))}"
  }
  assert {
    condition     = alltrue([for alarm in aws_cloudwatch_metric_alarm.this : alarm.alarm_actions == toset(["arn:aws:sns:eu-west-1:111122223333:trailbell-alarms"])]) && toset([for name, alarm in aws_cloudwatch_metric_alarm.this : name if length(alarm.ok_actions) > 0]) == toset(["last_queue", "silence", "throttles"])
    error_message = "an alarm reaches nobody, or says that all is well when it is not"
  }
  assert {
    condition     = aws_sns_topic_subscription.email[0].endpoint == "team@example.com" && aws_sns_topic_subscription.email[0].protocol == "email"
    error_message = "the topic reaches nobody"
  }
  assert {
    condition     = jsondecode(aws_sns_topic_policy.alarms[0].policy).Statement[0].Condition == { ArnLike = { "aws:SourceArn" = "arn:aws:cloudwatch:eu-west-1:111122223333:alarm:trailbell-*" }, StringEquals = { "aws:SourceAccount" = "111122223333" } }
    error_message = "anybody's alarm may use the topic"
  }

  # The filters look at the log line.
  assert {
    condition = { for name, filter in aws_cloudwatch_log_metric_filter.this : name => filter.pattern } == {
      dead_channel  = "{ $.dead[0] = \"*\" }"
      unparsed      = "{ $.unparsed > 0 }"
      ledger_errors = "{ $.ledger_errors > 0 }"
    }
    error_message = "the patterns are ${jsonencode({ for name, filter in aws_cloudwatch_log_metric_filter.this : name => filter.pattern })}"
  }
  assert {
    condition = alltrue([for name, filter in aws_cloudwatch_log_metric_filter.this :
      filter.log_group_name == "/aws/lambda/trailbell" && filter.metric_transformation[0].name == aws_cloudwatch_metric_alarm.this[name].metric_name && filter.metric_transformation[0].namespace == aws_cloudwatch_metric_alarm.this[name].namespace
    ])
    error_message = "a filter whose metric no alarm looks at"
  }
  assert {
    condition     = aws_lambda_function.this[0].logging_config[0].log_format == "Text"
    error_message = "in the JSON format the line is a text inside another object"
  }

  # The dead man's switch is on what comes in, not on the invocations.
  assert {
    condition     = aws_cloudwatch_metric_alarm.this["silence"].metric_name == "IncomingLogEvents" && aws_cloudwatch_metric_alarm.this["silence"].dimensions == tomap({ LogGroupName = "trail" })
    error_message = "a quiet weekend without invocations would raise it"
  }
  assert {
    condition     = aws_cloudwatch_metric_alarm.this["silence"].treat_missing_data == "breaching" && aws_cloudwatch_metric_alarm.this["silence"].comparison_operator == "LessThanThreshold" && aws_cloudwatch_metric_alarm.this["silence"].period * aws_cloudwatch_metric_alarm.this["silence"].evaluation_periods == 21600
    error_message = "silence would not raise it"
  }
  assert {
    condition     = alltrue([for name, alarm in aws_cloudwatch_metric_alarm.this : alarm.treat_missing_data == "notBreaching" if name != "silence"])
    error_message = "an alarm rings where there is nothing to count"
  }

  # The delivery errors are this filter's.
  assert {
    condition     = aws_cloudwatch_metric_alarm.this["delivery"].dimensions == tomap({ LogGroupName = "trail", DestinationType = "Lambda", FilterName = "trailbell" })
    error_message = "the dimensions are ${jsonencode(aws_cloudwatch_metric_alarm.this["delivery"].dimensions)}"
  }
}

run "a_topic_that_is_there" {
  command = plan
  variables {
    alarm_email     = null
    alarm_topic_arn = "arn:aws:sns:eu-west-1:111122223333:pager"
  }
  assert {
    condition     = length(aws_sns_topic.alarms) == 0 && alltrue([for alarm in aws_cloudwatch_metric_alarm.this : alarm.alarm_actions == toset(["arn:aws:sns:eu-west-1:111122223333:pager"])])
    error_message = "the alarms do not go to the given topic"
  }
}

run "no_ledger_nine_alarms" {
  command = plan
  variables {
    ledger = false
  }
  assert {
    condition     = length(aws_cloudwatch_metric_alarm.this) == 9 && length(aws_cloudwatch_log_metric_filter.this) == 2
    error_message = "an alarm on a ledger that is not there"
  }
}

run "alarms_off" {
  command = plan
  variables {
    alarms      = false
    alarm_email = null
  }
  assert {
    condition     = length(aws_cloudwatch_metric_alarm.this) + length(aws_cloudwatch_log_metric_filter.this) + length(aws_sns_topic.alarms) == 0
    error_message = "something is left of the alarms"
  }
}
