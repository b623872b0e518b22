# Which events wake keyturn. An event is a hint and never a fact: keyturn
# describes the secret and acts on what it finds. So these patterns may match
# too much, never too little.

locals {
  # EventBridge knows no "?": one of several characters is a prefix here.
  secret_prefixes = [for arn in var.secret_arns : { prefix = trimsuffix(arn, "??????") }]

  patterns = {
    for name, pattern in {
      # Sent by Secrets Manager itself, without any trail, when a label other
      # than AWSPENDING and AWSPREVIOUS reaches another version.
      label = {
        source        = ["aws.secretsmanager"]
        "detail-type" = ["Secret Label Updated"]
        resources     = local.secret_prefixes
      }
      # By way of CloudTrail. These events have no resources, and spell the
      # secret as the caller typed it (ARN, name, partial ARN), so calls about
      # every secret of the account match. Calls that failed changed nothing.
      call = {
        source        = ["aws.secretsmanager"]
        "detail-type" = ["AWS API Call via CloudTrail"]
        detail = {
          errorCode = [{ exists = false }]
          eventName = [
            "PutSecretValue", "UpdateSecret", "UpdateSecretVersionStage", "RotateSecret", "CancelRotateSecret",
            "DeleteSecret", "RestoreSecret", "CreateSecret",
          ]
        }
      }
      # RotationSucceeded and its like are no API calls: a detail-type of their own.
      service = {
        source        = ["aws.secretsmanager"]
        "detail-type" = ["AWS Service Event via CloudTrail"]
        detail        = { additionalEventData = { SecretId = local.secret_prefixes } }
      }
    } : name => pattern if name == "label" || var.cloudtrail
  }
}
