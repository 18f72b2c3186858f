"""The places where images are. What is there is found out without the programs under test."""

import base64
import json
import pathlib
import shutil
import tarfile
import urllib.request

from support.contents import Contents, Description, payload
from support.images import DOCKER_LIST, DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST
from support.oracle import sha256
from support.registry import SCHEMA1_SIGNED, Schema1Registry
from support.storage import StorageRoot

_MANIFESTS = (OCI_MANIFEST, OCI_INDEX, DOCKER_MANIFEST, DOCKER_LIST, SCHEMA1_SIGNED)


class Place:
  """A place of a directory's own, entered as a context. `forms` are what images can be there;
  `flags` what a command needs to come there, behind --src- or --dest-."""

  forms = ("oci", "v2s2", "v2s1", "index", "list")
  flags = ()

  def __init__(self, directory):
    self.directory = directory
    directory.mkdir(parents=True, exist_ok=True)

  def __enter__(self):
    return self

  def __exit__(self, *unused):
    pass

  def image(self, name):
    """What an image is called that a test calls `name`."""
    raise NotImplementedError

  def contents(self, name):
    """What the image is; fails where it is not whole."""
    raise NotImplementedError

  def remove(self, name):
    """Takes away an image, if it is there."""


class Dir(Place):
  """dir:"""

  def image(self, name):
    return "dir:%s" % (self.directory / name)

  def contents(self, name):
    path = self.directory / name
    assert (path / "version").read_text() == "Directory Transport Version: 1.1\n"
    blobs = {}
    for file in set(path.iterdir()) - {path / "version", path / "manifest.json"}:
      data = file.read_bytes()
      assert sha256(data) == "sha256:" + file.name.removesuffix(".manifest.json"), file
      blobs[sha256(data)] = data
    return Contents((path / "manifest.json").read_bytes(), blobs)


class OciLayout(Place):
  """oci:"""

  forms = ("oci", "index")

  def image(self, name):
    return "oci:%s:x" % (self.directory / name)

  def contents(self, name):
    return _layout(self.directory / name)


def _layout(path):
  assert json.loads((path / "oci-layout").read_text()) == {"imageLayoutVersion": "1.0.0"}
  blobs = {}
  for file in (path / "blobs" / "sha256").iterdir():
    blobs["sha256:" + file.name] = file.read_bytes()
    assert sha256(blobs["sha256:" + file.name]) == "sha256:" + file.name
  index = json.loads((path / "index.json").read_text())
  (entry,) = index["manifests"]
  return Contents(blobs.pop(entry["digest"]), blobs, index)


class OciArchive(Place):
  """oci-archive:"""

  forms = ("oci", "index")

  def image(self, name):
    return "oci-archive:%s:x" % (self.directory / name)

  def contents(self, name):
    unpacked = self.directory / (name + ".unpacked")
    with tarfile.open(self.directory / name) as archive:
      archive.extractall(unpacked)
    try:
      return _layout(unpacked)
    finally:
      shutil.rmtree(unpacked)


class DockerArchive(Place):
  """docker-archive:, which has no manifest like the others': one is made of what is in it."""

  forms = ("v2s2",)

  def image(self, name):
    return "docker-archive:%s:some/image:1" % (self.directory / name)

  def contents(self, name):
    path = self.directory / name
    with tarfile.open(path) as archive:
      files = {member.name: archive.extractfile(member).read()
               for member in archive.getmembers() if member.isfile()}
      members = sorted((member.name, member.linkname) for member in archive.getmembers())
    (item,) = json.loads(files["manifest.json"])
    blobs = {sha256(files[file]): files[file] for file in [item["Config"], *item["Layers"]]}
    manifest = {"schemaVersion": 2, "config": {"digest": sha256(files[item["Config"]])},
                "layers": [{"digest": sha256(files[file])} for file in item["Layers"]]}
    return Contents(json.dumps(manifest).encode(), blobs, sha256(path.read_bytes()),
                    (members, {file: sha256(files[file]) for file in files}))


class DockerRegistry(Place):
  """docker://, with Debian's docker-registry."""

  flags = ("tls-verify=false",)

  def __enter__(self):
    self._registry = Schema1Registry(self.directory).__enter__()
    return self

  def __exit__(self, *unused):
    self._registry.__exit__()

  def image(self, name):
    return "docker://%s/%s:1" % (self._registry.address, name)

  def contents(self, name):
    manifest, media_type = self._get(name, "manifests", "1")
    blobs = {}
    self._collect(name, json.loads(manifest), blobs)
    return Contents(manifest, blobs, media_type)

  def _collect(self, name, document, blobs):
    for entry in document.get("manifests", []):
      manifest, media_type = self._get(name, "manifests", entry["digest"])
      assert media_type == entry["mediaType"] and sha256(manifest) == entry["digest"]
      blobs[entry["digest"]] = manifest
      self._collect(name, json.loads(manifest), blobs)
    digests = {layer["digest"] for layer in document.get("layers", [])}
    digests |= {layer["blobSum"] for layer in document.get("fsLayers", [])}
    if "config" in document:
      digests.add(document["config"]["digest"])
    for digest in digests:
      blobs[digest], _ = self._get(name, "blobs", digest)
      assert sha256(blobs[digest]) == digest

  def _get(self, name, kind, what):
    url = "http://%s/v2/%s/%s/%s" % (self._registry.address, name, kind, what)
    request = urllib.request.Request(url, headers={"Accept": ",".join(_MANIFESTS)})
    with urllib.request.urlopen(request, timeout=20) as answer:
      return answer.read(), answer.headers["Content-Type"]


class DockerDaemon(Place):
  """docker-daemon:, with a dockerd that somebody else started."""

  forms = ("v2s2",)

  def __init__(self, dockerd, prefix):
    self._dockerd, self._prefix = dockerd, prefix
    self.flags = ("daemon-host=" + dockerd.host,)

  def _name(self, name):
    return "%s/%s:1" % (self._prefix, name)

  def image(self, name):
    return "docker-daemon:" + self._name(name)

  def contents(self, name):
    found = self._dockerd.image(self._name(name))
    assert found is not None, name
    layers = found["RootFS"]["Layers"]
    return Description((found["Id"], layers), layers)

  def remove(self, name):
    self._dockerd.docker("rmi", self._name(name))


class Store(Place):
  """containers-storage:, a store for each image, so that none has layers of another."""

  def __init__(self, driver):
    self._driver = driver
    self._stores = {}

  def __exit__(self, *unused):
    for name in list(self._stores):
      self.remove(name)

  def image(self, name):
    if name not in self._stores:
      self._stores[name] = StorageRoot(self._driver)
    return self._stores[name].name("localhost/image:1")

  def store(self, name):
    return self._stores[name]

  def remove(self, name):
    if name in self._stores:
      self._stores.pop(name).remove()

  def contents(self, name):
    store = self._stores[name]
    store.check()
    assert not store.leftovers()
    (image,) = store.list("images")
    by_id = {layer["id"]: layer for layer in store.list("layers")}
    layers, above = [], image["layer"]
    while above:
      layers.insert(0, by_id.pop(above))
      above = layers[0].get("parent")
    described = {key: image[key] for key in ("id", "names", "layer")}
    described["layers"] = [_kept(layer) for layer in layers]
    data = self._data(store, image["id"])
    return Description({**described, "data": data, "others": sorted(by_id)},
                       [layer["diff-digest"] for layer in layers])

  def _data(self, store, image):
    data = {}
    for file in (store.graph / ("%s-images" % self._driver) / image).iterdir():
      name = file.name
      if name.startswith("="):
        name = base64.b64decode(name[1:]).decode()
      data[name] = payload(file.read_bytes())
    return data


def _kept(layer):
  """What a store remembers of a layer that does not depend on the time."""
  return {key: layer.get(key) or None for key in (
      "id", "parent", "diff-digest", "diff-size", "compressed-diff-digest", "compressed-size",
      "compression", "uidset", "gidset")}
