"""Whatever body a stranger sends is answered at once, in plain words, and leaves nothing."""

import pytest

from support.odd_values import VALUES
from support.stranger import json_of, raw

BODIES = {
    "nothing": b"",
    "white space": b" \n\t ",
    "a NUL": b"\x00",
    "half an object": b'{"provider": "openai"',
    "two objects": json_of() * 2,
    "an empty object": b"{}",
    "null": b"null",
    "a list": b"[]",
    "a list of calls": b"[" + json_of() + b"]",
    "a text": b'"text"',
    "a number": b"1",
    "true": b"true",
    "not JSON": b"provider=openai&model=gpt-4.1",
    "single quotes": b"{'provider': 'openai'}",
    "a comment": b"/* */" + json_of(),
    "a trailing comma": json_of()[:-1] + b",}",
    "a byte order mark": b"\xef\xbb\xbf" + json_of(),
    "UTF-16": json_of().decode().encode("utf-16"),
    "UTF-32": json_of().decode().encode("utf-32"),
    "invalid UTF-8": raw("origin", b'"\xff\xfe"'),
    "overlong UTF-8": raw("origin", b'"\xc0\x80"'),
    "a surrogate in UTF-8": raw("origin", b'"\xed\xa0\x80"'),
    "an escaped surrogate": raw("origin", b'"\\ud800"'),
    "surrogates the wrong way round": raw("origin", b'"\\udc00\\ud800"'),
    "an escaped NUL": raw("origin", b'"\\u0000"'),
    "an escaped NUL in metadata": raw("metadata", b'{"a": ["\\u0000"]}'),
    "an escaped NUL in a name": raw("metadata", b'{"\\u0000": 1}'),
    "an escaped NUL in an unknown member": raw("other", b'"\\u0000"'),
    "a raw line feed": raw("origin", b'"a\nb"'),
    "a raw NUL": raw("origin", b'"a\x00b"'),
    "NaN": raw("cost", b"NaN"),
    "Infinity": raw("cost", b"Infinity"),
    "-Infinity": raw("cost", b"-Infinity"),
    "NaN in metadata": raw("metadata", b'{"a": NaN}'),
    "a number beyond a double": raw("cost", b"1e400"),
    "one in metadata": raw("metadata", b'{"a": [1e400]}'),
    "one of many digits": raw("metadata", b'{"a": ' + b"9" * 400 + b"}"),
    "one of digits and an exponent": raw("metadata", b'{"a": ' + b"9" * 250 + b"e99}"),
    "one with a zero exponent before": raw("metadata", b'{"a": 1e0400}'),
    "one of very many digits": raw("metadata", b'{"a": ' + b"9" * 100_000 + b"}"),
    "a hundred thousand lists": b"[" * 100_000,
    "a hundred thousand lists, closed": b"[" * 100_000 + b"]" * 100_000,
    "a hundred thousand objects": b'{"a":' * 100_000,
    "deep metadata": raw("metadata", b'{"a":' * 100_000 + b"1" + b"}" * 100_000),
    "an octal number": raw("input_tokens", b"0123"),
    "a hexadecimal number": raw("input_tokens", b"0x10"),
    "a plus sign": raw("input_tokens", b"+1"),
    "a bare point": raw("cost", b".5"),
}


async def test_a_hostile_body_is_refused(stranger):
    for body in BODIES.values():
        await stranger.is_refused(body)


async def test_a_hostile_body_is_refused_as_a_batch_too(stranger):
    for name, body in BODIES.items():
        if not name.startswith("a list"):
            await stranger.is_refused(body, "/api/v1/log/batch")


FIELDS = [
    "provider", "model", "input_tokens", "output_tokens", "cached_input_tokens", "alias",
    "profile", "cost", "latency_ms", "origin", "id_at_origin", "metadata", "timestamp", "other",
]  # fmt: skip


@pytest.mark.parametrize("field", FIELDS)
async def test_an_odd_value_is_taken_or_refused_and_what_is_taken_can_be_read(stranger, field):
    for value in VALUES:
        await stranger.posts(raw(field, value))
        await stranger.posts(b"[" + raw(field, value) + b"]", "/api/v1/log/batch")
    for path in ("/api/v1/logs?limit=1000", "/api/v1/logs/export", "/api/v1/stats"):
        assert (await stranger.sends("GET", path)).status_code == 200


@pytest.mark.parametrize("field", ["provider", "model", "alias", "profile", "origin"])
async def test_a_label_has_at_most_255_characters(stranger, field):
    assert (await stranger.posts(json_of(**{field: "ñ" * 255}))).status_code == 200
    assert (await stranger.posts(json_of(**{field: "ñ" * 256}))).status_code == 422


@pytest.mark.parametrize("field", ["input_tokens", "output_tokens", "latency_ms", "cost"])
async def test_no_quantity_is_negative(stranger, field):
    assert (await stranger.posts(json_of(**{field: -1}))).status_code == 422


@pytest.mark.parametrize("path", ["/api/v1/log", "/api/v1/log/batch"])
async def test_a_body_over_ten_megabytes_is_too_large(stranger, path):
    body = json_of(metadata={"a": "x" * 11_000_000})
    assert (await stranger.posts(body, path)).status_code == 413


@pytest.mark.parametrize("path", ["/api/v1/log", "/api/v1/log/batch"])
async def test_a_body_that_does_not_say_its_length_is_counted(stranger, path):
    async def chunks():
        for _ in range(11):
            yield b" " * 1_000_000

    assert (await stranger.posts(chunks(), path)).status_code == 413


async def test_a_large_body_within_the_limit_is_taken(stranger):
    body = json_of(metadata={"a": "x" * 9_000_000})
    assert (await stranger.posts(body)).status_code == 200


async def test_a_false_content_length_breaks_nothing(stranger):
    for length in ["-1", "abc", "1e3", "9" * 20, "9" * 10_000, "0", "١", ""]:
        await stranger.posts(json_of(), pairs=[(b"Content-Length", length.encode())])


KINDS = [
    "text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "image/png", "",
    "json", "application/json; charset=utf-16", "application/xml", "/", ";", "é", "a" * 10_000,
]  # fmt: skip


async def test_an_odd_content_type_breaks_nothing(stranger):
    for kind in KINDS:
        await stranger.posts(json_of(), headers={"Content-Type": kind.encode()})
