"""Uses of tables in a confined process: sources are read, steps executed, files written.

It joins what knows files (`connector/sources`) to what knows steps (`connector/protection`).
"""
