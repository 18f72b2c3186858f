"""containers-storage: through the command line, read by podman: as root and as a plain user."""

import gzip
import io
import json
import os
import pwd
import shutil
import subprocess
import tarfile

import pytest

from support.images import OCI_CONFIG, OCI_LAYER, OCI_MANIFEST
from support.oracle import Layout, sha256
from support.programs import run
from support.removal import remove_tree

DRIVERS = ["overlay", "vfs"]


def layer(*members):
  """A tar of (name, type, fields, data)."""
  output = io.BytesIO()
  with tarfile.open(fileobj=output, mode="w", format=tarfile.PAX_FORMAT) as archive:
    for name, kind, fields, data in members:
      member = tarfile.TarInfo(name)
      member.type = kind
      for field, value in {"mtime": 1600000000, **fields}.items():
        setattr(member, field, value)
      member.size = len(data)
      archive.addfile(member, io.BytesIO(data))
  return output.getvalue()


def file(name, data=b"", **fields):
  return (name, tarfile.REGTYPE, {"mode": 0o644, **fields}, data)


def directory(name, **fields):
  return (name, tarfile.DIRTYPE, {"mode": 0o755, **fields}, b"")


LAYERS = [
    layer(directory("etc"), directory("gone"), file("gone/inner", b"x"), file("deleted", b"d"),
          file("etc/shadow", b"s", mode=0o640, uid=0, gid=42),
          file("bin-of-many", b"#!/bin/sh\n", mode=0o4755, uid=1, gid=2),
          ("link", tarfile.SYMTYPE, {"linkname": "/etc/shadow", "mode": 0o777}, b""),
          ("hard", tarfile.LNKTYPE, {"linkname": "etc/shadow", "mode": 0o640, "gid": 42}, b""),
          ("pipe", tarfile.FIFOTYPE, {"mode": 0o600}, b""),
          ("null", tarfile.CHRTYPE, {"mode": 0o666, "devmajor": 1, "devminor": 3}, b"")),
    layer(file(".wh.deleted"), directory("gone"), file("gone/.wh..wh..opq"),
          file("gone/new", b"n"),
          file("privileged", b"p", mode=0o755)),
]


def write_image(path, tars=LAYERS):
  """An OCI layout with one image, `x`."""
  blobs = path / "blobs" / "sha256"
  blobs.mkdir(parents=True)

  def put(data, media_type):
    digest = sha256(data)
    (blobs / digest.split(":")[1]).write_bytes(data)
    return {"mediaType": media_type, "digest": digest, "size": len(data)}

  config = put(json.dumps({
      "created": "2024-01-02T03:04:05Z", "architecture": "amd64", "os": "linux",
      "config": {"Cmd": ["/bin/true"]},
      "rootfs": {"type": "layers", "diff_ids": [sha256(tar) for tar in tars]},
      "history": [{"created_by": "test"} for _ in tars]}).encode(), OCI_CONFIG)
  layers = [put(gzip.compress(tar, 1, mtime=0), OCI_LAYER) for tar in tars]
  manifest = put(json.dumps({"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": config,
                             "layers": layers}).encode(), OCI_MANIFEST)
  manifest["annotations"] = {"org.opencontainers.image.ref.name": "x"}
  (path / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
  (path / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [manifest]}))
  return path


def plain_user():
  """Somebody with subordinate ids, who may run podman; None where this machine has nobody."""
  for line in open("/etc/subuid", encoding="utf-8") if os.path.exists("/etc/subuid") else []:
    try:
      entry = pwd.getpwnam(line.split(":")[0])
    except KeyError:
      continue
    if entry.pw_uid != 0 and os.path.isdir(entry.pw_dir):
      return entry
  return None


class Store:
  """A store of one driver, and podman on it, as root or as somebody else."""

  def __init__(self, programs, base, driver, user):
    self.programs, self.driver, self.user = programs, driver, user
    self.base = base
    self.graph, self.run = base / "graph", base / "run"
    self.image = write_image(base / "layout")
    if user is not None:
      subprocess.run(["chown", "-R", "%d:%d" % (user.pw_uid, user.pw_gid), base], check=True)

  def name(self, image):
    return "containers-storage:[%s@%s+%s]%s" % (self.driver, self.graph, self.run, image)

  def _run(self, command, env, **more):
    if self.user is not None:
      env = {**env, "HOME": self.user.pw_dir, "XDG_RUNTIME_DIR": str(self.base),
             "USER": self.user.pw_name}
      command = ["setpriv", "--reuid=%d" % self.user.pw_uid, "--regid=%d" % self.user.pw_gid,
                 "--clear-groups", "--", *command]
    return run(command, env=env, cwd=str(self.base), timeout=120, **more)

  def holkas(self, *arguments, **more):
    return self._run([str(self.programs.path("holkas")), *arguments], self.programs.environment,
                     **more)

  def podman(self, *arguments):
    return self._run(["podman", "--root", str(self.graph), "--runroot", str(self.run),
                      "--storage-driver", self.driver, "--cgroup-manager", "cgroupfs",
                      *arguments], self.programs.environment)

  def mounted(self, image, script):
    """The output of a shell script in the image's mounted file system."""
    if self.user is None:
      path = self.podman("image", "mount", image).ok().stdout.strip()
      try:
        return self._run(["sh", "-ec", "cd %s; %s" % (path, script)],
                         self.programs.environment).ok().stdout
      finally:
        self.podman("image", "unmount", image)
    inner = ("cd $(podman --root %s --runroot %s --storage-driver %s image mount %s); %s" %
             (self.graph, self.run, self.driver, image, script))
    return self._run(["podman", "--root", str(self.graph), "--runroot", str(self.run),
                      "--storage-driver", self.driver, "unshare", "sh", "-ec", inner],
                     self.programs.environment).ok().stdout

  def remove(self):
    if self.user is not None:
      self._run(["podman", "unshare", "rm", "-rf", str(self.graph), str(self.run)],
                self.programs.environment)
    remove_tree(self.base)


@pytest.fixture(params=["root", "user"])
def user(request):
  if os.geteuid() != 0:
    pytest.skip("needs root, to be both")
  if shutil.which("podman") is None:
    pytest.skip("podman is not installed")
  if request.param == "root":
    return None
  found = plain_user()
  if found is None:
    pytest.skip("/etc/subuid has nobody")
  return found


@pytest.fixture(params=DRIVERS)
def store(request, programs, user, tmp_path_factory):
  base = tmp_path_factory.mktemp("store")
  # These and those above them are root's alone.
  for above in [programs.directory, base, *base.parents]:
    if above.stat().st_mode & 0o001 == 0 and str(above) != "/":
      above.chmod(above.stat().st_mode | 0o055)
  made = Store(programs, base, request.param, user)
  yield made
  made.remove()


def test_podman_has_what_was_copied(store):
  store.holkas("copy", "oci:%s:x" % store.image, store.name("localhost/app:1")).ok()
  assert store.podman("images", "--format", "{{.Repository}}:{{.Tag}}").ok().stdout.split() == [
      "localhost/app:1"]
  inspected = json.loads(store.podman("image", "inspect", "localhost/app:1").ok().stdout)[0]
  assert inspected["RootFS"]["Layers"] == [sha256(tar) for tar in LAYERS]
  listing = store.mounted(
      "localhost/app:1", "find . -mindepth 1 -printf '%P %y %m %U %G\\n' | sort; cat gone/new")
  assert listing.split("\n") == [
      "bin-of-many f 4755 1 2",
      "etc d 755 0 0",
      "etc/shadow f 640 0 42",
      "gone d 755 0 0",
      "gone/new f 644 0 0",
      "hard f 640 0 42",
      "link l 777 0 0",
      "pipe p 600 0 0",
      "privileged f 755 0 0",
      "n",
  ]


def test_copied_out_it_is_the_same(store):
  store.holkas("copy", "oci:%s:x" % store.image, store.name("localhost/app:1")).ok()
  out = store.base / "out"
  store.holkas("copy", store.name("localhost/app:1"), "dir:%s" % out).ok()
  manifest = json.loads((out / "manifest.json").read_bytes())
  tars = []
  for entry in manifest["layers"]:
    data = (out / entry["digest"].split(":")[1]).read_bytes()
    tars.append(gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data)
  assert tars == LAYERS


def test_layers_that_the_destination_has_are_not_compressed_again(store):
  original = Layout(store.image)
  store.holkas("copy", "oci:%s:x" % store.image, store.name("localhost/app:1")).ok()
  store.holkas("copy", store.name("localhost/app:1"), "oci:%s:again" % store.image).ok()
  names = {entry["annotations"]["org.opencontainers.image.ref.name"]: entry["digest"]
           for entry in json.loads((store.image / "index.json").read_bytes())["manifests"]}
  layers = [json.loads(original.blob(names[name]))["layers"] for name in ("x", "again")]
  assert layers[0] == layers[1]


def test_inspected_and_deleted(store):
  store.holkas("copy", "oci:%s:x" % store.image, store.name("localhost/app:1")).ok()
  shown = json.loads(store.holkas("inspect", store.name("localhost/app:1")).ok().stdout)
  assert shown["Architecture"] == "amd64" and len(shown["Layers"]) == 2
  store.holkas("delete", store.name("localhost/app:1")).ok()
  assert store.podman("images", "-q").ok().stdout == ""
  assert store.holkas("inspect", store.name("localhost/app:1")).code != 0


def test_what_podman_has_is_read(store):
  store.podman("pull", "oci:%s:x" % store.image).ok()
  image = store.podman("images", "-q", "--no-trunc").ok().stdout.strip().split(":")[1]
  shown = json.loads(store.holkas("inspect", store.name("@" + image)).ok().stdout)
  assert len(shown["Layers"]) == 2
  store.podman("rmi", image).ok()


def test_single_files_go_into_a_store(store):
  """They are opened another way there."""
  archive = store.base / "archive"
  store.holkas("copy", "oci:%s:x" % store.image, "oci-archive:%s:x" % archive).ok()
  (store.base / "link").symlink_to("archive")
  tar = store.base / "layer.tar"
  tar.write_bytes(LAYERS[0])
  for number, source in enumerate(("oci-archive:%s:x" % archive, "oci-archive:%s" % (store.base / "link"),
                                   "tarball:%s" % tar)):
    name = "localhost/file:%d" % number
    store.holkas("copy", source, store.name(name)).ok()
    shown = json.loads(store.holkas("inspect", store.name(name)).ok().stdout)
    assert len(shown["Layers"]) == (1 if source.startswith("tarball:") else 2)
  with tar.open("rb") as content:
    store.holkas("copy", "tarball:-", store.name("localhost/piped:1"), stdin=content).ok()
  missing = store.holkas("copy", "oci-archive:%s" % (store.base / "missing"), store.name("localhost/x"))
  assert missing.code == 1 and "no such file or directory" in missing.stderr


def test_layers_go_onto_a_layer_of_a_peer_that_has_devices(store):
  """A worker makes none, and vfs copies the layers below."""
  if store.user is not None:
    pytest.skip("a plain user's podman makes no devices")
  base = write_image(store.base / "base", LAYERS[:1])
  store._run(["skopeo", "--insecure-policy", "copy", "oci:%s:x" % base,
              store.name("localhost/base:1")], store.programs.environment).ok()
  store.holkas("copy", "oci:%s:x" % store.image, store.name("localhost/upper:1")).ok()
  assert store.mounted("localhost/upper:1", "cat gone/new") == "n"


def test_layer_of_deep_directories_is_removed_again(store):
  """A worker has few descriptors."""
  deep = write_image(store.base / "deep", [layer(file("d/" * 1500 + "f", b"x"))])
  store.holkas("copy", "oci:%s:x" % deep, store.name("localhost/deep:1")).ok()
  store.holkas("delete", store.name("localhost/deep:1")).ok()
  left = list((store.graph / store.driver).glob(".holkas-*"))
  for path in left:
    subprocess.run(["rm", "-rf", path], check=True)
  assert left == []


def test_driver_that_is_not_served_is_refused_by_name(programs):
  result = programs.holkas("inspect", "containers-storage:[btrfs@/nowhere/g+/nowhere/r]x")
  assert result.code == 1
  assert "driver btrfs" in result.stderr
