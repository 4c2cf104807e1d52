"""One layer: contraction factors of steps, alone and several in a row."""
