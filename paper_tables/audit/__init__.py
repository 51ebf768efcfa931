"""What the published numbers say about one another: rules, findings, report."""
