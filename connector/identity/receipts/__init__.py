"""What a party signs about what it did: contracts, transfers, rounds and jobs."""
