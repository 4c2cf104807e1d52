"""Proofs of the lemmas behind the theory's values, one file a lemma; installed as ``fbscheck.proofs``."""
