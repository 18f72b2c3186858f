"""Kinds of trouble with what a registry answers, at a place of its body."""

from fakes import actions as fake

# What is said of heads and chunks that are none.
HEADS, CHUNKS = "more than 65536 bytes of headers or 100 heads", "in chunked-encoding"
POSITIONS = {"first": fake.FIRST, "middle": fake.MIDDLE, "last": fake.LAST}


def _http(body, *headers, status=b"HTTP/1.1 200 OK"):
  return b"\r\n".join([status, *headers, b"", body])


def _length(body):
  return b"Content-Length: %d" % len(body)


def passing(at):
  """Kinds that pass: action and how often; a blob and a manifest survive them."""
  kinds = {
      "reset in the body": (fake.reset(at), 1),
      "hang-up in the body": (fake.hang_up(at), 1),
      "last chunk missing": (fake.cut_chunks(at), 1),
      "reset before the head": (fake.raw(b"", and_reset=True), 2),
      "hang-up before the head": (fake.raw(b""), 2),
      "Retry-After in seconds": (fake.error(429, headers={"Retry-After": "1"}), 1),
      "Retry-After 0": (fake.error(503, headers={"Retry-After": "0"}), 3),
      "Retry-After garbage": (fake.error(429, headers={"Retry-After": "soon"}), 1),
      "Retry-After negative": (fake.error(429, headers={"Retry-After": "-5"}), 1),
      "Retry-After past date": (fake.error(
          503, headers={"Retry-After": "Sun, 06 Nov 1994 08:49:37 GMT"}), 1),
      "HTTP/1.0": (fake.raw(lambda b: _http(b, _length(b), status=b"HTTP/1.0 200 OK")), None),
      "HTTP/1.0 without a length": (fake.raw(lambda b: _http(b, status=b"HTTP/1.0 200 OK")), None),
      "junk after the body": (fake.raw(lambda b: _http(b, _length(b)) + b"HTTP/1.1 200 OK\r\n"),
                              None),
      "content encoding that is none": (fake.raw(
          lambda b: _http(b, _length(b), b"Content-Encoding: gzip")), None),
      "interim answers": (fake.raw(
          lambda b: b"HTTP/1.1 103 Early Hints\r\n\r\n" * 5 + _http(b, _length(b))), None),
  }
  for status in (408, 429, 500, 502, 503, 504):
    kinds["status %d" % status] = (fake.error(status), 2 if status == 500 else 1)
  return kinds


def lasting(at):
  """Kinds that stay: action, and what the message says, of a blob and of a manifest."""
  redirect = lambda where: fake.answer(307, b"", {"Location": where} if where else {})
  kinds = {
      "one bit wrong": (fake.wrong_bytes(at), "sha256:", "announced"),
      "longer": (fake.longer(), "announces", "announced"),
      "shorter": (fake.short(), "announces", "announced"),
      "empty": (fake.replaced(lambda body: b""), "announces 0", "announced"),
      "longer without a length": (fake.without_length(lambda b: b + b"x"), "more than", "announced"),
      "shorter without a length": (fake.without_length(lambda b: b[:fake.count_of(at, b)]), "bytes",
                                   "announced"),
      "HTML page": (fake.answer(200, b"<html>welcome</html>"), "announces", ""),
      "redirect to itself": (redirect("?again"), "redirects", "redirects"),
      "redirect to a file": (redirect("file:///etc/passwd"), "Location", "Location"),
      "redirect to nowhere": (redirect(None), "Location", "Location"),
      "redirect to an inner address": (redirect("http://127.0.0.2:1/x"), "127.0.0.2", "127.0.0.2"),
      "redirect with a password": (redirect("http://a:b@127.0.0.1:1/"), "", ""),
      "not HTTP": (fake.raw(b"220 smtp.test ESMTP\r\n"), "", ""),
      "endless header": (fake.raw(_http(b"", b"X: " + b"x" * (1 << 20))), HEADS, HEADS),
      "flood of headers": (fake.raw(_http(b"", *[b"X-%d: x" % i for i in range(20_000)])), HEADS,
                           HEADS),
      "flood of interim answers": (fake.raw(b"HTTP/1.1 100 Continue\r\n\r\n" * 1000), HEADS,
                                   HEADS),
      "bad chunk size": (fake.raw(_http(b"zz\r\n", b"Transfer-Encoding: chunked")), CHUNKS,
                         CHUNKS),
      "negative length": (fake.raw(_http(b"", b"Content-Length: -1")), "", ""),
      "length beyond numbers": (fake.raw(_http(b"", b"Content-Length: " + b"9" * 30)), "", ""),
      "two lengths": (fake.raw(lambda b: _http(b, _length(b), b"Content-Length: 1")), "", ""),
      "status 999": (fake.raw(_http(b"", b"Content-Length: 0", status=b"HTTP/1.1 999 X")), "", ""),
      "NUL in a header": (fake.raw(_http(b"", b"X: a\0b", b"Content-Length: 0")), "", ""),
  }
  for status in (400, 401, 403, 404, 405, 410, 413, 418, 451, 501):
    kinds["status %d" % status] = (fake.error(status), "", "")
  return kinds
