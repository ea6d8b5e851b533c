"""Servers: what is offered, chosen and planned, and the spawner that carries it out."""
