"""A storage that no request may call while it has a transaction open."""

from flask import has_app_context

from webapp.extensions import db

SLOW = frozenset({"put", "put_stream", "get", "head", "delete", "list"})


class OutsideTransactions:
    """Passes every call on; a slow one raises while a transaction of the request is open."""

    def __init__(self, twin, slow=SLOW):
        self._twin, self._slow = twin, slow

    @property
    def __class__(self):
        return type(self._twin)

    def __getattr__(self, name):
        call = getattr(self._twin, name)
        if name not in self._slow:
            return call

        def checked(*args, **kwargs):
            if has_app_context() and db.session().in_transaction():
                raise AssertionError(f"{name} was called while a transaction was open")
            return call(*args, **kwargs)

        return checked
