"""A registry that costs next to nothing: nginx, over TLS, serving one image to be inspected."""

import json
import shutil

from support import nginx


class TlsRegistry:
  """Runs while it is entered as a context. `certs` has the directory `host:port` with its ca.crt."""

  def __init__(self, directory, layout):
    """`layout` is an OCI layout with one image."""
    self._directory = directory
    self._layout = layout

  def __enter__(self):
    digest = json.loads((self._layout / "index.json").read_text())["manifests"][0]["digest"]
    manifest = self._blob(digest)
    config = json.loads(manifest)["config"]["digest"]
    port = nginx.free_port()
    self.address = "127.0.0.1:%d" % port
    self._server = nginx.NginxRegistry(self._directory, "image", manifest, digest,
                                       {config: self._blob(config)}, port,
                                       "listen %s ssl;" % self.address)
    self._server.__enter__()
    self.certs = self._directory / "certs.d"
    (self.certs / self.address).mkdir(parents=True)
    shutil.copy(self._directory / "tls.crt", self.certs / self.address / "ca.crt")
    self.image = "docker://%s/app:image" % self.address
    return self

  def _blob(self, digest):
    return (self._layout / "blobs" / digest.replace(":", "/")).read_bytes()

  def __exit__(self, *unused):
    self._server.__exit__(*unused)
