"""What a server offers is compared with what it offered before."""

import hashlib

import jcs

from llmring_server.mcp.definitions import Found, Known, difference


def tool(name, **members):
    return Found("tool", {"name": name, "inputSchema": {"type": "object"}, **members})


def known(found, **changes):
    members = {"kind": found.kind, "name": found.name, "digest": found.digest, "is_active": True}
    return Known(**{**members, **changes})


def test_a_digest_is_that_of_the_canonical_json():
    found = tool("é", description="d", annotations={"b": 1, "a": [1.0, 1e21]})
    assert found.digest == hashlib.sha256(jcs.canonicalize(dict(found.definition))).hexdigest()


def test_the_order_of_members_makes_no_difference():
    one, other = {"name": "a", "description": "d"}, {"description": "d", "name": "a"}
    assert Found("tool", one).digest == Found("tool", other).digest


def test_an_integer_that_no_double_holds_has_a_digest_too():
    digests = {tool("a", x=[2**53 + n]).digest for n in range(3)}
    assert len(digests) == 3


def test_what_is_new_changed_same_and_gone_is_told_apart():
    a, b, c, d = (tool(name) for name in "abcd")
    before = [known(a), known(b, digest="other"), known(c)]
    what = difference(before, [a, b, d], ["tool"])
    assert (what.added, what.changed, what.unchanged) == ([d], [b], [a])
    assert [each.name for each in what.removed] == ["c"]


def test_kinds_that_were_not_looked_for_cannot_have_gone():
    prompt = Found("prompt", {"name": "p"})
    assert difference([known(prompt)], [], ["tool"]).removed == []


def test_what_was_gone_already_does_not_go_again_but_comes_back():
    a = tool("a")
    gone = known(a, is_active=False)
    assert difference([gone], [], ["tool"]).removed == []
    assert difference([gone], [a], ["tool"]).unchanged == [a]


def test_of_two_with_one_name_the_first_counts():
    first, second = tool("a", description="1"), tool("a", description="2")
    assert difference([], [first, second], ["tool"]).added == [first]


def test_the_same_name_of_another_kind_is_another_thing():
    named = Found("prompt", {"name": "a"})
    assert difference([known(tool("a"))], [named], ["prompt"]).added == [named]
