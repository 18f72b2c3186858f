"""Says what a destination holds, independently of the programs under test.

Every function fails with an AssertionError that says what is wrong.
"""

import hashlib
import json
import pathlib

REF_NAME = "org.opencontainers.image.ref.name"


def sha256(data):
  return "sha256:" + hashlib.sha256(data).hexdigest()


def _is_index(document):
  return "manifests" in document


class Layout:
  """An OCI layout: `Layout(path).check()` proves that nothing in it is wrong or left over."""

  def __init__(self, path):
    self.path = pathlib.Path(path)

  def index(self):
    return json.loads((self.path / "index.json").read_text())

  def names(self):
    """Digest by name."""
    return {m["annotations"][REF_NAME]: m["digest"]
            for m in self.index()["manifests"] if REF_NAME in m.get("annotations", {})}

  def blob(self, digest):
    algorithm, encoded = digest.split(":")
    data = (self.path / "blobs" / algorithm / encoded).read_bytes()
    assert sha256(data) == digest, "%s has other content" % digest
    return data

  def _check_descriptor(self, descriptor, missing_images_allowed):
    path = self.path / "blobs" / descriptor["digest"].replace(":", "/")
    assert path.is_file(), "%s is missing" % descriptor["digest"]
    assert path.stat().st_size == descriptor["size"], "%s has another size" % descriptor["digest"]
    if descriptor["mediaType"].endswith(("manifest.v1+json", "index.v1+json")):
      self._check_manifest(self.blob(descriptor["digest"]), missing_images_allowed)

  def _check_manifest(self, data, missing_images_allowed):
    manifest = json.loads(data)
    if _is_index(manifest):
      for image in manifest["manifests"]:
        if missing_images_allowed and not self._has(image["digest"]):
          continue
        self._check_descriptor(image, missing_images_allowed)
      return
    for blob in [manifest["config"], *manifest["layers"]]:
      self._check_descriptor(blob, missing_images_allowed)

  def _has(self, digest):
    return (self.path / "blobs" / digest.replace(":", "/")).exists()

  def check(self, missing_images_allowed=False):
    """Every file under blobs/ has the content that its name says, every image is whole."""
    assert json.loads((self.path / "oci-layout").read_text()) == {"imageLayoutVersion": "1.0.0"}
    for path in (self.path / "blobs").rglob("*"):
      if path.is_file():
        digest = "%s:%s" % (path.parent.name, path.name)
        assert sha256(path.read_bytes()) == digest, "%s has other content" % digest
    for descriptor in self.index()["manifests"]:
      self._check_descriptor(descriptor, missing_images_allowed)
    self.check_no_residue()
    return self

  def check_no_residue(self):
    """Nothing is there beside what the image-spec names and holkasd's lock."""
    expected = {"blobs", "index.json", "oci-layout"}
    there = {p.name for p in self.path.iterdir()}
    left = {name for name in there - expected if not name.endswith(".lock")}
    assert not left, "left over: %s" % left
    for path in (self.path / "blobs").iterdir():
      assert path.name in ("sha256", "sha512"), "left over: %s" % path
      for blob in path.iterdir():
        assert len(blob.name) in (64, 128) and int(blob.name, 16) >= 0, "left over: %s" % blob


class Directory:
  """A `dir:` image."""

  def __init__(self, path):
    self.path = pathlib.Path(path)

  def manifest_bytes(self):
    return (self.path / "manifest.json").read_bytes()

  def digest(self):
    return sha256(self.manifest_bytes())

  def check(self):
    assert (self.path / "version").read_text() == "Directory Transport Version: 1.1\n"
    expected = {"version", "manifest.json"}
    self._check_manifest(self.manifest_bytes(), expected)
    there = {p.name for p in self.path.iterdir()}
    assert there == expected, "left over: %s, missing: %s" % (there - expected, expected - there)
    beside = [p.name for p in self.path.parent.iterdir()
              if p.name.startswith("." + self.path.name) or p.name.startswith(".holkas")]
    assert not beside, "left over: %s" % beside
    return self

  def _check_manifest(self, data, expected):
    manifest = json.loads(data)
    if _is_index(manifest):
      for image in manifest["manifests"]:
        name = image["digest"].split(":")[1] + ".manifest.json"
        expected.add(name)
        child = (self.path / name).read_bytes()
        assert sha256(child) == image["digest"]
        self._check_manifest(child, expected)
      return
    for blob in [manifest["config"], *manifest["layers"]]:
      name = blob["digest"].split(":")[1]
      expected.add(name)
      content = (self.path / name).read_bytes()
      assert sha256(content) == blob["digest"], "%s has other content" % name
      assert len(content) == blob["size"]


def tree(path):
  """Everything beneath `path`: the SHA-256 of each file by its relative name."""
  path = pathlib.Path(path)
  return {str(p.relative_to(path)): sha256(p.read_bytes()) for p in path.rglob("*") if p.is_file()}
