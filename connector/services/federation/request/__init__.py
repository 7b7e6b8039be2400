"""What a data scientist may ask for, and what can be known of it before anything is spent."""
