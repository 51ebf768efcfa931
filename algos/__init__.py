"""Everything that learns: methods, the stacked trainer, the evaluator, data and environments.

Importing the package imports nothing heavy; torch, gymnasium and the rest come in with the module
that needs them.
"""
