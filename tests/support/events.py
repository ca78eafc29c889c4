"""Events of API Gateway, as `sam local generate-event` writes them, and what is none."""

import json
from urllib.parse import parse_qs

from support.projects import a_call


def http_api(path, method="GET", *, query="", headers=None, body=None, stage="$default", **members):
    """An event of an HTTP API, payload format 2.0, as `sam local generate-event` writes it."""
    prefix = "" if stage == "$default" else f"/{stage}"
    return {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": prefix + path,
        "rawQueryString": query,
        "cookies": ["cookie1", "cookie2"],
        "headers": {name: ",".join(_values(value)) for name, value in (headers or {}).items()},
        "queryStringParameters": {name: ",".join(each) for name, each in parse_qs(query).items()},
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "api-id",
            "authentication": None,
            "domainName": "id.execute-api.us-east-1.amazonaws.com",
            "domainPrefix": "id",
            "http": {
                "method": method,
                "path": prefix + path,
                "protocol": "HTTP/1.1",
                "sourceIp": "192.168.0.1/32",
                "userAgent": "agent",
            },
            "requestId": "id",
            "routeKey": "$default",
            "stage": stage,
            "time": "12/Mar/2020:19:03:58 +0000",
            "timeEpoch": 1583348638390,
        },
        "body": body,
        "pathParameters": {"parameter1": "value1"},
        "isBase64Encoded": False,
        "stageVariables": None,
        **members,
    }


def rest_api(path, method="GET", *, query="", headers=None, body=None, stage="prod", **members):
    """An event of a REST API, payload format 1.0; the stage is not in its path."""
    many = parse_qs(query) or None
    headers = {name: _values(value) for name, value in (headers or {}).items()}
    return {
        "resource": "/{proxy+}",
        "path": path,
        "httpMethod": method,
        "headers": {name: values[-1] for name, values in headers.items()},
        "multiValueHeaders": headers,
        "queryStringParameters": many and {name: each[-1] for name, each in many.items()},
        "multiValueQueryStringParameters": many,
        "pathParameters": {"proxy": path},
        "stageVariables": None,
        "requestContext": {
            "accountId": "123456789012",
            "resourceId": "123456",
            "stage": stage,
            "requestId": "c6af9ac6-7b61-11e6-9a41-93e8deadbeef",
            "requestTimeEpoch": 1428582896000,
            "identity": {"sourceIp": "127.0.0.1", "userAgent": "agent", "apiKey": None},
            "path": f"/{stage}{path}",
            "resourcePath": "/{proxy+}",
            "httpMethod": method,
            "apiId": "1234567890",
            "protocol": "HTTP/1.1",
        },
        "body": body,
        "isBase64Encoded": False,
        **members,
    }


def _values(value):
    return value if isinstance(value, list) else [value]


def a_log(api, body=None, **members):
    """The event of a logged call."""
    headers = {"X-API-Key": "alice", "Content-Type": "application/json"}
    body = json.dumps(a_call()) if body is None else body
    return api("/api/v1/log", "POST", headers=headers, body=body, **members)


def changed(event, *path, to):
    """The event with one member replaced."""
    event = json.loads(json.dumps(event))
    place = event
    for name in path[:-1]:
        place = place[name]
    place[path[-1]] = to
    return event


SQS = {"Records": [{"messageId": "1", "body": "{}", "eventSource": "aws:sqs"}]}
MALFORMED = {
    "null": None,
    "a list": [],
    "a list of events": [http_api("/")],
    "a text": "GET /",
    "a number": 1,
    "an empty object": {},
    "a message of a queue": SQS,
    "a schedule": {"source": "aws.events", "detail-type": "Scheduled Event", "detail": {}},
    "no context": {"version": "2.0", "rawPath": "/", "headers": {}},
    "a context of the wrong type": {**http_api("/"), "requestContext": "x"},
    "no http": changed(http_api("/"), "requestContext", "http", to=None),
    "http of the wrong type": changed(http_api("/"), "requestContext", "http", to=[]),
    "no method": changed(http_api("/"), "requestContext", "http", to={"path": "/"}),
    "a method of the wrong type": changed(
        http_api("/"), "requestContext", "http", to={"method": 1, "path": "/"}
    ),
    "a path of the wrong type": changed(
        http_api("/"), "requestContext", "http", to={"method": "GET", "path": ["/"]}
    ),
    "no path (REST)": {**rest_api("/"), "path": None},
    "no method (REST)": {**rest_api("/"), "httpMethod": None},
    "headers that are a list (REST)": {**rest_api("/"), "headers": ["x"]},
    "headers that are a text": {**http_api("/"), "headers": "x"},
    "many headers that are a list (REST)": {**rest_api("/"), "multiValueHeaders": ["x"]},
    "many headers of the wrong type (REST)": {**rest_api("/"), "multiValueHeaders": {"a": [None]}},
    "a body of the wrong type": a_log(http_api, body={"provider": "openai"}),
    "a body of the wrong type (REST)": a_log(rest_api, body=[1]),
    "a body that is not base64": a_log(http_api, "é", isBase64Encoded=True),
    "a body that is cut base64": a_log(rest_api, "abc", isBase64Encoded=True),
    "a body of other characters": a_log(http_api, "{!}*", isBase64Encoded=True),
    "a body with half a character": a_log(http_api, '"\ud800"'),
    "a header with half a character": http_api("/", headers={"x": "\ud800"}),
    "a path with half a character": http_api("/\ud800"),
    "a query that is a number": {**http_api("/"), "rawQueryString": 5},
    "a query that is a text (REST)": {
        **rest_api("/"),
        "multiValueQueryStringParameters": None,
        "queryStringParameters": "a=b",
    },
    "queries of the wrong type (REST)": {**rest_api("/"), "multiValueQueryStringParameters": [1]},
    "cookies of the wrong type": {**http_api("/"), "cookies": [1]},
    "cookies that are a number": {**http_api("/"), "cookies": 1},
}
