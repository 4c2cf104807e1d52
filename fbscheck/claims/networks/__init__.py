"""Networks of finite depth: Lipschitz constants, stability, weighted norms."""
