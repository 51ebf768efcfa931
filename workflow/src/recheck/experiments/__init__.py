"""Experiments as data: from a file to runs, cells and blocks of seeds."""
