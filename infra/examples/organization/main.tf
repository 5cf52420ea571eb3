# An organization's trail that writes to a log group: in the management account, or in the one that
# CloudTrail is delegated to, since a trail writes to a log group of its own account only.

data "aws_organizations_organization" "this" {}

module "trailbell" {
  source = "../.."

  package_path    = coalesce(var.package_path, "${path.module}/../../../function.zip")
  log_group_name  = var.log_group_name
  trail_name      = var.trail_name
  organization_id = data.aws_organizations_organization.this.id
  alarm_email     = var.alarm_email

  config = {
    accounts = { for account in data.aws_organizations_organization.this.accounts : account.id => account.name }
    channels = [
      {
        type     = "slack"
        name     = "production"
        url      = "ssm:${var.production_parameter}"
        accounts = var.production_accounts
      },
      {
        type         = "slack"
        name         = "everything" # of production too: an account that is new tomorrow is heard as well
        url          = "ssm:${var.default_parameter}"
        min_severity = "medium"
      },
    ]
  }
}
