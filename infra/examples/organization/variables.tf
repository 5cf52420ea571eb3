variable "log_group_name" {
  description = "Log group that the organization's trail writes to. Null creates one, and update_trail_command connects the trail to it."
  type        = string
  default     = null
}

variable "trail_name" {
  description = "Name of the organization's trail."
  type        = string
  default     = null
}

variable "production_accounts" {
  description = "Ids of the accounts whose alerts go to the first channel."
  type        = list(string)
}

variable "production_parameter" {
  description = "SecureString that holds the webhook's URL for the production accounts."
  type        = string
  default     = "/trailbell/slack-production"
}

variable "default_parameter" {
  description = "SecureString that holds the webhook's URL for all accounts."
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
