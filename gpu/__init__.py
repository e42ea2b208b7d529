"""The engine as a library: frozen configuration in, typed results out, nothing at import."""
