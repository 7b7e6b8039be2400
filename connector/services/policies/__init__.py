"""Policies under the hands of their author: drafts, trials and comparisons. Nothing is kept."""
