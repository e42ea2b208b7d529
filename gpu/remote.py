"""The former name of `python -m tasks.remote`, kept for scripts of rented machines."""

import runpy

if __name__ == "__main__":
    runpy.run_module("tasks.remote", run_name="__main__", alter_sys=True)
