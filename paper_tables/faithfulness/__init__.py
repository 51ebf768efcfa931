"""The planned comparison of our IQL with CORL's program: its runs, its statistic, its table."""
