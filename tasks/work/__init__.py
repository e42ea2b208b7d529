"""What a GPU worker does with the jobs it claims, whoever drives it: a bell, or tasks.remote."""
