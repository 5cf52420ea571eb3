output "function_name" {
  description = "Name of the function."
  value       = module.trailbell.function_name
}

output "update_trail_command" {
  description = "Connects the trail to the log group, where the module created one."
  value       = module.trailbell.update_trail_command
}
