output "function_name" {
  description = "Name of the function."
  value       = one(aws_lambda_function.this[*].function_name)
}

output "function_arn" {
  description = "ARN of the function."
  value       = one(aws_lambda_function.this[*].arn)
}

output "function_log_group_name" {
  description = "Log group of the function."
  value       = one(aws_cloudwatch_log_group.function[*].name)
}

output "role_arn" {
  description = "ARN of the function's role."
  value       = one(aws_iam_role.function[*].arn)
}

output "role_name" {
  description = "Name of the function's role."
  value       = one(aws_iam_role.function[*].name)
}

output "config_location" {
  description = "Where the settings were written: ssm:/... or s3://...; null without config."
  value       = local.config_location
}

output "readable_secrets" {
  description = "ARNs of the parameters and secrets that the function may read, its settings aside."
  value       = var.create ? distinct(concat(local.parameter_arns, local.secret_arns)) : []
}

output "ledger_table_name" {
  description = "Name of the table that remembers what was posted."
  value       = one(aws_dynamodb_table.ledger[*].name)
}

output "ledger_table_arn" {
  description = "ARN of that table."
  value       = one(aws_dynamodb_table.ledger[*].arn)
}

output "retry_queue_url" {
  description = "URL of the retry lane's queue."
  value       = one(aws_sqs_queue.retry[*].url)
}

output "retry_queue_arn" {
  description = "ARN of the retry lane's queue."
  value       = one(aws_sqs_queue.retry[*].arn)
}

output "last_queue_url" {
  description = "URL of the queue of what was not delivered within a day."
  value       = one(aws_sqs_queue.last[*].url)
}

output "last_queue_arn" {
  description = "ARN of that queue."
  value       = one(aws_sqs_queue.last[*].arn)
}

output "records_queue_url" {
  description = "s3: URL of the queue of log files to read."
  value       = one(aws_sqs_queue.records[*].url)
}

output "records_queue_arn" {
  description = "s3: ARN of that queue, which subscribes to the bucket's topic."
  value       = one(aws_sqs_queue.records[*].arn)
}

output "log_group_name" {
  description = "logs: the trail's log group."
  value       = local.from_logs ? local.log_group_name : null
}

output "log_group_arn" {
  description = "logs: ARN of the trail's log group."
  value       = local.from_logs ? local.log_group_arn : null
}

output "filter_name" {
  description = "logs: name of the subscription filter."
  value       = one(aws_cloudwatch_log_subscription_filter.this[*].name)
}

output "filter_pattern" {
  description = "logs: what the subscription filter lets through."
  value       = local.from_logs ? local.filter_pattern : null
}

output "event_rule_arn" {
  description = "eventbridge: ARN of the rule."
  value       = one(aws_cloudwatch_event_rule.this[*].arn)
}

output "cloudtrail_role_arn" {
  description = "logs: the role that CloudTrail writes to the created log group with."
  value       = one(aws_iam_role.cloudtrail[*].arn)
}

output "trail_arn" {
  description = "ARN of the created trail."
  value       = one(aws_cloudtrail.this[*].arn)
}

output "trail_bucket_name" {
  description = "Bucket of the created trail."
  value       = one(aws_s3_bucket.trail[*].id)
}

output "update_trail_command" {
  description = "logs: connects an existing trail to the log group that the module created; null where there is nothing to connect."
  value = local.create_log_group && !local.create_trail ? join(" ", [
    "aws cloudtrail update-trail",
    "--region ${local.region}",
    "--name ${coalesce(var.trail_name, "YOUR-TRAIL")}",
    "--cloud-watch-logs-log-group-arn '${local.log_group_arn}:*'",
    "--cloud-watch-logs-role-arn ${one(aws_iam_role.cloudtrail[*].arn)}",
  ]) : null
}

output "alarm_arns" {
  description = "ARNs of the alarms, by name."
  value       = { for name, alarm in aws_cloudwatch_metric_alarm.this : name => alarm.arn }
}

output "alarm_topic_arn" {
  description = "ARN of the topic that the module created for the alarms."
  value       = one(aws_sns_topic.alarms[*].arn)
}
