"""Base models: frozen diffusion models that adapters are trained on."""
