"""The route table of an app."""

from fastapi.routing import APIRoute

from llmring_core import auth


def all_routes(router):
    """The routes of a router and of those that it includes."""
    for route in router.routes:
        if isinstance(route, APIRoute):
            yield route
        elif hasattr(route, "original_router"):
            yield from all_routes(route.original_router)


def knows_caller(dependant):
    """Whether a route asks who is calling."""
    parts = dependant.dependencies
    return any(each.call is auth._caller or knows_caller(each) for each in parts)


def routes_of_projects(app):
    """The routes that answer a project with what is its own."""
    return [route for route in all_routes(app) if knows_caller(route.dependant)]
