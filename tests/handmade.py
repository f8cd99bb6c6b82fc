"""Results made by hand: a test gives the columns it is about, the others are filled up."""

import pandas as pd

from course_lib.core.result import COLUMNS, MEASURES, Result

EMPTY = {
    **dict.fromkeys(COLUMNS, ""),
    **dict.fromkeys(MEASURES, float("nan")),
    **dict.fromkeys(("chunk_index", "n_rows", "n_used"), 0),
    **dict.fromkeys(("start_date", "end_date"), pd.NaT),
    "alert": False,
}
TYPES = {
    **dict.fromkeys(MEASURES, "float64"),
    **dict.fromkeys(("chunk_index", "n_rows", "n_used"), "int64"),
    **dict.fromkeys(("start_date", "end_date"), "datetime64[us]"),
    "alert": "bool",
}


def handmade(frame, kind):
    """Return a result of a frame that holds some of the columns of `Result.to_df`."""
    filled = {name: frame.get(name, EMPTY[name]) for name in COLUMNS}
    return Result(pd.DataFrame(filled, index=frame.index).astype(TYPES), kind)
