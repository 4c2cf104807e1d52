"""The deep-layer limit: distances, orders, weak limits, and what is false of them."""
