output "function_name" {
  description = "Name of the function."
  value       = module.trailbell.function_name
}

output "role_arn" {
  description = "The role that the policies of bucket and key have to admit."
  value       = module.trailbell.role_arn
}

output "records_queue_arn" {
  description = "The queue that subscribes to the topic."
  value       = module.trailbell.records_queue_arn
}

output "retry_queue_url" {
  description = "URL of the queue of what could not be posted yet."
  value       = module.trailbell.retry_queue_url
}
