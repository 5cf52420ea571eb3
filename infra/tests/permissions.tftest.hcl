# Who may do what: the role's document, the permission to invoke, the queues' policies.

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

run "who_may_do_what" {
  assert {
    condition = jsondecode(aws_iam_role_policy.function[0].policy).Statement == [
      {
        Sid      = "Log"
        Effect   = "Allow"
        Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
        Resource = ["arn:aws:logs:eu-west-1:111122223333:log-group:/aws/lambda/trailbell:*"]
      },
      {
        Sid      = "RetryLane"
        Effect   = "Allow"
        Action   = ["sqs:SendMessage", "sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"]
        Resource = ["arn:aws:sqs:eu-west-1:111122223333:trailbell-retry"]
      },
      {
        Sid      = "Ledger"
        Effect   = "Allow"
        Action   = ["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem", "dynamodb:BatchGetItem", "dynamodb:BatchWriteItem"]
        Resource = ["arn:aws:dynamodb:eu-west-1:111122223333:table/trailbell-ledger"]
      },
      {
        Sid    = "Parameters"
        Effect = "Allow"
        Action = ["ssm:GetParameter"]
        Resource = [
          "arn:aws:ssm:eu-west-1:111122223333:parameter/trailbell/config",
          "arn:aws:ssm:eu-west-1:111122223333:parameter/trailbell/slack",
        ]
      },
    ]
    error_message = "the role's document is ${aws_iam_role_policy.function[0].policy}"
  }
  assert {
    condition     = jsondecode(aws_iam_role.function[0].assume_role_policy).Statement[0].Principal == { Service = "lambda.amazonaws.com" }
    error_message = "somebody else than Lambda may take the role"
  }

  # Only this log group may invoke.
  assert {
    condition     = aws_lambda_permission.logs[0].source_arn == "arn:aws:logs:eu-west-1:111122223333:log-group:trail:*"
    error_message = "the permission is for ${aws_lambda_permission.logs[0].source_arn}"
  }
  assert {
    condition     = aws_lambda_permission.logs[0].source_account == "111122223333"
    error_message = "another account's log group of that name may invoke"
  }
  assert {
    condition     = aws_lambda_permission.logs[0].principal == "logs.amazonaws.com" && aws_lambda_permission.logs[0].action == "lambda:InvokeFunction"
    error_message = "the permission is not CloudWatch Logs' to invoke"
  }
}

run "what_it_runs_with_and_that_nothing_is_lost" {
  assert {
    condition     = aws_lambda_function.this[0].handler == "lambda_function.lambda_handler" && aws_lambda_function.this[0].runtime == "python3.13" && aws_lambda_function.this[0].architectures == tolist(["arm64"])
    error_message = "handler, runtime or architecture"
  }
  assert {
    condition     = aws_lambda_function.this[0].source_code_hash == filebase64sha256("tests/function.zip")
    error_message = "a new zip would not be noticed"
  }
  assert {
    condition = { for name, value in aws_lambda_function.this[0].environment[0].variables : name => value if name != "CONFIG_DIGEST" } == {
      TRAILBELL_CONFIG          = "ssm:/trailbell/config"
      TRAILBELL_LEDGER_TABLE    = "trailbell-ledger"
      TRAILBELL_OWN_ROLE        = "arn:aws:iam::111122223333:role/trailbell"
      TRAILBELL_RETRY_QUEUE_URL = "https://sqs.eu-west-1.amazonaws.com/111122223333/trailbell-retry"
    }
    error_message = "the environment is ${jsonencode(aws_lambda_function.this[0].environment[0].variables)}"
  }
  assert {
    condition     = aws_dynamodb_table.ledger[0].hash_key == "pk" && aws_dynamodb_table.ledger[0].ttl[0].attribute_name == "ttl" && aws_dynamodb_table.ledger[0].billing_mode == "PAY_PER_REQUEST"
    error_message = "the table is not the ledger's"
  }

  # Nothing is lost on the way.
  assert {
    condition     = aws_lambda_function_event_invoke_config.this[0].destination_config[0].on_failure[0].destination == "arn:aws:sqs:eu-west-1:111122223333:trailbell-retry" && aws_lambda_function_event_invoke_config.this[0].maximum_retry_attempts == 2
    error_message = "an event that fails does not reach the retry queue"
  }
  assert {
    condition     = aws_lambda_event_source_mapping.retry[0].event_source_arn == "arn:aws:sqs:eu-west-1:111122223333:trailbell-retry" && aws_lambda_event_source_mapping.retry[0].batch_size == 1 && aws_lambda_event_source_mapping.retry[0].function_response_types == toset(["ReportBatchItemFailures"])
    error_message = "the function does not read its retry queue an item at a time"
  }
  assert {
    condition     = jsondecode(aws_sqs_queue.retry[0].redrive_policy) == { deadLetterTargetArn = "arn:aws:sqs:eu-west-1:111122223333:trailbell-last", maxReceiveCount = 96 }
    error_message = "the retry queue's redrive policy is ${aws_sqs_queue.retry[0].redrive_policy}"
  }
  assert {
    condition     = aws_sqs_queue.retry[0].visibility_timeout_seconds == 900 && aws_sqs_queue.last[0].message_retention_seconds == 1209600
    error_message = "visibility or retention"
  }
  assert {
    condition     = aws_sqs_queue.retry[0].max_message_size == 1048576 && aws_sqs_queue.last[0].max_message_size == 1048576
    error_message = "a failed event of more than 256 KiB would be dropped"
  }
  assert {
    condition     = aws_lambda_function_recursion_config.this[0].recursive_loop == "Allow"
    error_message = "Lambda would take a burst's delayed messages for a runaway loop"
  }

  # The queues take TLS only, and nobody else's messages.
  assert {
    condition = alltrue([for policy in [aws_sqs_queue_policy.retry[0].policy, aws_sqs_queue_policy.last[0].policy] :
      jsondecode(policy).Statement[0].Effect == "Deny" && jsondecode(policy).Statement[0].Condition == { Bool = { "aws:SecureTransport" = "false" } } && length(jsondecode(policy).Statement) == 1
    ])
    error_message = "a queue's policy allows more than nothing"
  }
}

run "visibility_follows_the_timeout" {
  command = plan
  variables {
    timeout = 300
  }
  assert {
    condition     = aws_sqs_queue.retry[0].visibility_timeout_seconds == 1800
    error_message = "less than six times the timeout"
  }
}

run "no_ledger_no_right" {
  variables {
    ledger = false
  }
  assert {
    condition     = length(aws_dynamodb_table.ledger) == 0 && !strcontains(aws_iam_role_policy.function[0].policy, "dynamodb") && !contains(keys(aws_lambda_function.this[0].environment[0].variables), "TRAILBELL_LEDGER_TABLE")
    error_message = "without a ledger there is something of it left"
  }
}

run "every_kind_of_secret_by_its_exact_name" {
  variables {
    secret_arns         = ["arn:aws:ssm:eu-west-1:111122223333:parameter/other"]
    secret_kms_key_arns = ["arn:aws:kms:eu-west-1:111122223333:key/00000000-0000-0000-0000-000000000000"]
    config = { channels = [
      { type = "slack", url = "ssm:/trailbell/slack" },
      { type = "telegram", token = "secretsmanager:trailbell#telegram", chat_id = -1 },
      { type = "pagerduty", routing_key = "secretsmanager:arn:aws:secretsmanager:eu-west-1:111122223333:secret:pager-AbCdEf#key" },
      { type = "sns", topic_arn = "arn:aws:sns:eu-west-1:111122223333:mail" },
    ] }
  }
  assert {
    condition = { for statement in jsondecode(aws_iam_role_policy.function[0].policy).Statement : statement.Sid => statement.Resource if contains(["Parameters", "Secrets", "Topics", "SecretKeys"], statement.Sid) } == {
      Parameters = [
        "arn:aws:ssm:eu-west-1:111122223333:parameter/trailbell/config",
        "arn:aws:ssm:eu-west-1:111122223333:parameter/trailbell/slack",
        "arn:aws:ssm:eu-west-1:111122223333:parameter/other",
      ]
      Secrets = [
        "arn:aws:secretsmanager:eu-west-1:111122223333:secret:trailbell-??????",
        "arn:aws:secretsmanager:eu-west-1:111122223333:secret:pager-AbCdEf",
      ]
      SecretKeys = ["arn:aws:kms:eu-west-1:111122223333:key/00000000-0000-0000-0000-000000000000"]
      Topics     = ["arn:aws:sns:eu-west-1:111122223333:mail"]
    }
    error_message = "the role's document is ${aws_iam_role_policy.function[0].policy}"
  }
  assert {
    condition     = [for statement in jsondecode(aws_iam_role_policy.function[0].policy).Statement : statement.Condition if statement.Sid == "SecretKeys"][0] == { StringEquals = { "kms:ViaService" = ["ssm.eu-west-1.amazonaws.com", "secretsmanager.eu-west-1.amazonaws.com"] } }
    error_message = "the secrets' key may be used for more than reading them"
  }
}

run "a_star_only_where_ec2_knows_no_resource" {
  variables {
    vpc         = { subnet_ids = ["subnet-1"], security_group_ids = ["sg-1"] }
    kms_key_arn = "arn:aws:kms:eu-west-1:111122223333:key/00000000-0000-0000-0000-000000000000"
  }
  assert {
    condition     = [for statement in jsondecode(aws_iam_role_policy.function[0].policy).Statement : statement.Sid if contains(statement.Resource, "*") && statement.Effect == "Allow"] == ["SeeNetwork"]
    error_message = "another statement is open to all resources"
  }
  assert {
    condition     = contains([for statement in jsondecode(aws_iam_role_policy.function[0].policy).Statement : statement.Sid if statement.Effect == "Deny"], "NotForTheCode")
    error_message = "the code in the function may use the network rights"
  }
  assert {
    condition     = aws_lambda_function.this[0].vpc_config[0].subnet_ids == toset(["subnet-1"])
    error_message = "the function is not in the VPC"
  }
  assert {
    condition     = alltrue([for key in [aws_lambda_function.this[0].kms_key_arn, aws_cloudwatch_log_group.function[0].kms_key_id, aws_sqs_queue.retry[0].kms_master_key_id, aws_sqs_queue.last[0].kms_master_key_id, aws_dynamodb_table.ledger[0].server_side_encryption[0].kms_key_arn, aws_sns_topic.alarms[0].kms_master_key_id] : key == var.kms_key_arn])
    error_message = "something is not encrypted with the given key"
  }
}

run "boundary_path_tags_and_names" {
  command = plan
  variables {
    name_prefix          = "security-"
    tags                 = { team = "security" }
    role_path            = "/security/"
    permissions_boundary = "arn:aws:iam::111122223333:policy/boundary"
  }
  assert {
    condition     = aws_iam_role.function[0].path == "/security/" && aws_iam_role.function[0].permissions_boundary == "arn:aws:iam::111122223333:policy/boundary"
    error_message = "path or boundary of the role"
  }
  assert {
    condition     = alltrue([for name in [aws_lambda_function.this[0].function_name, aws_iam_role.function[0].name, aws_sqs_queue.retry[0].name, aws_sqs_queue.last[0].name, aws_dynamodb_table.ledger[0].name, aws_cloudwatch_log_subscription_filter.this[0].name] : startswith(name, "security-trailbell")])
    error_message = "a name without the prefix"
  }
  assert {
    condition     = alltrue([for tags in [aws_lambda_function.this[0].tags, aws_iam_role.function[0].tags, aws_sqs_queue.retry[0].tags, aws_dynamodb_table.ledger[0].tags, aws_cloudwatch_log_group.function[0].tags] : tags == tomap({ team = "security" })])
    error_message = "something has no tags"
  }
}

run "from_a_bucket" {
  command = plan
  variables {
    package_path = null
    package_s3   = { bucket = "artifacts", key = "trailbell/function.zip", version = "abc" }
  }
  assert {
    condition     = aws_lambda_function.this[0].s3_bucket == "artifacts" && aws_lambda_function.this[0].s3_object_version == "abc" && aws_lambda_function.this[0].filename == null
    error_message = "the zip is not taken from the bucket"
  }
}

run "create_false_creates_nothing" {
  command = plan
  variables {
    create = false
  }
  assert {
    condition     = output.function_arn == null && output.update_trail_command == null && length(output.alarm_arns) == 0 && length(output.readable_secrets) == 0
    error_message = "something is there"
  }
  assert {
    condition     = length(aws_iam_role.function) + length(aws_sqs_queue.retry) + length(aws_cloudwatch_log_group.function) + length(aws_ssm_parameter.config) + length(aws_cloudwatch_log_metric_filter.this) == 0
    error_message = "something is there"
  }
}
