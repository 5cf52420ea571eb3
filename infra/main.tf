data "aws_caller_identity" "current" {
  count = var.create ? 1 : 0
}

data "aws_partition" "current" {
  count = var.create ? 1 : 0
}

data "aws_region" "current" {
  count = var.create ? 1 : 0
}

locals {
  name = "${var.name_prefix}${var.name}"
  # S3 takes lower case only, 63 characters of it; account and region need 27, the purpose 8.
  bucket_name = trim(substr(replace(lower(local.name), "_", "-"), 0, 28), "-")

  # Empty with create = false, where nothing is made of them.
  account    = try(data.aws_caller_identity.current[0].account_id, "")
  partition  = try(data.aws_partition.current[0].partition, "")
  dns_suffix = try(data.aws_partition.current[0].dns_suffix, "")
  region     = try(data.aws_region.current[0].region, "")

  # Written beside the zip by zip_function.sh: {"architectures": [...], "python": "3.13", ...}.
  manifest = try(jsondecode(file("${var.package_path}.json")), null)

  environment = merge(
    var.environment,
    {
      TRAILBELL_OWN_ROLE        = one(aws_iam_role.function[*].arn)
      TRAILBELL_RETRY_QUEUE_URL = one(aws_sqs_queue.retry[*].url)
    },
    var.ledger ? { TRAILBELL_LEDGER_TABLE = one(aws_dynamodb_table.ledger[*].name) } : {},
    # The digest changes with the settings, so that no warm function goes on with the old ones.
    var.config != null ? { TRAILBELL_CONFIG = local.config_location, CONFIG_DIGEST = substr(sha256(local.config_json), 0, 16) } : {},
  )
}

resource "aws_lambda_function" "this" {
  #checkov:skip=CKV_AWS_115:reserving concurrency takes it from the account's other functions; reserved_concurrency is there for who wants it
  #checkov:skip=CKV_AWS_116:an on-failure destination keeps the record and why it failed; a dead-letter queue keeps the record only
  #checkov:skip=CKV_AWS_117:it posts to the internet and holds no data; vpc is there for who wants it
  #checkov:skip=CKV_AWS_50:tracing costs money and a permission on *, and the log line says where the time went
  #checkov:skip=CKV_AWS_173:the environment holds names only, never a secret; AWS's own key encrypts it, kms_key_arn another
  #checkov:skip=CKV_AWS_272:code signing needs a signing profile of the user's
  count = var.create ? 1 : 0

  function_name = local.name
  description   = "Rings in chat on CloudTrail events (trailbell)"
  role          = one(aws_iam_role.function[*].arn)
  handler       = "lambda_function.lambda_handler"
  runtime       = var.runtime
  architectures = [var.architecture]
  memory_size   = var.memory_size
  timeout       = var.timeout
  kms_key_arn   = var.kms_key_arn
  tags          = var.tags

  filename          = var.package_path
  source_code_hash  = var.package_path != null ? try(filebase64sha256(var.package_path), null) : try(var.package_s3.hash, null)
  s3_bucket         = try(var.package_s3.bucket, null)
  s3_key            = try(var.package_s3.key, null)
  s3_object_version = try(var.package_s3.version, null)

  reserved_concurrent_executions = var.reserved_concurrency

  environment {
    variables = local.environment
  }

  # Text, since the function prints its line of JSON on its own: in Lambda's JSON format it would
  # be a text inside another object, and no metric filter could look into it.
  logging_config {
    log_format = "Text"
    log_group  = one(aws_cloudwatch_log_group.function[*].name)
  }

  dynamic "vpc_config" {
    for_each = var.vpc[*]
    content {
      subnet_ids         = vpc_config.value.subnet_ids
      security_group_ids = vpc_config.value.security_group_ids
    }
  }

  lifecycle {
    precondition {
      condition     = (var.package_path == null) != (var.package_s3 == null)
      error_message = "Give either package_path (`bash zip_function.sh` builds function.zip) or package_s3."
    }
    precondition {
      condition     = var.package_path == null ? true : fileexists(var.package_path)
      error_message = "There is no file ${coalesce(var.package_path, "-")}: build it with `bash zip_function.sh`."
    }
    precondition {
      condition     = local.manifest == null ? true : "python${local.manifest.python}" == var.runtime
      error_message = "The zip was built for python${try(local.manifest.python, "?")}, and runtime is ${var.runtime}. Set runtime, or build another zip: `bash zip_function.sh --python ${trimprefix(var.runtime, "python")}`."
    }
    precondition {
      condition     = local.manifest == null ? true : contains(local.manifest.architectures, var.architecture)
      error_message = "The zip was built for ${join(" and ", try(local.manifest.architectures, []))}, and architecture is ${var.architecture}."
    }
    precondition {
      condition     = !var.alarms || var.alarm_email != null || var.alarm_topic_arn != null
      error_message = "Alarms have to reach somebody: set alarm_email or alarm_topic_arn, or alarms = false."
    }
    precondition {
      condition     = var.event_source != "logs" || (var.filter_preset == "custom") == (var.filter_pattern != null)
      error_message = "filter_pattern goes with filter_preset = \"custom\", and custom needs it."
    }
    precondition {
      condition     = var.event_source != "s3" || var.s3_source != null
      error_message = "event_source = \"s3\" needs s3_source: the bucket's name and the ARN of the topic that its notifications go to."
    }
    precondition {
      condition     = var.event_source != "kinesis" || var.kinesis_source != null
      error_message = "event_source = \"kinesis\" needs kinesis_source: the ARN of the stream."
    }
    precondition {
      condition     = !var.create_trail || (var.event_source == "logs" && var.log_group_name == null)
      error_message = "create_trail creates the log group too: it goes with event_source = \"logs\" and without log_group_name. For a log group that exists there is a trail already."
    }
  }

  depends_on = [
    aws_iam_role_policy.function,
    aws_ssm_parameter.config,
    aws_s3_object.config,
    aws_s3_bucket_policy.config,
  ]
}

resource "aws_cloudwatch_log_group" "function" {
  #checkov:skip=CKV_AWS_158:it holds counts and ids, no records; kms_key_arn is there for who wants it
  #checkov:skip=CKV_AWS_338:a month is enough to see why something was not told; log_retention_days keeps it longer
  count = var.create ? 1 : 0

  name              = "/aws/lambda/${local.name}"
  retention_in_days = var.log_retention_days
  kms_key_id        = var.kms_key_arn
  tags              = var.tags
}

resource "aws_lambda_function_event_invoke_config" "this" {
  count = var.create ? 1 : 0

  function_name                = one(aws_lambda_function.this[*].function_name)
  maximum_retry_attempts       = 2
  maximum_event_age_in_seconds = 21600

  destination_config {
    on_failure {
      destination = one(aws_sqs_queue.retry[*].arn)
    }
  }
}

# A burst that goes on is told by delayed messages that the function sends to its own retry queue.
# Lambda takes that for a runaway loop after 16 rounds and would drop them; the queue's redrive
# policy is what ends a round here.
resource "aws_lambda_function_recursion_config" "this" {
  count = var.create ? 1 : 0

  function_name  = one(aws_lambda_function.this[*].function_name)
  recursive_loop = "Allow"
}
