"""Stopping idle servers by each team's own timeout."""
