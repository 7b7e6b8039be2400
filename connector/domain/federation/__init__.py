"""Federated jobs, their ids, and the frames between a site and the lead."""
