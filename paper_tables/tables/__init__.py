"""Tables: the experiment's own, and each paper's layout."""
