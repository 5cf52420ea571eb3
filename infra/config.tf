# The settings, as one JSON document that the function reads when it starts.

locals {
  channels = try(var.config.channels, [])

  config_json = jsonencode({
    for name, value in {
      CHANNELS = [for channel in local.channels : { for key, part in channel : key => part if part != null }]
      RULES    = length(local.rules) > 0 ? local.rules : null
      MUTES    = try(length(var.config.mutes) > 0 ? [for mute in var.config.mutes : { for key, part in mute : key => part if part != null }] : null, null)
      ACCOUNTS = try(length(var.config.accounts) > 0 ? var.config.accounts : null, null)
      TIMEZONE = try(var.config.timezone, null)
      PRESET   = try(var.config.preset, null)
    } : name => value if value != null
  })

  # The rule alerting-self-tampered knows trailbell by names that begin with "trailbell"; here it is
  # told of the others. What config says of it goes first.
  known_as = startswith(lower(local.name), "trailbell") ? "trailbell" : local.name
  parts = distinct(concat(
    [for name in local.references : trimprefix(name, "ssm:/") if startswith(name, "ssm:")],
    [for name in local.secret_names : startswith(name, "arn:") ? split(":", name)[6] : name],
    [for arn in local.topic_arns : split(":", arn)[5]],
    [for arn in concat(var.kms_key_arn[*], var.secret_kms_key_arns) : split("/", arn)[1]],
  ))
  other_parts = [for name in local.parts : name if !can(regex("(?i)(^|/)${local.known_as}", name))]
  self_watch = { for name, value in {
    name_prefix  = local.known_as == "trailbell" ? null : local.known_as
    own_names    = length(local.other_parts) > 0 ? local.other_parts : null
    deploy_roles = length(var.deploy_roles) > 0 ? var.deploy_roles : null
  } : name => value if value != null }
  rules = merge(
    try(var.config.rules, {}),
    { for rule in ["alerting-self-tampered"] : rule => merge(local.self_watch, try(var.config.rules[rule], {})) if length(local.self_watch) > 0 },
  )

  # length() counts characters and SSM counts bytes; base64 makes four characters of three bytes.
  config_bytes = length(base64encode(local.config_json)) / 4 * 3
  config_store = var.config_store != "auto" ? var.config_store : (
    local.config_bytes <= 4096 ? "ssm" : local.config_bytes <= 8192 ? "ssm-advanced" : "s3"
  )
  config_in_ssm = var.create && var.config != null && local.config_store != "s3"
  config_in_s3  = var.create && var.config != null && local.config_store == "s3"

  config_location = (
    local.config_in_ssm ? "ssm:${one(aws_ssm_parameter.config[*].name)}" :
    local.config_in_s3 ? "s3://${one(aws_s3_object.config[*].bucket)}/${one(aws_s3_object.config[*].key)}" : null
  )

  # What the channels name: "ssm:/path" and "secretsmanager:name-or-arn#key".
  references   = distinct(flatten(regexall("\"((?:ssm:/|secretsmanager:)[^\"]+)\"", jsonencode(local.channels))))
  secret_names = [for name in local.references : split("#", trimprefix(name, "secretsmanager:"))[0] if startswith(name, "secretsmanager:")]
  parameter_arns = concat(
    [for name in local.references : "arn:${local.partition}:ssm:${local.region}:${local.account}:parameter${trimprefix(name, "ssm:")}" if startswith(name, "ssm:")],
    [for arn in var.secret_arns : arn if split(":", arn)[2] == "ssm"],
  )
  secret_arns = concat(
    # Secrets Manager appends six characters of its own to a name.
    [for name in local.secret_names :
      startswith(name, "arn:") ? name : "arn:${local.partition}:secretsmanager:${local.region}:${local.account}:secret:${name}-??????"
    ],
    [for arn in var.secret_arns : arn if split(":", arn)[2] == "secretsmanager"],
  )
  topic_arns = distinct(concat(
    [for channel in local.channels : channel.topic_arn if try(channel.type, "") == "sns"],
    var.sns_topic_arns,
  ))
}

# Another tier is another name: SSM cannot make an advanced parameter a standard one again, and so
# the new one is there before the function is told of it and the old one goes.
resource "aws_ssm_parameter" "config" {
  #checkov:skip=CKV2_AWS_34:it holds no secret, only their names; a SecureString would need a key and show nothing in the console
  #checkov:skip=CKV_AWS_337:as above
  count = local.config_in_ssm ? 1 : 0

  name        = local.config_store == "ssm" ? "/${local.name}/config" : "/${local.name}/config-advanced"
  description = "Settings of ${local.name}; made by Terraform"
  type        = "String"
  tier        = local.config_store == "ssm" ? "Standard" : "Advanced"
  value       = local.config_json
  tags        = var.tags

  lifecycle {
    precondition {
      condition     = local.config_bytes <= (local.config_store == "ssm" ? 4096 : 8192)
      error_message = "config has about ${local.config_bytes} bytes, and config_store = \"${local.config_store}\" takes ${local.config_store == "ssm" ? "4,096: set ssm-advanced or s3" : "8,192: set s3"} (or auto)."
    }
  }
}

resource "aws_s3_bucket" "config" {
  #checkov:skip=CKV_AWS_18:the function reads one object of it when it starts; CloudTrail's data events can tell who else did
  #checkov:skip=CKV_AWS_144:Terraform can write the document again
  #checkov:skip=CKV_AWS_145:SSE-S3 unless kms_key_arn is given; it holds no secret
  #checkov:skip=CKV2_AWS_61:one small object, in few versions
  #checkov:skip=CKV2_AWS_62:nobody waits for its events
  count = local.config_in_s3 ? 1 : 0

  bucket        = "${local.bucket_name}-config-${local.account}-${local.region}"
  force_destroy = true # versions of a document that Terraform can write again
  tags          = var.tags
}

resource "aws_s3_bucket_public_access_block" "config" {
  count = local.config_in_s3 ? 1 : 0

  bucket                  = one(aws_s3_bucket.config[*].id)
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_server_side_encryption_configuration" "config" {
  count = local.config_in_s3 ? 1 : 0

  bucket = one(aws_s3_bucket.config[*].id)
  rule {
    bucket_key_enabled = true
    apply_server_side_encryption_by_default {
      sse_algorithm     = var.kms_key_arn == null ? "AES256" : "aws:kms"
      kms_master_key_id = var.kms_key_arn
    }
  }
}

resource "aws_s3_bucket_versioning" "config" {
  #checkov:skip=CKV_AWS_21:switched on here
  count = local.config_in_s3 ? 1 : 0

  bucket = one(aws_s3_bucket.config[*].id)
  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_policy" "config" {
  count = local.config_in_s3 ? 1 : 0

  bucket = one(aws_s3_bucket.config[*].id)
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "TlsOnly"
      Effect    = "Deny"
      Principal = "*"
      Action    = "s3:*"
      Resource  = [one(aws_s3_bucket.config[*].arn), "${one(aws_s3_bucket.config[*].arn)}/*"]
      Condition = { Bool = { "aws:SecureTransport" = "false" } }
    }]
  })

  depends_on = [aws_s3_bucket_public_access_block.config, aws_s3_object.config]
}

resource "aws_s3_object" "config" {
  #checkov:skip=CKV_AWS_186:as the bucket: SSE-S3 unless kms_key_arn is given
  count = local.config_in_s3 ? 1 : 0

  bucket       = one(aws_s3_bucket.config[*].id)
  key          = "config.json"
  content      = local.config_json
  content_type = "application/json"
  tags         = var.tags

  depends_on = [
    aws_s3_bucket_versioning.config,
    aws_s3_bucket_server_side_encryption_configuration.config,
  ]
}
