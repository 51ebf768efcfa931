"""Networks, optimiser and random streams of K seeds at once; the seeds are the leading axis."""
