"""The two-dimensional bandit of Diffusion-QL (section 4)."""
