"""Import and Export: archives that come and go with the request, never by a path of the server's."""

import bz2
import gzip
import hashlib
import io
import json
import lzma
import os
import pathlib
import shutil
import socket
import subprocess
import tarfile
import tempfile
import threading
import time

import pytest

from conftest import skopeo, soak
from support.archive_calls import (FORMATS, MIB, TRANSPORTS, archive_bytes, archives,
                                   assert_nothing_left, client, raw, result_of, spooled, tar_of,
                                   wait_until)
from support.grpc_client import Client, RpcFailed
from support.images import OCI_CONFIG, OCI_MANIFEST
from support.oracle import Layout, sha256
from support.programs import Server, run
from support.tar import DockerImage


class TestImport:

  @pytest.mark.parametrize("told", [True, False])
  @pytest.mark.parametrize("format", ["OCI", "DIRECTORY"])
  def test_manifests_are_those_of_skopeo(self, programs, client, shared_server, registry, archives,
                                         format, told):
    name = registry.repository("import") + ":1"
    events = client.import_archive(archive_bytes(archives[format]), name,
                                   **({"format": format} if told else {}))
    theirs = registry.repository("skopeo") + ":1"
    skopeo("copy", "--dest-tls-verify=false", "%s:%s" % (TRANSPORTS[format], archives[format]),
           theirs).ok()
    assert raw(name) == raw(theirs)
    assert result_of(events).manifest_digest == sha256(raw(name))
    assert_nothing_left(programs, shared_server)

  @pytest.mark.parametrize("format", ["DOCKER", "UNSPECIFIED"])
  def test_docker_archive(self, programs, client, shared_server, registry, archives, format):
    path = archives["DOCKER"]
    name = registry.repository("import") + ":1"
    client.import_archive(path.read_bytes(), name, format=format, image="some/image:1")
    of_path = registry.repository("path") + ":1"
    programs.copy("docker-archive:%s" % path, of_path, server=shared_server).ok()
    assert raw(name) == raw(of_path)
    theirs = registry.repository("skopeo") + ":1"
    skopeo("copy", "--dest-tls-verify=false", "docker-archive:%s" % path, theirs).ok()
    # Their gzip is another.
    assert json.loads(raw(name))["config"] == json.loads(raw(theirs))["config"]
    skopeo("copy", "--src-tls-verify=false", name, "dir:%s" % (path.parent / "read-back")).ok()

  @pytest.mark.parametrize("format", ["DOCKER", "OCI"])
  @pytest.mark.parametrize("compress", [gzip.compress, bz2.compress, lzma.compress, "zstd"])
  def test_compressed_archives(self, client, registry, archives, format, compress):
    data = archives[format].read_bytes()
    if compress == "zstd":
      if shutil.which("zstd") is None:
        pytest.skip("zstd is not installed")
      compressed = subprocess.run(["zstd", "-c"], input=data, stdout=subprocess.PIPE,
                                  check=True).stdout
    else:
      compressed = compress(data)
    plain, name = (registry.repository("import") + ":1" for _ in range(2))
    client.import_archive(data, plain)
    client.import_archive(compressed, name)
    assert raw(name) == raw(plain)

  def test_image_of_several(self, client, registry):
    first, second = DockerImage(1), DockerImage(2)
    second.members = [m.replace(b"some/image:1", b"some/image:2") for m in second.members]
    archive = several(first, second)
    for image, expected in [("some/image:1", first), ("some/image:2", second), ("@1", second)]:
      name = registry.repository("import") + ":1"
      client.import_archive(archive, name, image=image)
      assert json.loads(raw(name))["config"]["digest"] == sha256(expected.config)
    with pytest.raises(RpcFailed) as failed:
      client.import_archive(archive, registry.repository("import") + ":1")
    assert failed.value.code == "INVALID_ARGUMENT"
    with pytest.raises(RpcFailed) as failed:
      client.import_archive(archive, registry.repository("import") + ":1", image="some/image:3")
    assert failed.value.reason == "TAG_UNKNOWN"

  def test_image_of_several_in_a_layout(self, client, registry, image_layout, tmp_path):
    layout = tmp_path / "layout"
    for name in ("a", "b"):
      architecture = {"a": "amd64", "b": "arm64"}[name]
      skopeo("copy", "--override-arch", architecture, "oci:%s:latest" % image_layout,
             "oci:%s:%s" % (layout, name)).ok()
    archive = tar_of(layout)
    for image, digest in [("a", Layout(layout).names()["a"]), ("b", Layout(layout).names()["b"]),
                          ("@1", Layout(layout).names()["b"])]:
      name = registry.repository("import") + ":1"
      client.import_archive(archive, name, image=image)
      assert sha256(raw(name)) == digest

  def test_all_images_of_an_index(self, client, registry, image_layout, tmp_path):
    path = tmp_path / "all"
    skopeo("copy", "--all", "oci:%s:latest" % image_layout, "oci-archive:%s" % path).ok()
    name = registry.repository("import") + ":1"
    events = client.import_archive(path.read_bytes(), name, multi_arch=2)
    assert len(json.loads(raw(name))["manifests"]) == 2
    assert result_of(events).manifest_digest == sha256(raw(name))

  def test_into_other_transports(self, client, archives, tmp_path):
    client.import_archive(archive_bytes(archives["DIRECTORY"]), "oci:%s:app" % (tmp_path / "layout"))
    layout = Layout(tmp_path / "layout")
    layout.check()
    assert "app" in layout.names()

  def test_progress_both_ways(self, client, registry, archives):
    data = archives["OCI"].read_bytes()

    def requests():
      yield client.options(registry.repository("import") + ":1")
      for number, chunk in enumerate(client.chunks(data)):
        yield chunk
        time.sleep(0.5 if number < 4 else 0)

    events = client.read(client.import_stream(requests()))
    kinds = [event.WhichOneof("event") for event in events]
    received = [event.received_bytes for event in events if event.HasField("received_bytes")]
    # All of receiving is before all of copying.
    assert kinds == sorted(kinds, key=lambda kind: kind == "copy")
    assert received == sorted(received) and received[-1] == len(data)
    assert len(received) >= 4
    copied = [event.copy.WhichOneof("event") for event in events if event.HasField("copy")]
    assert copied[-1] == "result" and "blob_finished" in copied

  def test_omitted_progress(self, client, registry, archives):
    events = client.import_archive(archives["OCI"].read_bytes(),
                                   registry.repository("import") + ":1", omit_progress=True)
    assert not [event for event in events if event.copy.HasField("blob_progress")]


def several(*images):
  """One archive with the images."""
  members, items = [], []
  for number, image in enumerate(images):
    with tarfile.open(fileobj=io.BytesIO(image.bytes)) as archive:
      for info in archive.getmembers():
        data = archive.extractfile(info).read()
        if info.name == "manifest.json":
          item, = json.loads(data)
          item["Layers"] = ["%d-%s" % (number, layer) for layer in item["Layers"]]
          items.append(item)
        else:
          prefix = "%d-" % number if info.name.endswith("layer.tar") else ""
          members.append((prefix + info.name, data))
  output = io.BytesIO()
  with tarfile.open(fileobj=output, mode="w") as archive:
    for name, data in [*members, ("manifest.json", json.dumps(items).encode())]:
      info = tarfile.TarInfo(name)
      info.size = len(data)
      archive.addfile(info, io.BytesIO(data))
  return output.getvalue()


class TestRefused:

  def failure(self, client, requests):
    with pytest.raises(RpcFailed) as failed:
      client.read(client.import_stream(requests))
    return failed.value

  def test_streams_that_are_none(self, client, registry):
    options = client.options(registry.repository("import") + ":1")
    chunk = client.messages.ImportRequest(chunk=b"x")
    empty = client.messages.ImportRequest()
    for requests, field in [([], "options"), ([chunk], "options"), ([empty], "options"),
                            ([options, chunk, options], "options"), ([options, empty], "chunk")]:
      failure = self.failure(client, requests)
      assert (failure.code, failure.reason) == ("INVALID_ARGUMENT", "INVALID_FIELD")
      assert failure.metadata["field"] == field

  def test_fields_that_have_no_meaning(self, client, registry):
    name = registry.repository("import") + ":1"
    for change, field in [
        (lambda o: setattr(o.copy, "source", name), "options.copy.source"),
        (lambda o: o.copy.source_registry.SetInParent(), "options.copy.source_registry"),
        (lambda o: setattr(o.copy, "destination", ""), "options.copy.destination"),
        (lambda o: setattr(o, "size_bytes", -1), "options.size_bytes"),
        (lambda o: setattr(o.copy, "max_parallel_blobs", 99), "options.copy.max_parallel_blobs")]:
      request = client.options(name)
      change(request.options)
      failure = self.failure(client, [request])
      assert (failure.reason, failure.metadata["field"]) == ("INVALID_FIELD", field)

  def test_references_are_checked_before_bytes_come(self, client):
    sent = []

    def requests(**options):
      yield client.options(**options)
      for _ in range(1000):
        sent.append(1)
        yield client.messages.ImportRequest(chunk=bytes(1000))
        time.sleep(0.01)

    for options, field in [({"destination": "docker://UPPER"}, "options.copy.destination"),
                           ({"destination": "dir:/x", "format": "OCI", "image": "a b"},
                            "options.image"),
                           ({"destination": "dir:/x", "format": "DIRECTORY", "image": "a"},
                            "options.image")]:
      failure = self.failure(client, requests(**options))
      assert (failure.reason, failure.metadata["field"]) == ("INVALID_REFERENCE", field)
    assert len(sent) < 500

  @pytest.mark.parametrize("format", FORMATS)
  def test_truncated_archive(self, programs, client, shared_server, registry, archives, format):
    data = archive_bytes(archives[format])
    name = registry.repository("import") + ":1"
    with pytest.raises(RpcFailed) as failed:
      client.import_archive(data[:len(data) // 2], name)
    assert failed.value.code in ("FAILED_PRECONDITION", "DATA_LOSS")
    assert failed.value.reason in ("INVALID_ARCHIVE", "CONTENT_MISMATCH")
    assert skopeo("inspect", "--tls-verify=false", "--raw", name).code != 0
    assert_nothing_left(programs, shared_server)

  def test_what_is_no_archive(self, client, registry):
    name = registry.repository("import") + ":1"
    for data in (b"", bytes(10240), b"no tar at all" * 1000, several()):
      with pytest.raises(RpcFailed) as failed:
        client.import_archive(data, name)
      # A list of no images has none that could be meant.
      assert failed.value.reason == ("INVALID_REFERENCE" if data.startswith(b"manifest.json")
                                     else "INVALID_ARCHIVE")

  @pytest.mark.parametrize("more", [-1, 1])
  def test_another_size_than_was_told(self, programs, client, shared_server, registry, archives,
                                      more):
    data = archives["OCI"].read_bytes()
    with pytest.raises(RpcFailed) as failed:
      client.import_archive(data, registry.repository("import") + ":1",
                            size_bytes=len(data) + more)
    assert (failed.value.code, failed.value.reason) == ("DATA_LOSS", "CONTENT_MISMATCH")
    assert_nothing_left(programs, shared_server)


class TestQuota:

  CONFIG = ("limits: {max_archive_bytes: 2000000, max_spooled_bytes: 3000000, "
            "max_spooled_bytes_per_caller: %d}")

  @pytest.fixture
  def server(self, programs, tmp_path):
    with Server(programs, tmp_path / "server", self.CONFIG % 3000000) as server:
      yield server

  def check(self, failed, limit, limit_bytes):
    assert (failed.value.code, failed.value.reason) == ("RESOURCE_EXHAUSTED",
                                                        "SPOOL_QUOTA_EXCEEDED")
    assert failed.value.metadata == {"limit": limit, "limit_bytes": str(limit_bytes)}
    assert limit in failed.value.message and str(limit_bytes) in failed.value.message

  def test_of_one_archive(self, programs, server, registry):
    with Client(server) as client:
      with pytest.raises(RpcFailed) as failed:
        client.import_archive(b"", registry.repository("import"), size_bytes=2000001)
      self.check(failed, "max_archive_bytes", 2000000)
      with pytest.raises(RpcFailed) as failed:
        client.import_archive(bytes(2000001), registry.repository("import"))
      self.check(failed, "max_archive_bytes", 2000000)
      with pytest.raises(RpcFailed) as failed:  # just as large as may be, but no archive
        client.import_archive(bytes(2000000), registry.repository("import"))
      assert failed.value.reason == "INVALID_ARCHIVE"
      assert_nothing_left(programs, server)

  @pytest.mark.parametrize("reserved", [True, False])
  def test_of_all_together(self, programs, server, registry, reserved):
    self.check_of_two(programs, server, registry, reserved, "max_spooled_bytes", 3000000)

  @pytest.mark.parametrize("reserved", [True, False])
  def test_of_one_caller(self, programs, tmp_path, registry, reserved):
    with Server(programs, tmp_path / "server", self.CONFIG % 2500000) as server:
      self.check_of_two(programs, server, registry, reserved, "max_spooled_bytes_per_caller",
                        2500000)

  def check_of_two(self, programs, server, registry, reserved, limit, limit_bytes):
    """Of two archives of one caller, the second has no room."""
    go_on = threading.Event()
    with Client(server) as client:

      def requests():
        yield client.options(registry.repository("import"), size_bytes=1600000 if reserved else 0)
        if not reserved:
          yield from client.chunks(bytes(1600000))
        go_on.wait(30)

      first = client.import_stream(requests())
      if reserved:
        time.sleep(0.5)
      else:
        wait_until(lambda: spooled(server) >= 1600000, "the archive does not come")
      with pytest.raises(RpcFailed) as failed:
        client.import_archive(bytes(1600000), registry.repository("import"))
      self.check(failed, limit, limit_bytes)
      first.cancel()
      go_on.set()
      assert_nothing_left(programs, server)
      # What it had is free again.
      with pytest.raises(RpcFailed) as failed:
        client.import_archive(bytes(1600000), registry.repository("import"))
      assert failed.value.reason == "INVALID_ARCHIVE"

  def test_of_an_export(self, programs, server, pushed):
    with Client(server) as client:
      with pytest.raises(RpcFailed) as failed:
        client.export_archive(pushed)
      self.check(failed, "max_archive_bytes", 2000000)
      assert_nothing_left(programs, server)

  def test_is_told(self, server):
    with Client(server) as client:
      call = client.call("unary_unary", "GetServerInfo", client.messages.GetServerInfoRequest,
                         client.messages.GetServerInfoResponse)
      assert call(client.messages.GetServerInfoRequest()).max_archive_bytes == 2000000


class TestExport:

  @pytest.mark.parametrize("format", FORMATS + ["UNSPECIFIED"])
  def test_is_read_by_skopeo_and_imported_again(self, programs, client, shared_server, registry,
                                                pushed, tmp_path, format):
    image = {"DOCKER": "some/image:1", "OCI": "app"}.get(format, "")
    events, archive = client.export_archive(pushed, format=format, image=image)
    assert result_of(events).copied_blobs > 0
    (tmp_path / "archive").write_bytes(archive)
    name = "%s:%s" % (TRANSPORTS.get(format, "oci-archive"), tmp_path / "archive")
    if format == "DIRECTORY":
      (tmp_path / "archive").unlink()
      with tarfile.open(fileobj=io.BytesIO(archive)) as members:
        members.extractall(tmp_path / "archive")
    if image:
      name += ":" + image
    if format != "DOCKER":  # whose archives hold no manifest: each reader makes one
      assert sha256(raw(name)) == result_of(events).manifest_digest
    skopeo("copy", name, "dir:%s" % (tmp_path / "read")).ok()

    again = registry.repository("again") + ":1"
    imported = client.import_archive(archive, again, image=image)
    assert sha256(raw(again)) == result_of(imported).manifest_digest
    if format == "DOCKER":
      assert json.loads(raw(again))["config"] == json.loads(raw(name))["config"]
    else:
      assert raw(again) == raw(name)
    assert_nothing_left(programs, shared_server)

  @pytest.mark.parametrize("format", ["DOCKER", "OCI"])
  def test_has_the_bytes_of_a_copy_to_a_path(self, programs, client, shared_server, pushed, tmp_path,
                                             format):
    _, archive = client.export_archive(pushed, format=format, image="some/image:1")
    path = tmp_path / "archive"
    programs.copy(pushed, "%s:%s:some/image:1" % (TRANSPORTS[format], path),
                  server=shared_server).ok()
    assert archive == path.read_bytes()

  def test_directory_has_the_files_of_one(self, programs, client, shared_server, pushed, tmp_path):
    _, archive = client.export_archive(pushed, format="DIRECTORY", multi_arch=2)
    programs.copy(pushed, "dir:%s" % (tmp_path / "dir"), "--all", server=shared_server).ok()
    with tarfile.open(fileobj=io.BytesIO(archive)) as members:
      ours = {info.name: members.extractfile(info).read() for info in members}
    assert ours == {path.name: path.read_bytes() for path in (tmp_path / "dir").iterdir()}

  def test_docker_archive_is_loaded_by_podman(self, client, pushed, tmp_path):
    if shutil.which("podman") is None:
      pytest.skip("podman is not installed")
    _, archive = client.export_archive(pushed, format="DOCKER", image="some/image:1")
    (tmp_path / "archive").write_bytes(archive)
    with tempfile.TemporaryDirectory(prefix="podman-") as short:  # podman wants it short
      loaded = run(["podman", "--root", short + "/root", "--runroot", short + "/run",
                    "--storage-driver", "vfs", "load", "-i", tmp_path / "archive"]).ok()
    assert "some/image:1" in loaded.stdout

  def test_events_come_before_bytes(self, client, pushed):
    events = client.read(client.export_stream(client.export_request(pushed)))
    kinds = [event.WhichOneof("event") for event in events]
    assert kinds == sorted(kinds, key=lambda kind: kind == "chunk")
    assert max(len(event.chunk) for event in events) <= MIB

  def test_fields_that_have_no_meaning(self, client, pushed):
    for change, field in [
        (lambda r: setattr(r.copy, "destination", "dir:/x"), "copy.destination"),
        (lambda r: r.copy.destination_registry.SetInParent(), "copy.destination_registry"),
        (lambda r: setattr(r.copy, "request_id", "1"), "copy.request_id"),
        (lambda r: setattr(r.copy, "source", ""), "copy.source")]:
      request = client.export_request(pushed)
      change(request)
      with pytest.raises(RpcFailed) as failed:
        client.read(client.export_stream(request))
      assert (failed.value.reason, failed.value.metadata["field"]) == ("INVALID_FIELD", field)
    for format in ("DIRECTORY", "OCI", "DOCKER"):
      with pytest.raises(RpcFailed) as failed:
        client.export_archive(pushed, format=format, image="@0")
      assert (failed.value.reason, failed.value.metadata["field"]) == ("INVALID_REFERENCE", "image")

  def test_of_what_is_not_there(self, programs, client, shared_server, registry):
    with pytest.raises(RpcFailed) as failed:
      client.export_archive(registry.repository("missing") + ":1")
    assert (failed.value.code, failed.value.reason) == ("NOT_FOUND", "MANIFEST_UNKNOWN")
    assert_nothing_left(programs, shared_server)


class PrivateServer:
  """A private holkasd, which has one connection alone, behind a socket that leads there."""

  def __init__(self, programs, directory):
    self._programs = programs
    self.socket = directory / "private.sock"

  def __enter__(self):
    ours, theirs = socket.socketpair()
    self.process = subprocess.Popen(
        [str(self._programs.path("holkasd")), "--connection-fd=%d" % theirs.fileno()],
        pass_fds=[theirs.fileno()], env=self._programs.environment, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL)
    theirs.close()
    self._listener = socket.socket(socket.AF_UNIX)
    self._listener.bind(str(self.socket))
    self._listener.listen(1)
    threading.Thread(target=self._lead, args=(ours,), daemon=True).start()
    return self

  def _lead(self, ours):
    client, _ = self._listener.accept()
    threading.Thread(target=self._pump, args=(client, ours), daemon=True).start()
    self._pump(ours, client)

  def _pump(self, source, destination):
    try:
      while data := source.recv(1 << 16):
        destination.sendall(data)
    except OSError:
      pass
    for end in (source, destination):
      try:
        end.shutdown(socket.SHUT_RDWR)
      except OSError:
        pass

  def __exit__(self, *unused):
    self._listener.close()
    self.process.wait(15)


def test_the_private_server_does_both(programs, registry, pushed, tmp_path):
  with PrivateServer(programs, tmp_path) as server, Client(server) as client:
    events, archive = client.export_archive(pushed)
    name = registry.repository("private") + ":1"
    imported = client.import_archive(archive, name)
    assert result_of(imported).manifest_digest == result_of(events).manifest_digest
    assert raw(name) == raw(pushed) or sha256(raw(name)) == result_of(events).manifest_digest


class LargeArchive:
  """An oci-archive: of one layer of random bytes, made piece by piece. `size` is the archive's."""

  def __init__(self, path, layer_bytes):
    self.path = path
    with tarfile.open(path, "w") as archive:
      # One tar with one file, in memory but for that file.
      layer = path.parent / "layer"
      with open(layer, "wb") as out:
        info = tarfile.TarInfo("data")
        info.size = layer_bytes
        out.write(info.tobuf(tarfile.USTAR_FORMAT))
        for _ in range(layer_bytes // MIB):
          out.write(os.urandom(MIB))
        out.write(bytes(1024))
      digest = hashlib.sha256()
      with open(layer, "rb") as data:
        while piece := data.read(MIB):
          digest.update(piece)
      self.layer = "sha256:" + digest.hexdigest()
      archive.add(layer, "blobs/" + self.layer.replace(":", "/"))
      layer_size = layer.stat().st_size
      layer.unlink()
      config = json.dumps({"architecture": "amd64", "os": "linux",
                           "rootfs": {"type": "layers", "diff_ids": [self.layer]}}).encode()
      manifest = json.dumps({
          "schemaVersion": 2, "mediaType": OCI_MANIFEST,
          "config": {"mediaType": OCI_CONFIG, "digest": sha256(config), "size": len(config)},
          "layers": [{"mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": self.layer,
                      "size": layer_size}]}).encode()
      index = json.dumps({"schemaVersion": 2, "manifests": [
          {"mediaType": OCI_MANIFEST, "digest": sha256(manifest), "size": len(manifest)}]}).encode()
      for name, data in [("blobs/" + sha256(config).replace(":", "/"), config),
                         ("blobs/" + sha256(manifest).replace(":", "/"), manifest),
                         ("oci-layout", b'{"imageLayoutVersion": "1.0.0"}'), ("index.json", index)]:
        info = tarfile.TarInfo(name)
        info.size = len(data)
        archive.addfile(info, io.BytesIO(data))
    self.digest = sha256(manifest)

  def chunks(self, client):
    with open(self.path, "rb") as data:
      while piece := data.read(MIB):
        yield client.messages.ImportRequest(chunk=piece)


def peak_bytes(pid):
  """The most memory that a process had so far; 0 where it is gone."""
  try:
    status = pathlib.Path("/proc/%d/status" % pid).read_text()
  except OSError:
    return 0
  found = [line for line in status.splitlines() if line.startswith("VmHWM:")]
  return int(found[0].split()[1]) * 1024 if found else 0


class PeakOfWorkers(threading.Thread):
  """Looks at the workers while it is entered; `bytes` is the most that one had."""

  def __init__(self, programs):
    super().__init__(daemon=True)
    self._programs, self._over, self.bytes = programs, threading.Event(), 0

  def run(self):
    while not self._over.wait(0.02):
      self.bytes = max([self.bytes, *(peak_bytes(pid) for pid in self._programs.workers())])

  def __enter__(self):
    self.start()
    return self

  def __exit__(self, *unused):
    self._over.set()
    self.join()


def test_memory_does_not_grow_with_the_archive(programs, own_server, registry, tmp_path):
  archive = LargeArchive(tmp_path / "archive", soak(96, 1024) * MIB)
  name = registry.repository("large") + ":1"
  idle = peak_bytes(own_server.process.pid)
  with Client(own_server) as client:

    def requests():
      yield client.options(name, layer_form=1, size_bytes=archive.path.stat().st_size)
      yield from archive.chunks(client)

    with PeakOfWorkers(programs) as workers:
      client.read(client.import_stream(requests()))
      imported = peak_bytes(own_server.process.pid) - idle
      size = 0
      for event in client.export_stream(client.export_request(name)):
        size += len(event.chunk)
    exported = peak_bytes(own_server.process.pid) - idle
  assert sha256(raw(name)) == archive.digest
  assert size > soak(96, 1024) * MIB
  print("worker %d, holkasd %d and %d MiB more than idle" %
        (workers.bytes >> 20, imported >> 20, exported >> 20))
  assert 0 < workers.bytes < 64 * MIB
  assert imported < 64 * MIB and exported < 64 * MIB
