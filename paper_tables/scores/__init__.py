"""The scores of an experiment: from episodes to one row per run and selection rule."""
