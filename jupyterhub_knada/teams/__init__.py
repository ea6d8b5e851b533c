"""Team files: their models, loading, what holds in the end, who is in which team."""
