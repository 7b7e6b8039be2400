"""`preau policy …`: policies as files, without a node; a module per verb, joined by `group.py`."""
