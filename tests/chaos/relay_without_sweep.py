"""A relay that publishes, but neither requeues expired leases nor ends overdue jobs.

A negative control: without the sweep the checker must find what got stuck.
"""

from webapp.domain import due_jobs, relay

due_jobs.requeue_expired = lambda _session: 0
due_jobs.end_overdue = lambda _session: 0

if __name__ == "__main__":
    relay.run()
