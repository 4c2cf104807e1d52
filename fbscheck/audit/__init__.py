"""Checks of certificates and proofs by programs that share no code with fbscheck."""
