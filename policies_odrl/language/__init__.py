"""Policies as sentences and forms, in English and French, and back."""
