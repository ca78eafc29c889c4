"""What strangers send: bodies, values, headers, paths and queries, for any endpoint."""

import gzip
import json

from support.odd_values import VALUES

NO_ID = b"01890a5d-ac96-774b-bcce-b302099a8057"
CAP = 10 * 1024 * 1024
RECEIPT_CAP = 512 * 1024

# Beside those that are JSON: what some parsers take, and what no database can keep.
SPELLINGS = [
    *VALUES,
    b"1e400", b"-1e400", b"NaN", b"-Infinity", b"0x10", b"012", b"+1", b".5", b"1.", b"1_000",
    b"0.30000000000000004", b"9007199254740993", b"18446744073709551616", b"5e-324", b"1e-320",
    b"9" * 10_000, b"0." + b"0" * 10_000 + b"1", b"1" + b"0" * 308, b"2" + b"0" * 308,
    b'"\\u0000"', b'"a\x00b"', b'"a\nb"', b'"\\ud800"', b'"\\udfff\\ud800"', b'"\xff"',
    b'"\xed\xa0\x80"', b'"\xc0\xaf"', b'"\xf4\x90\x80\x80"', b"'a'", b"undefined", b"",
    b'"9999-12-31T23:59:60Z"', b'"-271821-04-20"', b'"PT1H"', b"[[[[]]]]", b'["a", null, 1, {}]',
    b'"01890a5d-ac96-774b-bcce-b302099a8057"', b'"ffffffff-ffff-ffff-ffff-ffffffffffff"',
    b'"https://127.0.0.1:1/"', b'"http://[::1"', b'"http://\\u0000@x"', b'"file:///etc/passwd"',
    b'{"type": "bearer", "token": "a\\r\\nb"}', b'{"type": "header", "name": "Host", "value": "x"}',
    b'{"constructor": {"prototype": {}}}', b'{"$ref": "http://127.0.0.1:9/"}', b'"{{{{a}}}}"',
    b'{"\\ud800": 1}', b'{"a\\u0000": 1}', b'[{"role": "user"}, {"role": null}]',
]  # fmt: skip
# For members that are not at the top: one of each kind.
FEW = [b"null", b"true", b"-1", b"1e400", b"9" * 400, b'""', b'"\\u0000"', b'"\\ud800"', b"[]",
       b"{}", b'"' + b"x" * 20_000 + b'"', b'{"__proto__": [1]}']  # fmt: skip


def deep(depth, opening=b"[", closing=b"]"):
    return opening * depth + closing * depth


def bodies(example):
    """Whole bodies, most of them made of one that would be taken."""
    body = json.dumps(example).encode()
    return [
        b"", b" \r\n\t ", b"\x00", b"null", b"true", b"0", b'""', b"[]", b"{}", b"[[]]", b"[{}]",
        b"[null]", b'{"": null}', b'{"__proto__": {"a": 1}}', body[:-1], body + body,
        body + b"\x00", b"\xef\xbb\xbf" + body, body.decode().encode("utf-16"),
        body.decode().encode("utf-32-le"), b"\xff" + body, b"[" + body + b"]", b"/**/" + body,
        b'{"a": ' + body + b"}", body.replace(b'"', b"'"), body.replace(b":", b"=") + b"&a=1",
        body.replace(b"{", b'{"a": 1, "a": 2, ', 1), body.replace(b'"', b'"\\ud800', 1),
        body.replace(b'"', b'"\x00', 1), body.replace(b'"', b'"\\u0000', 1),
        deep(100), deep(10_000), deep(100, b'{"a":[', b"]}"), b"1e400", b"[NaN]", b"9" * 10_000,
        gzip.compress(body), b"<?xml version='1.0'?><!DOCTYPE a [<!ENTITY b SYSTEM 'file:///'>]>",
    ]  # fmt: skip


def heavy_bodies(example):
    """Whole bodies that are much work for somebody."""
    body = json.dumps(example).encode()
    members = {f"m{number}": number for number in range(100_000)}
    return [
        b"[" + b",".join([body] * 1001) + b"]", deep(100_000), b"[" * 100_000,
        deep(100_000, b'{"a":', b"}"), b'{"' + b"n" * 1_000_000 + b'": 1}', b"9" * 100_000,
        json.dumps(members).encode(), json.dumps(list(members)).encode(),
    ]  # fmt: skip


def large_bodies(example):
    """Just under and just over what is read."""
    body = json.dumps(example).encode()
    sizes = (RECEIPT_CAP, CAP, RECEIPT_CAP + 1, CAP + 1)
    padded = [body + b" " * (size - len(body)) for size in sizes]
    return [*padded, b'"' + b"x" * (CAP - 2) + b'"']


HEADERS = [
    (name, value)
    for name, values in {
        b"X-API-Key": [b"two", b"", b"x" * 256, b"a b", b"\xc3\xb1", b"\x80"],
        b"Authorization": [b"Bearer two", b"Basic YTpi", b"Bearer", b"\xff", b"Bearer \xc3\xb1"],
        b"Idempotency-Key": [b'"a"', b"\xff", b"x" * 256, b"a b", b"", b"'; drop table x; --"],
        b"Content-Type": [b"text/plain", b"application/json", b"multipart/form-data", b"\xff", b"",
                          b"application/json; charset=utf-7", b"application/xml;application/json"],
        b"Content-Encoding": [b"gzip", b"br", b"identity, gzip", b"\xff", b"gzip, gzip"],
        b"Accept": [b"text/html;q=0", b"\xff", b"*/*" * 2_000],
        b"Accept-Encoding": [b"br;q=x, *;q=0"],
        b"Range": [b"bytes=0-0,-1,5-3", b"bytes=0-" + b"9" * 100, b"lines=1"],
        b"If-None-Match": [b"*", b'W/"', b'"x", ' * 2_000, b"\xff"],
        b"If-Modified-Since": [b"yesterday", b"Thu, 01 Jan 0001 00:00:00 GMT"],
        b"Host": [b"", b"evil.example:99999", b"[::1", b"a/b?c#d", b"\xff", b"' or 1=1"],
        b"Origin": [b"null", b"http://evil.example", b"http://localhost:5173", b"\xff"],
        b"X-Forwarded-For": [b"127.0.0.1", b"::1, unknown, \xff", b"1," * 2_000],
        b"X-Forwarded-Proto": [b"https", b"javascript"],
        b"X-Forwarded-Host": [b"evil.example"],
        b"X-Forwarded-Prefix": [b"//evil.example"],
        b"Forwarded": [b"for=127.0.0.1;host=evil.example;proto=https"],
        b"X-HTTP-Method-Override": [b"DELETE"],
        b"X-Original-URL": [b"/api/v1/admin/keys"],
        b"X-Request-Id": [b"a\xffb", b"x" * 129, b"../../etc", b"ok"],
        b"traceparent": [b"00-" + b"f" * 32 + b"-" + b"0" * 16 + b"-01", b"ff-x-y", b"\xff" * 55],
        b"tracestate": [b"a=b," * 500],
        b"Cookie": [b"a=" + b"x" * 8_000, b"=;;=\xff"],
        b"Expect": [b"200-maybe"],
        b"Upgrade": [b"h2c"],
        b"X-" + b"n" * 2_000: [b"v"],
        b"Long": [b"v" * 30_000],
    }.items()
    for value in values
]  # fmt: skip
MANY = [(b"X-%d" % number, b"v") for number in range(500)]
# Heads that are no HTTP, or that the server and a proxy before it might read in two ways.
HEADS = [
    [(b"Content-Length", b"2"), (b"Content-Length", b"3")],
    [(b"Content-Length", b"2, 2")],
    [(b"Content-Length", b"-1")],
    [(b"Content-Length", b"+2")],
    [(b"Content-Length", b"0x2")],
    [(b"Content-Length", b"9" * 30)],
    [(b"Content-Length", b"2"), (b"Transfer-Encoding", b"chunked")],
    [(b"Transfer-Encoding", b"chunked, identity")],
    [(b"Transfer-Encoding", b"xchunked"), (b"Content-Length", b"2")],
    [(b"Transfer-Encoding", b"chunked"), (b"Transfer-Encoding", b"cow")],
    [(b"X", b"a\x00b")],
    [(b"X", b"a\rb")],
    [(b"X", b"a\nSet-Cookie: b")],
    [(b"X\x00", b"a")],
    [(b"X ", b"a")],
    [(b"", b"a")],
    [(b"X" * 70_000, b"a")],
    [(b"Host", b"a"), (b"Host", b"b")],
]

# For a name in a path, and after it.
NAMES = [
    b"%00", b"%ff", b"%c0%af", b"%ed%a0%80", b"..", b"%2e%2e%2f%2e%2e", b"%2f", b"%252f", b"%5c",
    b"%", b"%zz", b"'", b"%7Bid%7D", b"a" * 5_000, b"\xc3\xb1", b"%F0%9F%98%80", b"0", b"null",
    NO_ID.upper(), b"{" + NO_ID + b"}", b"urn:uuid:" + NO_ID, NO_ID + b"%00", NO_ID + b";a=b",
    NO_ID[:-1], NO_ID.replace(b"-", b""), b"f" * 32, b"0" * 8 + NO_ID[8:], b"%0d%0aX:%20y", b"*",
    b"\x80\xff",
]  # fmt: skip
TAILS = [
    b"/", b"//", b"/..", b"/%2e%2e/", b"/.", b"%00", b"%20", b"%0a", b"/%2f..%2f..%2fetc%2fpasswd",
    b";jsessionid=1", b"#a", b"?" + b"a" * 30_000, b"/" + b"b" * 30_000, b"/%c0%ae%c0%ae/",
    b".json", b"?&&=&=1&%=%&a[]=1", b"?" + b"a=1&" * 3_000,
]  # fmt: skip
# Whole targets, in forms that a path does not have.
TARGETS = [
    b"*", b"//evil.example/", b"http://evil.example/api/v1/logs", b"/../../etc/passwd", b"/\xff",
    b"/%2e%2e/%2e%2e/health", b"//health", b"/./health", b"/health\\", b"/api//v1/logs", b"/%",
    b"/api/v1/logs%3flimit=1", b"/docs/../api/v1/logs", b"/openapi.json/", b"/a" * 20_000, b"?",
    b"", b"/nothing/at/all", b"/\x00", b"/a b", b"/static/..%5c..%5c",
]  # fmt: skip

VALUES_OF_QUERIES = [
    b"-1", b"0", b"1", b"1.5", b"1e3", b"9" * 30, b"2147483648", b"9223372036854775807", b"%00",
    b"%ff", b"true", b"null", b"%D9%A3", b"", b"%20", b"x" * 300, b"'", b"2026-02-30",
    b"0001-01-01T00:00:00%2B14:00", b"9999-12-31T23:59:59-14:00", b"../etc/passwd", b"UTC", b"a%00",
    NO_ID, b"%F0%9F%98%80", b"bnVsbA", b"A" * 199, b"MHww", b"%7B%22a%22%3A1%7D",
    b"MjAyNi0wMS0wMVQwMDowMDowMHwwMTg5MGE1ZC1hYzk2LTc3NGItYmNjZS1iMzAyMDk5YTgwNTc", b"day", b"csv",
    b"%25%25%5C%5C", b"%22%20%26%20!%20(", b"1&{name}=2", b"1&{name}=%00",
]  # fmt: skip
