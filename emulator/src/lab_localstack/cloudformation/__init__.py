"""CloudFormation resource types for which LocalStack 4.14.0 says CREATE_COMPLETE and makes nothing."""
