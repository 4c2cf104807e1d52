"""Networks unrolled from forward-backward splitting: layers, families of parameters, Lipschitz brackets."""
