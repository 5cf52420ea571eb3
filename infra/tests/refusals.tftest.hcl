# What a plan refuses. The messages stand in variables.tf and in the function's preconditions.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  package_path   = "tests/function.zip"
  log_group_name = "trail"
  alarms         = false
  config         = { channels = [{ type = "slack", url = "ssm:/trailbell/slack" }] }
}

run "a_webhook_in_plain_text" {
  command = plan
  variables {
    config = { channels = [{ type = "slack", url = "https://hooks.slack.com/services/T0/B0/XXXX" }] }
  }
  expect_failures = [var.config]
}

run "a_token_in_plain_text" {
  command = plan
  variables {
    config = { channels = [{ type = "telegram", token = "123456789:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", chat_id = -1 }] }
  }
  expect_failures = [var.config]
}

run "any_url_in_plain_text" {
  command = plan
  variables {
    config = { channels = [{ type = "webhook", url = "https://chat.example.com/hook" }] }
  }
  expect_failures = [var.config]
}

run "a_secret_in_the_environment_by_name" {
  command = plan
  variables {
    config = { channels = [{ type = "slack", url = "env:SLACK" }] }
  }
  expect_failures = [var.config]
}

run "a_variable_of_the_modules_own" {
  command = plan
  variables {
    environment = { TRAILBELL_OWN_ROLE = "x" }
  }
  expect_failures = [var.environment]
}

run "no_channel" {
  command = plan
  variables {
    config = { channels = [] }
  }
  expect_failures = [var.config]
}

run "a_channel_of_no_type" {
  command = plan
  variables {
    config = { channels = [{ type = "irc", url = "ssm:/x" }] }
  }
  expect_failures = [var.config]
}

run "a_channel_without_its_url" {
  command = plan
  variables {
    config = { channels = [{ type = "slack" }] }
  }
  expect_failures = [var.config]
}

run "a_misspelt_attribute" {
  command = plan
  variables {
    config = { channels = [{ type = "slack", url = "ssm:/x", min_severty = "high" }] }
  }
  expect_failures = [var.config]
}

run "a_severity_that_is_none" {
  command = plan
  variables {
    config = { channels = [{ type = "slack", url = "ssm:/x", min_severity = "urgent" }] }
  }
  expect_failures = [var.config]
}

run "a_fallback_that_is_not_there" {
  command = plan
  variables {
    config = { channels = [{ type = "slack", url = "ssm:/x", fallback = "mail" }] }
  }
  expect_failures = [var.config]
}

run "two_channels_of_one_name" {
  command = plan
  variables {
    config = { channels = [{ type = "slack", name = "a", url = "ssm:/x" }, { type = "slack", name = "a", url = "ssm:/y" }] }
  }
  expect_failures = [var.config]
}

run "a_mute_without_a_reason" {
  command = plan
  variables {
    config = { channels = [{ type = "slack", url = "ssm:/x" }], mutes = [{ rule = "root-activity" }] }
  }
  expect_failures = [var.config]
}

run "a_mute_of_everything" {
  command = plan
  variables {
    config = { channels = [{ type = "slack", url = "ssm:/x" }], mutes = [{ reason = "too loud" }] }
  }
  expect_failures = [var.config]
}

run "a_rule_that_is_no_object" {
  command = plan
  variables {
    config = { channels = [{ type = "slack", url = "ssm:/x" }], rules = { root-activity = false } }
  }
  expect_failures = [var.config]
}

run "an_account_that_is_none" {
  command = plan
  variables {
    config = { channels = [{ type = "slack", url = "ssm:/x" }], accounts = { production = "111122223333" } }
  }
  expect_failures = [var.config]
}

run "a_time_zone_that_is_none" {
  command = plan
  variables {
    config = { channels = [{ type = "slack", url = "ssm:/x" }], timezone = "CET+1" }
  }
  expect_failures = [var.config]
}

run "alarms_that_reach_nobody" {
  command = plan
  variables {
    alarms = true
  }
  expect_failures = [aws_lambda_function.this]
}

run "no_package" {
  command = plan
  variables {
    package_path = null
  }
  expect_failures = [aws_lambda_function.this]
}

run "a_package_that_is_not_there" {
  command = plan
  variables {
    package_path = "tests/nothing.zip"
  }
  expect_failures = [aws_lambda_function.this]
}

run "a_runtime_that_the_zip_is_not_for" {
  command = plan
  variables {
    runtime = "python3.12"
  }
  expect_failures = [aws_lambda_function.this]
}

run "custom_without_a_pattern" {
  command = plan
  variables {
    filter_preset = "custom"
  }
  expect_failures = [aws_lambda_function.this]
}

run "a_pattern_without_custom" {
  command = plan
  variables {
    filter_pattern = "{ $.eventName = \"ConsoleLogin\" }"
  }
  expect_failures = [aws_lambda_function.this]
}

run "s3_without_a_bucket" {
  command = plan
  variables {
    event_source = "s3"
  }
  expect_failures = [aws_lambda_function.this]
}

run "kinesis_without_a_stream" {
  command = plan
  variables {
    event_source = "kinesis"
  }
  expect_failures = [aws_lambda_function.this]
}

run "a_trail_beside_a_trail" {
  command = plan
  variables {
    create_trail = true
  }
  expect_failures = [aws_lambda_function.this]
}

run "settings_too_large_for_their_store" {
  command = plan
  variables {
    config_store = "ssm"
    config = {
      channels = [{ type = "slack", url = "ssm:/x" }]
      accounts = { for n in range(200) : format("%012d", n) => "the name of account ${n}" }
    }
  }
  expect_failures = [aws_ssm_parameter.config]
}

run "each_value_that_aws_would_refuse_later" {
  command = plan
  variables {
    environment          = { SLACK = "https://hooks.slack.com/services/T0/B0/XXXX" }
    alarm_email          = "team"
    runtime              = "python3.9"
    filter_pattern       = "{ $.eventName = \"${join("", [for n in range(600) : "xx"])}\" }"
    secret_arns          = ["arn:aws:ssm:eu-west-1:111122223333:parameter/*"]
    kms_key_arn          = "arn:aws:kms:eu-west-1:111122223333:alias/trailbell"
    reserved_concurrency = 0
    name                 = "a-name-that-leaves-no-room-for-what-is-made-of-it"
    role_path            = "security"
    permissions_boundary = "boundary"
    sns_topic_arns       = ["arn:aws:sns:eu-west-1:111122223333:*"]
    event_source         = "sqs"
    deploy_roles         = ["*"]
    silence_hours        = 48
    log_retention_days   = 31
    memory_size          = 64
    timeout              = 3
    architecture         = "arm"
    organization_id      = "111122223333"
    kinesis_source       = { stream_arn = "cloudtrail" }
    s3_source            = { bucket = "log-archive", topic_arn = "cloudtrail" }
    vpc                  = { subnet_ids = [], security_group_ids = [] }
  }
  expect_failures = [
    var.environment,
    var.alarm_email,
    var.runtime,
    var.filter_pattern,
    var.secret_arns,
    var.kms_key_arn,
    var.reserved_concurrency,
    var.name,
    var.role_path,
    var.permissions_boundary,
    var.sns_topic_arns,
    var.event_source,
    var.deploy_roles,
    var.silence_hours,
    var.log_retention_days,
    var.memory_size,
    var.timeout,
    var.architecture,
    var.organization_id,
    var.kinesis_source,
    var.s3_source,
    var.vpc,
  ]
}
