"""What no JSON Schema can say of our requests: formats of our own, members that go together.

Schemathesis loads this beside `schemathesis.toml`. What is left out here is well-formed and still
refused, as the server has to: the tests of the promise are about that.
"""

import re
import uuid
from datetime import UTC, datetime
from typing import Any

import schemathesis
from hypothesis import strategies as st
from schemathesis.generation import GenerationMode

from llmring_core.pages import Place

MOMENTS = st.datetimes(datetime(2000, 1, 1), datetime(2026, 1, 1), timezones=st.just(UTC))
# A private address, which the server refuses to connect to, so nothing leaves this machine.
NOWHERE = "http://10.255.255.1:9"

schemathesis.openapi.format(
    "cursor", st.builds(lambda *of: Place(*of).cursor(), MOMENTS, st.uuids())
)
schemathesis.openapi.format(
    "date-or-time",
    st.one_of(MOMENTS.map(lambda each: each.date().isoformat()), MOMENTS.map(datetime.isoformat)),
)
schemathesis.openapi.format(
    "time-zone", st.sampled_from(["UTC", "Europe/Madrid", "Asia/Kathmandu", "America/Los_Angeles"])
)
schemathesis.openapi.format(
    "server-url", st.from_regex(r"\A/[a-z0-9/]{0,40}\Z").map(NOWHERE.__add__)
)


@schemathesis.hook
def filter_case(context: Any, case: Any) -> bool:
    """Whether a request makes sense, where it is well-formed."""
    if case.meta is not None and case.meta.generation.mode == GenerationMode.NEGATIVE:
        # A list or an object becomes a parameter that comes more than once: the last one counts,
        # and may be a good one.
        return not any(isinstance(value, list | dict) for value in (case.query or {}).values())
    return (
        has_dates_in_order(case.query or {})
        and not has_empty_items(case.query or {})
        and all(makes_sense(each) for each in objects_in(case.body))
    )


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: Any) -> None:
    """A good Idempotency-Key is a new one, and no host is looked up, that of an example neither."""
    for name, value in (case.headers or {}).items():
        if name.lower() == "idempotency-key" and re.fullmatch("[!-~]{1,255}", str(value)):
            case.headers[name] = uuid.uuid4().hex
    url = str(case.body.get("url")) if isinstance(case.body, dict) else ""
    if re.match(
        "(?!http://10\\.255\\.255\\.1:9)https?://.{0,2000}$", url, re.IGNORECASE | re.DOTALL
    ):
        case.body = {**case.body, "url": f"{NOWHERE}/mcp"}


def has_dates_in_order(query: Any) -> bool:
    """A period ends after it begins."""
    start, end = (str(query.get(name) or "")[:10] for name in ("start_date", "end_date"))
    return not start or not end or start < end


def has_empty_items(query: Any) -> bool:
    """An empty value counts as absent, also in a list: a list may be shorter than it looks."""
    return any("" in value for value in query.values() if isinstance(value, list))


def makes_sense(members: dict[str, Any]) -> bool:
    """Cached tokens are part of the input; times are of this world; costs have up to 30 places."""
    cached = members.get(
        "cached_input_tokens", members.get("cached_tokens", members.get("cached_input"))
    )
    total = members.get("input_tokens", members.get("prompt_tokens", members.get("input", 0)))
    both_known = isinstance(cached, int | float) and isinstance(total, int | float)
    is_part = not both_known or cached <= total
    is_past = "1970" < str(members.get("timestamp") or "2000") < "2026"
    cost = members.get("cost")
    has_few_places = not isinstance(cost, float) or cost == 0 or cost > 1e-12
    return is_part and is_past and has_few_places and str(members.get("expires_at") or "9") > "2100"


def objects_in(value: Any) -> Any:
    """All objects in a body."""
    if isinstance(value, dict):
        yield value
    if isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            yield from objects_in(each)
