"""Training: works with tags in, one verified style file out."""
