"""A node that runs each pod as local processes, over the plain Kubernetes API."""
