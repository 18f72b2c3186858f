"""Images of Singularity, `sif:`, beside the installed skopeo, which unpacks them where holkas does not."""

import json
import os
import random
import shutil
import socket
import struct
import subprocess

import pytest

from conftest import skopeo, soak
from support import sif
from support.storage import StorageRoot

BLOCK = 128 << 10
COMPRESSIONS = ["gzip", "xz", "lz4", "zstd", "lzma"]
DEFINITION = """Bootstrap: library
From: debian

%post
    apt-get update

%environment
    export GREETING="hello"
    # a comment

\texport OTHER=1
%runscript

    echo "$GREETING"
    exec "$@"
%help
    no help
"""


@pytest.fixture(scope="module")
def root(tmp_path_factory):
  """A directory with a bit of everything."""
  directory = tmp_path_factory.mktemp("root")
  source = random.Random(1)
  (directory / "etc").mkdir()
  (directory / "bin").mkdir()
  (directory / "deep").joinpath(*["d" * 200] * 5).mkdir(parents=True)
  files = {
      "etc/motd": b"hello\n", "etc/empty": b"", "etc/name with\nblanks \xc3\xa9": b"x",
      "bin/tool": b"#!/bin/sh\necho tool\n", "block": source.randbytes(BLOCK),
      "blocks": source.randbytes(5 * BLOCK + 77), "zeros": bytes(3 * BLOCK),
      "words": b"word " * 200_000, "deep/" + "n" * 120: b"long",
  }
  for name, data in files.items():
    path = os.path.join(os.fsencode(directory), name.encode("latin-1"))
    with open(path, "wb") as file:
      file.write(data)
  with open(directory / "holes", "wb") as file:
    file.write(b"front")
    file.seek(40 * BLOCK)
    file.write(b"back")
  for i in range(300):
    (directory / "etc" / ("file-%03d" % i)).write_bytes(b"%d" % i * (i + 1))
  # In blocks of 4096 bytes its list of their sizes crosses a block of metadata.
  os.truncate(_touch(directory / "many-blocks"), 3000 * 4096 + 1)
  os.symlink("motd", directory / "etc" / "link")
  os.symlink("/" + "t" * 300, directory / "etc" / "long-link")
  os.link(directory / "etc" / "motd", directory / "bin" / "motd")
  os.link(directory / "words", directory / "etc" / "words")
  os.mkfifo(directory / "etc" / "pipe")
  with socket.socket(socket.AF_UNIX) as listener:
    here = os.getcwd()
    os.chdir(directory)
    listener.bind("socket")
    os.chdir(here)
  os.chmod(directory / "bin" / "tool", 0o4755)
  os.chmod(directory, 0o1777)
  os.chmod(directory / "etc" / "empty", 0)
  os.setxattr(directory / "etc" / "motd", "user.greeting", b"bonjour\0\n")
  os.setxattr(directory / "etc" / "motd", "user.a=b", b"v" * 100)
  # One that mksquashfs keeps once; fakeroot takes none that are much larger.
  os.setxattr(directory / "etc", "user.large", b"v" * 600)
  os.setxattr(directory / "bin", "user.large", b"v" * 600)
  if os.geteuid() == 0:
    os.mknod(directory / "null", 0o20666, os.makedev(1, 3))
    os.mknod(directory / "disk", 0o60660, os.makedev(259, 70_000))
    os.chown(directory / "bin" / "tool", 1234, 3_000_000_000)
    os.chown(directory / "etc" / "link", 7, 8, follow_symlinks=False)
    os.setxattr(directory / "bin" / "tool", "security.capability",
                struct.pack("<IIIII", 0x02000001, 1 << 13, 0, 0, 0))
    os.setxattr(directory / "etc", "trusted.mark", b"t")
  for number, (path, names, others) in enumerate(os.walk(os.fsencode(directory))):
    for name in [b".", *names, *others]:
      os.utime(os.path.join(path, name), (0, 1_600_000_000 + number), follow_symlinks=False)
  return directory


def _touch(path):
  path.write_bytes(b"")
  return path


@pytest.fixture(scope="module")
def rootfs(root, tmp_path_factory):
  return sif.squashfs(root, tmp_path_factory.mktemp("squashfs") / "rootfs")


@pytest.fixture(scope="module")
def image(rootfs, tmp_path_factory):
  path = tmp_path_factory.mktemp("image") / "image.sif"
  path.write_bytes(sif.sif_file([sif.definition(DEFINITION), sif.partition(rootfs)]))
  return path


def needs_fakeroot():
  if shutil.which("fakeroot") is None or shutil.which("unsquashfs") is None:
    pytest.skip("fakeroot or squashfs-tools, which skopeo runs, are not installed")


def manifest_and_config(directory):
  """Both, without the layer's digest and size: skopeo's layer has times of its own."""
  manifest = json.loads((directory / "manifest.json").read_text())
  layer, = manifest["layers"]
  config = (directory / manifest["config"]["digest"].split(":")[1]).read_text()
  digest = layer["digest"].split(":")[1]
  text = (directory / "manifest.json").read_text()
  text = text.replace(manifest["config"]["digest"], "CONFIG").replace(
      '"size":%d' % layer["size"], '"size":LAYER')
  return text.replace(digest, "LAYER"), config.replace(digest, "LAYER"), directory / digest


def compare(programs, image, base, *flags):
  """Copies the image by both; what they make of it is the same."""
  needs_fakeroot()
  theirs, ours = base / "theirs", base / "ours"
  skopeo("copy", "sif:%s" % image, "dir:%s" % theirs, timeout=300).ok()
  programs.copy("sif:%s" % image, "dir:%s" % ours, *flags, timeout=300).ok()
  their_manifest, their_config, their_layer = manifest_and_config(theirs)
  our_manifest, our_config, our_layer = manifest_and_config(ours)
  assert our_config == their_config
  assert our_manifest == their_manifest
  tree, links = sif.layer_tree(our_layer)
  their_tree, their_links = sif.layer_tree(their_layer)
  assert list(set(tree) ^ set(their_tree)) == []
  for name, row in tree.items():
    assert row == their_tree[name], name
  assert links == their_links
  return tree


def test_image_is_skopeos(programs, image, tmp_path):
  tree = compare(programs, image, tmp_path)
  assert tree["podman/runscript"]["mode"] == "0o755"
  assert "SCHILY.xattr.user.a%3Db" in tree["etc/motd"]["xattrs"]
  assert "socket" not in tree


@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_compressions_are_read(programs, root, tmp_path, compression):
  rootfs = sif.squashfs(root, tmp_path / "rootfs", "-comp", compression)
  (tmp_path / "image.sif").write_bytes(sif.sif_file([sif.partition(rootfs)]))
  compare(programs, tmp_path / "image.sif", tmp_path)


# As mksquashfs can lay a file system out.
@pytest.mark.parametrize("flags", [
    ["-b", "4096"], ["-b", "1M"], ["-no-fragments"], ["-always-use-fragments"], ["-noI", "-noId"],
    ["-noD", "-noF"], ["-noX"], ["-no-xattrs"], ["-no-duplicates"], ["-no-exports"],
    ["-all-root"], ["-nopad"], ["-comp", "lz4", "-Xhc"], ["-comp", "xz", "-Xbcj", "x86"],
], ids=" ".join)
def test_layouts_are_read(programs, root, tmp_path, flags):
  rootfs = sif.squashfs(root, tmp_path / "rootfs", *flags)
  (tmp_path / "image.sif").write_bytes(sif.sif_file([sif.partition(rootfs)]))
  compare(programs, tmp_path / "image.sif", tmp_path)


def test_lzo_is_refused_by_name(programs, root, tmp_path):
  rootfs = sif.squashfs(root, tmp_path / "rootfs", "-comp", "lzo")
  (tmp_path / "image.sif").write_bytes(sif.sif_file([sif.partition(rootfs)]))
  result = programs.copy("sif:%s" % (tmp_path / "image.sif"), "dir:%s" % (tmp_path / "to"))
  assert result.code == 1
  assert "squashfs compressed with lzo: this version does not read it" in result.stderr
  assert not (tmp_path / "to").exists()


DEFINITIONS = {
    "none": None, "empty": "", "no sections": "Bootstrap: x\n%post\n a\n",
    "environment": "%environment\nA=1", "runscript": "%runscript\n\n  run\n",
    "empty runscript": "%runscript\n%help\n", "blank runscript": "%runscript\n\n",
    "returns": "%environment\r\nA=1\r\n%runscript\r\nrun\r\n%files\r\nx",
    "twice": "%environment\nA=1\n%runscript\nr1\n%environment\nB=1\n%runscript\nr2",
    "unlike": "%environment x\nA=1\n%Runscript\nr", "blanks": "%runscript\n\u00a0run\u2003\v\n",
    "bytes": "%runscript\necho \u00e9 \u4e2d \"'\\ <&>\n",
    "long line": "%runscript\n" + "x" * 65535 + "\ny\n",
}


@pytest.mark.parametrize("text", DEFINITIONS.values(), ids=DEFINITIONS.keys())
def test_definitions_are_read_as_skopeo_does(programs, tmp_path, text):
  (tmp_path / "root").mkdir()
  rootfs = sif.squashfs(tmp_path / "root", tmp_path / "rootfs")
  objects = [] if text is None else [sif.definition(text)]
  (tmp_path / "image.sif").write_bytes(sif.sif_file([*objects, sif.partition(rootfs)]))
  compare(programs, tmp_path / "image.sif", tmp_path)


@pytest.mark.parametrize("there", ["directory", "script"])
def test_what_is_in_the_place_of_the_script_stays(programs, tmp_path, there):
  directory = tmp_path / "root" / "podman"
  directory.mkdir(parents=True)
  directory.chmod(0o700)
  (directory / "a").write_text("a")
  if there == "script":
    (directory / "runscript").write_text("mine")
  rootfs = sif.squashfs(tmp_path / "root", tmp_path / "rootfs")
  (tmp_path / "image.sif").write_bytes(
      sif.sif_file([sif.definition(DEFINITION), sif.partition(rootfs)]))
  tree = compare(programs, tmp_path / "image.sif", tmp_path)
  assert tree["podman"]["mode"] == "0o700"


def test_no_script_is_put_into_a_file(programs, tmp_path):
  (tmp_path / "root").mkdir()
  (tmp_path / "root" / "podman").symlink_to("/etc")
  rootfs = sif.squashfs(tmp_path / "root", tmp_path / "rootfs")
  (tmp_path / "image.sif").write_bytes(
      sif.sif_file([sif.definition(DEFINITION), sif.partition(rootfs)]))
  result = programs.copy("sif:%s" % (tmp_path / "image.sif"), "dir:%s" % (tmp_path / "to"))
  assert result.code == 1
  assert "/podman, where a file is to be put, is no directory" in result.stderr


@pytest.mark.parametrize("architecture", range(len(sif.ARCHITECTURES)))
def test_architectures_are_named(programs, tmp_path, architecture):
  (tmp_path / "root").mkdir()
  rootfs = sif.squashfs(tmp_path / "root", tmp_path / "rootfs")
  path = tmp_path / "image.sif"
  path.write_bytes(sif.sif_file([sif.partition(rootfs)], architecture=architecture))
  inspected = json.loads(programs.inspect("sif:%s" % path).ok().stdout)
  assert inspected["Architecture"] == sif.ARCHITECTURES[architecture]


def test_every_copy_is_the_same(programs, shared_server, image, tmp_path):
  programs.copy("sif:%s" % image, "dir:%s" % (tmp_path / "a")).ok()
  programs.copy("sif:%s" % image, "dir:%s" % (tmp_path / "b"), server=shared_server).ok()
  assert (tmp_path / "a" / "manifest.json").read_text() == \
      (tmp_path / "b" / "manifest.json").read_text()
  inspected = json.loads(programs.inspect("sif:%s" % image, server=shared_server).ok().stdout)
  assert inspected["Layers"] == [
      json.loads((tmp_path / "a" / "manifest.json").read_text())["layers"][0]["digest"]]


def test_podman_runs_it(programs, tmp_path):
  if os.geteuid() != 0 or shutil.which("podman") is None or shutil.which("runc") is None:
    pytest.skip("needs root, podman and runc")
  root = tmp_path / "root"
  # This machine's bash, and the libraries that it loads.
  loaded = subprocess.run(["ldd", "/bin/bash"], check=True, stdout=subprocess.PIPE).stdout.decode()
  for name in ["/bin/bash", *[word for word in loaded.split() if word.startswith("/")]]:
    path = root / name[1:]
    path.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(name, path)
  rootfs = sif.squashfs(root, tmp_path / "rootfs", "-comp", "zstd")
  (tmp_path / "image.sif").write_bytes(
      sif.sif_file([sif.definition("%environment\nexport A=sea\n%runscript\necho by $A\n"),
                    sif.partition(rootfs)]))
  store = StorageRoot("vfs")
  try:
    programs.copy("sif:%s" % (tmp_path / "image.sif"), store.name("localhost/ship:1")).ok()
    result = store.podman("run", "--rm", "--network=none", "--ulimit", "nofile=1024:4096",
                          "--ulimit", "nproc=1024:1024", "localhost/ship:1")
    if "cgroup" in result.stderr or "ulimit" in result.stderr or "rlimit" in result.stderr:
      pytest.skip("containers do not run here: %s" % result.stderr)
    assert result.ok().stdout == "by sea\n"
  finally:
    store.remove()


def cases(rootfs):
  """SIF files that skopeo refuses, by name."""
  good = [sif.definition(DEFINITION), sif.partition(rootfs)]
  whole = sif.sif_file(good)

  def changed(offset, data):
    return whole[:offset] + data + whole[offset + len(data):]

  second = sif.TABLE_AT + sif.DESCRIPTOR_BYTES
  return {
      "empty": b"", "short header": whole[:100], "no table": whole[:3000],
      "short table": whole[:5000], "magic": sif.sif_file(good, magic=b"SIF_MAGIX\0"),
      "version": sif.sif_file(good, version=b"02\0"),
      "table size": changed(104, struct.pack("<q", 584)),
      "no objects": sif.sif_file(good, free=48), "no partition": sif.sif_file(good[:1]),
      "unused": sif.sif_file([good[0], sif.partition(rootfs, used=0)]),
      "other partition": sif.sif_file([sif.partition(rootfs, kind=sif.SYSTEM)]),
      "two partitions": sif.sif_file([good[1], good[1]]),
      "beyond": changed(second + 17, struct.pack("<q", 1 << 50)),
      "cut": whole[:-5000], "larger": changed(second + 25, struct.pack("<q", 1 << 50)),
      "long line": sif.sif_file([sif.definition("%runscript\n" + "x" * 65536 + "\n"), good[1]]),
  }


CASES = list(cases(b""))


@pytest.mark.parametrize("command", ["inspect", "copy"])
@pytest.mark.parametrize("case", CASES)
def test_refusals_are_skopeos(programs, rootfs, tmp_path, case, command):
  needs_fakeroot()
  (tmp_path / "x.sif").write_bytes(cases(rootfs)[case])
  arguments = [command, "sif:x.sif"] + (["dir:to"] if command == "copy" else [])

  def words(result):
    assert result.code == 1
    return result.stderr.partition("level=")[2]

  ours = words(programs.holkas(*arguments, cwd=tmp_path))
  assert not (tmp_path / "to").exists()
  assert ours == words(skopeo(*arguments, cwd=tmp_path))


@pytest.mark.parametrize("arguments", [
    ["inspect", "sif:/missing.sif"], ["copy", "sif:/missing.sif", "dir:to"],
    ["inspect", "sif:missing.sif"], ["inspect", "sif:"], ["copy", "dir:x", "sif:a.sif"],
    ["delete", "sif:a.sif"], ["list-tags", "sif:a.sif"],
], ids=" ".join)
def test_commands_are_refused_as_skopeo_does(programs, tmp_path, arguments):
  def words(result):
    assert result.code == 1
    return result.stderr.partition("level=")[2]

  assert words(programs.holkas(*arguments, cwd=tmp_path)) == \
      words(skopeo(*arguments, cwd=tmp_path))


@pytest.mark.parametrize("case, message", [
    ("encrypted", "the partition is encrypted"), ("other", "there is no superblock"),
    ("negative", "a negative number"), ("descriptors", "more than 4096 descriptors"),
    ("year", "a year beyond 9999"), ("definition", "more than 1048576 bytes"),
])
def test_what_skopeo_does_not_say_is_clear(programs, rootfs, tmp_path, case, message):
  """Where skopeo panics, or shows the words of unsquashfs."""
  junk = random.Random(2).randbytes(100_000)
  good = [sif.partition(rootfs)]
  whole = sif.sif_file(good)
  (tmp_path / "x.sif").write_bytes({
      "encrypted": lambda: sif.sif_file([sif.partition(junk, file_system=sif.ENCRYPTED)]),
      "other": lambda: sif.sif_file([sif.partition(junk)]),
      "negative": lambda: whole[:88] + struct.pack("<q", -1) + whole[96:],
      "descriptors": lambda: sif.sif_file(good, total=4097),
      "year": lambda: sif.sif_file(good, modified=1 << 40),
      "definition": lambda: sif.sif_file([sif.definition("\n" * (1 << 20) + "x"), *good]),
  }[case]())
  result = programs.inspect("sif:%s" % (tmp_path / "x.sif"))
  assert result.code == 1
  assert message in result.stderr


def test_bomb_is_refused(programs, tmp_path):
  """A file of 32 GiB without anything in it: mksquashfs makes a few hundred bytes of it."""
  (tmp_path / "root").mkdir()
  os.truncate(_touch(tmp_path / "root" / "file"), 1 << 35)
  rootfs = sif.squashfs(tmp_path / "root", tmp_path / "rootfs", "-b", "1M")
  (tmp_path / "x.sif").write_bytes(sif.sif_file([sif.partition(rootfs)]))
  result = programs.copy("sif:%s" % (tmp_path / "x.sif"), "dir:%s" % (tmp_path / "to"))
  assert result.code == 1
  assert "squashfs: bytes of a file: more than" in result.stderr


def test_mutations_are_copied_or_refused(programs, tmp_path_factory, own_server, tmp_path):
  """However a file is broken, its worker ends with an error or an image, and never by a signal."""
  directory = tmp_path_factory.mktemp("mutations")
  (directory / "root" / "sub").mkdir(parents=True)
  for i in range(30):
    (directory / "root" / "sub" / str(i)).write_bytes(b"%d" % i * 1000)
  os.link(directory / "root" / "sub" / "1", directory / "root" / "again")
  os.symlink("x", directory / "root" / "link")
  os.setxattr(directory / "root" / "again", "user.x", b"v")
  source = random.Random(3)
  bases = []
  for flags in (["-comp", "gzip"], ["-comp", "xz"], ["-comp", "zstd"], ["-comp", "lz4"],
                ["-noI", "-noX", "-noId"], ["-noI", "-noX", "-noId", "-no-fragments"]):
    rootfs = sif.squashfs(directory / "root", directory / "rootfs", "-b", "4096", *flags)
    bases.append(sif.sif_file([sif.definition(DEFINITION), sif.partition(rootfs)], total=2))
  outcomes = {"copied": 0, "refused": 0}
  for number in range(soak(150, 3000)):
    data = bytearray(bases[number % len(bases)])
    # Where something is: the header, the table, the definition file, the squashfs.
    places = [range(128), range(4096, 4096 + 2 * 585), range(8192, 8192 + len(DEFINITION)),
              range(12288, 12288 + 96), range(12288, len(data)), range(len(data) - 2000, len(data))]
    for _ in range(source.randint(1, 4)):
      place = source.choice(places)
      at = min(place[source.randrange(len(place))], len(data) - 1)
      kind = source.randrange(4)
      if kind == 0:
        data[at] ^= 1 << source.randrange(8)
      elif kind == 1:
        data[at] = source.randrange(256)
      elif kind == 2:
        value = struct.pack("<Q", source.choice([0, 1, 1 << 16, 1 << 31, 1 << 63, (1 << 64) - 1]))
        data[at:at + 8] = value[:len(data) - at]
      elif number % 5 == 0:
        del data[at:]
        data.extend(bytes(128))
    (tmp_path / "x.sif").write_bytes(data)
    result = programs.copy("sif:%s" % (tmp_path / "x.sif"), "dir:%s" % (tmp_path / "to"),
                           server=own_server)
    assert result.code in (0, 1), result
    assert "worker" not in result.stderr and "INTERNAL" not in result.stderr, result
    outcomes["copied" if result.code == 0 else "refused"] += 1
    shutil.rmtree(tmp_path / "to", ignore_errors=True)
  assert min(outcomes.values()) > 10, outcomes
