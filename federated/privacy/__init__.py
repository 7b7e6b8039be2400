"""Privacy spending: events, the accountant and the ledger."""
