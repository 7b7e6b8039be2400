"""Routes of contracts: how they come to be, and what is done under them."""
