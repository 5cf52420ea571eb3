# One Slack channel, and a trail that writes to a log group already.

module "trailbell" {
  source = "../.."

  package_path   = coalesce(var.package_path, "${path.module}/../../../function.zip")
  log_group_name = var.log_group_name
  alarm_email    = var.alarm_email

  config = {
    channels = [{ type = "slack", url = "ssm:${var.slack_parameter}" }]
  }
}
