"""A small Kubernetes for demos and tests; never for production."""
