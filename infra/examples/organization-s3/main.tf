# An organization's records in the bucket of its log-archive account, read from the audit account.
#
# The bucket (or the trail) notifies a topic already; the queue of this module subscribes to it. On
# the log-archive side three policies have to admit the audit account, see README.md: the topic's
# (sns:Subscribe), the bucket's (s3:GetObject for the role) and the key's (kms:Decrypt for the role).

module "trailbell" {
  source = "../.."

  package_path = coalesce(var.package_path, "${path.module}/../../../function.zip")
  alarm_email  = var.alarm_email

  event_source = "s3"
  s3_source = {
    bucket      = var.bucket
    topic_arn   = var.topic_arn
    prefix      = var.prefix
    kms_key_arn = var.kms_key_arn
  }

  config = {
    channels = [{ type = "slack", url = "ssm:${var.slack_parameter}" }]
    accounts = var.accounts
  }
}
