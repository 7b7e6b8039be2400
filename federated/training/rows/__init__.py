"""From the bytes of a data file to the arrays that are trained on, one entry a person."""
