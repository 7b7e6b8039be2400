"""What `preau doctor` judges."""
