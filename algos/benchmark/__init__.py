"""Speed of this machine, and the check of a GPU."""
