# What it is called

variable "create" {
  description = "Whether anything is created at all."
  type        = bool
  default     = true
  nullable    = false
}

variable "name" {
  description = "Name of the function, and the beginning of every other name."
  type        = string
  default     = "trailbell"
  nullable    = false

  validation {
    condition     = can(regex("^[a-zA-Z0-9_-]{1,32}$", var.name))
    error_message = "name takes 1 to 32 letters, digits, hyphens and underscores: longer queue, bucket and role names are made of it."
  }
}

variable "name_prefix" {
  description = "Put before every name, such as \"security-\"."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = can(regex("^[a-zA-Z0-9_-]{0,16}$", var.name_prefix))
    error_message = "name_prefix takes up to 16 letters, digits, hyphens and underscores."
  }
}

variable "tags" {
  description = "Tags of everything that can have them."
  type        = map(string)
  default     = {}
  nullable    = false
}

# The function

variable "package_path" {
  description = "Path of function.zip, as `bash zip_function.sh` builds it. Either this or package_s3."
  type        = string
  default     = null

  validation {
    condition     = var.package_path == null ? true : endswith(var.package_path, ".zip")
    error_message = "package_path is the path of a .zip file: `bash zip_function.sh` builds function.zip."
  }
}

variable "package_s3" {
  description = "The zip in a bucket: bucket, key, and, so that a new zip is noticed, its version or its base64 sha256 (hash). Either this or package_path."
  type = object({
    bucket  = string
    key     = string
    version = optional(string)
    hash    = optional(string)
  })
  default = null

  validation {
    condition     = var.package_s3 == null ? true : length(var.package_s3.bucket) > 2 && endswith(var.package_s3.key, ".zip")
    error_message = "package_s3 needs a bucket and a key that ends in .zip."
  }
}

variable "runtime" {
  description = "Lambda runtime. It has to be the one that the zip was built for; function.zip.json beside the zip tells."
  type        = string
  default     = "python3.13"
  nullable    = false

  validation {
    condition     = can(regex("^python3\\.1[1-4]$", var.runtime))
    error_message = "runtime is python3.11, python3.12, python3.13 or python3.14."
  }
}

variable "architecture" {
  description = "arm64 (20 % cheaper) or x86_64. The zip as it is built by default serves both."
  type        = string
  default     = "arm64"
  nullable    = false

  validation {
    condition     = contains(["arm64", "x86_64"], var.architecture)
    error_message = "architecture is arm64 or x86_64."
  }
}

variable "memory_size" {
  description = "Memory in MB. 256 is enough for the largest payload that CloudWatch Logs sends."
  type        = number
  default     = 256
  nullable    = false

  validation {
    condition     = var.memory_size >= 128 && var.memory_size <= 10240 && floor(var.memory_size) == var.memory_size
    error_message = "memory_size is a whole number of MB from 128 to 10240."
  }
}

variable "timeout" {
  description = "Seconds that one invocation may take. The queues' visibility follows it."
  type        = number
  default     = 60
  nullable    = false

  validation {
    condition     = var.timeout >= 10 && var.timeout <= 900 && floor(var.timeout) == var.timeout
    error_message = "timeout is a whole number of seconds from 10 (below that a burst of alerts cannot be told) to 900."
  }
}

variable "reserved_concurrency" {
  description = "Reserved concurrency; -1 reserves none."
  type        = number
  default     = -1
  nullable    = false

  validation {
    condition     = var.reserved_concurrency == -1 || var.reserved_concurrency >= 2
    error_message = "reserved_concurrency is -1 (none) or at least 2: 0 switches the function off, and with 1 the retry lane blocks the stream."
  }
}

variable "environment" {
  description = "More environment variables of the function, such as TRAILBELL_TIMEZONE. No secrets: they would be readable in the console and in the state."
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition     = length(setintersection(keys(var.environment), ["TRAILBELL_CONFIG", "TRAILBELL_LEDGER_TABLE", "TRAILBELL_RETRY_QUEUE_URL", "TRAILBELL_OWN_ROLE", "CONFIG_DIGEST"])) == 0
    error_message = "environment must not set TRAILBELL_CONFIG, TRAILBELL_LEDGER_TABLE, TRAILBELL_RETRY_QUEUE_URL, TRAILBELL_OWN_ROLE or CONFIG_DIGEST: the module does."
  }

  validation {
    condition     = !can(regex("hooks\\.slack(-gov)?\\.com/|discord(app)?\\.com/api/webhooks|webhook\\.office\\.com/|logic\\.azure\\.com|powerplatform\\.com|\\b[0-9]{6,}:[A-Za-z0-9_-]{35}\\b|\\bxox[abeoprs]-", jsonencode(var.environment)))
    error_message = "environment holds a webhook URL or a token in plain text, and would leave it in the state. Put it into SSM Parameter Store as a SecureString and name it in config.channels: url = \"ssm:/trailbell/slack\"."
  }
}

variable "log_retention_days" {
  description = "Days that the function's own log is kept."
  type        = number
  default     = 30
  nullable    = false

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653], var.log_retention_days)
    error_message = "log_retention_days is one of the numbers that CloudWatch Logs takes: 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, ..., 3653."
  }
}

variable "vpc" {
  description = "Subnets and security groups to run in. They need a way out to the chat (NAT) and to SSM, SQS and DynamoDB (NAT or endpoints)."
  type = object({
    subnet_ids         = list(string)
    security_group_ids = list(string)
  })
  default = null

  validation {
    condition     = var.vpc == null ? true : length(var.vpc.subnet_ids) > 0 && length(var.vpc.security_group_ids) > 0 && alltrue([for id in var.vpc.subnet_ids : startswith(id, "subnet-")]) && alltrue([for id in var.vpc.security_group_ids : startswith(id, "sg-")])
    error_message = "vpc needs at least one subnet id (subnet-...) and one security group id (sg-...)."
  }
}

# Its role

variable "permissions_boundary" {
  description = "ARN of the permissions boundary of every role that is created."
  type        = string
  default     = null

  validation {
    condition     = var.permissions_boundary == null ? true : can(regex("^arn:[^:]+:iam::([0-9]{12}|aws):policy/", var.permissions_boundary))
    error_message = "permissions_boundary is the ARN of a policy: arn:aws:iam::111122223333:policy/boundary."
  }
}

variable "role_path" {
  description = "Path of every role that is created. Choose it before the first apply: a role's path cannot be changed while its name stays."
  type        = string
  default     = "/"
  nullable    = false

  validation {
    condition     = can(regex("^/([!-.0-~]+/)*$", var.role_path))
    error_message = "role_path begins and ends with a slash: / or /security/."
  }
}

variable "kms_key_arn" {
  description = "A customer managed KMS key for what the module creates: environment, logs, queues, table, topic, buckets, trail. Without one AWS's own keys are used. docs/terraform.md says which services the key's policy has to admit."
  type        = string
  default     = null

  validation {
    condition     = var.kms_key_arn == null ? true : can(regex("^arn:[^:]+:kms:[a-z0-9-]+:[0-9]{12}:key/", var.kms_key_arn))
    error_message = "kms_key_arn is the ARN of a key (not of an alias): arn:aws:kms:eu-west-1:111122223333:key/...."
  }
}

variable "secret_arns" {
  description = "Secrets of Secrets Manager and parameters of SSM that the function may read besides those named in config: for secrets that a configs.py in the zip names."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for arn in var.secret_arns : can(regex("^arn:[^:]+:(ssm:[a-z0-9-]+:[0-9]{12}:parameter/|secretsmanager:[a-z0-9-]+:[0-9]{12}:secret:)[^*]+$", arn))])
    error_message = "secret_arns takes ARNs without *: arn:aws:ssm:eu-west-1:111122223333:parameter/trailbell/slack or arn:aws:secretsmanager:eu-west-1:111122223333:secret:slack-AbCdEf."
  }
}

variable "secret_kms_key_arns" {
  description = "Customer managed KMS keys that the secrets are encrypted with. AWS's own keys need no mention."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for arn in var.secret_kms_key_arns : can(regex("^arn:[^:]+:kms:[a-z0-9-]+:[0-9]{12}:key/", arn))])
    error_message = "secret_kms_key_arns takes ARNs of keys (not of aliases): arn:aws:kms:eu-west-1:111122223333:key/...."
  }
}

variable "sns_topic_arns" {
  description = "SNS topics that the function may publish to besides those named in config."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for arn in var.sns_topic_arns : can(regex("^arn:[^:]+:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_.-]+$", arn))])
    error_message = "sns_topic_arns takes ARNs of topics without *: arn:aws:sns:eu-west-1:111122223333:alerts."
  }
}

# Settings

variable "config" {
  description = <<-EOT
    The settings, as docs/configuration.md describes them; null where a configs.py in the zip holds them.
    `channels` is a list of objects with a `type` and what that type takes; a secret is named
    (`ssm:/path`, `secretsmanager:arn-or-name#key`), never written out. `rules` maps rule ids to objects,
    `mutes` is a list of objects with conditions and a `reason`, `accounts` maps account ids to names.
  EOT
  # channels, rules and mutes are `any`: from an object type Terraform would drop a misspelt
  # attribute without a word, and a channel without its min_severity rings for everything. The
  # conditions below check the attributes by name instead.
  type = object({
    channels = optional(any, [])
    rules    = optional(any, {})
    mutes    = optional(any, [])
    timezone = optional(string)
    accounts = optional(map(string), {})
    preset   = optional(string)
  })
  default = null

  validation {
    condition     = !can(regex("hooks\\.slack(-gov)?\\.com/|discord(app)?\\.com/api/webhooks|webhook\\.office\\.com/|logic\\.azure\\.com|powerplatform\\.com|\\b[0-9]{6,}:[A-Za-z0-9_-]{35}\\b|\\bxox[abeoprs]-", jsonencode(var.config)))
    error_message = "config holds a webhook URL or a token in plain text, and would leave it in the state and in the parameter. Put it into SSM Parameter Store as a SecureString and name it: url = \"ssm:/trailbell/slack\"."
  }

  validation {
    condition     = try(alltrue([for channel in var.config.channels : alltrue([for name in ["url", "token", "routing_key", "secret"] : can(regex("^(ssm:/|secretsmanager:)", channel[name])) if try(channel[name], null) != null])]), var.config == null)
    error_message = "A channel's url, token, routing_key and secret name a secret, they do not hold it: url = \"ssm:/trailbell/slack\" or token = \"secretsmanager:trailbell#telegram\". (env:NAME is refused too: a Lambda's environment stands in the state.)"
  }

  validation {
    condition     = var.config == null ? true : try(length(var.config.channels) > 0 && alltrue([for channel in var.config.channels : contains(["slack", "telegram", "sns", "webhook", "pagerduty", "teams", "discord", "stdout"], channel.type)]), false)
    error_message = "config.channels is a list of at least one object with a type: slack, telegram, sns, webhook, pagerduty, teams, discord or stdout."
  }

  validation {
    condition     = try(alltrue([for channel in var.config.channels : length(setsubtract(lookup({ telegram = ["token", "chat_id"], sns = ["topic_arn"], pagerduty = ["routing_key"], stdout = ["type"] }, channel.type, ["url"]), keys(channel))) == 0]), true)
    error_message = "A channel lacks what its type needs: url (slack, webhook, teams, discord), token and chat_id (telegram), topic_arn (sns) or routing_key (pagerduty)."
  }

  validation {
    condition     = try(alltrue([for channel in var.config.channels : length(setsubtract(keys(channel), ["type", "name", "fallback", "min_severity", "rules", "accounts", "pace", "url", "token", "chat_id", "message_thread_id", "api_url", "topic_arn", "region", "routing_key", "events_url", "secret", "headers", "format"])) == 0]), true)
    error_message = "config.channels has an attribute that no channel knows. Known are type, name, fallback, min_severity, rules, accounts, pace, and by type url, token, chat_id, message_thread_id, api_url, topic_arn, region, routing_key, events_url, secret, headers, format."
  }

  validation {
    condition     = try(alltrue([for channel in var.config.channels : contains(["info", "low", "medium", "high", "critical"], try(channel.min_severity, "info"))]), true)
    error_message = "A channel's min_severity is info, low, medium, high or critical."
  }

  validation {
    condition     = try(length(distinct([for channel in var.config.channels : channel.name if can(channel.name)])) == length([for channel in var.config.channels : channel.name if can(channel.name)]), true)
    error_message = "Two channels of config have the same name."
  }

  validation {
    condition     = try(alltrue([for channel in var.config.channels : contains([for other in var.config.channels : try(other.name, other.type)], channel.fallback) if can(channel.fallback)]), true)
    error_message = "A channel's fallback is the name of no other channel in config."
  }

  validation {
    condition     = var.config == null ? true : try(alltrue([for id, rule in var.config.rules : can(regex("^[a-z0-9]+(-[a-z0-9]+)*$", id)) && can(keys(rule))]), false)
    error_message = "config.rules maps rule ids (lower case, with hyphens: access-key-created) to objects: { enabled = false }."
  }

  validation {
    condition     = try(alltrue([for rule in values(var.config.rules) : contains(["info", "low", "medium", "high", "critical"], try(rule.severity, "info")) && can(tobool(try(rule.enabled, true)))]), true)
    error_message = "In config.rules a severity is info, low, medium, high or critical, and enabled is true or false."
  }

  validation {
    condition     = var.config == null ? true : try(alltrue([for mute in var.config.mutes : length(mute.reason) > 0 && length(setintersection(keys(mute), ["rule", "actor", "role", "account", "action", "ip", "region"])) > 0 && length(setsubtract(keys(mute), ["rule", "actor", "role", "account", "action", "ip", "region", "until", "reason"])) == 0]), false)
    error_message = "Each of config.mutes needs a reason and at least one condition (rule, actor, role, account, action, ip, region); besides these it takes until."
  }

  validation {
    condition     = try(var.config.timezone, null) == null ? true : can(regex("^(UTC|[A-Z][A-Za-z_-]+(/[A-Za-z0-9_+-]+)+)$", var.config.timezone))
    error_message = "config.timezone is an IANA name: UTC or Europe/Berlin."
  }

  validation {
    condition     = alltrue([for id in keys(try(var.config.accounts, {})) : can(regex("^[0-9]{12}$", id))])
    error_message = "config.accounts maps account ids of twelve digits, in quotes, to names: { \"111122223333\" = \"production\" }."
  }

  validation {
    condition     = contains(["standard", "security", "iam-user", "compliance"], try(coalesce(var.config.preset), "standard"))
    error_message = "config.preset is standard, security, iam-user or compliance."
  }
}

variable "deploy_roles" {
  description = "Roles (globs, of names or ARNs) that apply this module: the rule alerting-self-tampered tells their changes as info, those of others as critical. Goes into config."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for role in var.deploy_roles : length(replace(role, "*", "")) > 2])
    error_message = "deploy_roles takes names or ARNs of roles, with * for a part of them: deploy-*. A bare * would let anybody switch trailbell off unnoticed."
  }
}

variable "config_store" {
  description = "Where config is written: auto, ssm (up to 4 KB, free), ssm-advanced (up to 8 KB, $0.05 a month) or s3. auto goes by its size; set it where config names something that is created in the same run, since the size is not known then."
  type        = string
  default     = "auto"
  nullable    = false

  validation {
    condition     = contains(["auto", "ssm", "ssm-advanced", "s3"], var.config_store)
    error_message = "config_store is auto, ssm, ssm-advanced or s3."
  }
}

variable "ledger" {
  description = "Whether there is a table that remembers what was posted. Without one a retry may post twice, and rules that count over time are off."
  type        = bool
  default     = true
  nullable    = false
}

# The door

variable "event_source" {
  description = "Where the records come from: logs (subscription filter on the trail's log group), s3 (log-archive bucket, by SNS and SQS), eventbridge or kinesis."
  type        = string
  default     = "logs"
  nullable    = false

  validation {
    condition     = contains(["logs", "s3", "eventbridge", "kinesis"], var.event_source)
    error_message = "event_source is logs, s3, eventbridge or kinesis."
  }
}

variable "log_group_name" {
  description = "logs: the log group that the trail writes to already. Null creates one, with the role that CloudTrail needs; see update_trail_command."
  type        = string
  default     = null

  validation {
    condition     = var.log_group_name == null ? true : can(regex("^[A-Za-z0-9_./#-]{1,512}$", var.log_group_name))
    error_message = "log_group_name is the name of a log group in this region, not its ARN: aws-cloudtrail-logs-111122223333-abcdef."
  }
}

variable "trail_log_retention_days" {
  description = "logs: days that the log group is kept that the module creates for the trail."
  type        = number
  default     = 30
  nullable    = false

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653], var.trail_log_retention_days)
    error_message = "trail_log_retention_days is one of the numbers that CloudWatch Logs takes: 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, ..., 3653."
  }
}

variable "filter_preset" {
  description = "logs: what the subscription filter lets through: all-but-reads, security, iam-user (patterns in filters.json) or custom."
  type        = string
  default     = "all-but-reads"
  nullable    = false

  validation {
    condition     = contains(["all-but-reads", "security", "iam-user", "custom"], var.filter_preset)
    error_message = "filter_preset is all-but-reads, security, iam-user or custom (with filter_pattern)."
  }
}

variable "filter_pattern" {
  description = "logs: the pattern of the preset custom. `trailbell check --pattern` lists the rules that it hides."
  type        = string
  default     = null

  validation {
    condition     = var.filter_pattern == null ? true : length(var.filter_pattern) <= 1024
    error_message = "filter_pattern is longer than the 1,024 characters that CloudWatch Logs takes."
  }

  validation {
    condition     = var.filter_pattern == null ? true : var.filter_pattern == "" || can(regex("^\\s*\\{[\\s\\S]*\\}\\s*$", var.filter_pattern))
    error_message = "filter_pattern is a JSON filter pattern in braces, such as { $.eventName = \"ConsoleLogin\" }, or empty for everything."
  }
}

variable "s3_source" {
  description = "s3: the log-archive bucket, and the SNS topic in this region that its notifications (or CloudTrail's) go to. The topic is taken as it is: a bucket has one notification configuration, and it belongs to the bucket's owner."
  type = object({
    bucket      = string
    topic_arn   = string
    prefix      = optional(string, "AWSLogs/")
    region      = optional(string)
    kms_key_arn = optional(string)
  })
  default = null

  validation {
    condition     = var.s3_source == null ? true : can(regex("^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$", var.s3_source.bucket)) && can(regex("^arn:[^:]+:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]+$", var.s3_source.topic_arn))
    error_message = "s3_source needs the bucket's name and the ARN of a standard topic: { bucket = \"log-archive\", topic_arn = \"arn:aws:sns:eu-west-1:444455556666:cloudtrail\" }."
  }

  validation {
    condition     = try(var.s3_source.kms_key_arn, null) == null ? true : can(regex("^arn:[^:]+:kms:[a-z0-9-]+:[0-9]{12}:key/", var.s3_source.kms_key_arn))
    error_message = "s3_source.kms_key_arn is the ARN of the key that the log files are encrypted with, not of an alias."
  }

  validation {
    condition     = !can(regex("^/|[*]", var.s3_source.prefix))
    error_message = "s3_source.prefix is the beginning of the keys, such as AWSLogs/ or org/AWSLogs/, without a leading slash and without *."
  }
}

variable "eventbridge_source" {
  description = "eventbridge: the bus and the event pattern (JSON). The default pattern lets through what the preset all-but-reads does. IAM and sign-ins are recorded in us-east-1: run it there, or forward them to the bus."
  type = object({
    bus_name = optional(string, "default")
    pattern  = optional(string)
  })
  default  = {}
  nullable = false

  validation {
    condition     = try(var.eventbridge_source.pattern, null) == null ? true : can(keys(jsondecode(var.eventbridge_source.pattern))) && length(var.eventbridge_source.pattern) <= 4096
    error_message = "eventbridge_source.pattern is a JSON object of at most 4,096 characters."
  }
}

variable "kinesis_source" {
  description = "kinesis: a stream that CloudWatch Logs of other accounts subscribe to."
  type = object({
    stream_arn        = string
    starting_position = optional(string, "LATEST")
    batch_size        = optional(number, 10)
    kms_key_arn       = optional(string)
  })
  default = null

  validation {
    condition     = var.kinesis_source == null ? true : can(regex("^arn:[^:]+:kinesis:[a-z0-9-]+:[0-9]{12}:stream/", var.kinesis_source.stream_arn))
    error_message = "kinesis_source.stream_arn is the ARN of a stream: arn:aws:kinesis:eu-west-1:111122223333:stream/cloudtrail."
  }

  validation {
    condition     = var.kinesis_source == null ? true : contains(["LATEST", "TRIM_HORIZON"], var.kinesis_source.starting_position)
    error_message = "kinesis_source.starting_position is LATEST or TRIM_HORIZON."
  }
}

# The trail

variable "create_trail" {
  description = "logs: whether the module creates the trail too, with its bucket. Only where there is none: the first copy of management events is free, a second one is not."
  type        = bool
  default     = false
  nullable    = false
}

variable "trail_name" {
  description = "Name of the trail: the one that is created, or the existing one that update_trail_command is to connect."
  type        = string
  default     = null

  validation {
    condition     = var.trail_name == null ? true : can(regex("^[A-Za-z0-9][A-Za-z0-9._-]{2,127}$", var.trail_name))
    error_message = "trail_name takes 3 to 128 letters, digits, dots, hyphens and underscores."
  }
}

variable "organization_id" {
  description = "logs: id of the organization (o-...) whose trail writes to the log group that the module creates. With create_trail the trail is the organization's."
  type        = string
  default     = null

  validation {
    condition     = var.organization_id == null ? true : can(regex("^o-[a-z0-9]{10,32}$", var.organization_id))
    error_message = "organization_id looks like o-a1b2c3d4e5."
  }
}

variable "trail_bucket_expiration_days" {
  description = "create_trail: days that the log files are kept; 0 keeps them for ever."
  type        = number
  default     = 365
  nullable    = false

  validation {
    condition     = var.trail_bucket_expiration_days >= 0 && floor(var.trail_bucket_expiration_days) == var.trail_bucket_expiration_days
    error_message = "trail_bucket_expiration_days is a whole number of days; 0 keeps the files for ever."
  }
}

variable "force_destroy" {
  description = "create_trail: whether `destroy` empties the trail's bucket. It is evidence: leave it false in production."
  type        = bool
  default     = false
  nullable    = false
}

# Alarms

variable "alarms" {
  description = "Whether there are alarms (ten at most) and the metric filters under three of them. They need alarm_email or alarm_topic_arn."
  type        = bool
  default     = true
  nullable    = false
}

variable "alarm_email" {
  description = "Address that the alarms go to, by an SNS topic that the module creates. AWS sends it a link to confirm."
  type        = string
  default     = null

  validation {
    condition     = var.alarm_email == null ? true : can(regex("^[^@\\s]+@[^@\\s]+\\.[^@\\s]+$", var.alarm_email))
    error_message = "alarm_email is an e-mail address."
  }
}

variable "alarm_topic_arn" {
  description = "An SNS topic that the alarms go to, instead of one that the module creates. Not one that ends in the chat alone: an alarm says that the chat was not reached."
  type        = string
  default     = null

  validation {
    condition     = var.alarm_topic_arn == null ? true : can(regex("^arn:[^:]+:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]+$", var.alarm_topic_arn))
    error_message = "alarm_topic_arn is the ARN of a standard topic: arn:aws:sns:eu-west-1:111122223333:alarms."
  }
}

variable "silence_hours" {
  description = "Hours without a single record until the dead man's switch raises its alarm. A quiet account needs more than a busy one."
  type        = number
  default     = 6
  nullable    = false

  validation {
    condition     = var.silence_hours >= 1 && var.silence_hours <= 24 && floor(var.silence_hours) == var.silence_hours
    error_message = "silence_hours is a whole number from 1 to 24."
  }
}
