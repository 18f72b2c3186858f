"""nginx on a free port of 127.0.0.1, with a certificate of its own: a web server of real make."""

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
  client_body_temp_path {directory}/body;
  proxy_temp_path {directory}/proxy;
  fastcgi_temp_path {directory}/fastcgi;
  uwsgi_temp_path {directory}/uwsgi;
  scgi_temp_path {directory}/scgi;
  {log}
  server {{
    {listen}
    ssl_certificate {directory}/tls.crt;
    ssl_certificate_key {directory}/tls.key;
    location = /v2/ {{ default_type application/json; return 200 "{{}}"; }}
    location = /v2/app/tags/list {{
      default_type application/json;
      return 200 '{{"name":"app","tags":["{tag}"]}}';
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


def _program():
  return shutil.which("nginx", path="/usr/sbin:/usr/bin")


def installed():
  return _program() is not None and shutil.which("openssl") is not None


def free_port():
  """nginx takes no port 0."""
  with socket.socket() as probe:
    probe.bind(("127.0.0.1", 0))
    return probe.getsockname()[1]


class NginxRegistry:
  """Serves one image, as repository app, while it is entered as a context.

  `listen` and `log` are lines of nginx's configuration; `port` is one that `listen` names. Its
  certificate is tls.crt in `directory`.
  """

  def __init__(self, directory, tag, manifest, digest, blobs, port, listen, log="access_log off;"):
    self.directory = directory
    self._files = {"manifests": {tag: manifest}, "blobs": blobs}
    self._port = port
    self._text = _CONFIG.format(directory=directory, listen=listen, log=log, tag=tag, digest=digest,
                                manifest_type=OCI_MANIFEST,
                                user="user root;" if os.geteuid() == 0 else "")

  def __enter__(self):
    for folder, files in self._files.items():
      (self.directory / folder).mkdir(parents=True)
      for name, data in files.items():
        (self.directory / folder / name).write_bytes(data)
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
         "-keyout", self.directory / "tls.key", "-out", self.directory / "tls.crt", "-days", "2",
         "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"],
        check=True, stderr=subprocess.DEVNULL)
    config = self.directory / "nginx.conf"
    config.write_text(self._text)
    self._process = subprocess.Popen([_program(), "-c", str(config)], stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 10
    while True:
      with socket.socket() as probe:
        if probe.connect_ex(("127.0.0.1", self._port)) == 0:
          return self
      if self._process.poll() is not None or time.monotonic() > deadline:
        raise RuntimeError("nginx does not listen on port %d" % self._port)
      time.sleep(0.02)

  def __exit__(self, *unused):
    self._process.terminate()
    self._process.wait()
