"""The jupyterhub-knada command."""
