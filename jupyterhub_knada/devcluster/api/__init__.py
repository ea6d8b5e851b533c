"""An honest subset of the Kubernetes API with the controllers that it needs."""
