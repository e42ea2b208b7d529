"""The engine as a library: frozen configuration in, typed results out, nothing at import.

But one default, because the runtime reads it only once, when torch is loaded: idle threads of
OpenMP must sleep instead of spinning. On two cores shared with other processes a denoising step
took 3,000 ms with spinning threads and 95 ms with sleeping ones.
"""

import os

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
