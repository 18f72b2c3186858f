"""Stores of containers/storage, and the programs that use them."""

import json
import os
import pathlib
import tempfile

import pytest

from support.programs import run
from support.removal import remove_tree

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent


class StorageRoot:
  """A store in a directory of its own, reached by Podman, Skopeo and the library's own tool."""

  def __init__(self, driver, parent=None):
    # Podman takes no run root of more than 50 bytes.
    self.directory = pathlib.Path(tempfile.mkdtemp(prefix="store-", dir=parent))
    self.graph = self.directory / "graph"
    self.run = self.directory / "run"
    self.graph.mkdir()
    self.driver = driver

  def name(self, image):
    return "containers-storage:[%s@%s+%s]%s" % (self.driver, self.graph, self.run, image)

  def podman(self, *arguments, **more):
    return run(["podman", "--root", self.graph, "--runroot", self.run,
                "--storage-driver", self.driver, "--cgroup-manager", "cgroupfs",
                "--runtime", "runc", *arguments], **more)

  def tool(self, command, image, *arguments, **more):
    return run([store_tool(), command, self.driver, self.graph, image, *arguments], **more)

  def list(self, name):
    """A list of the store: `layers` or `images`."""
    path = self.graph / ("%s-%s" % (self.driver, name)) / ("%s.json" % name)
    return json.loads(path.read_text()) if path.exists() else []

  def names(self):
    return sorted(name for image in self.list("images") for name in image.get("names", []))

  def layer_files(self, layer):
    if self.driver == "overlay":
      return self.graph / "overlay" / layer / "diff"
    return self.graph / "vfs" / "dir" / layer

  def check(self):
    """Every layer of every image is there, complete, with its files and its tar-split."""
    layers = {layer["id"]: layer for layer in self.list("layers")}
    for image in self.list("images"):
      above = image.get("layer", "")
      while above:
        assert not layers[above].get("flags"), above
        assert self.layer_files(above).is_dir()
        assert (self.graph / ("%s-layers" % self.driver) / ("%s.tar-split.gz" % above)).exists()
        above = layers[above].get("parent", "")

  def leftovers(self):
    return list((self.graph / self.driver).glob(".holkas-*"))

  def remove(self):
    remove_tree(self.directory)


def store_tool():
  path = os.environ.get("HOLKAS_STORE_TOOL") or ROOT / ".cache/bazel-bin/worker/storage/store_tool"
  if not pathlib.Path(path).exists():
    pytest.skip("%s is not there: bazel build //worker/storage:store_tool" % path)
  return path
