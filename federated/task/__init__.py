"""What a job learns: inputs, target, model and optimiser, as values with their JSON.

Rules: all of it is public and stands in the manifest; each kind is read strictly and written back
as it was read. Standard library only.
"""
