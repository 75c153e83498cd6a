"""IAM for the calls that functions make with their roles: opt-in, by `LAB_IAM=enforce`."""
