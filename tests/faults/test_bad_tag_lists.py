"""Registries whose lists of tags never end, lead elsewhere, or are none."""

import json
import os
import re
import shutil
import signal
import subprocess
import time

import pytest

from fakes.actions import reset, stall, tag_pages, tags


def list_tags(programs, server, scripted, **more):
  return programs.holkas("list-tags", "--tls-verify=false", "docker://%s/app" % scripted.address,
                         server=server, **more)


def refused(result):
  """The message of a list that failed: it shows nothing of what came before."""
  assert result.code == 1, result
  assert result.stdout == ""
  found = re.search(r'level=fatal msg="(Error listing repository tags: .*)"\n$', result.stderr)
  assert found, result
  return found[1]


class TestEndless:

  def test_tags_without_end(self, programs, shared_server, scripted):
    names = ["tag-%d" % i for i in range(50_000)]
    scripted.on("GET", "/tags/list", tag_pages(lambda n: (tags(names), n + 1)))
    assert "more than 1000000 tags" in refused(list_tags(programs, shared_server, scripted))
    # The twentieth page holds the last tag that is taken.
    assert len(scripted.asked("GET", "/tags/list")) == 21

  def test_bytes_without_end(self, programs, shared_server, scripted):
    names = ["t" * 1000] * 8000
    scripted.on("GET", "/tags/list", tag_pages(lambda n: (tags(names), n + 1)))
    assert "67108864 bytes of tags" in refused(list_tags(programs, shared_server, scripted))

  def test_pages_without_end(self, programs, shared_server, scripted):
    scripted.on("GET", "/tags/list", tag_pages(lambda n: (tags(["t%d" % n]), n + 1)))
    assert "more than 10000 pages" in refused(list_tags(programs, shared_server, scripted))
    assert len(scripted.asked("GET", "/tags/list")) == 10_000

  def test_page_without_end(self, programs, shared_server, scripted):
    def act(handler, unused_body):
      handler.close_connection = True
      handler.send_response(200)
      handler.end_headers()
      handler.wfile.write(b'{"tags":["a"')
      while True:
        handler.wfile.write(b" " * 65536)

    scripted.on("GET", "/tags/list", act)
    assert "more than 16777216 bytes" in refused(list_tags(programs, shared_server, scripted))

  def test_tag_without_end(self, programs, shared_server, scripted):
    for size, limit in ((1 << 12, "1024 bytes in a tag"), (15 << 20, "65536 bytes")):
      scripted.rules.clear()
      scripted.on("GET", "/tags/list", tag_pages(lambda n, size=size: (tags(["t" * size]), None)))
      assert limit in refused(list_tags(programs, shared_server, scripted))


class TestLinks:

  def test_page_that_comes_again(self, programs, shared_server, scripted):
    scripted.on("GET", "/tags/list", tag_pages(lambda n: (tags(["t%d" % n]), n % 3 + 1)))
    assert "comes back to a page" in refused(list_tags(programs, shared_server, scripted))
    assert len(scripted.asked("GET", "/tags/list")) <= 4

  @pytest.mark.parametrize("url", [
      "http://169.254.169.254/latest/meta-data", "http://127.0.0.1:1/v2/app/tags/list?page=2",
      "https://registry.example.com/v2/app/tags/list", "//registry.example.com/x",
  ])
  def test_page_elsewhere(self, programs, shared_server, scripted, url):
    scripted.on("GET", "/tags/list", tag_pages(lambda n: (tags(["t"]), url)))
    assert "in another place" in refused(list_tags(programs, shared_server, scripted))
    assert len(scripted.asked("GET")) == 1

  @pytest.mark.parametrize("url", ["file:///etc/passwd", "http://[", "gopher://x/"])
  def test_page_nowhere(self, programs, shared_server, scripted, url):
    scripted.on("GET", "/tags/list", tag_pages(lambda n: (tags(["t"]), url)))
    assert "the next page" in refused(list_tags(programs, shared_server, scripted))


class TestBodies:

  @pytest.mark.parametrize("body", [
      b"", b"<html>welcome to the portal</html>", b"[]", b"null", b'{"tags":{}}', b'{"tags":[1]}',
      b'{"tags":[["a"]]}', b'{"tags":["a"', b'{"tags":["a"]}x', b'{"tags":["\xff"]}',
      b'{"tags":["a"],"tags":["b"]}', b"[" * 100_000, b'{"a":' + b"[" * 1_000_000,
  ], ids=lambda body: repr(body[:20]))
  def test_what_is_no_list(self, programs, shared_server, scripted, body):
    scripted.on("GET", "/tags/list", tag_pages(lambda n: (body, None)))
    assert "the list of tags" in refused(list_tags(programs, shared_server, scripted))

  def test_second_page_that_is_no_list(self, programs, shared_server, scripted):
    scripted.on("GET", "/tags/list", tag_pages(
        lambda n: (tags(["a"]) if n == 1 else b"<html>", 2 if n == 1 else None)))
    assert "is not JSON" in refused(list_tags(programs, shared_server, scripted))

  def test_lost_connection(self, programs, shared_server, scripted):
    scripted.on("GET", "/tags/list", reset(10))
    scripted.add_manifest("app", "long-name-of-a-tag", "x", b"x")
    assert "/v2/app/tags/list" in refused(list_tags(programs, shared_server, scripted))

  def test_control_characters_do_not_reach_a_terminal(self, programs, shared_server, scripted):
    scripted.on("GET", "/tags/list", tag_pages(
        lambda n: (b'{"tags":["a\\u001b[31m\\u0000\\n"]}', None)))
    result = list_tags(programs, shared_server, scripted).ok()
    assert "\x1b" not in result.stdout and "\x00" not in result.stdout
    tag, = json.loads(result.stdout)["Tags"]
    assert tag.isprintable()


class TestCallers:

  def test_hung_up_caller_ends_the_worker(self, programs, shared_server, scripted):
    scripted.on("GET", "/tags/list", stall(5))
    process = programs.start("--server", shared_server.address, "list-tags", "--tls-verify=false",
                             "docker://%s/app" % scripted.address)
    programs.wait_for_workers(1)
    process.send_signal(signal.SIGTERM)
    programs.wait_for_workers(0)
    assert process.wait(10) != 0
    process.stdout.close()
    process.stderr.close()

  def test_reader_who_stops_makes_the_registry_wait(self, programs, shared_server, scripted):
    """The tags of a caller who does not read do not pile up in the server."""
    path = os.environ.get("GRPCURL") or shutil.which("grpcurl")
    if not path or not os.access(path, os.X_OK):
      pytest.skip("GRPCURL is not set and grpcurl is not installed")
    names = ["tag-%060d" % i for i in range(5000)]
    scripted.on("GET", "/tags/list", tag_pages(
        lambda n: (tags(names), n + 1 if n < 150 else None)))
    request = {"repository": "docker://%s/app" % scripted.address,
               "registry": {"tlsVerification": "TLS_VERIFICATION_DISABLED"}}
    with subprocess.Popen([path, "-plaintext", "-unix", "-d", json.dumps(request),
                           shared_server.socket, "holkas.v1.ImageService/ListTags"],
                          stdout=subprocess.PIPE) as process:
      process.stdout.read(1)
      # Until nobody asks for a page any more.
      asked = -1
      while asked != len(scripted.asked("GET", "/tags/list")):
        asked = len(scripted.asked("GET", "/tags/list"))
        time.sleep(0.5)
      assert asked < 150
      text = process.stdout.read()
      assert process.wait(60) == 0
    assert text.count(b'"tag-') == 150 * 5000
