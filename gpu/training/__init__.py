"""Training: from tagged artworks to one verified style file."""
