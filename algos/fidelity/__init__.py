"""The environment check: stored steps are replayed in the environment that evaluates."""
