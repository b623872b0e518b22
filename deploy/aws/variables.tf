variable "name" {
  description = "Prefix of everything made here."
  type        = string
  default     = "keyturn"
}

variable "secret_arns" {
  description = "The secrets that hold signing keys. Full ARNs, or ARNs that end in -?????? for whatever six characters AWS adds to the name: only these follow a secret that is deleted and made again."
  type        = list(string)

  validation {
    condition     = length(var.secret_arns) > 0 && alltrue([for a in var.secret_arns : can(regex("^arn:[a-z-]+:secretsmanager:[a-z0-9-]+:[0-9]{12}:secret:.+-([A-Za-z0-9]{6}|[?]{6})$", a))])
    error_message = "Give at least one ARN of a secret, complete or with ?????? in place of its last six characters."
  }
}

variable "kms_key_arns" {
  description = "Customer managed KMS keys of these secrets. Leave empty for the AWS managed key aws/secretsmanager."
  type        = list(string)
  default     = []
}

variable "rotation_lambda_arns" {
  description = "Rotation functions of secrets whose ring has rotateBy: lambda. Without any, the rotate policy does not allow RotateSecret."
  type        = list(string)
  default     = []
}

variable "cloudtrail" {
  description = "Also deliver what only CloudTrail tells: pending versions, deletion, restoration, failed rotations. Needs a trail with logging on."
  type        = bool
  default     = false
}

variable "alarm_actions" {
  description = "Whom the alarms notify, for example ARNs of SNS topics."
  type        = list(string)
  default     = []
}

variable "tags" {
  description = "Tags of everything made here."
  type        = map(string)
  default     = {}
}
