"""Real jobs in every tier: what the system call list leaves is enough for TLS, HTTP and files."""

import ctypes
import errno
import json
import shutil
import struct
import subprocess

import pytest

from conftest import skopeo
from support.oracle import Layout
from support.programs import Server
from support.registry import Registry

_CONFIG = """\
version: 0.1
log: {{level: info, formatter: text}}
storage:
  filesystem: {{rootdirectory: "{root}"}}
  delete: {{enabled: true}}
http:
  addr: 127.0.0.1:0
  tls: {{certificate: "{directory}/cert.pem", key: "{directory}/key.pem"}}
"""

_UNSHARE = 272
_LANDLOCK_CREATE_RULESET = 444
_PR_SET_NO_NEW_PRIVS = 38
_PR_SET_SECCOMP = 22
_SECCOMP_MODE_FILTER = 2


class TlsRegistry(Registry):
  """A registry with a certificate of its own, which nobody signed."""

  def __enter__(self):
    self.directory.mkdir(parents=True)
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj",
         "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout",
         self.directory / "key.pem", "-out", self.directory / "cert.pem"],
        check=True, capture_output=True)
    (self.directory / "certs.d").mkdir()
    shutil.copy(self.directory / "cert.pem", self.directory / "certs.d" / "ca.crt")
    self.certificates = self.directory / "certs.d"
    return super().__enter__()

  def config(self):
    return _CONFIG.format(root=self.directory / "storage", directory=self.directory)


@pytest.fixture(scope="module")
def tls_registry(tmp_path_factory):
  if shutil.which("openssl") is None:
    pytest.skip("openssl is not installed")
  with TlsRegistry(tmp_path_factory.mktemp("tls") / "registry") as registry:
    yield registry


def denying(numbers):
  """Makes a process in which these system calls fail, as in a container without privileges."""
  code = [struct.pack("HBBI", 0x20, 0, 0, 0)]  # load the number
  for number, error in numbers:
    code.append(struct.pack("HBBI", 0x15, 0, 1, number))
    code.append(struct.pack("HBBI", 0x06, 0, 0, 0x00050000 | error))
  code.append(struct.pack("HBBI", 0x06, 0, 0, 0x7FFF0000))
  program = b"".join(code)
  buffer = ctypes.create_string_buffer(program, len(program))
  filter_ = struct.pack("HP", len(code), ctypes.addressof(buffer))
  libc = ctypes.CDLL(None, use_errno=True)

  def deny():
    # `filter_` has the address of `buffer`, which lives as long as this function.
    assert len(buffer) > 0 and libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
    assert libc.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, filter_, 0, 0) == 0

  return deny


TIERS = {
    "full": [],
    "landlock": [(_UNSHARE, errno.EPERM)],
    "seccomp": [(_UNSHARE, errno.EPERM), (_LANDLOCK_CREATE_RULESET, errno.ENOSYS)],
}


@pytest.fixture(params=TIERS)
def server(request, programs, tmp_path):
  """A holkasd whose workers have this tier."""
  more = {"preexec_fn": denying(TIERS[request.param])} if TIERS[request.param] else {}
  with Server(programs, tmp_path / "server", sandbox="required_tier: seccomp", **more) as server:
    yield server
    assert "SANDBOX_TIER_%s" % request.param.upper() in server.log()


def test_copies_and_inspects_over_https(programs, server, tls_registry, image_layout, tmp_path):
  certificates = str(tls_registry.certificates)
  image = tls_registry.repository().replace("127.0.0.1", "localhost") + ":t"
  programs.holkas("copy", "--all", "--dest-cert-dir", certificates,
                  "oci:%s:latest" % image_layout, image, server=server).ok()
  programs.holkas("copy", "--all", "--src-cert-dir", certificates, image,
                  "oci:%s:back" % (tmp_path / "to"), server=server).ok()
  assert Layout(tmp_path / "to").check().names()["back"] == Layout(image_layout).names()["latest"]
  said = programs.holkas("inspect", "--raw", "--cert-dir", certificates, image,
                         server=server).ok()
  assert said.stdout_bytes == skopeo("inspect", "--raw", "--cert-dir", certificates,
                                     image).ok().stdout_bytes


def test_lists_and_deletes_over_https(programs, server, tls_registry, image_layout):
  certificates = str(tls_registry.certificates)
  repository = tls_registry.repository().replace("127.0.0.1", "localhost")

  def tags():
    listed = programs.holkas("list-tags", "--cert-dir", certificates, repository, server=server)
    return sorted(json.loads(listed.ok().stdout)["Tags"])

  for tag in ("a", "b", "c"):
    skopeo("copy", "--dest-cert-dir", certificates, "oci:%s:latest" % image_layout,
           "%s:%s" % (repository, tag)).ok()
  assert tags() == ["a", "b", "c"]
  programs.holkas("delete", "--only-tag", "--cert-dir", certificates, repository + ":a",
                  server=server).ok()
  assert tags() == ["b", "c"]
  programs.holkas("delete", "--cert-dir", certificates, repository + ":b", server=server).ok()
  assert tags() == []


def test_does_not_believe_a_certificate_that_nobody_signed(programs, tls_registry):
  image = tls_registry.repository() + ":t"
  refused = programs.holkas("inspect", image)
  assert refused.code == 1
  assert "certificate" in refused.stderr
