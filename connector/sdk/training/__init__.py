"""Training as a data scientist does it: jobs, models, comparisons, trials that cost nothing."""
