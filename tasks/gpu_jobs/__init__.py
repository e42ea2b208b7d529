"""Jobs of the GPU: claimed, run and reported over HTTP, for Celery tasks and for tasks.remote."""
