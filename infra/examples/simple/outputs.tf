output "function_name" {
  description = "Name of the function."
  value       = module.trailbell.function_name
}

output "retry_queue_url" {
  description = "URL of the queue of what could not be posted yet."
  value       = module.trailbell.retry_queue_url
}

output "last_queue_url" {
  description = "URL of the queue of what was not delivered within a day."
  value       = module.trailbell.last_queue_url
}
