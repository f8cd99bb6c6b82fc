"""Settings for the unit tests."""

import matplotlib as mpl
from hypothesis import settings

# Figures are drawn into memory; a test never opens a window. (Notebooks run in kernels of their own
# and keep their own backend, so MPLBACKEND stays unset.)
mpl.use("Agg")

# The same examples in every run, and no clock: a busy machine fails no test.
settings.register_profile("course", derandomize=True, deadline=None)
settings.load_profile("course")
