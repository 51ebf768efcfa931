"""Verdicts on reported numbers: the rule, its power and its simulation."""
