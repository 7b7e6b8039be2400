"""The only home of flwr, torch and opacus. Import its modules lazily: they are heavy."""
