"""The zygote's process: makes ready what all workers inherit, and forks them."""
