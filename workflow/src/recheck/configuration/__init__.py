"""What the user asks for: part of an experiment, a paper's table, own datasets, own scores, own cluster."""
