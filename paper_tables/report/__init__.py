"""One page for each experiment, and the index of all pages."""
