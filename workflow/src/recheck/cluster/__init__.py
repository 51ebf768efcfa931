"""What the cluster has and can do, asked before jobs are sent to it."""
