"""The catalogue: proximal maps, operators, rules of calculus."""
