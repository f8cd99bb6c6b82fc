"""Saved monitors and results, and data sets in partitions."""
