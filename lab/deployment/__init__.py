"""The four stacks: synthesized, deployed, probed, on a local engine or in an AWS account."""
