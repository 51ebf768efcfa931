"""Evidence for and against reported numbers that exists already: runs of others, re-reports, arithmetic."""
