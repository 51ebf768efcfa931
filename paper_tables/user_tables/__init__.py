"""A table of the user's, as copied out of a paper: read, and compared with the reported numbers."""
