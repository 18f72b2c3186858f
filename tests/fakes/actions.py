"""What a scripted registry does with a request in the place of the right thing.

Where an action takes `after`, it is a number of bytes of the body, or a function that says so of
the body: `FIRST`, `MIDDLE`, `LAST`.
"""

import bisect
import fcntl
import json
import socket
import struct
import termios
import time
import urllib.parse

FIRST = lambda body: 0
MIDDLE = lambda body: len(body) // 2
LAST = lambda body: max(0, len(body) - 1)


def answer(code, body=b"", headers=None):
  """Answers so, whatever was asked."""
  def act(handler, unused_body):
    handler.respond(code, body, headers or {})
  return act


def error(code, reason="UNKNOWN", headers=None):
  """Answers with an error as the distribution-spec has it."""
  body = json.dumps({"errors": [{"code": reason, "message": "scripted"}]}).encode()
  return answer(code, body, {"Content-Type": "application/json", **(headers or {})})


def replaced(change, declared=None):
  """Sends `change(body)`; `declared` is the Content-Length to lie with."""
  def act(handler, body):
    data = change(body)
    handler.respond(200, data, handler.truth, declared)
  return act


def wrong_bytes(at=LAST):
  """The right number of bytes, one bit of them flipped."""
  def change(body):
    position = count_of(at, body)
    return body[:position] + bytes([body[position] ^ 1]) + body[position + 1:]
  return replaced(change)


def count_of(after, body):
  return after(body) if callable(after) else after


def send_part(handler, body, after, headers=None):
  """A head that announces all of the body, and the part of it."""
  handler.send_response(200)
  for name, value in {**handler.truth, **(headers or {})}.items():
    handler.send_header(name, value)
  handler.send_header("Content-Length", str(len(body)))
  handler.end_headers()
  handler.wfile.write(body[:count_of(after, body)])
  handler.wfile.flush()


def set_to_reset(handler):
  handler.plain_connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                      struct.pack("ii", 1, 0))
  handler.close_connection = True


def raw(data, and_reset=False):
  """Sends these bytes as they are, and hangs up; they may be a function of the body."""
  def act(handler, body):
    handler.wfile.write(data(body) if callable(data) else data)
    handler.wfile.flush()
    handler.close_connection = True
    if and_reset:
      set_to_reset(handler)
  return act


def hang_up(after=0):
  """Sends `after` bytes of the body and ends the connection."""
  def act(handler, body):
    send_part(handler, body, after)
    handler.close_connection = True
  return act


def cut_chunks(after=0):
  """Sends `after` bytes of the body as one chunk, and no last one."""
  def act(handler, body):
    part = body[:count_of(after, body)]
    handler.send_response(200)
    for name, value in handler.truth.items():
      handler.send_header(name, value)
    handler.send_header("Transfer-Encoding", "chunked")
    handler.end_headers()
    if part:
      handler.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))
    handler.wfile.flush()
    handler.close_connection = True
  return act


def resets(cuts):
  """Serves ranges; each of `cuts` resets the connection once, when the peer has so many bytes.

  `registry.sent_bytes` counts what peers acknowledged.
  """
  left = sorted(cuts)

  def act(handler, body):
    first = int(handler.headers.get("Range", "bytes=0-").split("=")[1].split("-")[0])
    handler.send_response(206 if first else 200)
    handler.send_header("Content-Length", str(len(body) - first))
    if first:
      handler.send_header("Content-Range", "bytes %d-%d/%d" % (first, len(body) - 1, len(body)))
    handler.end_headers()
    with handler.registry.lock:
      at = bisect.bisect_right(left, first)
      end = left.pop(at) if at < len(left) else None
    handler.wfile.write(memoryview(body)[first:end])
    handler.wfile.flush()
    while _unacknowledged(handler.plain_connection) > 0:
      time.sleep(0.0005)
    if end is not None:
      set_to_reset(handler)
    with handler.registry.lock:
      handler.registry.resets += 1 if end is not None else 0
      handler.registry.sent_bytes += (len(body) if end is None else end) - first
  return act


def _unacknowledged(connection):
  return struct.unpack("i", fcntl.ioctl(connection.fileno(), termios.TIOCOUTQ, b"\0" * 4))[0]


def range_answer(headers, code=206):
  """Answers a range request with the right bytes and these headers, in which {first}, {last} and
  {total} stand for what is right."""
  def act(handler, body):
    first = int(handler.headers["Range"].split("=")[1].split("-")[0])
    handler.send_response(code)
    for name, value in headers:
      handler.send_header(name, value.format(first=first, last=len(body) - 1, total=len(body),
                                             other=first + 1))
    handler.send_header("Content-Length", str(len(body) - first))
    handler.end_headers()
    handler.wfile.write(body[first:])
  return act


def cut_upload(after):
  """Stores `after` bytes of an upload's body and resets the connection."""
  def act(handler, unused_body):
    handler.store_upload(after)
    set_to_reset(handler)
  act.takes_body = True
  return act


def after_upload(follow, stored=None):
  """Stores the upload's body, or `stored` bytes of it, and then does something else."""
  def act(handler, unused_body):
    handler.store_upload(stored, to_end=True)
    follow(handler, b"")
  act.takes_body = True
  return act


def upload_state(code, headers=None):
  """Answers with the code, and where the upload is."""
  def act(handler, unused_body):
    name = urllib.parse.urlsplit(handler.path).path.split("/")[-1]
    size = len(handler.registry.uploads.get(name, b""))
    handler.respond(code, b"", {"Location": handler.path, "Range": "0-%d" % max(0, size - 1),
                                **(headers or {})})
  return act


def short(missing=1, honest=True):
  """Leaves bytes out; `honest`: the Content-Length says so."""
  def act(handler, body):
    handler.respond(200, body[:-missing], handler.truth, None if honest else len(body))
    if not honest:
      handler.close_connection = True
  return act


def longer(more=b"and more"):
  return replaced(lambda body: body + more)


def without_length(change=lambda body: body):
  """Sends the body until the connection ends, without a Content-Length."""
  def act(handler, body):
    handler.close_connection = True
    handler.send_response(200)
    for name, value in handler.truth.items():
      handler.send_header(name, value)
    handler.end_headers()
    handler.wfile.write(change(body))
  return act


def stall(after=0):
  """Sends `after` bytes of the body and then nothing for as long as the peer waits."""
  def act(handler, body):
    send_part(handler, body, after)
    handler.wait_for_hangup()
  return act


def reset(after=0):
  """Sends `after` bytes of the body and resets the connection."""
  def act(handler, body):
    send_part(handler, body, after)
    set_to_reset(handler)
  return act


def slow(bytes_per_second):
  """Sends the body slowly and evenly."""
  def act(handler, body):
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    step = max(1, bytes_per_second // 50)
    for at in range(0, len(body), step):
      handler.wfile.write(body[at:at + step])
      time.sleep(0.02)
  return act


def tag_pages(page):
  """A list of tags of which `page(number)`, from 1, gives one page's body and the number, or URL, of
  the next, None for none."""
  def act(handler, unused_body):
    asked = urllib.parse.urlsplit(handler.path)
    body, following = page(int(urllib.parse.parse_qs(asked.query).get("page", ["1"])[0]))
    headers = {"Content-Type": "application/json"}
    if following is not None:
      url = following if isinstance(following, str) else "%s?page=%d" % (asked.path, following)
      headers["Link"] = '<%s>; rel="next"' % url
    handler.respond(200, body, headers)
  return act


def tags(names):
  """A page of these tags."""
  return json.dumps({"name": "app", "tags": names}).encode()
