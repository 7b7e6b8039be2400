"""What is wrong with a policy, and how to mend it."""
