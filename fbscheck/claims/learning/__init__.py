"""Training problems: least values, Gamma-convergence, perturbed data, minimality."""
