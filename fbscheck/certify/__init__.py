"""Arithmetic that can be trusted: the exact kernel, balls, and definiteness of matrices."""
