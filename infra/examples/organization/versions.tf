terraform {
  required_version = ">= 1.7"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 6.8" # the first 6.x that allows queues of 1 MiB messages
    }
  }
}
