"""Registries behind proxies that speak SOCKS 5, or HTTP within TLS."""

import contextlib
import os
import pathlib
import shutil
import signal
import time

import pytest

from conftest import skopeo
from fakes.actions import slow, stall
from support.http_proxy import HttpProxy
from support.images import Image
from support.oracle import Layout
from support.programs import Server
from support.registry import Registry
from support.socks_proxy import SocksProxy
from support.tunnel_proxy import make_certificate

NAME = "registry.behind.proxy.test:5000"
USER = "me:s3cr3t-canary"
# The same in a URL.
USER_IN_URL = "me:s3cr3t%2Dcanary"
KINDS = ["socks5", "https"]


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
  """Of the proxies over TLS."""
  if shutil.which("openssl") is None:
    pytest.skip("openssl is not installed")
  return make_certificate(tmp_path_factory.mktemp("proxy") / "tls", "IP:127.0.0.1")


class World:
  """Proxies of one kind, and servers that use them."""

  def __init__(self, programs, directory, certificate, kind):
    self.programs = programs
    self.kind = kind
    self._directory = directory
    self._certificate = certificate

  def proxy(self, names=None, **more):
    if self.kind == "https":
      return HttpProxy(names, certificate=self._certificate, **more)
    return SocksProxy(names, **more)

  @contextlib.contextmanager
  def server(self, proxy, url=None, **more):
    """`more` are variables of its environment."""
    with Server(self.programs, self._directory / "server", env={
        **self.programs.environment, **proxy.environment(url),
        "SSL_CERT_FILE": str(self._certificate / "tls.crt"), **more}) as server:
      # It listens before it has made all that it needs.
      assert self.programs.inspect("oci:%s/none" % self._directory, server=server).code != 0
      yield server


@pytest.fixture(params=KINDS)
def world(request, programs, tmp_path, certificate):
  return World(programs, tmp_path, certificate, request.param)


def threads(server):
  return len(os.listdir("/proc/%d/task" % server.process.pid))


def sockets(server):
  """How many sockets holkasd has."""
  count = 0
  for entry in pathlib.Path("/proc/%d/fd" % server.process.pid).iterdir():
    try:
      count += os.readlink(entry).startswith("socket:")
    except OSError:
      pass
  return count


def eventually(check, timeout=3):
  deadline = time.monotonic() + timeout
  while not check():
    assert time.monotonic() < deadline
    time.sleep(0.01)


def end(process):
  """The exit code and what stands on standard error."""
  _, stderr = process.communicate(timeout=20)
  return process.returncode, stderr.decode()


@pytest.mark.parametrize("user", [None, USER])
def test_image_goes_through_the_proxy_both_ways(world, programs, registry, pushed, image_layout,
                                                tmp_path, user):
  with world.proxy({NAME: registry.address}, user=user) as proxy, \
      world.server(proxy, proxy.url_for(user and USER_IN_URL)) as server:
    programs.copy(pushed.replace(registry.address, NAME), "oci:%s:x" % (tmp_path / "to"), "--all",
                  server=server).ok()
    pushed_name = registry.repository("proxied") + ":x"
    programs.copy("oci:%s:x" % (tmp_path / "to"), pushed_name.replace(registry.address, NAME),
                  "--all", server=server).ok()
    assert "canary" not in server.log()
  want = Layout(image_layout).names()["latest"]
  assert Layout(tmp_path / "to").check().names()["x"] == want
  assert skopeo("inspect", "--raw", "--tls-verify=false", pushed_name).ok().stdout_bytes == \
      (image_layout / "blobs" / want.replace(":", "/")).read_bytes()
  assert set(proxy.asked) == {NAME}


def test_layers_go_in_parallel_from_registry_to_registry(world, programs, registry, other_registry,
                                                         scripted, tmp_path):
  image = Image(layer_sizes=(3_000_000,) * 6, seed=71)
  other = "other." + NAME
  for layer in image.layers:
    scripted.on("GET", layer["digest"], slow(6_000_000))
  source = scripted.add("app", "x", image).replace(scripted.address, NAME)
  to = other_registry.repository("proxied") + ":x"
  with world.proxy({NAME: scripted.address, other: other_registry.address}) as proxy, \
      world.server(proxy) as server:
    before = threads(server), sockets(server)
    programs.copy(source, to.replace(other_registry.address, other), server=server).ok()
    assert proxy.most_open >= 6
    # Nothing is left of the job: no connection, no thread of its own.
    eventually(lambda: proxy.open == 0 and sockets(server) <= before[1])
    count = threads(server)
    programs.inspect(source, server=server).ok()
    eventually(lambda: threads(server) <= count)
  programs.copy(to, "oci:%s:x" % (tmp_path / "to")).ok()
  assert Layout(tmp_path / "to").check().names()["x"] == image.digest


class _TlsRegistry(Registry):
  """A registry with a certificate for the name that the proxy knows."""

  def __enter__(self):
    self.tls = make_certificate(self.directory / "tls", "DNS:" + NAME.split(":", maxsplit=1)[0])
    self.certificates = self.directory / "certs"
    self.certificates.mkdir()
    shutil.copy(self.tls / "tls.crt", self.certificates / "ca.crt")
    return super().__enter__()

  def config(self):
    return super().config() + '  tls: {certificate: "%s", key: "%s"}\n' % (
        self.tls / "tls.crt", self.tls / "tls.key")


def test_tls_of_the_registry_is_within_that_of_the_proxy(world, programs, image_layout, tmp_path):
  with _TlsRegistry(tmp_path / "registry") as registry, \
      world.proxy({NAME: registry.address}) as proxy, world.server(proxy) as server:
    name = "docker://%s/app:x" % NAME
    certificates = str(registry.certificates)
    programs.holkas("copy", "--all", "--dest-cert-dir", certificates,
                    "oci:%s:latest" % image_layout, name, server=server).ok()
    programs.holkas("copy", "--all", "--src-cert-dir", certificates, name,
                    "oci:%s:x" % (tmp_path / "to"), server=server).ok()
    # The proxy's authority is none of registries.
    result = programs.holkas("inspect", name, server=server)
    assert result.code == 1 and "certificate" in result.stderr
  assert Layout(tmp_path / "to").check().names()["x"] == Layout(image_layout).names()["latest"]


def test_no_proxy_and_egress_rules_count(world, programs, pushed, tmp_path):
  with world.proxy() as proxy:
    with world.server(proxy, NO_PROXY=".proxy.test") as server:
      result = programs.inspect("docker://%s/app" % NAME, server=server)
      assert result.code == 1 and "lookup registry.behind.proxy.test" in result.stderr
      programs.inspect(pushed, server=server).ok()  # on the loopback
    environment = {**programs.environment, **proxy.environment()}
    with Server(programs, tmp_path / "egress", registries="",
                env=environment) as server:
      result = programs.inspect("docker://169.254.169.254/x", server=server)
      assert result.code == 1 and "link-local" in result.stderr
  assert proxy.asked == []


def test_wrong_password_is_told_and_not_shown(world, programs):
  with world.proxy({}, user=USER) as proxy, \
      world.server(proxy, proxy.url_for("me:wr0ng-canary")) as server:
    result = programs.inspect("docker://%s/app" % NAME, "--debug", server=server)
    assert "canary" not in server.log()
  assert result.code == 1 and "proxyconnect tcp: proxy %s: " % proxy.address in result.stderr
  assert {"socks5": "username/password authentication failed",
          "https": "407 Proxy Authentication Required"}[world.kind] in result.stderr
  assert "canary" not in result.stdout + result.stderr


def test_refusal_of_the_proxy_is_told(world, programs):
  with world.proxy({}) as proxy, world.server(proxy) as server:
    result = programs.inspect("docker://%s/app" % NAME, server=server)
  assert result.code == 1
  assert {"socks5": "socks connect %s: host unreachable" % NAME,
          "https": "CONNECT %s: 502 Bad Gateway" % NAME}[world.kind] in result.stderr


def test_private_server_uses_socks(programs, registry, pushed):
  with SocksProxy({NAME: registry.address}, user=USER) as proxy:
    for url in (proxy.url_for(USER_IN_URL), proxy.url_for(USER_IN_URL).replace("socks5", "socks5h")):
      programs.inspect(pushed.replace(registry.address, NAME), env=proxy.environment(url)).ok()
  assert NAME in proxy.asked


@pytest.mark.parametrize("names, trusted, why", [
    ("IP:127.0.0.1", False, "self-signed certificate"),
    ("DNS:proxy.test", True, "IP address mismatch"),
])
def test_proxy_with_a_wrong_certificate_hears_nothing(programs, tmp_path, certificate, names,
                                                      trusted, why):
  wrong = make_certificate(tmp_path / "tls", names)
  with HttpProxy({}, certificate=wrong) as proxy:
    environment = {**programs.environment, **proxy.environment(proxy.url_for(USER_IN_URL)),
                   "SSL_CERT_FILE": str((wrong if trusted else certificate) / "tls.crt")}
    with Server(programs, tmp_path / "server", env=environment) as server:
      result = programs.inspect("docker://%s/app" % NAME, server=server)
      assert "canary" not in server.log() + result.stderr
  assert result.code == 1
  assert "proxy %s: tls: failed to verify certificate: %s" % (proxy.address, why) in result.stderr
  assert proxy.received == b""


def test_private_server_trusts_the_systems_authorities_alone(programs, certificate):
  with HttpProxy({}, certificate=certificate) as proxy:
    result = programs.inspect("docker://%s/app" % NAME, env=proxy.environment())
  assert result.code == 1 and "failed to verify certificate" in result.stderr
  assert proxy.received == b""


def test_mute_proxy_costs_no_more_than_the_callers_time(world, programs):
  with world.proxy(mute=True) as proxy, world.server(proxy) as server:
    result = programs.holkas("--command-timeout=1s", "inspect", "--tls-verify=false",
                             "docker://%s/app" % NAME, server=server)
    assert result.code == 1 and result.seconds < 3
    eventually(lambda: proxy.open == 0)
    programs.wait_for_workers(0)


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_proxy_that_stalls_keeps_nobody(world, programs, registry, pushed, tmp_path, how):
  with world.proxy({NAME: registry.address}, stall_after=500_000) as proxy, \
      world.server(proxy) as server:
    before = sockets(server)
    process = programs.start_copy(pushed.replace(registry.address, NAME),
                                  "oci:%s:x" % (tmp_path / "to"), server=server)
    eventually(lambda: proxy.open >= 2)
    time.sleep(0.3)
    process.send_signal(how)
    assert end(process)[0] != 0
    programs.wait_for_workers(0)
    eventually(lambda: proxy.open == 0 and sockets(server) <= before)


def test_killed_worker_takes_its_connections_along(world, programs, registry, scripted, tmp_path):
  image = Image(layer_sizes=(500_000,) * 4, seed=72)
  for layer in image.layers:
    scripted.on("GET", layer["digest"], stall(100_000))
  source = scripted.add("app", "x", image).replace(scripted.address, NAME)
  other = "other." + NAME
  with world.proxy({NAME: scripted.address, other: registry.address}) as proxy, \
      world.server(proxy) as server:
    before = sockets(server)
    to = registry.repository("killed").replace(registry.address, other) + ":x"
    process = programs.start_copy(source, to, server=server)
    worker, = programs.wait_for_workers(1)
    eventually(lambda: proxy.open >= 4)
    time.sleep(0.2)
    os.kill(worker, signal.SIGKILL)
    code, stderr = end(process)
    assert code == 1 and "worker" in stderr
    eventually(lambda: proxy.open == 0 and sockets(server) <= before)
    # The next one is not disturbed.
    whole = scripted.add("app", "y", Image(seed=73)).replace(scripted.address, NAME)
    programs.copy(whole, "oci:%s:y" % (tmp_path / "to"), server=server).ok()


def test_idle_tunnel_costs_no_time(world, programs, scripted, tmp_path):
  image = Image(layer_sizes=(500_000,) * 2, seed=74)
  for layer in image.layers:
    scripted.on("GET", layer["digest"], stall(100_000))
  source = scripted.add("app", "x", image).replace(scripted.address, NAME)
  with world.proxy({NAME: scripted.address}) as proxy, world.server(proxy) as server:
    process = programs.start_copy(source, "oci:%s:x" % (tmp_path / "to"), server=server)
    eventually(lambda: proxy.open >= 2)
    time.sleep(0.5)
    before = cpu_seconds(server)
    time.sleep(1)
    assert cpu_seconds(server) - before < 0.2
    process.send_signal(signal.SIGINT)
    end(process)


def cpu_seconds(server):
  fields = pathlib.Path("/proc/%d/stat" % server.process.pid).read_text().rsplit(")", 1)[1].split()
  return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
