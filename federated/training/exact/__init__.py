"""Sums over persons that no order of additions can change: arithmetic, gradients, noise, self-test.

Rules: what is added up is an integer below 2**53 in size, held in float64, so that every partial
sum is exact; everything else is an elementwise operation that IEEE 754 rounds correctly (+ - × ÷ √,
rounding, comparison). Thus what a person adds depends on that person's rows and the model alone:
not on others, on a place in a batch, on threads, on a library or on a processor.
"""
