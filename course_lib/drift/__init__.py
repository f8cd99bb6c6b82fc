"""Drift of the inputs, in one column or in all together, and data quality."""
