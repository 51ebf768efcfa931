"""Datasets of our own: small behaviour policies or a planner act in today's environments."""
