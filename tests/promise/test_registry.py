"""The registry: proxied, cached, and never in the way."""

import asyncio
import copy

from support.projects import Project, a_call
from support.upstream import REGISTRY


async def test_models_are_listed_by_provider_without_its_prefix(http):
    registry = (await http.get("/registry.json")).json()
    assert registry["version"] == "1.0"
    assert registry["generated"].endswith("Z")
    assert registry["providers"]["openai"]["version"] == 7
    assert set(registry["providers"]["openai"]["models"]) == {"gpt-4.1", "gpt-4o-mini", "no-price"}


async def test_the_documented_fields_come_first_under_their_names(http):
    models = (await http.get("/registry")).json()["providers"]["openai"]["models"]
    assert list(models["gpt-4.1"].items())[:5] == [
        ("name", "gpt-4.1"),
        ("max_input_tokens", 256000),
        ("max_output_tokens", 32000),
        ("dollars_per_million_input_tokens", 2.0),
        ("dollars_per_million_output_tokens", 8.0),
    ]


async def test_other_fields_pass_through_unchanged(http):
    models = (await http.get("/registry")).json()["providers"]["openai"]["models"]
    assert models["gpt-4.1"]["dollars_per_million_tokens_cached_input"] == 0.5
    assert models["gpt-4.1"]["speed_tier"] == "fast"
    assert models["gpt-4o-mini"]["speed_tier"] is None


async def test_providers_and_capabilities_filter(http):
    query = {"providers": "openai,google", "capabilities": "vision"}
    providers = (await http.get("/registry", params=query)).json()["providers"]
    assert {name: list(each["models"]) for name, each in providers.items()} == {
        "openai": ["gpt-4.1"]
    }


async def test_a_known_etag_is_not_modified(http):
    first = await http.get("/registry")
    again = await http.get("/registry.json", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["ETag"] == first.headers["ETag"]
    assert "max-age" in first.headers["Cache-Control"]


async def test_a_filtered_answer_has_an_etag_of_its_own(http):
    whole = await http.get("/registry")
    part = await http.get("/registry", params={"providers": "openai"})
    assert part.headers["ETag"] != whole.headers["ETag"]


async def test_upstream_is_asked_once_however_many_ask_us(starts, upstream):
    client = await starts()
    await asyncio.gather(*(client.get("/registry") for _ in range(50)))
    assert upstream.count("manifest.json") == 1


async def test_a_renewal_is_conditional(starts, upstream):
    client = await starts(cache_ttl=0)
    await client.get("/registry")
    await client.app.state.registry.renew()
    await client.app.state.registry.renew()
    assert upstream.count("openai/models.json", status=200) == 1
    assert upstream.count("openai/models.json", status=304) >= 1


async def test_a_renewal_brings_what_upstream_changed(starts, upstream):
    client = await starts(cache_ttl=0)
    await client.get("/registry")
    changed = copy.deepcopy(REGISTRY)
    changed["openai"]["version"] = 8
    upstream.serve(changed)
    await client.app.state.registry.renew()
    await client.app.state.registry.renew()
    assert (await client.get("/registry")).json()["providers"]["openai"]["version"] == 8


async def test_a_stale_copy_is_served_while_upstream_is_slow(starts, upstream):
    client = await starts(cache_ttl=0)
    await client.get("/registry")
    upstream.gate.clear()
    response = await client.get("/registry", timeout=5)
    assert response.status_code == 200


async def test_the_last_good_copy_outlives_a_restart_and_an_outage(starts, upstream):
    await (await starts()).get("/registry")
    upstream.break_down()
    client = await starts(cache_ttl=0)
    assert (await client.get("/registry")).status_code == 200


async def test_a_provider_that_fails_keeps_its_last_good_copy(starts, upstream):
    client = await starts(cache_ttl=0)
    await client.get("/registry")
    changed = copy.deepcopy(REGISTRY)
    changed["openai"]["version"] = changed["anthropic"]["version"] = 100
    upstream.serve(changed)
    upstream.files["anthropic/models.json"] = b"<html>garbage</html>"
    await client.app.state.registry.renew()
    await client.app.state.registry.renew()
    providers = (await client.get("/registry")).json()["providers"]
    assert (providers["openai"]["version"], providers["anthropic"]["version"]) == (100, 9)


async def test_with_nothing_to_serve_the_registry_is_unavailable(starts, upstream):
    upstream.break_down()
    client = await starts()
    response = await client.get("/registry")
    assert response.status_code == 503
    assert "LLMRING_REGISTRY_BASE_URL" in response.json()["detail"]
    assert int(response.headers["Retry-After"]) > 0


async def test_a_log_never_waits_for_upstream(starts, upstream):
    upstream.gate.clear()
    project = Project(await starts(), "key")
    logged = await asyncio.wait_for(project.logs(), timeout=5)
    assert (logged["cost"], logged["cost_status"]) == (None, "unpriced")


async def test_a_row_logged_without_a_registry_is_priced_when_it_is_back(starts, upstream):
    upstream.break_down()
    first = Project(await starts(), "key")
    log_id = (await first.logs(a_call(input_tokens=1_000_000, output_tokens=0)))["log_id"]
    unknown = (await first.logs(a_call(model="gpt-99")))["log_id"]
    upstream.recover()
    second = await starts()
    await second.app.state.registry.renew()
    await second.app.state.registry.told()
    row = await first.reads(f"/api/v1/logs/{log_id}")
    assert (row["cost"], row["cost_status"]) == (2.0, "priced")
    assert (await first.reads(f"/api/v1/logs/{unknown}"))["cost"] is None


async def test_redis_being_down_never_shows(starts, upstream):
    client = await starts(redis_url="redis://127.0.0.1:9/0")
    assert (await client.get("/registry")).status_code == 200
    assert (await Project(client, "key").logs())["cost_status"] == "priced"


async def test_a_known_etag_counts_in_any_line_of_the_header(local):
    etag = (await local.get("/registry")).headers["etag"]
    lines = [("If-None-Match", '"another"'), ("If-None-Match", etag)]
    assert (await local.get("/registry", headers=lines)).status_code == 304


async def test_the_etag_is_weak_as_servers_tell_different_times(http):
    assert (await http.get("/registry")).headers["etag"].startswith('W/"')
