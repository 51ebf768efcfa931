"""What an experiment will cost before it is launched: hours, wall time, memory, disk."""
