"""Templates of the authority and the provider's charter: kept, fetched, and in force."""
