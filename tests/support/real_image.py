"""A real image that has all that an image may have: files of this machine in several layers, an
empty layer, a step without one, and two platforms."""

import gzip
import json
import pathlib
import subprocess

from support.images import OCI_CONFIG, OCI_INDEX, OCI_LAYER, OCI_MANIFEST
from support.oracle import REF_NAME, Layout, sha256

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
EMPTY_TAR = bytes(1024)


class RealImage:
  """`index`, an index of two platforms, and `image`, its linux/amd64; made by umoci, but for the
  empty layer. `tars` are the layers of the latter, `diff_ids` those of each platform."""

  def __init__(self, path, size_mb=2, layers=3):
    subprocess.run([ROOT / "tools" / "make_image", path, str(size_mb), str(layers)], check=True,
                   stdout=subprocess.DEVNULL)
    self.index, self.image = "oci:%s:index" % path, "oci:%s:image" % path
    self.diff_ids = []
    self._path, self._made = path, Layout(path)
    images = json.loads(self._made.blob(self._made.names()["latest"]))["manifests"]
    entries = [{**self._with_an_empty_layer(entry["digest"]), "platform": entry["platform"]}
               for entry in images]
    index = self._add(OCI_INDEX, {"manifests": entries})
    self._name({"index": index, "image": {k: v for k, v in entries[0].items() if k != "platform"}})
    layers = json.loads(self._made.blob(entries[0]["digest"]))["layers"]
    self.tars = [gzip.decompress(self._made.blob(layer["digest"])) for layer in layers]

  def _with_an_empty_layer(self, digest):
    manifest = json.loads(self._made.blob(digest))
    config = json.loads(self._made.blob(manifest["config"]["digest"]))
    config["rootfs"]["diff_ids"].insert(1, sha256(EMPTY_TAR))
    step = config["history"][0]
    config["history"][1:1] = [{**step, "created_by": "touch /"},
                              {**step, "created_by": "ENV A=<b>", "empty_layer": True}]
    self.diff_ids.append(config["rootfs"]["diff_ids"])
    layers = manifest["layers"]
    layers.insert(1, self._add(OCI_LAYER, gzip.compress(EMPTY_TAR, mtime=0)))
    return self._add(OCI_MANIFEST, {"config": self._add(OCI_CONFIG, json.dumps(config).encode()),
                                    "layers": layers})

  def _add(self, media_type, content):
    """A blob of these bytes, or a manifest of these members, in the order that is usual."""
    if isinstance(content, dict):
      content = json.dumps({"schemaVersion": 2, "mediaType": media_type, **content}).encode()
    digest = sha256(content)
    (self._path / "blobs" / "sha256" / digest.split(":")[1]).write_bytes(content)
    return {"mediaType": media_type, "digest": digest, "size": len(content)}

  def _name(self, descriptors):
    (self._path / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [
        {**descriptor, "annotations": {REF_NAME: name}} for name, descriptor in descriptors.items()]}))
