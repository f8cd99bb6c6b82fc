"""Settings of nbval for the notebooks of this folder.

Only cells marked ``# NBVAL_CHECK_OUTPUT`` are compared with their stored output, and there only the
plain text: HTML, images and stderr differ between library versions without a difference in meaning.
"""

import pytest

NOT_COMPARED = ("text/html", "image/png", "image/svg+xml", "stderr", "metadata")


def pytest_collectstart(collector: pytest.Collector) -> None:
    """Add to what nbval leaves out when it compares outputs."""
    if hasattr(collector, "skip_compare"):
        collector.skip_compare = tuple({*collector.skip_compare, *NOT_COMPARED})
