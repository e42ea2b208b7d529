"""The engine as a library: frozen configuration in, typed results out.

Importing it sets one default, which OpenMP reads once when torch is loaded: idle threads sleep
instead of spinning. On two cores shared with other processes a denoising step took 3,000 ms with
spinning threads and 95 ms with sleeping ones.
"""

import os

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
