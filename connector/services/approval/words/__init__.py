"""What is asked, in sentences for the persons who decide on it."""
