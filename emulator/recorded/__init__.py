"""Suites whose expected answers were recorded on AWS, run against this engine and a stock LocalStack."""
