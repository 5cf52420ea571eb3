output "function_name" {
  description = "Name of the function."
  value       = module.trailbell.function_name
}

output "log_group_name" {
  description = "Log group that the created trail writes to."
  value       = module.trailbell.log_group_name
}

output "filter_pattern" {
  description = "What the subscription filter lets through."
  value       = module.trailbell.filter_pattern
}

output "retry_queue_url" {
  description = "URL of the queue of what could not be posted yet."
  value       = module.trailbell.retry_queue_url
}

output "last_queue_url" {
  description = "URL of the queue of what was not delivered within a day."
  value       = module.trailbell.last_queue_url
}

output "mail_topic_arn" {
  description = "The topic of the channel `mail`: subscribe an address to it."
  value       = aws_sns_topic.mail.arn
}
