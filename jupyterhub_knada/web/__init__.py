"""Pages and endpoints that the hub serves for this package."""
