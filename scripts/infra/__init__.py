"""The infrastructure as code: CloudFormation templates, one a stack, and the command that deploys them."""
