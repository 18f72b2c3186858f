"""Registries behind an HTTP proxy, which alone can look their names up."""

import shutil
import subprocess

import pytest

from support.http_proxy import HttpProxy
from support.oracle import Layout
from support.programs import Server
from support.registry import Registry

NAME = "registry.behind.proxy.test:5000"


@pytest.fixture
def proxy(registry):
  with HttpProxy({NAME: registry.address}) as proxy:
    yield proxy


@pytest.fixture
def image(registry, pushed):
  """The pushed image, under the name that the proxy knows."""
  return pushed.replace(registry.address, NAME)


def test_image_is_copied_through_the_proxy(programs, proxy, image, image_layout, tmp_path):
  programs.copy(image, "oci:%s:x" % (tmp_path / "to"), "--all", env=proxy.environment()).ok()
  assert Layout(tmp_path / "to").check().names()["x"] == Layout(image_layout).names()["latest"]
  assert proxy.asked and set(proxy.asked) == {NAME}


def test_image_is_pushed_through_the_proxy(programs, proxy, registry, image_layout):
  name = registry.repository("proxied")
  programs.copy("oci:%s:latest" % image_layout, name.replace(registry.address, NAME) + ":x",
                env=proxy.environment()).ok()
  programs.inspect(name + ":x").ok()


@pytest.mark.parametrize("variables", [["HTTPS_PROXY"], ["HTTP_PROXY"], ["https_proxy"],
                                       ["http_proxy"]])
def test_one_variable_is_enough_for_a_registry_without_tls(programs, proxy, image, variables):
  programs.inspect(image, env={name: proxy.url for name in variables}).ok()
  assert NAME in proxy.asked


def test_server_uses_the_proxy_of_its_environment(programs, proxy, image, tmp_path):
  environment = {**programs.environment, **proxy.environment()}
  with Server(programs, tmp_path / "server", registries="", env=environment) as server:
    programs.inspect(image, server=server).ok()
    result = programs.inspect("docker://169.254.169.254/x", server=server)
  assert result.code == 1 and "link-local" in result.stderr
  assert set(proxy.asked) == {NAME}


def test_what_no_proxy_names_is_reached_directly(programs, proxy, image):
  result = programs.inspect(image, env={**proxy.environment(), "NO_PROXY": ".proxy.test"})
  assert result.code == 1 and "lookup registry.behind.proxy.test" in result.stderr
  assert proxy.asked == []


def test_loopback_is_never_proxied(programs, proxy, pushed):
  programs.inspect(pushed, env=proxy.environment()).ok()
  assert proxy.asked == []


def test_proxy_gets_its_credentials_and_nobody_else(programs, registry, image):
  with HttpProxy({NAME: registry.address}, user="me:s3cr3t-canary") as proxy:
    url = proxy.url.replace("http://", "http://me:s3cr3t%2Dcanary@")
    programs.inspect(image, env=proxy.environment(url)).ok()
    wrong = proxy.url.replace("http://", "http://me:wr0ng-canary@")
    result = programs.inspect(image, "--debug", env=proxy.environment(wrong))
  assert result.code == 1
  assert "proxy %s: CONNECT %s: 407 Proxy Authentication Required" % (proxy.address, NAME) \
      in result.stderr
  assert "canary" not in result.stdout + result.stderr


def test_refusal_of_the_proxy_is_told(programs, image):
  with HttpProxy(answer="403 Forbidden by policy") as proxy:
    result = programs.inspect(image, env=proxy.environment())
  assert result.code == 1
  assert "proxy %s: CONNECT %s: 403 Forbidden by policy" % (proxy.address, NAME) in result.stderr


def test_proxy_that_is_not_there_is_told(programs, image):
  result = programs.inspect(image, env={"HTTPS_PROXY": "http://127.0.0.1:1"})
  assert result.code == 1
  assert "proxyconnect tcp: dial tcp 127.0.0.1:1: connect: connection refused" in result.stderr


def test_other_kinds_of_proxies_are_refused(programs, image):
  result = programs.inspect(image, env={"HTTPS_PROXY": "socks4://me:s3cr3t@127.0.0.1:1080"})
  assert result.code == 1
  assert "HTTPS_PROXY: is not the URL of a proxy" in result.stderr
  assert "s3cr3t" not in result.stderr


class _TlsRegistry(Registry):
  """A registry with a certificate for the name that the proxy knows."""

  def __enter__(self):
    self.directory.mkdir(parents=True)
    self.certificates = self.directory / "certs"
    self.certificates.mkdir()
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj",
         "/CN=proxied", "-addext", "subjectAltName=DNS:" + NAME.split(":", maxsplit=1)[0],
         "-keyout", self.directory / "key.pem", "-out", self.certificates / "ca.crt"],
        check=True, capture_output=True)
    return super().__enter__()

  def config(self):
    return super().config() + '  tls: {certificate: "%s", key: "%s"}\n' % (
        self.certificates / "ca.crt", self.directory / "key.pem")


def test_tls_is_with_the_registry_and_not_with_the_proxy(programs, image_layout, tmp_path):
  if shutil.which("openssl") is None:
    pytest.skip("openssl is not installed")
  with _TlsRegistry(tmp_path / "registry") as registry, \
      HttpProxy({NAME: registry.address}) as proxy:
    name = "docker://%s/app:x" % NAME
    certificates = str(registry.certificates)
    programs.holkas("copy", "--dest-cert-dir", certificates, "oci:%s:latest" % image_layout, name,
                    env=proxy.environment()).ok()
    programs.holkas("inspect", "--cert-dir", certificates, name, env=proxy.environment()).ok()
    result = programs.holkas("inspect", name, env=proxy.environment())
    assert result.code == 1 and "certificate" in result.stderr
