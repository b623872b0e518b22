output "queue_url" {
  description = "For hints: {sqs: …} of each ring in keyturn's configuration."
  value       = aws_sqs_queue.hints.url
}

output "dead_letter_queue_url" {
  description = "Where hints end that nobody could process."
  value       = aws_sqs_queue.dead.url
}

output "policy_arns" {
  description = "Attach watch to whatever runs keyturn; rotate too where keyturn shall turn keys."
  value       = { for name, policy in aws_iam_policy.keyturn : name => policy.arn }
}
