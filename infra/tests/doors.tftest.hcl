# Where the records come from, and where the settings go.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  package_path   = "tests/function.zip"
  log_group_name = "trail"
  alarms         = false
  config         = { channels = [{ type = "slack", url = "ssm:/trailbell/slack" }] }
}

run "presets_are_the_file_that_everybody_reads" {
  assert {
    condition     = aws_cloudwatch_log_subscription_filter.this[0].filter_pattern == jsondecode(file("filters.json"))["all-but-reads"]
    error_message = "the default pattern is ${aws_cloudwatch_log_subscription_filter.this[0].filter_pattern}"
  }
  assert {
    condition     = alltrue([for pattern in values(local.filter_presets) : length(pattern) <= 1024])
    error_message = "CloudWatch Logs takes no pattern of more than 1,024 characters"
  }
  assert {
    condition     = aws_cloudwatch_log_subscription_filter.this[0].log_group_name == "trail" && aws_cloudwatch_log_subscription_filter.this[0].destination_arn == "arn:aws:lambda:eu-west-1:111122223333:function:trailbell"
    error_message = "the filter does not lead from the trail to the function"
  }
  assert {
    condition     = output.update_trail_command == null && length(aws_cloudwatch_log_group.trail) == 0
    error_message = "there is a log group already, and another one was made"
  }
}

run "iam_user_is_verbatim" {
  command = plan
  variables {
    filter_preset = "iam-user"
  }
  assert {
    condition     = aws_cloudwatch_log_subscription_filter.this[0].filter_pattern == "{ ($.userIdentity.type = \"IAMUser\") && ($.eventName != \"Get*\") && ($.eventName != \"Describe*\") }"
    error_message = "the pattern is ${aws_cloudwatch_log_subscription_filter.this[0].filter_pattern}"
  }
}

run "a_pattern_of_ones_own" {
  command = plan
  variables {
    filter_preset  = "custom"
    filter_pattern = "{ $.eventName = \"ConsoleLogin\" }"
  }
  assert {
    condition     = aws_cloudwatch_log_subscription_filter.this[0].filter_pattern == "{ $.eventName = \"ConsoleLogin\" }"
    error_message = "the pattern is ${aws_cloudwatch_log_subscription_filter.this[0].filter_pattern}"
  }
}

run "an_existing_trail_is_connected" {
  variables {
    log_group_name = null
    trail_name     = "management"
  }
  assert {
    condition     = output.update_trail_command == "aws cloudtrail update-trail --region eu-west-1 --name management --cloud-watch-logs-log-group-arn 'arn:aws:logs:eu-west-1:111122223333:log-group:/aws/cloudtrail/trailbell:*' --cloud-watch-logs-role-arn arn:aws:iam::111122223333:role/trailbell"
    error_message = output.update_trail_command
  }
  assert {
    condition     = length(aws_cloudtrail.this) == 0 && length(aws_s3_bucket.trail) == 0
    error_message = "a second trail costs money"
  }
  assert {
    condition     = jsondecode(aws_iam_role_policy.cloudtrail[0].policy).Statement == [{ Sid = "Write", Effect = "Allow", Action = ["logs:CreateLogStream", "logs:PutLogEvents"], Resource = ["arn:aws:logs:eu-west-1:111122223333:log-group:/aws/cloudtrail/trailbell:log-stream:111122223333_*"] }]
    error_message = "CloudTrail's role may do ${aws_iam_role_policy.cloudtrail[0].policy}"
  }
}

run "a_trail_where_there_is_none" {
  variables {
    log_group_name  = null
    create_trail    = true
    organization_id = "o-a1b2c3d4e5"
  }
  assert {
    condition     = aws_cloudtrail.this[0].is_multi_region_trail && aws_cloudtrail.this[0].enable_log_file_validation && aws_cloudtrail.this[0].include_global_service_events && aws_cloudtrail.this[0].is_organization_trail
    error_message = "the trail misses something"
  }
  assert {
    condition     = aws_s3_bucket_public_access_block.trail[0].block_public_acls && aws_s3_bucket_public_access_block.trail[0].block_public_policy && aws_s3_bucket_public_access_block.trail[0].ignore_public_acls && aws_s3_bucket_public_access_block.trail[0].restrict_public_buckets
    error_message = "the bucket can be made public"
  }
  assert {
    condition     = [for rule in aws_s3_bucket_server_side_encryption_configuration.trail[0].rule : rule.apply_server_side_encryption_by_default[0].sse_algorithm] == ["AES256"]
    error_message = "the bucket is not encrypted"
  }
  assert {
    condition     = [for statement in jsondecode(aws_s3_bucket_policy.trail[0].policy).Statement : statement.Condition if statement.Effect == "Deny"] == [{ Bool = { "aws:SecureTransport" = "false" } }]
    error_message = "the bucket takes plain HTTP"
  }
  assert {
    condition     = alltrue([for statement in jsondecode(aws_s3_bucket_policy.trail[0].policy).Statement : statement.Condition.StringEquals["aws:SourceArn"] == "arn:aws:cloudtrail:eu-west-1:111122223333:trail/trailbell" if statement.Effect == "Allow"])
    error_message = "another trail may write to the bucket"
  }
  assert {
    condition     = output.update_trail_command == null
    error_message = "there is nothing to connect"
  }
}

run "a_log_archive_bucket" {
  variables {
    alarm_email    = "team@example.com"
    alarms         = true
    event_source   = "s3"
    log_group_name = null
    s3_source      = { bucket = "log-archive", topic_arn = "arn:aws:sns:eu-west-1:444455556666:cloudtrail", kms_key_arn = "arn:aws:kms:eu-west-1:444455556666:key/00000000-0000-0000-0000-000000000000" }
  }
  assert {
    condition     = aws_sns_topic_subscription.records[0].topic_arn == "arn:aws:sns:eu-west-1:444455556666:cloudtrail" && aws_sns_topic_subscription.records[0].protocol == "sqs" && aws_sns_topic_subscription.records[0].raw_message_delivery
    error_message = "the queue does not subscribe to the topic"
  }
  assert {
    condition     = [for statement in jsondecode(aws_sqs_queue_policy.records[0].policy).Statement : statement.Condition if statement.Effect == "Allow"] == [{ ArnEquals = { "aws:SourceArn" = "arn:aws:sns:eu-west-1:444455556666:cloudtrail" } }]
    error_message = "another topic may fill the queue"
  }
  assert {
    condition     = { for statement in jsondecode(aws_iam_role_policy.function[0].policy).Statement : statement.Sid => statement.Resource if startswith(statement.Sid, "LogFiles") } == { LogFiles = ["arn:aws:s3:::log-archive/AWSLogs/*"], LogFilesKey = ["arn:aws:kms:eu-west-1:444455556666:key/00000000-0000-0000-0000-000000000000"] }
    error_message = "the role may read ${aws_iam_role_policy.function[0].policy}"
  }
  assert {
    condition     = length(aws_lambda_event_source_mapping.records) == 1 && length(aws_cloudwatch_log_subscription_filter.this) == 0 && length(aws_lambda_permission.logs) == 0
    error_message = "two doors, or none"
  }
  assert {
    condition     = aws_cloudwatch_metric_alarm.this["silence"].dimensions == tomap({ QueueName = "trailbell-records" }) && length(aws_cloudwatch_metric_alarm.this) == 10
    error_message = "the dead man's switch is not on the queue"
  }
}

run "eventbridge" {
  variables {
    event_source = "eventbridge"
  }
  assert {
    condition     = aws_cloudwatch_event_rule.this[0].state == "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS" && jsondecode(aws_cloudwatch_event_rule.this[0].event_pattern) == jsondecode(file("event_pattern.json")) && length(aws_cloudwatch_event_rule.this[0].event_pattern) <= 4096
    error_message = "the rule hides reads, or is too long"
  }
  assert {
    condition     = aws_lambda_permission.eventbridge[0].source_arn == "arn:aws:events:eu-west-1:111122223333:rule/trailbell" && aws_lambda_permission.eventbridge[0].source_account == "111122223333"
    error_message = "another rule may invoke"
  }
  assert {
    condition     = length([for statement in jsondecode(aws_sqs_queue_policy.retry[0].policy).Statement : statement if statement.Effect == "Allow"]) == 1 && length(aws_cloudwatch_event_target.this[0].dead_letter_config) == 1
    error_message = "what EventBridge cannot hand over is lost"
  }
}

run "kinesis" {
  variables {
    event_source   = "kinesis"
    kinesis_source = { stream_arn = "arn:aws:kinesis:eu-west-1:111122223333:stream/cloudtrail" }
  }
  assert {
    condition     = aws_lambda_event_source_mapping.stream[0].starting_position == "LATEST" && aws_lambda_event_source_mapping.stream[0].bisect_batch_on_function_error
    error_message = "the stream is not read as it should be"
  }
  assert {
    condition     = [for statement in jsondecode(aws_iam_role_policy.function[0].policy).Statement : statement.Resource if statement.Sid == "Stream"] == [["arn:aws:kinesis:eu-west-1:111122223333:stream/cloudtrail"]]
    error_message = "the role may read ${aws_iam_role_policy.function[0].policy}"
  }
}

run "small_settings_in_a_standard_parameter" {
  command = plan
  variables {
    config = {
      channels = [{ type = "slack", url = "ssm:/trailbell/slack", min_severity = "high", name = null }]
      rules    = { root-activity = { enabled = false }, off-hours-activity = { start = 20 } }
      mutes    = [{ role = "Deploy*", reason = "pipeline" }]
      timezone = "Europe/Berlin"
      accounts = { "111122223333" = "production" }
      preset   = "security"
    }
  }
  assert {
    condition     = aws_ssm_parameter.config[0].tier == "Standard" && aws_ssm_parameter.config[0].type == "String"
    error_message = "the parameter is ${aws_ssm_parameter.config[0].tier}"
  }
  assert {
    condition = jsondecode(nonsensitive(aws_ssm_parameter.config[0].value)) == {
      CHANNELS = [{ type = "slack", url = "ssm:/trailbell/slack", min_severity = "high" }]
      RULES    = { root-activity = { enabled = false }, off-hours-activity = { start = 20 } }
      MUTES    = [{ role = "Deploy*", reason = "pipeline" }]
      TIMEZONE = "Europe/Berlin"
      ACCOUNTS = { "111122223333" = "production" }
      PRESET   = "security"
    }
    error_message = "the settings are ${nonsensitive(aws_ssm_parameter.config[0].value)}"
  }
}

run "it_watches_over_itself_under_any_name" {
  command = plan
  variables {
    name         = "bell"
    deploy_roles = ["deploy-*"]
    config = {
      channels = [
        { type = "slack", url = "ssm:/team/slack" },
        { type = "telegram", token = "secretsmanager:arn:aws:secretsmanager:eu-west-1:111122223333:secret:bots-AbCdEf#telegram", chat_id = -1 },
        { type = "sns", topic_arn = "arn:aws:sns:eu-west-1:111122223333:bell-mail" },
      ]
      rules = { alerting-self-tampered = { severity = "high" } }
    }
  }
  assert {
    condition = jsondecode(nonsensitive(aws_ssm_parameter.config[0].value)).RULES == {
      alerting-self-tampered = { name_prefix = "bell", own_names = ["team/slack", "bots-AbCdEf"], deploy_roles = ["deploy-*"], severity = "high" }
    }
    error_message = "the rules are ${jsonencode(jsondecode(nonsensitive(aws_ssm_parameter.config[0].value)).RULES)}"
  }
}

run "sixty_accounts_more_in_an_advanced_one" {
  command = plan
  variables {
    config = {
      channels = [{ type = "slack", url = "ssm:/trailbell/slack" }]
      accounts = { for n in range(150) : format("%012d", n) => "the name of account ${n}" }
    }
  }
  assert {
    condition     = aws_ssm_parameter.config[0].tier == "Advanced" && aws_ssm_parameter.config[0].name == "/trailbell/config-advanced"
    error_message = "the parameter is ${aws_ssm_parameter.config[0].tier}"
  }
}

run "larger_ones_in_a_bucket" {
  variables {
    config = {
      channels = [{ type = "slack", url = "ssm:/trailbell/slack" }]
      accounts = { for n in range(300) : format("%012d", n) => "the name of account ${n}" }
    }
  }
  assert {
    condition     = length(aws_ssm_parameter.config) == 0 && endswith(output.config_location, "/config.json") && startswith(output.config_location, "s3://")
    error_message = "the settings are in ${output.config_location}"
  }
  assert {
    condition     = [for statement in jsondecode(aws_iam_role_policy.function[0].policy).Statement : statement.Resource if statement.Sid == "Settings"] == [["arn:aws:s3:::trailbell-bucket/config.json"]]
    error_message = "the role may not read them"
  }
}

run "settings_in_the_zip" {
  command = plan
  variables {
    config = null
  }
  assert {
    condition     = output.config_location == null && !contains(keys(aws_lambda_function.this[0].environment[0].variables), "TRAILBELL_CONFIG")
    error_message = "there is a document without settings"
  }
}
