variable "bucket" {
  description = "Bucket that the organization's trail writes to."
  type        = string
}

variable "topic_arn" {
  description = "Topic that the bucket's notifications go to."
  type        = string
}

variable "prefix" {
  description = "Beginning of the keys."
  type        = string
  default     = "AWSLogs/"
}

variable "kms_key_arn" {
  description = "Key that the log files are encrypted with; null where it is S3's own."
  type        = string
  default     = null
}

variable "accounts" {
  description = "Names of the accounts, by id."
  type        = map(string)
  default     = {}
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
