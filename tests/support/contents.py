"""What a copy made, whatever the place, so that it can be compared with what another program made."""

import bz2
import gzip
import json
import lzma

from support.oracle import sha256

_DECOMPRESSORS = {b"\x1f\x8b": gzip.decompress, b"BZ": bz2.decompress, b"\xfd7": lzma.decompress}


def diff_id(layer):
  """The digest of what a layer's bytes are decompressed to."""
  return sha256(_DECOMPRESSORS.get(layer[:2], bytes)(layer))


def payload(manifest):
  """A manifest of schema 1 without its signatures, of which no two are alike; others as they are."""
  at = manifest.find(b'"signatures"')
  return manifest if at < 0 else manifest[:manifest.rindex(b",", 0, at)].rstrip() + b"}"


class Description:
  """What a place itself says of an image. `exact` is the same for the same image."""

  def __init__(self, exact, diff_ids):
    self.exact, self.diff_ids = exact, [diff_ids]


class Contents:
  """An image or an index: the bytes of its manifest, of all that it names, by digest, and what the
  place says besides; `unordered` is all of that where the order is of no importance."""

  def __init__(self, manifest, blobs, more=None, unordered=None):
    self._manifest, self._blobs, self._more = manifest, blobs, more
    self.unordered = unordered

  @property
  def exact(self):
    """What is the same if and only if every byte is."""
    return {"manifest": payload(self._manifest), "blobs": sorted(self._blobs), "more": self._more}

  @property
  def named(self):
    """The same, without blobs that no manifest names."""
    named = set()
    for image in self._images():
      named.update([image["config"]["digest"]] if "config" in image else [], _layers(image))
    return {**self.exact, "blobs": sorted(named & self._blobs.keys())}

  @property
  def but_for_types(self):
    """The same, where only what manifests say of the types of layers differs."""
    return self._described(self._manifest, self._without_type)

  @property
  def but_for_compression(self):
    """The same, where two programs compressed layers."""
    return self._described(self._manifest, self._uncompressed)

  @property
  def diff_ids(self):
    """Those of each image, from the bytes of its layers."""
    return [[diff_id(self._blobs[digest]) for digest in _layers(image)] for image in self._images()]

  def _images(self):
    document = json.loads(self._manifest)
    return ([json.loads(self._blobs[entry["digest"]]) for entry in document["manifests"]]
            if "manifests" in document else [document])

  def _described(self, manifest, change):
    document = json.loads(payload(manifest))
    for entry in document.get("manifests", []):
      entry["digest"] = self._described(self._blobs[entry["digest"]], change)
      del entry["size"]
    for layer in document.get("layers", []):
      change(layer, "digest")
    if document["schemaVersion"] == 1:
      self._describe_schema1(document, change)
    return document

  def _describe_schema1(self, document, change):
    """The IDs of its images are made of the digests of the layers."""
    ids = {}
    for entry, layer in zip(document["history"], document["fsLayers"]):
      image = json.loads(entry["v1Compatibility"])
      for key in {"id", "parent"} & image.keys():
        image[key] = ids.setdefault(image[key], len(ids))
      entry["v1Compatibility"] = image
      change(layer, "blobSum")

  def _uncompressed(self, layer, key):
    layer[key] = diff_id(self._blobs[layer[key]])
    layer.pop("size", None)

  @staticmethod
  def _without_type(layer, _):
    layer.pop("mediaType", None)


def _layers(image):
  if image["schemaVersion"] == 1:
    return [layer["blobSum"] for layer in reversed(image["fsLayers"])]
  return [layer["digest"] for layer in image["layers"]]
