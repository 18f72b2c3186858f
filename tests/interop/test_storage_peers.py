"""Stores of containers/storage: what Podman and Skopeo write is read, and what is written they use
as if it were theirs, also when both write at once and when a writer is killed."""

import gzip
import hashlib
import io
import json
import os
import random
import shutil
import subprocess
import tarfile
import threading
import time

import pytest

from conftest import skopeo, soak
from support.oracle import sha256, tree
from support.storage import StorageRoot, store_tool

DRIVERS = ("overlay", "vfs")


def need(*tools):
  for tool in tools:
    if shutil.which(tool) is None:
      pytest.skip("%s is not installed" % tool)


@pytest.fixture(params=DRIVERS)
def store(request):
  """A store that is empty."""
  need("podman", "skopeo")
  if os.geteuid() != 0:
    pytest.skip("layers have owners: this takes root")
  store = StorageRoot(request.param)
  yield store
  store.remove()


@pytest.fixture
def theirs(store):
  """Another store of the same driver, for peers alone."""
  other = StorageRoot(store.driver)
  yield other
  other.remove()


class Tar:
  """A layer's tar, entry by entry."""

  def __init__(self, form=tarfile.PAX_FORMAT):
    self._bytes = io.BytesIO()
    self._tar = tarfile.open(fileobj=self._bytes, mode="w", format=form)

  def add(self, name, data=b"", kind=tarfile.REGTYPE, mode=0o644, link="", **more):
    info = tarfile.TarInfo(name)
    info.size, info.type, info.mode, info.linkname = len(data), kind, mode, link
    info.mtime = more.pop("mtime", 1600000000)
    for key, value in more.items():
      setattr(info, key, value)
    self._tar.addfile(info, io.BytesIO(data) if data else None)
    return self

  def folder(self, name, mode=0o755, **more):
    return self.add(name, kind=tarfile.DIRTYPE, mode=mode, **more)

  def bytes(self):
    self._tar.close()
    return self._bytes.getvalue()


def base_layer(seed=1):
  random_bytes = random.Random(seed).randbytes
  tar = Tar().folder(".").folder("etc").add("etc/hello", b"hello\n", mode=0o4640, uid=12, gid=34)
  tar.add("etc/again", kind=tarfile.LNKTYPE, link="etc/hello")
  tar.add("etc/link", kind=tarfile.SYMTYPE, link="../usr/x", uid=7)
  tar.folder("opt/deep/er", mode=0o1777, mtime=1500000000.123456)
  tar.add("opt/deep/er/" + "n" * 200, random_bytes(70000))
  tar.add("opt/deep/gone", b"x")
  tar.add("opt/hidden/below/x", b"x")  # without an entry for the directories
  tar.add("var/fifo", kind=tarfile.FIFOTYPE, mode=0o600)
  tar.add("usr/bin/ping", random_bytes(5000), mode=0o755, pax_headers={
      "SCHILY.xattr.user.note": "kept"})
  tar.add("\u00e9 <&>", b"y", mtime=-5)
  return tar.bytes()


def upper_layer():
  tar = Tar(tarfile.GNU_FORMAT).folder("opt").folder("opt/deep")
  tar.add("opt/deep/.wh.gone")
  tar.folder("opt/hidden").add("opt/hidden/.wh..wh..opq").add("opt/hidden/new", b"new")
  tar.add("etc/hello", b"other\n", mode=0o600).folder("a/" + "long/" * 40)
  return tar.bytes()


def program_layer():
  """A program that a container can run."""
  tar = Tar()
  shown = subprocess.run(["ldd", "/bin/cat"], capture_output=True, text=True, check=True).stdout
  for path in ["/bin/cat"] + [w for w in shown.split() if w.startswith("/")]:
    with open(path, "rb") as file:
      tar.add(path[1:], file.read(), mode=0o755)
  for name in ("proc", "dev", "sys", "run"):
    tar.folder(name)
  return tar.bytes()


def write_dir(path, tars, command=("/bin/cat", "/etc/hello")):
  """A `dir:` with an image of these layers, gzip'ed; returns the manifest's digest."""
  path.mkdir(parents=True, exist_ok=True)

  def blob(data, kind):
    digest = hashlib.sha256(data).hexdigest()
    (path / digest).write_bytes(data)
    return {"mediaType": "application/vnd.oci.image.%s" % kind, "digest": "sha256:" + digest,
            "size": len(data)}

  config = {"created": "2023-01-02T03:04:05.006Z", "architecture": "amd64", "os": "linux",
            "config": {"Cmd": list(command)},
            "rootfs": {"type": "layers", "diff_ids": [sha256(tar) for tar in tars]}}
  manifest = json.dumps({
      "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
      "config": blob(json.dumps(config).encode(), "config.v1+json"),
      "layers": [blob(gzip.compress(tar, 1, mtime=0), "layer.v1.tar+gzip") for tar in tars]}).encode()
  (path / "manifest.json").write_bytes(manifest)
  (path / "version").write_text("Directory Transport Version: 1.1\n")
  return sha256(manifest)


def entries(top):
  """All below a directory: kind, mode, owner, links, time and extended attributes of each."""
  found = {}
  for directory, folders, files in os.walk(top):
    for name in folders + files:
      path = os.path.join(directory, name)
      info = os.lstat(path)
      xattrs = {}
      if not os.path.islink(path):
        xattrs = {key: os.getxattr(path, key, follow_symlinks=False)
                  for key in os.listxattr(path, follow_symlinks=False)}
      content = None
      if os.path.isfile(path) and not os.path.islink(path):
        with open(path, "rb") as file:
          content = hashlib.sha256(file.read()).hexdigest()
      elif os.path.islink(path):
        content = os.readlink(path)
      # Directories without an entry, and whiteouts, have the time at which they were made.
      mtime = info.st_mtime_ns if info.st_mtime < 1700000000 else None
      found[os.path.relpath(path, top)] = (
          oct(info.st_mode), info.st_uid, info.st_gid, info.st_nlink, info.st_rdev, mtime, content,
          xattrs)
  return found


def without_times(records):
  return [{key: value for key, value in record.items() if key != "created"} for record in records]


class TestPeersRead:

  def test_store_is_what_skopeo_makes(self, store, theirs, tmp_path):
    digest = write_dir(tmp_path / "image", [base_layer(), upper_layer()])
    store.tool("write", "localhost/a/b:1", tmp_path / "image").ok()
    skopeo("copy", "dir:%s" % (tmp_path / "image"), theirs.name("localhost/a/b:1")).ok()
    assert without_times(store.list("layers")) == without_times(theirs.list("layers"))
    assert store.list("images") == theirs.list("images")
    assert store.list("images")[0]["digest"] == digest
    for layer in store.list("layers"):
      assert entries(store.layer_files(layer["id"])) == entries(theirs.layer_files(layer["id"]))
      for mine, other in ((store, theirs),):
        assert (mine.layer_files(layer["id"]).stat().st_mode ==
                other.layer_files(layer["id"]).stat().st_mode)
    image = store.list("images")[0]["id"]
    directory = "%s-images/%s" % (store.driver, image)
    assert tree(store.graph / directory) == tree(theirs.graph / directory)

  def test_podman_shows_saves_and_removes_it(self, store, tmp_path):
    digest = write_dir(tmp_path / "image", [base_layer(), upper_layer()])
    store.tool("write", "localhost/a:1", tmp_path / "image").ok()
    shown = json.loads(store.podman("image", "inspect", "localhost/a:1").ok().stdout)[0]
    assert shown["Digest"] == digest
    assert shown["RepoTags"] == ["localhost/a:1"]
    assert len(shown["RootFS"]["Layers"]) == 2
    store.podman("save", "-o", tmp_path / "saved.tar", "localhost/a:1").ok()
    with tarfile.open(tmp_path / "saved.tar") as saved:
      for tar in (base_layer(), upper_layer()):
        name = "%s.tar" % hashlib.sha256(tar).hexdigest()
        assert saved.extractfile(name).read() == tar
    store.podman("rmi", "localhost/a:1").ok()
    assert store.list("layers") == [] and store.list("images") == []

  def test_podman_runs_it(self, store, tmp_path):
    need("runc")
    write_dir(tmp_path / "image", [base_layer(), program_layer(), upper_layer()])
    store.tool("write", "localhost/a:1", tmp_path / "image").ok()
    result = store.podman("run", "--rm", "--network=none", "--ulimit", "nofile=1024:4096",
                          "--ulimit", "nproc=1024:1024", "localhost/a:1")
    if "cgroup" in result.stderr or "ulimit" in result.stderr or "rlimit" in result.stderr:
      pytest.skip("containers do not run here: %s" % result.stderr)
    assert result.ok().stdout == "other\n"

  def test_mounted_image_has_what_layers_left(self, store, tmp_path):
    write_dir(tmp_path / "image", [base_layer(), upper_layer()])
    store.tool("write", "localhost/a:1", tmp_path / "image").ok()
    mounted = store.podman("image", "mount", "localhost/a:1").ok().stdout.strip()
    names = set(entries(mounted))
    assert "opt/deep/er/" + "n" * 200 in names
    assert "opt/deep/gone" not in names
    assert {name for name in names if name.startswith("opt/hidden/")} == {"opt/hidden/new"}
    store.podman("image", "umount", "-a").ok()

  def test_layers_of_peers_are_used_again(self, store, tmp_path):
    write_dir(tmp_path / "one", [base_layer(), upper_layer()])
    write_dir(tmp_path / "two", [base_layer(), base_layer(2), upper_layer()])
    skopeo("copy", "dir:%s" % (tmp_path / "one"), store.name("localhost/a:1")).ok()
    # Of these, only what the store does not have is there.
    missing = hashlib.sha256(gzip.compress(base_layer(), 1, mtime=0)).hexdigest()
    (tmp_path / "two" / missing).unlink()
    store.tool("write", "localhost/a:2", tmp_path / "two").ok()
    store.check()
    skopeo("copy", store.name("localhost/a:2"), "dir:%s" % (tmp_path / "out")).ok()
    for tar in (base_layer(), base_layer(2), upper_layer()):
      assert (tmp_path / "out" / hashlib.sha256(tar).hexdigest()).read_bytes() == tar

  def test_name_leaves_the_image_of_a_peer(self, store, tmp_path):
    write_dir(tmp_path / "one", [base_layer()])
    write_dir(tmp_path / "two", [base_layer(2)])
    skopeo("copy", "dir:%s" % (tmp_path / "one"), store.name("localhost/a:1")).ok()
    store.tool("write", "localhost/a:1", tmp_path / "two").ok()
    assert store.names() == ["localhost/a:1"]
    images = store.podman("images", "--all", "--format", "{{.Repository}}").ok().stdout.split()
    assert sorted(images) == ["<none>", "localhost/a"]


class TestReadsPeers:

  @pytest.mark.parametrize("writer", ["skopeo", "podman pull", "podman import", "buildah"])
  def test_layers_come_out_byte_for_byte(self, store, tmp_path, writer):
    write_dir(tmp_path / "image", [base_layer(), upper_layer()])
    name = "localhost/a:1"
    if writer == "skopeo":
      skopeo("copy", "dir:%s" % (tmp_path / "image"), store.name(name)).ok()
    elif writer == "podman pull":
      pulled = store.podman("pull", "-q", "dir:%s" % (tmp_path / "image")).ok().stdout.strip()
      store.podman("tag", pulled, name).ok()
    elif writer == "podman import":
      (tmp_path / "layer.tar").write_bytes(base_layer())
      store.podman("import", "-q", tmp_path / "layer.tar", name).ok()
    else:
      need("buildah")
      skopeo("copy", "dir:%s" % (tmp_path / "image"), store.name("localhost/b:1")).ok()
      buildah = ["buildah", "--root", store.graph, "--runroot", store.run, "--storage-driver",
                 store.driver]
      container = subprocess.run([*buildah, "from", "--pull-never", "localhost/b:1"], check=True,
                                 capture_output=True, text=True).stdout.strip()
      subprocess.run([*buildah, "config", "--label", "a=b", container], check=True)
      subprocess.run([*buildah, "commit", "-q", "--rm", container, name], check=True,
                     stdout=subprocess.DEVNULL)
    skopeo("copy", store.name(name), "dir:%s" % (tmp_path / "theirs")).ok()
    manifest = json.loads(store.tool("manifest", name).ok().stdout)
    expected = json.loads((tmp_path / "theirs" / "manifest.json").read_text())
    assert ([layer["digest"] for layer in manifest["layers"]] ==
            [layer["digest"] for layer in expected["layers"]])
    for blob in manifest["layers"] + [manifest["config"]]:
      data = store.tool("blob", name, blob["digest"]).ok().stdout_bytes
      assert sha256(data) == blob["digest"] and len(data) == blob["size"]
    stored = store.tool("stored", name).ok().stdout_bytes
    assert stored == skopeo("inspect", "--raw", store.name(name)).ok().stdout_bytes

  def test_image_is_found_as_skopeo_finds_it(self, store, tmp_path):
    digest = write_dir(tmp_path / "image", [base_layer()])
    skopeo("copy", "dir:%s" % (tmp_path / "image"), store.name("localhost/a:1")).ok()
    identity = store.list("images")[0]["id"]
    for name in ("localhost/a:1", "localhost/a@" + digest, "@" + identity, "@" + identity[:8]):
      assert store.tool("stored", name).ok().stdout_bytes == (
          skopeo("inspect", "--raw", store.name(name)).ok().stdout_bytes)
    for name in ("localhost/a:2", "localhost/b@" + digest, "@" + "0" * 64):
      assert skopeo("inspect", "--raw", store.name(name)).code != 0
      assert store.tool("stored", name).code != 0


class TestDelete:

  def test_image_goes_as_with_skopeo(self, store, theirs, tmp_path):
    write_dir(tmp_path / "one", [base_layer(), upper_layer()])
    write_dir(tmp_path / "two", [base_layer()])
    for place in (store, theirs):
      skopeo("copy", "dir:%s" % (tmp_path / "one"), place.name("localhost/a:1")).ok()
      skopeo("copy", "dir:%s" % (tmp_path / "two"), place.name("localhost/b:1")).ok()
    store.tool("delete", "localhost/a:1").ok()
    skopeo("delete", theirs.name("localhost/a:1")).ok()
    assert without_times(store.list("layers")) == without_times(theirs.list("layers"))
    assert store.list("images") == theirs.list("images")
    assert store.names() == ["localhost/b:1"]
    store.podman("image", "inspect", "localhost/b:1").ok()

  def test_image_of_a_container_stays(self, store, tmp_path):
    write_dir(tmp_path / "image", [base_layer()])
    skopeo("copy", "dir:%s" % (tmp_path / "image"), store.name("localhost/a:1")).ok()
    store.podman("create", "--network=none", "localhost/a:1").ok()
    assert "in use by a container" in store.tool("delete", "localhost/a:1").stderr
    assert store.names() == ["localhost/a:1"]


class TestTogether:

  def test_nobody_loses_anything(self, store, tmp_path):
    store_tool()  # skips, which a thread cannot
    write_dir(tmp_path / "one", [base_layer(), upper_layer()])
    write_dir(tmp_path / "two", [base_layer(2), upper_layer()])
    rounds = soak(4, 25)
    failed = []

    def repeat(action):
      def body():
        for i in range(rounds):
          result = action(i)
          if result.code != 0:
            failed.append(result)
      return threading.Thread(target=body)

    def ours(name, image):
      return lambda i: store.tool("write", "localhost/%s:%d" % (name, i), tmp_path / image)

    threads = [
        repeat(ours("first", "one")),
        repeat(ours("second", "two")),
        repeat(lambda i: skopeo("copy", "dir:%s" % (tmp_path / ("one", "two")[i % 2]),
                                store.name("localhost/skopeo:%d" % i))),
        repeat(lambda i: store.podman("import", "-q", tmp_path / "layer.tar",
                                      "localhost/podman:%d" % i)),
    ]
    (tmp_path / "layer.tar").write_bytes(base_layer(3))
    for thread in threads:
      thread.start()
    for thread in threads:
      thread.join()
    assert failed == []
    assert store.names() == sorted("localhost/%s:%d" % (name, i) for i in range(rounds)
                                   for name in ("first", "second", "skopeo", "podman"))
    store.check()
    assert store.leftovers() == []

  def test_killed_writer_leaves_every_image_readable(self, store, tmp_path):
    write_dir(tmp_path / "kept", [base_layer()])
    layers = [Tar().folder("d").add("d/%d" % i, random.Random(i).randbytes(300000)).bytes()
              for i in range(8)]
    write_dir(tmp_path / "killed", layers)
    skopeo("copy", "dir:%s" % (tmp_path / "kept"), store.name("localhost/kept:1")).ok()
    write = [str(part) for part in (store_tool(), "write", store.driver, store.graph,
                                    "localhost/killed:1", tmp_path / "killed")]
    start = time.monotonic()
    subprocess.run(write, check=True)
    whole = time.monotonic() - start
    chance = random.Random(7)
    for i in range(soak(12, 150)):
      store.tool("delete", "localhost/killed:1")
      process = subprocess.Popen(write)
      time.sleep(chance.uniform(0.4 if i % 2 else 0, 1.05) * whole)
      process.kill()
      process.wait()
      store.check()
      names = store.podman("images", "--format", "{{.Repository}}").ok().stdout.split()
      assert "localhost/kept" in names
      for name in names:
        skopeo("copy", store.name("%s:1" % name), "dir:%s" % (tmp_path / "out")).ok()
        shutil.rmtree(tmp_path / "out")
    subprocess.run(write, check=True)
    assert store.leftovers() == []
    skopeo("copy", store.name("localhost/killed:1"), "dir:%s" % (tmp_path / "out")).ok()
    for tar in layers:
      assert (tmp_path / "out" / hashlib.sha256(tar).hexdigest()).read_bytes() == tar

  def test_incomplete_layer_of_a_killed_peer_is_removed(self, store, tmp_path):
    write_dir(tmp_path / "one", [base_layer(), upper_layer()])
    write_dir(tmp_path / "two", [base_layer(2)])
    skopeo("copy", "dir:%s" % (tmp_path / "one"), store.name("localhost/a:1")).ok()
    skopeo("copy", "dir:%s" % (tmp_path / "two"), store.name("localhost/b:1")).ok()
    layers = store.list("layers")
    killed = layers[-1]["id"]
    layers[-1]["flags"] = {"incomplete": True}
    (store.graph / ("%s-layers" % store.driver) / "layers.json").write_text(json.dumps(layers))
    store.tool("delete", "localhost/a:1").ok()
    assert store.list("layers") == []
    assert not store.layer_files(killed).exists()
