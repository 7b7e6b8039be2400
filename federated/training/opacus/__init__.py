"""Gradients of persons by torch and Opacus: the only home of both in a worker."""
