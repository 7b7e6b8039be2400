"""Sets of values that constraints denote, and questions about them."""
