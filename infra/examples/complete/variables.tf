variable "name_prefix" {
  description = "Put before every name."
  type        = string
  default     = "security-"
}

variable "tags" {
  description = "Tags of everything."
  type        = map(string)
  default     = { team = "security" }
}

variable "slack_parameter" {
  description = "SecureString in SSM Parameter Store that holds the webhook's URL."
  type        = string
  default     = "/trailbell/slack"
}

variable "telegram_parameter" {
  description = "SecureString that holds the bot's token."
  type        = string
  default     = "/trailbell/telegram"
}

variable "telegram_chat_id" {
  description = "The group that the bot posts to."
  type        = number
  default     = -1001234567890
}

variable "telegram_api_url" {
  description = "Another Bot API server than Telegram's own."
  type        = string
  default     = null
}

variable "permissions_boundary" {
  description = "ARN of a permissions boundary for the roles."
  type        = string
  default     = null
}

variable "alarm_email" {
  description = "Address that the alarms go to."
  type        = string
}

variable "alarm_topic_arn" {
  description = "A topic that the alarms go to as well."
  type        = string
  default     = null
}

variable "force_destroy" {
  description = "Whether `destroy` takes the trail's log files with it."
  type        = bool
  default     = false
}

variable "package_path" {
  description = "Path of function.zip; null takes the one at the top of the repository."
  type        = string
  default     = null
}
