# Secrets Manager -> EventBridge -> SQS -> keyturn, and what keyturn may do.
#
# One queue is enough for any number of keyturn daemons: whoever receives a
# hint looks and writes the log, and the others follow the log.

locals {
  placeholders = {
    secret_arns          = jsonencode(var.secret_arns)
    rotated_secret_arns  = jsonencode(length(var.rotation_lambda_arns) > 0 ? var.secret_arns : [])
    queue_arns           = jsonencode([aws_sqs_queue.hints.arn])
    kms_key_arns         = jsonencode(var.kms_key_arns)
    rotation_lambda_arns = jsonencode(var.rotation_lambda_arns)
  }
}

resource "aws_iam_policy" "keyturn" {
  for_each = local.policies

  name        = "${var.name}-${each.key}"
  description = each.key == "watch" ? "keyturn: look at secrets, receive hints" : "keyturn: turn keys (on top of ${var.name}-watch)"
  policy      = each.value
  tags        = var.tags
}

# A standard queue: hints may come twice and in any order.
resource "aws_sqs_queue" "hints" {
  name                       = "${var.name}-hints"
  receive_wait_time_seconds  = 20
  visibility_timeout_seconds = 60    # longer than a look and its write to the log take
  message_retention_seconds  = 86400 # an old hint is worth nothing; the poll covers longer outages
  sqs_managed_sse_enabled    = true
  redrive_policy             = jsonencode({ deadLetterTargetArn = aws_sqs_queue.dead.arn, maxReceiveCount = 5 })
  tags                       = var.tags
}

resource "aws_sqs_queue" "dead" {
  name                      = "${var.name}-hints-dead"
  message_retention_seconds = 1209600 # two weeks, so that somebody can read them
  sqs_managed_sse_enabled   = true
  tags                      = var.tags
}

resource "aws_cloudwatch_event_rule" "changed" {
  for_each = local.patterns

  name          = "${var.name}-${each.key}"
  description   = "A secret that keyturn watches may have changed"
  event_pattern = jsonencode(each.value)
  tags          = var.tags
}

resource "aws_cloudwatch_event_target" "hints" {
  for_each = aws_cloudwatch_event_rule.changed

  rule = each.value.name
  arn  = aws_sqs_queue.hints.arn

  dead_letter_config {
    arn = aws_sqs_queue.dead.arn
  }
}

# Both queues: EventBridge writes to the dead-letter queue by itself, and drops
# events where it may not.
resource "aws_sqs_queue_policy" "events" {
  for_each = { hints = aws_sqs_queue.hints, dead = aws_sqs_queue.dead }

  queue_url = each.value.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "LetTheRulesSend"
      Effect    = "Allow"
      Principal = { Service = "events.amazonaws.com" }
      Action    = "sqs:SendMessage"
      Resource  = each.value.arn
      Condition = { ArnEquals = { "aws:SourceArn" = [for rule in aws_cloudwatch_event_rule.changed : rule.arn] } }
    }]
  })
}
