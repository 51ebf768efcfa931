"""Aggregates with intervals, and their simulated coverage."""
