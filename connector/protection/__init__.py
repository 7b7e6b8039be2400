"""The steps of a plan, executed on the rows of a table.

Rules: an executor gets typed steps and nothing of the policy; what leaves is what the steps say,
checked once more before it does. Filtering, generalising and counting are built as expressions and
run by an SQL engine that reaches neither files nor network; what needs a key, and noise, is done
here. No message quotes a value.
"""
