"""Training runs that others published, seed by seed: the data and their reader."""
