"""One thread for linear algebra: as many tests run at once as there are cores, and threads that wait cost as much."""

import os

for name in ("OMP", "OPENBLAS", "MKL"):
    os.environ.setdefault(f"{name}_NUM_THREADS", "1")
