"""Scores from a file of the user's: read, named, normalised, in the form of an experiment's scores."""
