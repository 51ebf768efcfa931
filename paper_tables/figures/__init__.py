"""Figures, from files alone."""
