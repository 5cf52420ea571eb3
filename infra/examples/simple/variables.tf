variable "log_group_name" {
  description = "Log group that the trail writes to."
  type        = string
}

variable "slack_parameter" {
  description = "SecureString in SSM Parameter Store that holds the webhook's URL."
  type        = string
  default     = "/trailbell/slack"
}

variable "alarm_email" {
  description = "Address that the alarms go to."
  type        = string
}

variable "package_path" {
  description = "Path of function.zip; null takes the one at the top of the repository."
  type        = string
  default     = null
}
