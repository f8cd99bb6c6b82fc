"""The format of saved files: those that exist can be read, and give the numbers they gave."""

import json
import zipfile

import golden
import pandas as pd
import pytest
from test_storage import MONITORS

from course_lib import load
from course_lib.persistence.storage import VERSION

EXPECTED = pd.read_csv(golden.EXPECTED, keep_default_na=False, na_values=[""])
EXPECTED["column"] = EXPECTED["column"].fillna("")


def test_every_monitor_has_a_file_of_the_current_format():
    assert set(golden.FOLDER.glob("*.monitor")) == {golden.path(name) for name in MONITORS}
    for name in MONITORS:
        with zipfile.ZipFile(golden.path(name)) as archive:
            assert json.loads(archive.read("contents.json"))["version"] == VERSION


@pytest.mark.parametrize("name", MONITORS)
def test_a_file_of_this_format_still_gives_its_numbers(name):
    found = golden.numbers(name, load(golden.path(name)))
    expected = EXPECTED[EXPECTED["monitor"] == name].reset_index(drop=True)
    if name == "domain classifier":  # it trains while it measures: versions of LightGBM differ
        found, expected = (f[f["period"] == "reference"] for f in (found, expected))
    # The t quantile of scipy 1.11 differs from that of 1.17 by 2e-9 of its value.
    pd.testing.assert_frame_equal(found, expected, rtol=1e-8, check_dtype=False)
