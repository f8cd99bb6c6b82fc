"""Write the desk's production as a Parquet data set with a file per week, at any size.

    python tools/make_partitions.py build/stones                     # 28 weeks of 2,000 stones
    python tools/make_partitions.py build/stones --weeks 400 --rows-per-week 50000

The second line makes 20 million rows. Lesson 11 monitors such a data set; the folder must be new.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from course_lib.course.production_files import N_WEEKS, write_partitions


def main(arguments: Sequence[str] | None = None) -> None:
    """Write the files and say how large they are."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder")
    parser.add_argument("--weeks", type=int, default=N_WEEKS)
    parser.add_argument("--rows-per-week", type=int, default=2_000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    files = write_partitions(**vars(options))
    size = sum(file.stat().st_size for file in files)
    n_rows = options.weeks * options.rows_per_week
    print(f"{n_rows:,} rows in {len(files):,} files, {size / 1e6:,.0f} MB, in {options.folder}")


if __name__ == "__main__":
    main()
