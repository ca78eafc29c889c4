"""JSON from strangers."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmring_core.strict_json import loads

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.text(st.characters(codec="utf-8")),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(codec="utf-8")), inner),
)


@given(VALUES)
def test_what_is_storable_is_read_as_it_is(value):
    body = json.dumps(value).encode()
    if "\\u0000" in body.decode():
        return
    assert loads(body) == value


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"NaN",
        b"[Infinity]",
        b"-Infinity",
        b"1e400",
        b'{"a": [1, -1e999]}',
        b"9" * 5000,
        b'"\\u0000"',
        b'{"a": {"b": ["x\\u0000"]}}',
        b'{"a\\u0000": 1}',
        b'"\x00"',
        b'"\\ud800"',
        b'{"\\udfff": 1}',
        b"\xff",
        b'"\xed\xa0\x80"',
        b"[" * 100_000,
        b'{"a":' * 500 + b"1" + b"}" * 500,
        b"{} {}",
        b"{'a': 1}",
    ],
)
def test_what_is_not_is_refused(body):
    with pytest.raises(json.JSONDecodeError):
        loads(body)


def test_the_place_of_a_nul_is_named():
    with pytest.raises(json.JSONDecodeError, match=r"NUL character at \$\.a\[1\]"):
        loads(b'{"a": ["x", "\\u0000"]}')


def test_an_escaped_backslash_before_u0000_is_no_nul():
    assert loads(rb'"\\u0000"') == "\\u0000"


def test_surrogate_pairs_are_characters():
    assert loads(b'"\\ud83d\\ude00"') == "\N{GRINNING FACE}"
