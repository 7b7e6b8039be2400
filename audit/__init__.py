"""Attacks on the real training engine: does it keep the ε that it is charged for?"""
