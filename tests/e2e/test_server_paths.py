"""With --server, paths are the caller's: files are sent to a server that could not open them, and
come back from it."""

import os
import pathlib
import re
import signal
import subprocess
import time

import pytest

from conftest import skopeo
from fakes.actions import stall
from support.images import Image, write_layout
from support.oracle import Directory, Layout, sha256
from support.programs import Server

KINDS = ["docker-archive", "oci-archive", "oci", "dir"]


@pytest.fixture(scope="module")
def distant(programs, tmp_path_factory):
  """A server that may use no path of this machine."""
  with Server(programs, tmp_path_factory.mktemp("distant"),
              config="access: {own_user_paths: roots}") as server:
    programs.shared_servers.append(server)
    yield server
    programs.shared_servers.remove(server)


@pytest.fixture
def here(programs, distant):
  """Runs the command line with the distant server, whose caller's the paths are."""
  def run(*arguments, **more):
    return programs.holkas("--server", distant.address, *arguments, **more)
  return run


def copy(run, source, destination, *flags, **more):
  return run("copy", "--src-tls-verify=false", "--dest-tls-verify=false", *flags, source,
             destination, **more)


def place(kind, path):
  """The name of an image there."""
  return {"docker-archive": "docker-archive:%s.tar:some/image:1", "oci-archive": "oci-archive:%s.tar:v1",
          "oci": "oci:%s:v1", "dir": "dir:%s"}[kind] % path


def raw(image):
  more = ["--tls-verify=false"] if image.startswith("docker:") else []
  return skopeo("inspect", "--raw", *more, image).ok().stdout_bytes


@pytest.fixture(scope="module")
def sources(programs, pushed, tmp_path_factory):
  """The pushed image in each kind of place."""
  directory = tmp_path_factory.mktemp("sources")
  names = {kind: place(kind, directory / kind) for kind in KINDS}
  for name in names.values():
    programs.copy(pushed, name).ok()
  return names


@pytest.mark.parametrize("kind", KINDS)
class TestPairs:

  def test_to_a_registry(self, programs, here, sources, registry, other_registry, tmp_path, kind):
    ours, theirs = other_registry.repository() + ":t", other_registry.repository() + ":t"
    programs.copy(sources[kind], theirs).ok()
    copy(here, sources[kind], ours, "--digestfile", tmp_path / "digest").ok()
    assert raw(ours) == raw(theirs)
    assert (tmp_path / "digest").read_text() == sha256(raw(ours))

  def test_from_a_registry(self, programs, here, pushed, tmp_path, kind):
    ours, theirs = place(kind, tmp_path / "ours"), place(kind, tmp_path / "theirs")
    programs.copy(pushed, theirs, "--digestfile", tmp_path / "their-digest").ok()
    copy(here, pushed, ours, "--digestfile", tmp_path / "digest").ok()
    assert raw(ours) == raw(theirs)
    assert (tmp_path / "digest").read_text() == (tmp_path / "their-digest").read_text()
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []

  def test_what_is_printed_is_the_same(self, programs, here, sources, pushed, other_registry,
                                       tmp_path, kind):
    for source, first, second in (
        (sources[kind], other_registry.repository() + ":t", other_registry.repository() + ":t"),
        (pushed, place(kind, tmp_path / "ours"), place(kind, tmp_path / "theirs"))):
      ours = copy(here, source, first).ok()
      theirs = programs.copy(source, second).ok()
      assert sorted(ours.stdout.splitlines()) == sorted(theirs.stdout.splitlines())
      assert ours.stderr == theirs.stderr == ""

  def test_between_files_the_server_has_no_part(self, programs, here, distant, sources, tmp_path,
                                                kind):
    started = distant.log().count("request started")
    copy(here, sources[kind], place("oci", tmp_path / "to")).ok()
    Layout(tmp_path / "to").check()
    assert distant.log().count("request started") == started

  def test_inspect(self, programs, here, distant, sources, kind):
    started = distant.log().count("request started")
    assert (here("inspect", "--raw", sources[kind]).ok().stdout_bytes ==
            programs.inspect(sources[kind], "--raw").ok().stdout_bytes)
    assert distant.log().count("request started") == started


class TestIndexes:

  def test_all_images_go_up_and_come_back(self, here, image_layout, other_registry, tmp_path):
    to = other_registry.repository() + ":t"
    copy(here, "oci:%s:latest" % image_layout, to, "--all").ok()
    assert sha256(raw(to)) == Layout(image_layout).names()["latest"]
    for kind, check in (("oci", Layout), ("dir", Directory)):
      copy(here, to, place(kind, tmp_path / kind), "--all").ok()
      check(tmp_path / kind).check()
    assert Layout(tmp_path / "oci").names()["v1"] == sha256(raw(to))
    assert Directory(tmp_path / "dir").digest() == sha256(raw(to))
    copy(here, "dir:%s" % (tmp_path / "dir"), other_registry.repository() + ":t", "--all").ok()

  @pytest.mark.parametrize("architecture", ["amd64", "arm64"])
  def test_one_image_of_them(self, programs, here, image_layout, other_registry, tmp_path,
                             architecture):
    ours, theirs = other_registry.repository() + ":t", other_registry.repository() + ":t"
    source = "oci:%s:latest" % image_layout
    copy(here, source, ours, "--override-arch", architecture).ok()
    programs.copy(source, theirs, "--override-arch", architecture).ok()
    assert raw(ours) == raw(theirs)
    assert b"manifests" not in raw(ours)

  def test_some_of_them(self, here, image_layout, scripted):
    # A docker-registry takes no index without its images.
    to = "docker://%s/some:t" % scripted.address
    copy(here, "oci:%s:latest" % image_layout, to, "--multi-arch=linux/arm64").ok()
    assert sha256(raw(to)) == Layout(image_layout).names()["latest"]


class TestOptions:

  @pytest.mark.parametrize("flags", [["--dest-compress-format=zstd"], ["--format=v2s2"],
                                     ["--dest-compress-level=9", "--dest-compress-format=gzip"]])
  @pytest.mark.parametrize("kind", ["oci", "docker-archive"])
  def test_are_the_servers_on_the_way_up(self, programs, here, sources, other_registry, kind,
                                         flags):
    ours, theirs = other_registry.repository() + ":t", other_registry.repository() + ":t"
    copy(here, sources[kind], ours, *flags).ok()
    programs.copy(sources[kind], theirs, *flags).ok()
    assert raw(ours) == raw(theirs)

  @pytest.mark.parametrize("kind, flags", [
      ("oci", ["--dest-compress-format=zstd"]), ("dir", ["--dest-decompress"]),
      ("dir", ["--format=v2s2"]), ("oci-archive", ["--dest-compress-format=zstd"]),
      ("docker-archive", ["--additional-tag=other/name:2"])])
  def test_are_the_servers_on_the_way_down(self, programs, here, pushed, tmp_path, kind, flags):
    ours, theirs = place(kind, tmp_path / "ours"), place(kind, tmp_path / "theirs")
    copy(here, pushed, ours, *flags).ok()
    programs.copy(pushed, theirs, *flags).ok()
    assert raw(ours) == raw(theirs)
    if kind == "docker-archive":
      assert skopeo("inspect", "--raw", ours.replace("some/image:1", "other/name:2")).code == 0

  def test_shared_blobs_are_the_callers(self, programs, here, pushed, other_registry, tmp_path):
    shared = tmp_path / "shared"
    to = other_registry.repository() + ":t"
    copy(here, pushed, "oci:%s:v1" % (tmp_path / "to"), "--dest-shared-blob-dir", shared).ok()
    copy(here, "oci:%s:v1" % (tmp_path / "to"), to, "--src-shared-blob-dir", shared).ok()
    assert sha256(raw(to)) == Layout(tmp_path / "to").index()["manifests"][0]["digest"]

  def test_standard_input_is_the_callers(self, here, other_registry, tmp_path):
    data = subprocess.run(["tar", "-C", "/etc", "-c", "hostname"], check=True,
                          stdout=subprocess.PIPE).stdout
    (tmp_path / "in").write_bytes(data)
    with open(tmp_path / "in", "rb") as stdin:
      copy(here, "tarball:-", other_registry.repository() + ":t", stdin=stdin).ok()

  def test_relative_paths_are_the_callers(self, here, pushed, tmp_path):
    copy(here, pushed, "oci:to:v1", cwd=tmp_path).ok()
    copy(here, pushed, "docker-archive:to.tar:a/b:1", cwd=tmp_path).ok()
    Layout(tmp_path / "to").check()
    assert (tmp_path / "to.tar").stat().st_mode & 0o777 == 0o644

  def test_server_paths_are_the_servers(self, programs, distant, shared_server, pushed, tmp_path):
    result = programs.copy(pushed, "oci:%s:v1" % (tmp_path / "to"), server=distant)
    assert result.code == 1 and "access.local_roots" in result.stderr
    programs.copy(pushed, "oci:%s:v1" % (tmp_path / "to"), server=shared_server).ok()
    programs.inspect("oci:%s:v1" % (tmp_path / "to"), "--server-paths").ok()


class TestDeletionAndLists:

  def test_an_image_of_a_layout(self, here, tmp_path):
    write_layout(tmp_path / "layout", {"a": Image(seed=1), "b": Image(seed=2)})
    here("delete", "oci:%s:a" % (tmp_path / "layout")).ok()
    assert Layout(tmp_path / "layout").check().names().keys() == {"b"}

  def test_names_of_an_archive(self, here, sources):
    assert "some/image:1" in here("list-tags", sources["docker-archive"].split(":some")[0]).ok().stdout


def message(result):
  """What follows the time in the last line of standard error."""
  return re.sub(r'^time="[^"]*"', "", result.stderr.splitlines()[-1])


class TestErrors:

  @pytest.mark.parametrize("source", ["oci:/none:v1", "dir:/none", "docker-archive:/none.tar",
                                      "oci-archive:/none.tar:v1", "tarball:/none.tar"])
  def test_name_the_source_that_was_typed(self, programs, here, other_registry, source):
    to = other_registry.repository() + ":t"
    ours, theirs = copy(here, source, to), programs.copy(source, to)
    assert ours.code == theirs.code == 1
    assert message(ours) == message(theirs)

  @pytest.mark.parametrize("kind", KINDS)
  def test_name_the_registry(self, programs, here, sources, scripted, kind, tmp_path):
    missing = "docker://%s/app:none" % scripted.address
    ours = copy(here, missing, place(kind, tmp_path / "to"))
    theirs = programs.copy(missing, place(kind, tmp_path / "to"))
    assert ours.code == theirs.code == 2
    assert message(ours) == message(theirs)
    assert not list(tmp_path.iterdir())

  def test_an_archive_that_is_there_stays(self, programs, here, pushed, sources):
    path = pathlib.Path(sources["docker-archive"].split(":")[1])
    before = path.read_bytes()
    ours, theirs = (copy(run, pushed, sources["docker-archive"])
                    for run in (here, programs.holkas))
    assert ours.code == theirs.code == 1
    assert message(ours) == message(theirs)
    assert path.read_bytes() == before

  def test_a_server_that_is_not_there(self, programs, sources, tmp_path, registry):
    for source in (sources["oci"], sources["docker-archive"]):
      result = programs.holkas("--server", "unix:%s/none" % tmp_path, "copy", source,
                               registry.repository() + ":t")
      assert result.code == 1 and "holkas server unix:" in result.stderr


@pytest.mark.parametrize("kind", KINDS)
def test_interrupted_download_leaves_nothing(programs, distant, scripted, tmp_path, kind):
  image = Image(layer_sizes=(500_000,), seed=21)
  scripted.on("GET", image.layers[0]["digest"], stall(100_000))
  process = programs.start("--server", distant.address, "copy", "--src-tls-verify=false",
                           scripted.add("app", "v1", image), place(kind, tmp_path / "to"))
  programs.wait_for_workers(1)
  time.sleep(0.2)
  process.send_signal(signal.SIGINT)
  assert process.wait(10) == 130
  process.communicate()
  programs.wait_until_gone(2)
  assert not [path for path in tmp_path.rglob("*") if path.is_file()]


@pytest.mark.parametrize("kind", KINDS)
def test_interrupted_upload_ends_both(programs, distant, sources, scripted, kind):
  scripted.on("POST", "/blobs/uploads/", lambda handler, body: handler.wait_for_hangup())
  process = programs.start("--server", distant.address, "copy", "--dest-tls-verify=false",
                           sources[kind], "docker://%s/app:v1" % scripted.address)
  deadline = time.monotonic() + 20
  while not scripted.asked("POST"):
    assert time.monotonic() < deadline
    time.sleep(0.01)
  process.send_signal(signal.SIGINT)
  assert process.wait(10) == 130
  process.communicate()
  programs.wait_until_gone(2)


@pytest.mark.soak
@pytest.mark.parametrize("kind", KINDS)
def test_a_gigabyte_takes_little_memory(programs, distant, other_registry, tmp_path, kind):
  with open(tmp_path / "data", "wb") as data:
    for _ in range(1024):
      data.write(os.urandom(1 << 20))
  subprocess.run(["tar", "-C", tmp_path, "-cf", tmp_path / "layer.tar", "data"], check=True)
  programs.copy("tarball:%s" % (tmp_path / "layer.tar"), place(kind, tmp_path / "from"),
                timeout=300).ok()
  to = other_registry.repository() + ":t"
  for source, destination in ((place(kind, tmp_path / "from"), to),
                              (to, place(kind, tmp_path / "to"))):
    process = programs.start("--server", distant.address, "copy", "--src-tls-verify=false",
                             "--dest-tls-verify=false", source, destination)
    peak = 0
    while process.poll() is None:
      try:
        status = pathlib.Path("/proc/%d/status" % process.pid).read_text()
        peak = max(peak, int(re.search(r"VmHWM:\s+(\d+)", status)[1]))
      except (OSError, TypeError):
        pass
      time.sleep(0.02)
    assert process.returncode == 0, process.communicate()
    assert peak < 64 << 10  # KiB
