"""A registry that is not as it should be fails no call, and nothing is priced by a guess."""

import copy
import json

import pytest

from support.projects import Project
from support.upstream import REGISTRY

MODEL = REGISTRY["openai"]["models"]["openai:gpt-4.1"]
ODD = [5, 0.5, -1, True, "", "x", [], [["a"]], [5], {}, {"a": 1}, 1e300, 10**4000]


def registry_with(file=None, **members):
    """The small registry, but for members of one model, or of the file that has it."""
    registry = copy.deepcopy(REGISTRY)
    registry["openai"] |= file or {}
    registry["openai"]["models"]["openai:gpt-4.1"] |= members
    return registry


async def of_all(project):
    """All that comes of prices: the cost of a call, its explanation, the sums, the registry."""
    logged = await project.logs()
    explained = await project.reads(f"/api/v1/logs/{logged['log_id']}")
    assert explained["cost"] == logged["cost"]
    await project.reads("/api/v1/stats")
    await project.reads("/registry?capabilities=vision")
    return logged


@pytest.mark.parametrize("value", ODD, ids=lambda value: repr(value)[:12])
@pytest.mark.parametrize("member", sorted({*MODEL, "long_context_threshold_tokens"}))
async def test_an_odd_member_of_a_model_fails_nothing(starts, upstream, member, value):
    upstream.serve(registry_with(**{member: value}))
    client = await starts()
    await client.app.state.registry.renew()
    assert (await of_all(Project(client, "key")))["cost_status"] in ("priced", "unpriced")


@pytest.mark.parametrize("value", ODD, ids=lambda value: repr(value)[:12])
async def test_an_odd_version_of_a_file_is_not_kept(starts, upstream, value):
    upstream.serve(registry_with({"version": value}))
    client = await starts()
    await client.app.state.registry.renew()
    assert (await of_all(Project(client, "key")))["cost_status"] == "priced"


@pytest.mark.parametrize("number", ["1e400", "-1e400", "NaN", "Infinity"])
async def test_a_file_with_what_is_no_number_of_json_is_refused(starts, upstream, number):
    client = await starts(cache_ttl=0)
    await client.get("/registry")
    file = json.dumps(registry_with(max_input_tokens="HERE")["openai"])
    upstream.files["openai/models.json"] = file.replace('"HERE"', number).encode()
    await client.app.state.registry.renew()
    assert "Infinity" not in (await client.get("/registry")).text
    assert (await of_all(Project(client, "key")))["cost_status"] == "priced"
