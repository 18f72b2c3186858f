"""A registry that costs next to nothing: nginx, over TLS, serving one image to be inspected."""

import json
import os
import shutil
import socket
import subprocess
import time

from support.images import OCI_MANIFEST

_CONFIG = """\
daemon off;
{user}
worker_processes 1;
pid {directory}/pid;
error_log {directory}/error.log;
events {{}}
http {{
  access_log off;
  client_body_temp_path {directory}/body;
  proxy_temp_path {directory}/proxy;
  fastcgi_temp_path {directory}/fastcgi;
  uwsgi_temp_path {directory}/uwsgi;
  scgi_temp_path {directory}/scgi;
  server {{
    listen 127.0.0.1:{port} ssl;
    ssl_certificate {directory}/tls.crt;
    ssl_certificate_key {directory}/tls.key;
    location = /v2/ {{ default_type application/json; return 200 "{{}}"; }}
    location = /v2/app/tags/list {{
      default_type application/json;
      return 200 '{{"name":"app","tags":["image"]}}';
    }}
    location /v2/app/manifests/ {{
      default_type {manifest_type};
      add_header Docker-Content-Digest {digest};
      alias {directory}/manifests/;
    }}
    location /v2/app/blobs/ {{
      default_type application/octet-stream;
      alias {directory}/blobs/;
    }}
  }}
}}
"""


class TlsRegistry:
  """Runs while it is entered as a context. `certs` has the directory `host:port` with its ca.crt."""

  def __init__(self, directory, layout):
    """`layout` is an OCI layout with one image."""
    self.directory = directory
    self._layout = layout

  @staticmethod
  def installed():
    return shutil.which("nginx", path="/usr/sbin:/usr/bin") and shutil.which("openssl")

  def __enter__(self):
    for name in ("manifests", "blobs"):
      (self.directory / name).mkdir(parents=True)
    digest = json.loads((self._layout / "index.json").read_text())["manifests"][0]["digest"]
    manifest = self._blob(digest)
    config = json.loads(manifest)["config"]["digest"]
    (self.directory / "manifests" / "image").write_bytes(manifest)
    (self.directory / "blobs" / config).write_bytes(self._blob(config))
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
         "-keyout", self.directory / "tls.key", "-out", self.directory / "tls.crt", "-days", "2",
         "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"],
        check=True, stderr=subprocess.DEVNULL)
    with socket.socket() as probe:  # nginx takes no port 0
      probe.bind(("127.0.0.1", 0))
      port = probe.getsockname()[1]
    self.address = "127.0.0.1:%d" % port
    self.certs = self.directory / "certs.d"
    (self.certs / self.address).mkdir(parents=True)
    shutil.copy(self.directory / "tls.crt", self.certs / self.address / "ca.crt")
    config = self.directory / "nginx.conf"
    config.write_text(_CONFIG.format(directory=self.directory, port=port, digest=digest,
                                     manifest_type=OCI_MANIFEST,
                                     user="user root;" if os.geteuid() == 0 else ""))
    self.process = subprocess.Popen(["/usr/sbin/nginx", "-c", str(config)],
                                    stderr=subprocess.DEVNULL)
    self.image = "docker://%s/app:image" % self.address
    deadline = time.monotonic() + 10
    while True:
      with socket.socket() as probe:
        if probe.connect_ex(("127.0.0.1", port)) == 0:
          return self
      if self.process.poll() is not None or time.monotonic() > deadline:
        raise RuntimeError("nginx does not listen on " + self.address)
      time.sleep(0.02)

  def _blob(self, digest):
    return (self._layout / "blobs" / digest.replace(":", "/")).read_bytes()

  def __exit__(self, *unused):
    self.process.terminate()
    self.process.wait()
