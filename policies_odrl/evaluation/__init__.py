"""Policy, request and facts to a decision, with its reasons, duties and usage state."""
