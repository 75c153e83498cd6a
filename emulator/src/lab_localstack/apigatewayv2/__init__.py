"""HTTP APIs (API Gateway v2): moto keeps the configuration, this package serves the requests."""
