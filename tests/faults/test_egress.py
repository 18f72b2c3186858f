"""Registries that try to lead the server to places that it must not reach.

Canaries listen on the loopback addresses. Whatever a registry says, nobody comes.
"""

import contextlib
import itertools

import pytest

from conftest import soak
from fakes import actions as fake
from support.canary import Canary
from support.images import Image
from support.programs import Server

# How a URL can name the canary; {v4} and {v6} are its ports.
URLS = [
    "http://127.0.0.1:{v4}/x",
    "https://127.0.0.1:{v4}/x",
    "HTTP://127.0.0.1:{v4}/x",
    "//127.0.0.1:{v4}/x",
    "http://127.1:{v4}/x",
    "http://127.0.1:{v4}/x",
    "http://2130706433:{v4}/x",
    "http://0x7f000001:{v4}/x",
    "http://0x7F.1:{v4}/x",
    "http://0177.0.0.1:{v4}/x",
    "http://017700000001:{v4}/x",
    "http://127.0.0.01:{v4}/x",
    "http://127.000.000.001:{v4}/x",
    "http://0:{v4}/x",
    "http://0.0.0.0:{v4}/x",
    "http://127.0.0.1.:{v4}/x",
    "http://127.1.:{v4}/x",
    "http://2130706433.:{v4}/x",
    "http://0x7f000001.:{v4}/x",
    "http://0x7f.1.:{v4}/x",
    "http://127.0.0.2:{v4}/x",
    "http://localhost:{v4}/x",
    "http://LOCALHOST:{v4}/x",
    "http://localhost.:{v4}/x",
    "http://sub.localhost:{v4}/x",
    "http://localhost.localdomain:{v4}/x",
    "http://[::1]:{v6}/x",
    "http://[0:0:0:0:0:0:0:1]:{v6}/x",
    "http://[::]:{v6}/x",
    "http://[::1%25lo]:{v6}/x",
    "http://[::1%lo]:{v6}/x",
    "http://[::ffff:127.0.0.1]:{v4}/x",
    "http://[::ffff:7f00:1]:{v4}/x",
    "http://[::127.0.0.1]:{v4}/x",
    "http://%31%32%37.0.0.1:{v4}/x",
    "http://127%2e0%2e0%2e1:{v4}/x",
    "http://loca%6chost:{v4}/x",
    "http://user@127.0.0.1:{v4}/x",
    "http://user:password@127.0.0.1:{v4}/x",
    "http://example.test@127.0.0.1:{v4}/x",
    "http://127.0.0.1:{v4}#@example.test/x",
    "http://127.0.0.1:{v4}?@example.test/x",
    "http://example.test\\@127.0.0.1:{v4}/x",
    "http://127.0.0.1:{v4}\\@example.test/x",
    "http:127.0.0.1:{v4}/x",
    "http:/127.0.0.1:{v4}/x",
    "http:///127.0.0.1:{v4}/x",
    "http:\\\\127.0.0.1:{v4}\\x",
    "/\\127.0.0.1:{v4}/x",
    "\\\\127.0.0.1:{v4}/x",
    "http://127.0.0.1 :{v4}/x",
    "http://127.0.0.1:{v4}",
    "http://127.0.0.1:+{v4}/x",
    "http://127.0.0.1:0{v4}/x",
    "ftp://127.0.0.1:{v4}/x",
    "gopher://127.0.0.1:{v4}/x",
    "file://127.0.0.1:{v4}/etc/passwd",
    "http://\u2460\u2461\u2466.0.0.1:{v4}/x",
    "http://127\u30020\u30020\u30021:{v4}/x",
]


@pytest.fixture(scope="module")
def canaries():
  with contextlib.ExitStack() as stack:
    v4 = stack.enter_context(Canary("127.0.0.1"))
    try:
      v6 = stack.enter_context(Canary("::1"))
    except OSError:
      v6 = None  # a machine without IPv6
    yield v4, v6


@pytest.fixture
def untouched(canaries):
  """Gives the URL of a form; afterwards nobody has come to the canaries."""
  v4, v6 = canaries
  before = sum(canary.connections for canary in canaries if canary)
  yield lambda form: form.format(v4=v4.port, v6=v6.port if v6 else v4.port)
  assert sum(canary.connections for canary in canaries if canary) == before


def redirect(code, url):
  # What goes into a header field is Latin-1, byte by byte.
  return fake.answer(code, b"", {"Location": url.encode().decode("latin-1")})


class Leads:
  """The places where a registry can lead to a URL: what it is told to do, and what is asked of it."""

  @staticmethod
  def blob(scripted, url):
    image = Image(layer_sizes=(1000,))
    name = scripted.add("app", "v1", image)
    scripted.on("GET", "/blobs/", redirect(307, url))
    return lambda programs, server, path: programs.copy(name, "dir:%s" % path, server=server)

  @staticmethod
  def manifest(scripted, url):
    name = scripted.add("app", "v1", Image())
    scripted.on("GET", "/manifests/", redirect(302, url))
    return lambda programs, server, path: programs.inspect(name, server=server)

  @staticmethod
  def second_hop(scripted, url):
    name = scripted.add("app", "v1", Image())
    scripted.on("GET", "/manifests/", redirect(301, "/v2/elsewhere/tags/list"))
    scripted.on("GET", "/elsewhere/", redirect(308, url))
    return lambda programs, server, path: programs.inspect(name, server=server)

  @staticmethod
  def link(scripted, url):
    name = scripted.add("app", "v1", Image())
    link = ("<%s>; rel=\"next\"" % url).encode().decode("latin-1")
    scripted.on("GET", "/tags/list", fake.answer(200, b'{"name":"app","tags":["v1"]}', {
        "Content-Type": "application/json", "Link": link}))
    return lambda programs, server, path: programs.inspect(name, server=server)

  @staticmethod
  def upload(scripted, url):
    name = scripted.add("app", "v1", Image(layer_sizes=(1000,)))
    scripted.on("POST", "/blobs/uploads/", redirect(202, url))
    to = "docker://%s/to:v1" % scripted.address
    return lambda programs, server, path: programs.copy(name, to, server=server)

  @staticmethod
  def realm(scripted, url):
    name = scripted.add("app", "v1", Image())
    challenge = ('Bearer realm="%s",service="x"' % url).encode().decode("latin-1")
    scripted.on("GET", "/v2/", fake.error(401, "UNAUTHORIZED", {"WWW-Authenticate": challenge}))
    return lambda programs, server, path: programs.inspect(name, server=server)


LEADS = {name: getattr(Leads, name)
         for name in ("blob", "manifest", "second_hop", "link", "upload", "realm")}


def some_rows():
  """Every form once, and every lead with the plainest; all of both in a soak."""
  every = list(itertools.product(LEADS, URLS))
  names = itertools.cycle(LEADS)
  return soak([(next(names), url) for url in URLS] + [(name, URLS[0]) for name in LEADS], every)


@pytest.mark.parametrize("lead, form", some_rows())
def test_nobody_is_led_inside(programs, shared_server, scripted, untouched, tmp_path, lead, form):
  run = LEADS[lead](scripted, untouched(form))
  result = run(programs, shared_server, tmp_path / "to")
  # Tags are more than was asked for: without them, there is a description still.
  assert result.code != 0 or lead == "link", result
  assert not (tmp_path / "to").exists()


def test_mirror_leads_nobody_inside(programs, scripted, untouched, tmp_path):
  scripted.add("app", "v1", Image())
  scripted.on("GET", "/manifests/", redirect(307, untouched(URLS[0])))
  conf = tmp_path / "registries.conf"
  conf.write_text("[[registry]]\nlocation = 'registry.invalid'\n[[registry.mirror]]\n"
                  "location = '%s'\ninsecure = true\n" % scripted.address)
  result = programs.holkas("--registries-conf", conf, "inspect", "docker://registry.invalid/app:v1")
  assert result.code == 1
  assert scripted.asked("GET", "/manifests/")
  assert "loopback" in result.stderr


def test_denial_tells_the_reason(programs, shared_server, scripted, untouched, tmp_path):
  result = Leads.manifest(scripted, untouched(URLS[0]))(programs, shared_server, tmp_path)
  assert "connect to 127.0.0.1: a loopback address" in result.stderr


@pytest.mark.parametrize("lead, asked", [("blob", ("GET", "/blobs/sha256")),
                                         ("manifest", ("GET", "/manifests/")),
                                         ("second_hop", ("GET", "/elsewhere/")),
                                         ("upload", ("POST", "/blobs/uploads/"))])
def test_what_only_looks_like_an_address_is_no_outage(programs, shared_server, scripted, untouched,
                                                      tmp_path, lead, asked):
  run = LEADS[lead](scripted, untouched("http://127.0.0.1.:{v4}/x"))
  result = run(programs, shared_server, tmp_path / "to")
  assert result.code == 1
  assert "connect to 127.0.0.1.: not a host name" in result.stderr
  # At most two blobs are on their way, and each asks for a mount before it is uploaded.
  assert 1 <= len(scripted.asked(*asked)) <= 4


# What a caller can name, as Docker writes references.
REGISTRIES = ["127.0.0.1:{v4}", "127.1:{v4}", "2130706433:{v4}", "0x7f000001:{v4}",
              "0177.0.0.1:{v4}", "0.0.0.0:{v4}", "0:{v4}", "localhost:{v4}", "LOCALHOST:{v4}",
              "sub.localhost:{v4}", "[::1]:{v6}", "[::ffff:7f00:1]:{v4}", "169.254.169.254",
              "10.0.0.1:{v4}", "metadata.google.internal:{v4}"]


class TestCallers:

  def test_registry_that_nobody_vouches_for_must_be_public(self, programs, untouched, tmp_path):
    with Server(programs, tmp_path / "server", registries="") as server:
      for registry in REGISTRIES:
        image = "docker://%s/app:v1" % untouched(registry)
        for result in (programs.inspect(image, server=server),
                       programs.copy("dir:/nowhere", image, server=server)):
          assert result.code == 1, registry
          assert "registries.egress.allowed_registries" in result.stderr, registry

  def test_registry_that_the_administrator_names_is_reached(self, programs, canaries, tmp_path):
    canary = canaries[0]
    registry = "127.0.0.1:%d" % canary.port
    for registries in ("insecure: ['%s']" % registry,
                       "egress: {allowed_registries: ['%s']}" % registry):
      before = canary.connections
      with Server(programs, tmp_path / "server", registries=registries) as server:
        programs.inspect("docker://%s/app:v1" % registry, server=server)
      assert canary.connections > before, registries

  def test_with_a_list_no_other_registry_may_be_named(self, programs, scripted, tmp_path):
    name = scripted.add("app", "v1", Image())
    config = "egress: {allowed_registries: ['%s']}" % scripted.address
    with Server(programs, tmp_path / "server", registries=config) as server:
      programs.inspect(name, server=server).ok()
      result = programs.inspect("docker://quay.io/app:v1", server=server)
      assert result.code == 1
      assert "registry quay.io is none of the server's registries.egress.allowed_registries" \
          in result.stderr

  def test_private_server_reaches_what_its_user_can(self, programs, scripted):
    programs.inspect(scripted.add("app", "v1", Image())).ok()
