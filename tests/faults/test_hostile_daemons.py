"""Who answers at a Docker daemon's socket may be anybody."""

import contextlib
import os
import socket
import struct
import tempfile
import threading
import time

import pytest

from support.images import Image, write_layout

PONG = b"HTTP/1.1 200 OK\r\nApi-Version: 1.41\r\nContent-Length: 2\r\nConnection: close\r\n\r\nOK"
HEAD = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"


@contextlib.contextmanager
def daemon(answer):
  """The URL of somebody who answers pings as a daemon does, and whatever else with `answer(send)`."""
  with tempfile.TemporaryDirectory(prefix="holkas-", dir="/tmp") as directory, \
       socket.socket(socket.AF_UNIX) as listener:
    listener.bind(directory + "/s")
    listener.listen(16)

    def serve(connection):
      with connection, contextlib.suppress(OSError):
        if b"/_ping" in connection.recv(65536):
          connection.sendall(PONG)
        else:
          answer(connection.sendall)

    def accept():
      with contextlib.suppress(OSError):
        while True:
          threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
    threading.Thread(target=accept, daemon=True).start()
    yield "unix://%s/s" % directory
    listener.shutdown(socket.SHUT_RDWR)


def header(name, size):
  """The header of a member whose size may be too large for octal digits."""
  block = bytearray(512)
  block[:len(name)] = name
  block[124:136] = b"\x80\0\0\0" + struct.pack(">Q", size)
  for offset, digits in ((100, 7), (108, 7), (116, 7), (136, 11)):
    block[offset:offset + digits] = b"0" * digits
  block[156:157] = b"0"
  block[257:263] = b"ustar\0"
  block[148:156] = b" " * 8
  block[148:155] = b"%06o\0" % sum(block)
  return bytes(block)


def worker_memory(programs):
  """The resident bytes of the largest worker; 0 where none runs."""
  sizes = [0]
  for pid in programs.workers():
    with contextlib.suppress(OSError, IndexError):
      with open("/proc/%d/statm" % pid, encoding="ascii") as file:
        sizes.append(int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE"))
  return max(sizes)


def test_endless_archive_takes_no_memory_and_ends_at_the_deadline(programs):
  largest = [0]
  stop = threading.Event()

  def endless(send):
    send(HEAD + header(b"layer.tar", 1 << 60))
    while True:
      send(b"x" * (1 << 20))

  def watch():
    while not stop.wait(0.05):
      largest[0] = max(largest[0], worker_memory(programs))
  watcher = threading.Thread(target=watch)
  watcher.start()
  with daemon(endless) as host:
    ended = programs.holkas("--command-timeout", "2s", "inspect", "--daemon-host", host,
                            "docker-daemon:a:1")
  stop.set()
  watcher.join()
  assert ended.code == 1 and "context deadline exceeded" in ended.stderr
  assert 0 < largest[0] < 64 << 20


@pytest.mark.parametrize("answer, says", [
    (b"HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\n<html>no</html>", "unexpected EOF"),
    (HEAD + header(b"manifest.json", 2) + b"[]" + bytes(510) + bytes(1024), "expected 1 item"),
    (HEAD + header(b"layer.tar", 5000) + b"x" * 1000, "unexpected EOF"),
    (HEAD + header(b"m", 1) + b"{" + bytes(511) + b'{"errorDetail":{"message":"a\\u001b[2J"}}',
     "Error response from daemon: a"),
    (b"HTTP/1.1 500 Oops\r\nContent-Length: 7\r\n\r\n\x1b[2Jbad", "Error response from daemon: "),
    (b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n",
     "HTTP status 302"),
    (b"", "error during connect"),
])
def test_what_is_no_image_is_an_error_without_control_characters(programs, answer, says):
  with daemon(lambda send: send(answer)) as host:
    ended = programs.holkas("inspect", "--daemon-host", host, "docker-daemon:a:1")
  assert ended.code == 1
  assert says in ended.stderr and "loading image from docker engine: " in ended.stderr
  assert "\x1b" not in ended.stderr


@pytest.mark.parametrize("messages, says", [
    (b"{}", "loading image into docker engine: "),
    (b'{"errorDetail":{"message":"no space left on device"}}', "no space left on device"),
])
@pytest.mark.parametrize("layers", [(1000,), (3_000_000,)], ids=["small", "large"])
def test_daemon_that_answers_before_the_end_is_no_success(programs, tmp_path, messages, says, layers):
  layout = write_layout(tmp_path / "layout", {"x": Image(layer_sizes=layers)})

  def answer(send):
    send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(messages), messages))
    time.sleep(1)  # as Go's server, which lets the client read before it hangs up
  with daemon(answer) as host:
    ended = programs.holkas("copy", "--dest-daemon-host", host, "oci:%s:x" % layout,
                            "docker-daemon:a:1")
  assert ended.code == 1
  assert says in ended.stderr
