"""Finished results: their index, the published ones, those of another cluster, metadata for a deposit."""
