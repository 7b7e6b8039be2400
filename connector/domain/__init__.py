"""Frozen values that every layer shares.

What belongs to one subject is in its package; what several subjects need stands beside them.
"""
