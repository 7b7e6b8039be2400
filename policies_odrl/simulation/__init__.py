"""What if: a request tried out, with what would have to change."""
