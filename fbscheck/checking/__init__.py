"""A user's own operator: brought in, examined, searched for counterexamples, certified where possible."""
