"""A local AWS: moto, and of what it lacks as much as trailbell's Terraform module needs.

`iam` evaluates policies, `guard` asks them for each call, `aws` runs functions and hands them what
queues and log groups hold, `bootstrap` is what a function's process runs.
"""
