"""docker-archive: and oci-archive:, compared with Skopeo and read by others."""

import bz2
import gzip
import hashlib
import json
import lzma
import os
import shutil
import signal
import subprocess
import tarfile
import tempfile
import time

import pytest

from conftest import skopeo
from support.images import Image
from support.oracle import Layout, sha256
from support.programs import run
from support.tar import DockerImage


@pytest.fixture(scope="module")
def archives(programs, pushed, tmp_path_factory):
  """The pushed image in both kinds of archive, written by Skopeo."""
  directory = tmp_path_factory.mktemp("archives")
  for kind in ("docker-archive", "oci-archive"):
    skopeo("copy", "--src-tls-verify=false", pushed,
           "%s:%s:some/image:1" % (kind, directory / kind)).ok()
  return {kind: "%s:%s" % (kind, directory / kind) for kind in ("docker-archive", "oci-archive")}


def path_of(image):
  return image.split(":", 1)[1]


def without_layers_data(text):
  document = json.loads(text)
  document.pop("LayersData", None)
  return document


KINDS = ["docker-archive", "oci-archive"]


@pytest.mark.parametrize("kind", KINDS)
class TestReading:

  @pytest.mark.parametrize("flags", [["--raw"], ["--config"], ["--config", "--raw"]])
  def test_inspect_prints_what_skopeo_prints(self, programs, shared_server, archives, kind, flags):
    theirs = skopeo("inspect", *flags, archives[kind]).ok()
    ours = programs.holkas("inspect", *flags, archives[kind], server=shared_server).ok()
    assert ours.stdout_bytes == theirs.stdout_bytes

  def test_summary(self, programs, shared_server, archives, kind):
    theirs = skopeo("inspect", archives[kind]).ok()
    ours = programs.holkas("inspect", archives[kind], server=shared_server).ok()
    assert without_layers_data(ours.stdout) == without_layers_data(theirs.stdout)
    assert list(without_layers_data(ours.stdout)) == list(without_layers_data(theirs.stdout))

  def test_copy_gives_the_same_digest(self, programs, shared_server, archives, tmp_path, kind):
    programs.copy(archives[kind], "dir:%s" % (tmp_path / "ours"), server=shared_server).ok()
    skopeo("copy", archives[kind], "dir:%s" % (tmp_path / "theirs")).ok()
    assert ((tmp_path / "ours" / "manifest.json").read_bytes() ==
            (tmp_path / "theirs" / "manifest.json").read_bytes())
    for path in (tmp_path / "theirs").iterdir():
      assert (tmp_path / "ours" / path.name).read_bytes() == path.read_bytes()

  def test_relative_path_and_private_server(self, programs, archives, kind):
    path = path_of(archives[kind])
    directory, name = path.rsplit("/", 1)
    result = programs.holkas("inspect", "--raw", "%s:%s" % (kind, name), cwd=directory).ok()
    assert result.stdout_bytes == skopeo("inspect", "--raw", archives[kind]).ok().stdout_bytes

  @pytest.mark.parametrize("suffix", ["", ":some/image:2", ":@7", ":Some/image"])
  def test_errors_are_those_of_skopeo(self, programs, shared_server, archives, tmp_path, kind,
                                      suffix):
    name = archives[kind] if suffix else "%s:%s" % (kind, tmp_path / "missing")
    theirs = skopeo("inspect", name + suffix)
    ours = programs.holkas("inspect", name + suffix, server=shared_server)
    assert message(ours) == message(theirs)
    assert ours.code in (1, 2) and theirs.code == 1


def message(result):
  line = result.stderr.strip().splitlines()[-1]
  return line[line.index("level="):]


@pytest.mark.parametrize("compress", [gzip.compress, bz2.compress, lzma.compress, "zstd"])
def test_compressed_archives_are_read(programs, shared_server, tmp_path, compress):
  image = DockerImage()
  path = tmp_path / "archive"
  if compress == "zstd":
    if shutil.which("zstd") is None:
      pytest.skip("zstd is not installed")
    data = subprocess.run(["zstd", "-c"], input=image.bytes, stdout=subprocess.PIPE,
                          check=True).stdout
  else:
    data = compress(image.bytes)
  path.write_bytes(data)
  name = "docker-archive:%s" % path
  assert programs.inspect(name, "--raw", server=shared_server).ok().stdout_bytes == image.manifest
  programs.copy(name, "dir:%s" % (tmp_path / "to"), server=shared_server).ok()
  assert (tmp_path / "to" / "manifest.json").read_bytes() == image.manifest
  path.write_bytes(data[:-20])
  assert programs.inspect(name, "--raw", server=shared_server).code == 1


def test_compressed_layers_are_read_as_skopeo_reads_them(programs, shared_server, tmp_path):
  image = DockerImage(compressed=True)
  (tmp_path / "archive").write_bytes(image.bytes)
  name = "docker-archive:%s" % (tmp_path / "archive")
  assert programs.inspect(name, "--raw", server=shared_server).ok().stdout_bytes == image.manifest
  assert skopeo("inspect", "--raw", name).ok().stdout_bytes == image.manifest
  programs.copy(name, "dir:%s" % (tmp_path / "to"), server=shared_server).ok()


class TestListTags:

  def test_prints_what_skopeo_prints(self, programs, shared_server, archives):
    theirs = skopeo("list-tags", archives["docker-archive"]).ok()
    ours = programs.holkas("list-tags", archives["docker-archive"], server=shared_server).ok()
    assert ours.stdout == theirs.stdout

  def test_without_a_name(self, programs, shared_server, archives, tmp_path):
    name = "docker-archive:%s" % (tmp_path / "archive")
    skopeo("copy", archives["docker-archive"], name).ok()
    ours = programs.holkas("list-tags", name, server=shared_server).ok()
    assert json.loads(ours.stdout) == {"Tags": ["@0"]}

  @pytest.mark.parametrize("name", ["docker-archive:missing", "oci-archive:x"])
  def test_errors_are_those_of_skopeo(self, programs, shared_server, tmp_path, name):
    theirs = run(["skopeo", "list-tags", name], cwd=tmp_path)
    ours = programs.holkas("list-tags", name, server=shared_server, cwd=tmp_path)
    assert message(ours) == message(theirs)


class TestWritingOci:

  @pytest.mark.parametrize("flags", [[], ["--all"]], ids=["one image", "index"])
  def test_is_a_layout_with_the_same_image(self, programs, shared_server, pushed, tmp_path, flags):
    name = "oci-archive:%s:some:name" % (tmp_path / "archive")
    programs.copy(pushed, name, *flags, server=shared_server).ok()
    with tarfile.open(tmp_path / "archive") as archive:
      archive.extractall(tmp_path / "layout")
    layout = Layout(tmp_path / "layout")
    assert list(layout.names()) == ["some:name"]
    layout.check()
    skopeo("copy", "--src-tls-verify=false", *flags, pushed,
           "oci-archive:%s:x" % (tmp_path / "theirs")).ok()
    assert (skopeo("inspect", "--raw", name).ok().stdout_bytes ==
            skopeo("inspect", "--raw", "oci-archive:%s:x" % (tmp_path / "theirs")).ok().stdout_bytes)
    assert programs.inspect(name, "--raw").ok().stdout_bytes == \
        skopeo("inspect", "--raw", name).ok().stdout_bytes

  def test_umoci_unpacks_it(self, programs, shared_server, pushed, tmp_path):
    if shutil.which("umoci") is None:
      pytest.skip("umoci is not installed")
    programs.copy(pushed, "oci-archive:%s:x" % (tmp_path / "archive"), server=shared_server).ok()
    with tarfile.open(tmp_path / "archive") as archive:
      archive.extractall(tmp_path / "layout")
    run(["umoci", "unpack", "--rootless", "--image", "%s:x" % (tmp_path / "layout"),
         tmp_path / "bundle"]).ok()

  def test_takes_the_place_of_the_old_archive(self, programs, shared_server, scripted, tmp_path):
    name = "oci-archive:%s:x" % (tmp_path / "archive")
    images = [Image(seed=seed) for seed in (1, 2)]
    for seed, image in enumerate(images):
      programs.copy(scripted.add("app", "v%d" % seed, image), name, server=shared_server).ok()
      assert programs.inspect(name, "--raw").ok().stdout_bytes == image.manifest
    assert [path.name for path in tmp_path.iterdir()] == ["archive"]

  def test_a_failed_copy_leaves_the_old_archive(self, programs, shared_server, scripted, tmp_path):
    name = "oci-archive:%s:x" % (tmp_path / "archive")
    old, new = Image(seed=1), Image(seed=2)
    programs.copy(scripted.add("app", "old", old), name, server=shared_server).ok()
    before = (tmp_path / "archive").read_bytes()
    source = scripted.add("app", "new", new)
    scripted.blobs[("app", new.layers[1]["digest"])] = b"something else"
    assert programs.copy(source, name, server=shared_server).code == 1
    assert (tmp_path / "archive").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["archive"]


class TestWritingDocker:

  @pytest.mark.parametrize("name", ["", ":busybox", ":quay.io/some/image:v1"])
  def test_is_byte_for_byte_that_of_skopeo(self, programs, shared_server, pushed, tmp_path, name):
    programs.copy(pushed, "docker-archive:%s%s" % (tmp_path / "ours", name),
                  server=shared_server).ok()
    skopeo("copy", "--src-tls-verify=false", pushed,
           "docker-archive:%s%s" % (tmp_path / "theirs", name)).ok()
    assert same_bytes(tmp_path / "ours", tmp_path / "theirs")

  def test_with_more_names(self, programs, shared_server, pushed, tmp_path):
    flags = ["--additional-tag", "foo:1", "--additional-tag", "quay.io/a/b:2,foo:1"]
    programs.copy(pushed, "docker-archive:%s:x:1" % (tmp_path / "ours"), *flags,
                  server=shared_server).ok()
    skopeo("copy", "--src-tls-verify=false", *flags, pushed,
           "docker-archive:%s:x:1" % (tmp_path / "theirs")).ok()
    assert same_bytes(tmp_path / "ours", tmp_path / "theirs")

  @pytest.mark.parametrize("tag", ["foo", "FOO:1"])
  def test_names_without_a_tag_are_refused(self, programs, shared_server, pushed, tmp_path, tag):
    flags = ["--additional-tag", tag]
    ours = programs.copy(pushed, "docker-archive:%s" % (tmp_path / "ours"), *flags,
                         server=shared_server)
    theirs = skopeo("copy", "--src-tls-verify=false", *flags, pushed,
                    "docker-archive:%s" % (tmp_path / "theirs"))
    assert message(ours) == message(theirs)

  def test_from_an_archive_to_an_archive(self, programs, shared_server, archives, tmp_path):
    programs.copy(archives["docker-archive"], "docker-archive:%s:some/image:1" % (tmp_path / "ours"),
                  server=shared_server).ok()
    assert same_bytes(tmp_path / "ours", path_of(archives["docker-archive"]))
    programs.copy(archives["oci-archive"], "docker-archive:%s:some/image:1" % (tmp_path / "again"),
                  server=shared_server).ok()
    assert same_bytes(tmp_path / "again", path_of(archives["docker-archive"]))

  def test_layers_at_once_give_the_same_bytes(self, programs, shared_server, scripted, tmp_path):
    image = Image(layer_sizes=(3_000_000, 10, 700_000, 400_000, 1, 600_000, 50), seed=5)
    source = scripted.add("app", "v1", image)
    digests = set()
    for n, parallel in enumerate((1, 2, 6, 16)):
      path = tmp_path / ("archive%d" % n)
      programs.copy(source, "docker-archive:%s" % path, "--image-parallel-copies", str(parallel),
                    server=shared_server).ok()
      digests.add(hashlib.sha256(path.read_bytes()).hexdigest())
    assert len(digests) == 1

  def test_layers_that_end_in_a_wrong_size_give_the_same_bytes(self, programs, shared_server,
                                                               scripted, tmp_path):
    """The last of a layer's gzip members says its own size alone."""
    def in_two_members(tar):
      half = len(tar) // 2
      return gzip.compress(tar[:half] + bytes(3_000_000), 1) + gzip.compress(bytes(5_000_000), 1)

    def diff_id(layer):
      return sha256(gzip.decompress(layer))

    image = Image(layer_sizes=(2_500_000, 10, 3_000_000, 2_400_000), seed=6, compress=in_two_members)
    config = json.loads(image.blobs[image.config["digest"]])
    config["rootfs"]["diff_ids"] = [diff_id(image.blobs[layer["digest"]])
                                    for layer in image.layers]
    manifest = json.loads(image.manifest)
    manifest["config"] = image._add(image.config["mediaType"], json.dumps(config).encode())
    image.manifest = json.dumps(manifest).encode()
    source = scripted.add("app", "wrong-sizes", image)
    programs.copy(source, "docker-archive:%s" % (tmp_path / "ours"), server=shared_server).ok()
    skopeo("copy", "--src-tls-verify=false", source, "docker-archive:%s" % (tmp_path / "theirs")).ok()
    assert same_bytes(tmp_path / "ours", tmp_path / "theirs")
    assert (tmp_path / "ours").stat().st_size == (tmp_path / "theirs").stat().st_size

  def test_what_is_there_is_not_changed(self, programs, shared_server, pushed, tmp_path):
    path = tmp_path / "archive"
    path.write_bytes(b"x")
    name = "docker-archive:%s:a:b" % path
    ours = programs.copy(pushed, name, server=shared_server)
    theirs = skopeo("copy", "--src-tls-verify=false", pushed, name)
    assert message(ours) == message(theirs)
    assert path.read_bytes() == b"x"
    path.write_bytes(b"")
    programs.copy(pushed, name, server=shared_server).ok()
    assert [entry.name for entry in tmp_path.iterdir()] == ["archive"]


@pytest.mark.parametrize("with_server", [False, True], ids=["private server", "server"])
class TestStreams:
  """Archives that come from standard input or a pipe, and go there."""

  def copy(self, programs, server, *arguments, **more):
    return subprocess.run(
        [str(programs.path("holkas")), *(["--server", server.address] if server else []), "copy",
         "--src-tls-verify=false", "--dest-tls-verify=false", *map(str, arguments)],
        env=programs.environment, stderr=subprocess.PIPE, timeout=60, check=False, **more)

  @pytest.mark.parametrize("kind", KINDS)
  def test_standard_input(self, programs, shared_server, archives, registry, tmp_path, kind,
                          with_server):
    server = shared_server if with_server else None
    for number, destination in enumerate((registry.repository("from-stdin") + ":x",
                                          "oci:%s:x" % (tmp_path / "layout"))):
      # All at once, as a file, and through a pipe.
      with open(path_of(archives[kind]), "rb") as file:
        whole = {"stdin": file} if number == 0 else {"input": file.read()}
        result = self.copy(programs, server, kind + ":/dev/stdin", destination, **whole)
      assert result.returncode == 0, result.stderr
      assert skopeo("inspect", "--raw", "--tls-verify=false", destination).ok().stdout
    assert Layout(tmp_path / "layout").check().names().keys() == {"x"}

  @pytest.mark.parametrize("kind", KINDS)
  @pytest.mark.parametrize("how", ["file", "pipe"])
  def test_inspect_and_list_tags(self, programs, shared_server, archives, kind, how, with_server):
    server = shared_server.address if with_server else None

    def run(*arguments):
      with open(path_of(archives[kind]), "rb") as file:
        whole = {"stdin": file} if how == "file" else {"input": file.read()}
        return subprocess.run(
            [str(programs.path("holkas")), *(["--server", server] if server else []), *arguments],
            env=programs.environment, capture_output=True, timeout=60, check=False, **whole)

    for flags in ([], ["--raw"], ["--config"]):
      from_file = programs.inspect(archives[kind], *flags).ok()
      result = run("inspect", *flags, kind + ":/dev/stdin")
      assert result.stdout == from_file.stdout_bytes, result.stderr
    if kind == "docker-archive":
      result = run("list-tags", kind + ":/dev/stdin")
      assert result.stdout == programs.holkas("list-tags", archives[kind]).ok().stdout_bytes

  @pytest.mark.parametrize("kind", KINDS)
  def test_from_standard_input_to_standard_output(self, programs, shared_server, archives, tmp_path,
                                                  kind, with_server):
    server = shared_server if with_server else None
    with open(path_of(archives[kind]), "rb") as file:
      result = self.copy(programs, server, kind + ":/dev/stdin", "docker-archive:/dev/stdout:a/b:1",
                         stdin=file, stdout=subprocess.PIPE)
    assert result.returncode == 0, result.stderr
    programs.copy(archives[kind], "docker-archive:%s:a/b:1" % (tmp_path / "file")).ok()
    assert result.stdout == (tmp_path / "file").read_bytes()

  def test_what_is_no_archive_is_said(self, programs, shared_server, with_server):
    server = shared_server if with_server else None
    result = self.copy(programs, server, "docker-archive:/dev/stdin", "docker-archive:/dev/stdout",
                       input=b"nothing of the kind", stdout=subprocess.PIPE)
    assert result.returncode == 1
    assert result.stdout == b""
    assert b"archive" in result.stderr

  @pytest.mark.parametrize("kind", KINDS)
  def test_standard_output(self, programs, shared_server, pushed, tmp_path, kind, with_server):
    server = shared_server if with_server else None
    programs.copy(pushed, "%s:%s:some/image:1" % (kind, tmp_path / "file")).ok()
    result = self.copy(programs, server, pushed, kind + ":/dev/stdout:some/image:1",
                       stdout=subprocess.PIPE)
    assert result.returncode == 0, result.stderr
    assert result.stdout == (tmp_path / "file").read_bytes()

  @pytest.mark.parametrize("path", ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"])
  def test_what_is_before_the_archive_stays(self, programs, shared_server, pushed, tmp_path, path,
                                            with_server):
    server = shared_server if with_server else None
    programs.copy(pushed, "docker-archive:%s" % (tmp_path / "file")).ok()
    for mode in ("ab", "wb"):
      (tmp_path / "to").write_bytes(b"" if mode == "wb" else b"before")
      with open(tmp_path / "to", mode, buffering=0) as to:
        if mode == "wb":
          to.write(b"before")
        result = self.copy(programs, server, pushed, "docker-archive:" + path, stdout=to)
        assert result.returncode == 0, result.stderr
        to.write(b"behind")
      whole = (tmp_path / "to").read_bytes()
      assert sha256(whole) == sha256(b"before" + (tmp_path / "file").read_bytes() + b"behind")

  def test_a_stream_that_cannot_be_opened(self, programs, shared_server, tmp_path, with_server):
    server = shared_server if with_server else None
    result = self.copy(programs, server, "docker-archive:/dev/fd/987:app:1",
                       "dir:%s" % (tmp_path / "to"))
    assert result.returncode == 1
    assert b"open /dev/fd/987: bad file descriptor" in result.stderr

  def test_a_pipe_with_a_name(self, programs, shared_server, pushed, tmp_path, with_server):
    server = shared_server if with_server else None
    os.mkfifo(tmp_path / "pipe")
    with open(tmp_path / "read", "wb") as to, \
        subprocess.Popen(["cat", tmp_path / "pipe"], stdout=to):
      result = self.copy(programs, server, pushed, "docker-archive:%s" % (tmp_path / "pipe"))
    assert result.returncode == 0, result.stderr
    programs.copy(pushed, "docker-archive:%s" % (tmp_path / "file")).ok()
    assert same_bytes(tmp_path / "read", tmp_path / "file")

  def test_a_stream_that_breaks_off(self, programs, shared_server, archives, tmp_path, with_server):
    server = shared_server if with_server else None
    with open(path_of(archives["docker-archive"]), "rb") as file:
      result = self.copy(programs, server, "docker-archive:/dev/stdin", "dir:%s" % (tmp_path / "to"),
                         input=file.read()[:5000])
    assert result.returncode == 1
    assert not (tmp_path / "to").exists()

  def test_interrupted_while_nothing_comes(self, programs, shared_server, tmp_path, with_server):
    server = shared_server if with_server else None
    read, write = os.pipe()
    with subprocess.Popen(
        [str(programs.path("holkas")), *(["--server", server.address] if server else []), "copy",
         "docker-archive:/dev/stdin", "dir:%s" % (tmp_path / "to")], env=programs.environment,
        stdin=read, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
      os.close(read)
      time.sleep(0.5)
      process.terminate()
      assert process.wait(5) != 0
    os.close(write)
    assert not (tmp_path / "to").exists()

  @pytest.mark.parametrize("reads", [True, False])
  def test_a_pipe_without_another_end_is_waited_for_until_the_timeout_or_a_signal(
      self, programs, shared_server, pushed, tmp_path, with_server, reads):
    server = shared_server if with_server else None
    os.mkfifo(tmp_path / "pipe")
    pipe, directory = "docker-archive:%s" % (tmp_path / "pipe"), "dir:%s" % (tmp_path / "to")
    copy = [pipe, directory] if reads else ["--src-tls-verify=false", pushed, pipe]
    result = self.copy(programs, server, "--command-timeout=1s", *copy)
    assert result.returncode == 1
    assert b"context deadline exceeded" in result.stderr
    with subprocess.Popen(
        [str(programs.path("holkas")), *(["--server", server.address] if server else []), "copy", *copy],
        env=programs.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
      time.sleep(0.5)
      process.terminate()
      assert process.wait(5) == 128 + signal.SIGTERM
    assert os.listdir(tmp_path) == ["pipe"]


def same_bytes(ours, theirs):
  with open(ours, "rb") as one, open(theirs, "rb") as other:
    return sha256(one.read()) == sha256(other.read())


class TestPodman:

  @pytest.fixture
  def podman(self):
    if shutil.which("podman") is None:
      pytest.skip("podman is not installed")
    # Podman takes a runroot of at most 50 characters.
    with tempfile.TemporaryDirectory(prefix="hk-") as store:
      command = ["podman", "--root", store + "/storage", "--runroot", store + "/run",
                 "--storage-driver", "vfs"]
      probe = run([*command, "images"], timeout=60)
      if probe.code != 0:
        pytest.skip("podman cannot store images here: " + probe.stderr.strip()[-200:])
      yield lambda *arguments: run([*command, *arguments], timeout=120)

  def test_loads_what_we_write_and_we_read_what_it_saves(self, programs, shared_server, pushed,
                                                         tmp_path, podman):
    ours = "docker-archive:%s:localhost/some/image:1" % (tmp_path / "ours")
    programs.copy(pushed, ours, server=shared_server).ok()
    podman("load", "-q", "-i", tmp_path / "ours").ok()
    config = programs.inspect(ours, "--config", "--raw").ok().stdout_bytes
    image = podman("image", "inspect", "--format", "{{.Id}}", "localhost/some/image:1").ok()
    assert "sha256:" + image.stdout.strip() == sha256(config)
    for form, kind in (("docker-archive", "docker-archive"), ("oci-archive", "oci-archive")):
      saved = tmp_path / ("saved-" + kind)
      podman("save", "-q", "--format", form, "-o", saved, "localhost/some/image:1").ok()
      name = "%s:%s" % (kind, saved)
      assert (programs.inspect(name, "--raw", server=shared_server).ok().stdout_bytes ==
              skopeo("inspect", "--raw", name).ok().stdout_bytes)
      programs.copy(name, "dir:%s" % (tmp_path / ("from-" + kind)), server=shared_server).ok()

  def test_several_images_of_one_archive(self, programs, shared_server, scripted, tmp_path, podman):
    for tag, seed in (("1", 1), ("2", 2)):
      image = Image(seed=seed, docker=True)
      path = tmp_path / tag
      programs.copy(scripted.add("app", tag, image), "docker-archive:%s:localhost/app:%s" %
                    (path, tag), server=shared_server).ok()
      podman("load", "-q", "-i", path).ok()
    saved = tmp_path / "saved"
    podman("save", "-q", "-m", "-o", saved, "localhost/app:1", "localhost/app:2").ok()
    for suffix in ("", ":localhost/app:1", ":localhost/app:2", ":@0", ":@1", ":localhost/app:3"):
      name = "docker-archive:%s%s" % (saved, suffix)
      theirs = skopeo("inspect", "--raw", name)
      ours = programs.inspect(name, "--raw", server=shared_server)
      assert ours.stdout_bytes == theirs.stdout_bytes, suffix
      assert ours.code == theirs.code
      if theirs.code != 0:
        assert message(ours) == message(theirs)
    name = "docker-archive:%s" % saved
    assert (programs.holkas("list-tags", name, server=shared_server).ok().stdout ==
            skopeo("list-tags", name).ok().stdout)
