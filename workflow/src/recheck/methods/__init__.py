"""The methods as data: hyperparameter files, the table of deviations, what the benchmark takes."""
