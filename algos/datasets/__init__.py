"""From a source to the rows that a trainer reads: files, Minari, re-collections."""
