"""Certificates for servers and clients, made by openssl."""

import shutil
import subprocess

import pytest


class Authority:
  """A certificate authority of its own. `certificate` is its file."""

  def __init__(self, directory, name="authority"):
    if shutil.which("openssl") is None:
      pytest.skip("openssl is not installed")
    self._directory = directory
    directory.mkdir(parents=True, exist_ok=True)
    self.certificate = directory / (name + ".pem")
    self._key = directory / (name + ".key")
    _openssl("req", "-x509", *_NEW_KEY, "-keyout", self._key, "-out", self.certificate, "-subj",
             "/CN=" + name, "-days", "2")

  def issue(self, name, alternative_names="", days=1):
    """A pair of files, certificate and key. `alternative_names` is a subjectAltName as openssl has it;
    `days` may be negative."""
    certificate, key, request, extensions = (
        self._directory / (name + suffix) for suffix in (".crt", ".key", ".csr", ".ext"))
    _openssl("req", *_NEW_KEY, "-keyout", key, "-out", request, "-subj", "/CN=" + name)
    extensions.write_text("subjectAltName=%s\n" % alternative_names if alternative_names else "")
    _openssl("x509", "-req", "-in", request, "-CA", self.certificate, "-CAkey", self._key,
             "-CAcreateserial", "-days", days, "-extfile", extensions, "-out", certificate)
    return certificate, key


_NEW_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")


def _openssl(*arguments):
  subprocess.run(["openssl", *map(str, arguments)], check=True, stdout=subprocess.DEVNULL,
                 stderr=subprocess.DEVNULL)
