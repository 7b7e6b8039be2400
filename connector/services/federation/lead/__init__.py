"""A federated job at its lead: submitted, run, concluded."""
