"""What all monitors share: input validation, chunks, limits, results, the base class."""
