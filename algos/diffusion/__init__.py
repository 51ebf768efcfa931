"""Noise schedules, samplers, noise networks and the diffusion policy."""
