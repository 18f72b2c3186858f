"""Small images made in memory, for registries whose content a test decides."""

import gzip
import io
import json
import random
import tarfile

from support.oracle import sha256

OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
OCI_LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_CONFIG = "application/vnd.docker.container.image.v1+json"
DOCKER_LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"


class Image:
  """The bytes of one image: `manifest`, its `media_type`, and `blobs` by digest."""

  def __init__(self, layer_sizes=(1000, 5000), seed=1, docker=False, architecture="amd64",
               labels=None, compress=lambda tar: gzip.compress(tar, 1, mtime=0), devices=0):
    self.media_type = DOCKER_MANIFEST if docker else OCI_MANIFEST
    self.blobs = {}
    random_bytes = random.Random(seed)
    layers, diff_ids = [], []
    for size in layer_sizes:
      tar = _tar({"data-%d" % seed: _random_bytes(random_bytes, size)}, devices)
      data = compress(tar)
      layers.append(self._add(DOCKER_LAYER if docker else OCI_LAYER, data))
      diff_ids.append(sha256(tar))
    config = {"created": "2024-01-02T03:04:05.6Z", "architecture": architecture, "os": "linux",
              "config": {"Env": ["PATH=/usr/bin"], "Cmd": ["/bin/true"]},
              "rootfs": {"type": "layers", "diff_ids": diff_ids},
              "history": [{"created": "2024-01-02T03:04:05Z", "created_by": "test"}
                          for _ in layers]}
    if labels is not None:
      config["config"]["Labels"] = labels
    self.layers = layers
    self.config = self._add(DOCKER_CONFIG if docker else OCI_CONFIG, json.dumps(config).encode())
    self.manifest = json.dumps({"schemaVersion": 2, "mediaType": self.media_type,
                                "config": self.config, "layers": layers}).encode()

  def _add(self, media_type, data):
    digest = sha256(data)
    self.blobs[digest] = data
    return {"mediaType": media_type, "digest": digest, "size": len(data)}

  @property
  def digest(self):
    return sha256(self.manifest)

  def descriptor(self, architecture=None):
    found = {"mediaType": self.media_type, "digest": self.digest, "size": len(self.manifest)}
    if architecture is not None:
      found["platform"] = {"architecture": architecture, "os": "linux"}
    return found


def index(images, docker=False):
  """The bytes of an index of images by architecture."""
  return json.dumps({
      "schemaVersion": 2, "mediaType": DOCKER_LIST if docker else OCI_INDEX,
      "manifests": [image.descriptor(arch) for arch, image in images.items()]}).encode()


def _random_bytes(generator, size):
  """In pieces: randbytes takes less than 2^28 at once."""
  piece = 1 << 26
  return b"".join(generator.randbytes(min(piece, size - at)) for at in range(0, size, piece))


def _tar(files, devices=0):
  output = io.BytesIO()
  with tarfile.open(fileobj=output, mode="w", format=tarfile.PAX_FORMAT) as archive:
    for name, data in files.items():
      member = tarfile.TarInfo(name)
      member.size = len(data)
      archive.addfile(member, io.BytesIO(data))
    for number in range(devices):
      member = tarfile.TarInfo("device-%d" % number)
      member.type, member.devmajor, member.devminor = tarfile.CHRTYPE, 1, 3
      archive.addfile(member)
  return output.getvalue()


def write_layout(path, images):
  """Writes an OCI layout of images by name; OCI images only."""
  blobs = path / "blobs" / "sha256"
  blobs.mkdir(parents=True)
  (path / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
  entries = []
  for name, image in images.items():
    for digest, data in {**image.blobs, image.digest: image.manifest}.items():
      (blobs / digest.split(":")[1]).write_bytes(data)
    entries.append({**image.descriptor(),
                    "annotations": {"org.opencontainers.image.ref.name": name}})
  (path / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": entries}))
  return path
