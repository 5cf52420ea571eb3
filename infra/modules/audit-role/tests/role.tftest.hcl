mock_provider "aws" {
  mock_data "aws_caller_identity" {
    defaults = { account_id = "444455556666" }
  }
  mock_data "aws_partition" {
    defaults = { partition = "aws" }
  }
}

variables {
  trusted_role_arns = ["arn:aws:iam::111122223333:role/auditor"]
  external_id       = "trailbell"
}

run "it_reads_and_changes_nothing" {
  assert {
    condition     = alltrue(flatten([for statement in jsondecode(aws_iam_role_policy.this[0].policy).Statement : [for action in statement.Action : can(regex("^(iam:(Get|List)|iam:GenerateCredentialReport$|cloudtrail:LookupEvents$)", action))]]))
    error_message = "the role may do more than read: ${aws_iam_role_policy.this[0].policy}"
  }
  assert {
    condition     = jsondecode(aws_iam_role.this[0].assume_role_policy).Statement == [{ Sid = "Auditors", Effect = "Allow", Principal = { AWS = ["arn:aws:iam::111122223333:role/auditor"] }, Action = "sts:AssumeRole", Condition = { StringEquals = { "sts:ExternalId" = "trailbell" } } }]
    error_message = "somebody else may take the role"
  }
}

run "a_whole_account_is_refused" {
  command = plan
  variables {
    trusted_role_arns = ["arn:aws:iam::111122223333:root"]
  }
  expect_failures = [var.trusted_role_arns]
}
