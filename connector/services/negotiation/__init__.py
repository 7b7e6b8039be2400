"""From an offer to a contract that both have signed."""
