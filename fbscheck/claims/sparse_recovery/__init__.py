"""Sparse recovery by ALISTA and LISTA-CP, and how far its theory reaches."""
