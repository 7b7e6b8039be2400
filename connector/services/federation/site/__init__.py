"""A federated job at a site: decided, run, charged."""
