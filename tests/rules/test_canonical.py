"""Canonical JSON: the vectors of RFC 8785, and what is refused before it can be signed."""

import json
import math
import struct

import jcs
import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from llmring_core import canonical
from support.json_values import json_values

# RFC 8785, appendix B: the bits of a double, and how it is written.
NUMBERS = {
    "0000000000000000": "0",
    "8000000000000000": "0",
    "0000000000000001": "5e-324",
    "8000000000000001": "-5e-324",
    "7fefffffffffffff": "1.7976931348623157e+308",
    "ffefffffffffffff": "-1.7976931348623157e+308",
    "4340000000000000": "9007199254740992",
    "c340000000000000": "-9007199254740992",
    "4430000000000000": "295147905179352830000",
    "44b52d02c7e14af5": "9.999999999999997e+22",
    "44b52d02c7e14af6": "1e+23",
    "44b52d02c7e14af7": "1.0000000000000001e+23",
    "444b1ae4d6e2ef4e": "999999999999999700000",
    "444b1ae4d6e2ef4f": "999999999999999900000",
    "444b1ae4d6e2ef50": "1e+21",
    "3eb0c6f7a0b5ed8c": "9.999999999999997e-7",
    "3eb0c6f7a0b5ed8d": "0.000001",
    "41b3de4355555553": "333333333.3333332",
    "41b3de4355555554": "333333333.33333325",
    "41b3de4355555555": "333333333.3333333",
    "41b3de4355555556": "333333333.3333334",
    "41b3de4355555557": "333333333.33333343",
    "becbf647612f3696": "-0.0000033333333333333333",
    "43143ff3c1cb0959": "1424953923781206.2",
}


def double(bits):
    return struct.unpack(">d", bytes.fromhex(bits))[0]


@pytest.mark.parametrize(("bits", "written"), NUMBERS.items())
def test_a_double_is_written_as_appendix_b_says(bits, written):
    assert canonical.dumps(double(bits)).decode() == written


@pytest.mark.parametrize(("bits", "written"), NUMBERS.items())
def test_what_was_written_for_a_double_is_read_as_that_double(bits, written):
    value = canonical.loads(written.encode())
    assert struct.pack(">d", value + 0.0) == struct.pack(">d", double(bits) + 0.0)


def test_members_are_sorted_by_utf_16_code_units():
    """RFC 8785, section 3.2.3: the emoji, a surrogate pair, goes before the Hebrew letter."""
    names = ["\u20ac", "\r", "\ufb33", "1", "\U0001f600", "\u0080", "\u00f6"]
    written = canonical.dumps(dict.fromkeys(names, 0))
    order = [pair[0] for pair in json.loads(written, object_pairs_hook=list)]
    assert order == ["\r", "1", "\u0080", "\u00f6", "\u20ac", "\U0001f600", "\ufb33"]


def test_the_example_of_section_3_2_2_is_written_as_there():
    text = rb"""{
      "numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],
      "string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/",
      "literals": [null, true, false]
    }"""
    assert canonical.dumps(canonical.loads(text)).decode() == (
        '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],'
        '"string":"\u20ac$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}'
    )


@given(json_values)
def test_another_implementation_writes_the_same(value):
    assert canonical.dumps(value) == jcs.canonicalize(value)


@given(json_values)
def test_the_fast_path_writes_the_same_as_the_library(value):
    assert canonical.dumps(value) == rfc8785.dumps(value)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_double_is_written_as_the_library_writes_it(value):
    assert canonical.dumps(value) == rfc8785.dumps(value)


@given(json_values)
def test_what_was_written_is_read_and_written_the_same_again(value):
    written = canonical.dumps(value)
    assert canonical.dumps(canonical.loads(written)) == written


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"tokens": {"input": 9007199254740993}}', "(write it as text) at $.tokens.input"),
        ('{"a": [0, -9007199254740995]}', "(write it as text) at $.a[1]"),
        ('{"a": 100000000000000000001}', "(write it as text) at $.a"),
        ('{"a": 1000000000000000000000}', "(write it as text) at $.a"),
        ('{"a": NaN}', "not a JSON number at $.a"),
        ('{"a": [Infinity]}', "not a JSON number at $.a[0]"),
        ('{"a": -Infinity}', "not a JSON number at $.a"),
        ('{"a": 1e400}', "number out of range at $.a"),
        ('{"a": {"b": 1, "b": 1}}', "duplicate member name at $.a.b"),
        ('{"a": {"b": 1, "\\u0062": 2}}', "duplicate member name at $.a.b"),
        ('{"a b": {"\\n": NaN}}', 'not a JSON number at $["a b"]["\\n"]'),
        ('{"a": ["\\ud800"]}', "lone surrogate at $.a[0]"),
        ('{"a": {"\\udc00": 1}}', "lone surrogate at $.a"),
        ("[" * 251 + "]" * 251, "nested more than 250 deep"),
        ("[" * 100_000, "nested more than 250 deep"),
        ("[9007199254740993," + "[" * 100_000 + "]" * 100_001, "nested more than 250 deep"),
        ('\ufeff{"a": 1}', "Expecting value"),
        ("{'a': 1}", "property name"),
        ("", "Expecting value"),
    ],
)
def test_what_not_every_reader_would_read_alike_is_refused_with_its_place(text, reason):
    with pytest.raises(json.JSONDecodeError) as refused:
        canonical.loads(text.encode())
    assert reason in refused.value.msg


def test_what_is_not_utf_8_is_refused_with_its_place():
    with pytest.raises(json.JSONDecodeError) as refused:
        canonical.loads(b'{"a": "\xff"}')
    assert (refused.value.msg, refused.value.pos) == ("not UTF-8", 7)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("9007199254740991", 2**53 - 1),
        ("-9007199254740991", 1 - 2**53),
        # Beyond, but just what RFC 8785 writes for a double.
        ("9007199254740992", 2.0**53),
        ("100000000000000000000", 1e20),
        ("9007199254740993.0", 2.0**53),
        ("-0", 0),
        ('"\\ud83d\\ude00"', "\U0001f600"),
        ('"\\u0000"', "\0"),
    ],
)
def test_what_every_reader_reads_alike_is_read(text, value):
    assert canonical.loads(text.encode()) == value


def test_the_place_of_a_fault_is_told_briefly_however_long_a_name_is():
    with pytest.raises(json.JSONDecodeError) as refused:
        canonical.loads(b'{"' + b"x" * 100_000 + b'": NaN}')
    assert len(refused.value.msg) < 300


@pytest.mark.parametrize("value", [math.nan, math.inf, 2**53, {1: 2}, "\ud800", object()])
def test_a_value_without_a_canonical_form_is_not_written(value):
    with pytest.raises((ValueError, TypeError)):
        canonical.dumps({"a": value})


def test_what_is_nested_250_deep_is_read():
    assert canonical.depth(canonical.loads(b"[" * 250 + b"]" * 250)) == 250


@pytest.mark.parametrize(("value", "deep"), [(1, 0), ([], 1), ({"a": [1, {}]}, 3)])
def test_depth_counts_arrays_and_objects(value, deep):
    assert canonical.depth(value) == deep
