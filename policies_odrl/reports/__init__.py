"""The full report of a decision in the Compliance Report Model, and the plain one."""
