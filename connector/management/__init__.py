"""The face towards the operator: a local HTTP API with OpenAPI."""
