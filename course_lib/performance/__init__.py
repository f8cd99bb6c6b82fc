"""Realized and estimated performance: PerformanceCalculator, DLE and CBPE."""
