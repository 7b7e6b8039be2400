"""Self-descriptions of participants and datasets: written and read."""
