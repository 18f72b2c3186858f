"""docker-daemon: with a real dockerd, beside Skopeo."""

import json
import tarfile
import threading
import time

import pytest

from conftest import skopeo
from support.dockerd import Dockerd, free_port, tls_options
from support.images import Image, write_layout
from support.oracle import Layout
from support.programs import Server, run


@pytest.fixture(scope="module")
def dockerd():
  with Dockerd() as daemon:
    yield daemon


@pytest.fixture
def layout(tmp_path):
  """oci:PATH:x, an image of three layers."""
  image = Image(layer_sizes=(3000, 200_000, 70_000), seed=7, labels={"a": "b"})
  return "oci:%s:x" % write_layout(tmp_path / "layout", {"x": image})


def load(programs, dockerd, source, name, *flags, **more):
  return programs.copy(source, "docker-daemon:" + name, "--dest-daemon-host", dockerd.host, *flags,
                       **more)


def save(programs, dockerd, name, destination, *flags, **more):
  return programs.copy("docker-daemon:" + name, destination, "--src-daemon-host", dockerd.host,
                       *flags, **more)


def names(path):
  return sorted(entry.name for entry in path.iterdir())


class TestRoundTrip:

  def test_the_daemon_has_what_skopeo_would_have_given_it(self, programs, dockerd, layout):
    load(programs, dockerd, layout, "ours:1").ok()
    skopeo("copy", "--dest-daemon-host", dockerd.host, layout, "docker-daemon:theirs:1").ok()
    assert dockerd.image("ours:1")["Id"] == dockerd.image("theirs:1")["Id"]
    assert dockerd.image("ours:1")["RepoTags"] == ["ours:1", "theirs:1"]
    dockerd.docker("rmi", "theirs:1").ok()

  def test_what_is_read_is_what_skopeo_reads(self, programs, dockerd, layout, tmp_path):
    load(programs, dockerd, layout, "read/me:1").ok()
    save(programs, dockerd, "read/me:1", "dir:%s" % (tmp_path / "ours")).ok()
    skopeo("copy", "--src-daemon-host", dockerd.host, "docker-daemon:read/me:1",
           "dir:%s" % (tmp_path / "theirs")).ok()
    assert names(tmp_path / "ours") == names(tmp_path / "theirs")
    for name in names(tmp_path / "ours"):
      assert (tmp_path / "ours" / name).read_bytes() == (tmp_path / "theirs" / name).read_bytes()

  def test_inspect_prints_what_skopeo_prints(self, programs, dockerd, layout):
    load(programs, dockerd, layout, "seen:1").ok()
    image_id = dockerd.image("seen:1")["Id"]
    for image in ("docker-daemon:seen:1", "docker-daemon:" + image_id):
      for flags in ([], ["--raw"], ["--config"], ["--config", "--raw"]):
        theirs = skopeo("inspect", "--daemon-host", dockerd.host, *flags, image).ok()
        ours = programs.inspect(image, "--daemon-host", dockerd.host, *flags).ok()
        if flags:
          assert ours.stdout_bytes == theirs.stdout_bytes, flags
          continue
        found = json.loads(ours.stdout)
        found.pop("LayersData")  # newer than Debian's Skopeo
        assert found == json.loads(theirs.stdout)

  def test_config_stays_the_images_id_wherever_it_goes(self, programs, dockerd, layout, tmp_path,
                                                       registry):
    load(programs, dockerd, layout, "round:1").ok()
    image_id = dockerd.image("round:1")["Id"]
    pushed = registry.repository("from-daemon") + ":1"
    save(programs, dockerd, "round:1", pushed).ok()
    save(programs, dockerd, "round:1", "oci:%s:x" % (tmp_path / "oci")).ok()
    Layout(tmp_path / "oci").check()
    for source in (pushed, "oci:%s:x" % (tmp_path / "oci")):
      load(programs, dockerd, source, "back:1").ok()
      layers = dockerd.image("back:1")["RootFS"]["Layers"]
      assert layers == dockerd.image("round:1")["RootFS"]["Layers"]
    manifest = json.loads(programs.inspect(pushed, "--raw").ok().stdout)
    assert manifest["config"]["digest"] == image_id

  def test_from_daemon_to_daemon(self, programs, dockerd, layout):
    load(programs, dockerd, layout, "first:1").ok()
    programs.copy("docker-daemon:first:1", "docker-daemon:second:1", "--src-daemon-host",
                  dockerd.host, "--dest-daemon-host", dockerd.host).ok()
    assert dockerd.image("second:1")["Id"] == dockerd.image("first:1")["Id"]

  def test_a_tag_moves_to_the_new_image(self, programs, dockerd, layout, tmp_path):
    load(programs, dockerd, layout, "moving:1").ok()
    other = write_layout(tmp_path / "other", {"x": Image(seed=9)})
    load(programs, dockerd, "oci:%s:x" % other, "moving:1").ok()
    assert dockerd.image("moving:1")["Id"] == \
        json.loads(Layout(other).blob(Layout(other).names()["x"]))["config"]["digest"]

  def test_docker_runs_it(self, programs, dockerd, tmp_path):
    rootfs = tmp_path / "layer.tar"
    with tarfile.open(rootfs, "w") as tar:
      tar.add("/sbin/ldconfig", "ldconfig")  # a program that needs no library
    dockerd.docker("import", rootfs, "made:1").ok()
    save(programs, dockerd, "made:1", "oci:%s:x" % (tmp_path / "oci")).ok()
    dockerd.docker("rmi", "made:1").ok()
    load(programs, dockerd, "oci:%s:x" % (tmp_path / "oci"), "made:2").ok()
    ran = dockerd.docker("run", "--rm", "--network", "none", "made:2", "/ldconfig", "--version")
    if "OCI runtime" in ran.stderr:
      pytest.skip("docker cannot run containers here: " + ran.stderr.strip()[-200:])
    assert "ldconfig" in ran.ok().stdout


class TestErrors:

  def test_missing_image(self, programs, dockerd, tmp_path):
    for image in ("none:1", "none@sha256:" + "0" * 64):
      ours = programs.inspect("docker-daemon:" + image, "--daemon-host", dockerd.host)
      theirs = skopeo("inspect", "--daemon-host", dockerd.host, "docker-daemon:" + image)
      assert (ours.code, ours.stderr[28:]) == (theirs.code, theirs.stderr[28:])
    ours = save(programs, dockerd, "none:1", "dir:%s" % (tmp_path / "to"))
    theirs = skopeo("copy", "--src-daemon-host", dockerd.host, "docker-daemon:none:1",
                    "dir:%s" % (tmp_path / "theirs"))
    assert (ours.code, ours.stderr[28:]) == (theirs.code, theirs.stderr[28:])
    assert not (tmp_path / "to").exists()

  @pytest.mark.parametrize("host", ["unix:///nonexistent/docker.sock", "tcp://127.0.0.1:1",
                                    "http://127.0.0.1:1", "127.0.0.1:1"])
  def test_nobody_there(self, programs, host):
    ours = programs.inspect("docker-daemon:a:1", "--daemon-host", host)
    theirs = skopeo("inspect", "--daemon-host", host, "docker-daemon:a:1")
    assert (ours.code, ours.stderr[28:]) == (theirs.code, theirs.stderr[28:])

  def test_destination_without_a_tag(self, programs, dockerd, layout):
    image = "docker-daemon:a@sha256:" + "0" * 64
    ours = programs.copy(layout, image, "--dest-daemon-host", dockerd.host)
    assert ours.code == 1
    assert "a destination must be a name:tag" in ours.stderr

  def test_delete_is_refused_as_skopeo_does(self, programs, dockerd):
    ours = programs.holkas("delete", "--daemon-host", dockerd.host, "docker-daemon:a:1")
    theirs = skopeo("delete", "--daemon-host", dockerd.host, "docker-daemon:a:1")
    assert (ours.code, ours.stderr[28:]) == (theirs.code, theirs.stderr[28:])

  def test_a_shared_server_knows_no_daemon_but_the_listed(self, programs, dockerd, layout, tmp_path):
    with Server(programs, tmp_path / "closed") as server:
      refused = load(programs, dockerd, layout, "shared:1", server=server)
      assert refused.code == 1
      assert "is not one of the server's access.docker_daemons" in refused.stderr
      assert dockerd.image("shared:1") is None
    config = "access:\n  docker_daemons: ['%s']" % dockerd.host
    with Server(programs, tmp_path / "open", config=config) as server:
      load(programs, dockerd, layout, "shared:1", server=server).ok()
      assert dockerd.image("shared:1") is not None


def big_layout(path):
  """An image that takes a daemon a while."""
  return "oci:%s:x" % write_layout(path, {"x": Image(layer_sizes=(40_000_000, 40_000_000), seed=3)})


class TestInterruptions:

  def test_cancelled_load_leaves_nothing(self, programs, dockerd, tmp_path):
    before = dockerd.images()
    process = programs.start_copy(big_layout(tmp_path / "big"), "docker-daemon:big:1",
                                  "--dest-daemon-host", dockerd.host)
    deadline = time.monotonic() + 20
    while not dockerd.leftovers() and time.monotonic() < deadline:
      time.sleep(0.005)
    process.terminate()
    process.communicate()
    assert process.returncode != 0
    while dockerd.leftovers() and time.monotonic() < deadline:
      time.sleep(0.05)
    assert dockerd.leftovers() == []
    assert dockerd.images() == before

  @pytest.mark.parametrize("direction", ["load", "save"])
  def test_daemon_that_is_killed_is_a_clear_error(self, programs, tmp_path, direction):
    with Dockerd() as daemon:
      source = big_layout(tmp_path / "big")
      if direction == "save":
        load(programs, daemon, source, "big:1").ok()
      before = daemon.images()
      result = {}

      def copy():
        result["it"] = (load(programs, daemon, source, "big:1") if direction == "load" else
                        save(programs, daemon, "big:1", "dir:%s" % (tmp_path / "to")))
      thread = threading.Thread(target=copy)
      thread.start()
      deadline = time.monotonic() + 20
      while not daemon.leftovers() and time.monotonic() < deadline:
        time.sleep(0.002)
      daemon.kill()
      thread.join()
      assert result["it"].code == 1
      assert "docker engine: " in result["it"].stderr
      assert not (tmp_path / "to").exists()
      daemon.start()
      assert daemon.images() == before


def test_full_disk_is_told(programs, tmp_path):
  with Dockerd() as daemon:
    # What the daemon unpacks archives into.
    mounted = run(["mount", "-t", "tmpfs", "-o", "size=8m", "none", daemon.data / "tmp"])
    if mounted.code != 0:
      pytest.skip("no file system can be mounted here: " + mounted.stderr.strip())
    full = load(programs, daemon, big_layout(tmp_path / "big"), "big:1")
    assert full.code == 1
    assert "no space left on device" in full.stderr
    assert daemon.images() == []


def test_tls_over_tcp(programs, tmp_path, layout):
  port = free_port()
  certificates = tmp_path / "certificates"
  with Dockerd(*map(str, tls_options(certificates, port))) as daemon:
    for scheme in ("tcp", "https"):
      host = ["--dest-daemon-host", "%s://127.0.0.1:%d" % (scheme, port)]
      programs.holkas("copy", *host, "--dest-cert-dir", certificates, layout,
                      "docker-daemon:tls:1").ok()
      assert daemon.image("tls:1") is not None
      inspected = programs.holkas("inspect", "--daemon-host", host[1], "--cert-dir", certificates,
                                  "docker-daemon:tls:1").ok()
      assert json.loads(inspected.stdout)["Name"] == "docker.io/library/tls"
      # Without its certificates the daemon is not trusted, and does not trust.
      untrusted = programs.holkas("copy", *host, layout, "docker-daemon:tls:2")
      assert untrusted.code == 1 and "certificate" in untrusted.stderr
      unknown = programs.holkas("copy", *host, "--dest-tls-verify=false", layout,
                                "docker-daemon:tls:2")
      assert unknown.code == 1
      assert daemon.image("tls:2") is None
