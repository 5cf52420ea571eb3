variable "create" {
  description = "Whether anything is created at all."
  type        = bool
  default     = true
  nullable    = false
}

variable "name" {
  description = "Name of the role, the same in every account."
  type        = string
  default     = "trailbell-audit"
  nullable    = false

  validation {
    condition     = can(regex("^[A-Za-z0-9+=,.@_-]{1,64}$", var.name))
    error_message = "name takes 1 to 64 letters, digits and +=,.@_-."
  }
}

variable "trusted_role_arns" {
  description = "Roles or users of the audit account that may take this one. Whole accounts (:root) and * are refused."
  type        = list(string)

  validation {
    condition     = length(var.trusted_role_arns) > 0 && alltrue([for arn in var.trusted_role_arns : can(regex("^arn:[^:]+:iam::[0-9]{12}:(role|user)/[^*]+$", arn))])
    error_message = "trusted_role_arns takes ARNs of roles or users, not of accounts and without *: arn:aws:iam::111122223333:role/auditor."
  }
}

variable "external_id" {
  description = "An external id that has to be given; null asks for none."
  type        = string
  default     = null

  validation {
    condition     = var.external_id == null ? true : can(regex("^[A-Za-z0-9+=,.@:/-]+$", var.external_id)) && length(var.external_id) >= 2 && length(var.external_id) <= 1224
    error_message = "external_id takes 2 to 1224 letters, digits and +=,.@:/-."
  }
}

variable "event_history" {
  description = "Whether CloudTrail's event history may be read too, which tells when a user was last seen."
  type        = bool
  default     = true
  nullable    = false
}

variable "path" {
  description = "Path of the role."
  type        = string
  default     = "/"
  nullable    = false

  validation {
    condition     = can(regex("^/([!-.0-~]+/)*$", var.path))
    error_message = "path begins and ends with a slash: / or /security/."
  }
}

variable "permissions_boundary" {
  description = "ARN of the role's permissions boundary."
  type        = string
  default     = null

  validation {
    condition     = var.permissions_boundary == null ? true : can(regex("^arn:[^:]+:iam::([0-9]{12}|aws):policy/", var.permissions_boundary))
    error_message = "permissions_boundary is the ARN of a policy: arn:aws:iam::111122223333:policy/boundary."
  }
}

variable "tags" {
  description = "Tags of the role."
  type        = map(string)
  default     = {}
  nullable    = false
}
