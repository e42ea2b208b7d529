"""A page's twin of an API route has the same limits: both are found by what they call.

The views of the URL map are followed through the site's own functions to the services of the
domain. What is ordered under `rate_limits.images` names the services that order; whatever view
reaches one of them, by whatever address, must be limited alike.
"""

import ast
import inspect
import textwrap
from collections import defaultdict
from collections.abc import Callable, Iterator
from types import FunctionType, ModuleType
from typing import Any

import pytest

from webapp.http import buckets
from webapp.http.endpoints import endpoint_of

SITE, SERVICES = ("webapp.api", "webapp.pages"), "webapp.domain.services"


def calls(function: Callable[..., Any]) -> Iterator[tuple[Callable[..., Any], bool]]:
    """Yield the functions that a function names, and whether under `rate_limits.images`."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    counted = {
        inner
        for node in ast.walk(tree)
        if isinstance(node, ast.With)
        and any("rate_limits.images(" in ast.unparse(item) for item in node.items)
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        named = None
        if isinstance(node, ast.Name):
            named = function.__globals__.get(node.id)
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            module = function.__globals__.get(node.value.id)
            named = getattr(module, node.attr, None) if type(module) is ModuleType else None
        if type(named) is FunctionType:  # a proxy of Flask's must not be asked what it is
            yield inspect.unwrap(named), node in counted


def reached(view: Callable[..., Any]) -> dict[str, bool]:
    """The services that a view reaches, and whether each is always called under the limit."""
    waiting, seen, found = [inspect.unwrap(view)], set(), {}
    while waiting:
        function = waiting.pop()
        if function in seen or not function.__module__.startswith(SITE):
            continue
        seen.add(function)
        for called, is_counted in calls(function):
            if called.__module__.startswith(SERVICES):
                name = f"{called.__module__}.{called.__name__}"
                found[name] = found.get(name, True) and is_counted
            else:
                waiting.append(called)
    return found


@pytest.fixture
def views(app):
    """Every view for people, by endpoint, with the services that it reaches."""
    return {
        endpoint: (view, reached(view))
        for endpoint, view in app.view_functions.items()
        if endpoint.startswith(("api_v1.", "pages."))
    }


def test_whatever_orders_images_is_limited_alike_on_pages_and_in_the_api(views):
    ordering = {
        service
        for _, services in views.values()
        for service, counted in services.items()
        if counted
    }
    assert ordering == {f"{SERVICES}.generations.request", f"{SERVICES}.try_outs.request"}
    free, limited = [], defaultdict(set)
    for endpoint, (view, services) in views.items():
        for service in ordering & services.keys():
            limited[service].add(endpoint.partition(".")[0])
            is_limited = endpoint_of(view).bucket is buckets.ORDERS
            if not (is_limited and services[service]):
                free.append((endpoint, service))
    assert free == []
    assert dict(limited) == {service: {"api_v1", "pages"} for service in ordering}


def test_no_other_view_has_a_limit_of_its_own_but_these(views):
    others = {
        endpoint: endpoint_of(view).bucket
        for endpoint, (view, _) in views.items()
        if endpoint_of(view).bucket not in {None, buckets.ORDERS}
    }
    assert others == {
        "api_v1.google.login": buckets.LOGIN,
        "api_v1.google.authorized": buckets.SIGN_INS,
        "api_v1.outgoing_webhooks.test": buckets.WEBHOOK_TESTS,
        "api_v1.sets_accounts.open_anonymous": buckets.SETS_ACCOUNTS,
        "api_v1.sets_jobs.segment": buckets.SETS_SEARCHES,
        "api_v1.verifications.verify": buckets.VERIFICATIONS,
        "pages.outgoing_webhooks.test": buckets.WEBHOOK_TESTS,
        "pages.verifications.verify": buckets.VERIFICATIONS,
        "pages.works.download": buckets.ARCHIVES,
    }
