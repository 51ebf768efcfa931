"""Environments as D4RL steps them."""
