"""The cases of tools/bench. Each is a function of a Bench that gives figures."""

import concurrent.futures
import functools
import gzip
import hashlib
import json
import pathlib
import random
import re
import shutil
import subprocess
import tarfile
import time

from bench import measure
from bench.measure import Figure
from support.images import OCI_CONFIG, OCI_LAYER, OCI_MANIFEST
from support.oracle import Layout, sha256
from support.programs import ANY_REGISTRY, Programs, Server
from support.registry import Registry
from support.removal import remove_tree
from support import client_runners, nginx
from support.tls_registry import TlsRegistry

# What the design promises, as least ratios and largest values.
TARGETS = {
    "oci wall": 2, "oci CPU": 2, "dir wall": 3.5, "dir CPU": 2, "mount wall": 20,
    "registries wall": 1.25, "registries CPU": 2.5,
    "compress gzip wall": 3, "compress gzip size": 0.94, "compress zstd size": 0.94,
    "compress gzip 5 wall": 1.7, "compress gzip 5 size": 0.98,
    "recompress wall": 2, "decompress wall": 4, "local wall": 4,
    "to docker-archive wall": 4, "from docker-archive wall": 3, "plain dir to docker wall": 3,
    "to storage wall": 2.5, "from storage wall": 2.5, "from storage again wall": 20,
    "inspect rate, TLS": 8,
    "copy through a client": 0.9,
    "worker memory": 64,
    "launch p50": 0.3, "launch p99": 2, "launch rate": 2000,
}


_LOAD = "//tests/bench:inspect_load"


class Bench:
  """The image, the programs and the ways to run them."""

  def __init__(self, programs, directory, options):
    self.options = options
    self.directory = directory
    self.programs = Programs(programs, directory / "programs")
    self._made = 0
    self._registry = None
    measure.adopt_orphans()

  def new_path(self, name):
    self._made += 1
    return self.directory / ("%s-%d" % (name, self._made))

  def registry(self):
    """An empty registry."""
    return Registry(self.new_path("registry"))

  def image(self, registry, size_mb=None, layers=None):
    """Pushes the image; its layers are random bytes, since nobody looks into them."""
    layout = make_layout(self.new_path("image"), size_mb or self.options.size_mb,
                         layers or self.options.layers)
    name = registry.repository() + ":image"
    subprocess.run(["skopeo", "--insecure-policy", "copy", "-q", "--dest-tls-verify=false",
                    "oci:%s:image" % layout, name], check=True)
    shutil.rmtree(layout)
    return name

  def skopeo(self, *arguments):
    home = self.new_path("home")
    home.mkdir()
    taken = measure.run(["skopeo", "--insecure-policy", *arguments],
                        {"HOME": str(home), "PATH": "/usr/bin:/bin"},
                        measure.hide_skopeos_cache)
    shutil.rmtree(home)
    return taken

  def holkas(self, *arguments):
    # As cold as Skopeo, and as ready to remember blobs.
    cache = self.new_path("blobs")
    taken = measure.run([self.programs.path("holkas"), *arguments],
                        {**self.programs.environment, "HOLKAS_BLOB_INFO_CACHE": str(cache / "file")})
    shutil.rmtree(cache, ignore_errors=True)
    return taken

  def pairs(self, name, skopeo, holkas):
    """Runs both in turn; gives the figures for wall time and CPU."""
    theirs, ours = [], []
    for number in range(self.options.runs):
      # The one that goes first changes, so that neither always finds the warmer cache.
      for who in ((skopeo, theirs), (holkas, ours))[::1 if number % 2 == 0 else -1]:
        who[1].append(who[0]())
    for what in ("wall", "cpu"):
      label = "%s %s" % (name, {"wall": "wall", "cpu": "CPU"}[what])
      yield Figure(label, measure.median([getattr(r, what) for r in ours]),
                   measure.median([getattr(r, what) for r in theirs]),
                   target=TARGETS.get(label),
                   detail="spread %.3f..%.3f" % (min(getattr(r, what) for r in ours),
                                                 max(getattr(r, what) for r in ours)))


def make_layout(path, size_mb, layers):
  """An OCI layout of one image whose layers have `size_mb` million bytes together."""
  blobs = path / "blobs" / "sha256"
  blobs.mkdir(parents=True)
  (path / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
  source = random.Random(size_mb)

  def write(media_type, data):
    (blobs / sha256(data).split(":")[1]).write_bytes(data)
    return {"mediaType": media_type, "digest": sha256(data), "size": len(data)}

  descriptors, diff_ids = [], []
  for _ in range(layers):
    left = size_mb * 1_000_000 // layers
    pieces = []
    while left > 0:  # a generator gives at most 256 MB at once
      pieces.append(source.randbytes(min(left, 64 << 20)))
      left -= len(pieces[-1])
    content = b"".join(pieces)
    diff_ids.append(sha256(content))
    descriptors.append(write(OCI_LAYER, gzip.compress(content, 0, mtime=0)))
  config = write(OCI_CONFIG, json.dumps({
      "architecture": "amd64", "os": "linux", "config": {},
      "rootfs": {"type": "layers", "diff_ids": diff_ids}}).encode())
  manifest = write(OCI_MANIFEST, json.dumps({
      "schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": config,
      "layers": descriptors}).encode())
  manifest["annotations"] = {"org.opencontainers.image.ref.name": "image"}
  (path / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [manifest]}))
  return path


def _to_files(bench, kind):
  with bench.registry() as registry:
    image = bench.image(registry)

    def copy(tool):
      path = bench.new_path(kind)
      name = "%s:%s%s" % (kind, path, ":image" if kind == "oci" else "")
      taken = tool("copy", "-q", "--src-tls-verify=false", image, name)
      if kind == "oci" and tool == bench.holkas:
        Layout(path).check()
      shutil.rmtree(path)
      return taken

    yield from bench.pairs(kind, lambda: copy(bench.skopeo), lambda: copy(bench.holkas))


def to_oci(bench):
  return _to_files(bench, "oci")


def to_dir(bench):
  return _to_files(bench, "dir")


def mount(bench):
  """From one repository to another of the same registry, which never saw the second one."""
  with bench.registry() as registry:
    image = bench.image(registry)

    def copy(tool):
      return tool("copy", "-q", "--src-tls-verify=false", "--dest-tls-verify=false", image,
                  registry.repository("mounted") + ":image")

    yield from bench.pairs("mount", lambda: copy(bench.skopeo), lambda: copy(bench.holkas))


def registries(bench):
  """Between two registries; the second one is new in every run."""
  with bench.registry() as registry:
    image = bench.image(registry)

    def copy(tool):
      with bench.registry() as other:
        taken = tool("copy", "-q", "--src-tls-verify=false", "--dest-tls-verify=false", image,
                     other.repository() + ":image")
      shutil.rmtree(other.directory)
      return taken

    yield from bench.pairs("registries", lambda: copy(bench.skopeo), lambda: copy(bench.holkas))


def _inspect(bench, name, server, image, flags, target):
  """Eight at a time: Skopeo's processes, our command line, and one client that stays connected."""
  environment = bench.programs.environment
  skopeo = ["skopeo", "inspect", *flags, image]
  holkas = [str(bench.programs.path("holkas")), "--server", server.address, "inspect",
            *[f for f in flags if f == "--tls-verify=false"], image]

  def rate(command, count):
    start = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(max_workers=8) as pool:
      list(pool.map(lambda _: subprocess.run(command, check=True, env=environment,
                                             stdout=subprocess.DEVNULL), range(count)))
    return count / (time.monotonic() - start)

  _bazel_program(_LOAD)
  theirs, ours, client = [], [], []
  for _ in range(bench.options.runs):
    theirs.append(rate(skopeo, 80))
    ours.append(rate(holkas, 160))
    client.append(_load(server.address, image, flags, 8, 2000))
  theirs_rate = measure.median(theirs)
  rates = [c["per_second"] for c in client if c]
  if rates:
    last = client[-1]
    yield Figure(name, measure.median(rates), theirs_rate, "1/s", target, True,
                 "p50 %.1f ms, p99 %.1f ms" % (last["p50_ms"], last["p99_ms"]))
  yield Figure(name + ", command line", measure.median(ours), theirs_rate, "1/s", None, True)


def inspect(bench):
  """From docker-registry, whose own work is the greatest part."""
  with bench.registry() as registry, \
      Server(bench.programs, bench.new_path("server"), sandbox="") as server:
    yield from _inspect(bench, "inspect rate", server, bench.image(registry, 2, 3),
                        ["--tls-verify=false"], None)


def inspect_tls(bench):
  """From a registry that costs next to nothing, with its certificate verified."""
  if not nginx.installed():
    print("inspect_tls: nginx and openssl are not installed: run tools/setup")
    return
  layout = make_layout(bench.new_path("image"), 2, 3)
  with TlsRegistry(bench.new_path("registry"), layout) as registry, \
      Server(bench.programs, bench.new_path("server"),
             registries=ANY_REGISTRY + '\ncerts_dirs: ["%s"]' % registry.certs,
             sandbox="") as server:
    yield from _inspect(bench, "inspect rate, TLS", server, registry.image,
                        ["--cert-dir", str(registry.certs / registry.address)],
                        TARGETS["inspect rate, TLS"])


@functools.lru_cache(maxsize=None)
def _bazel_program(label):
  """A program of the tests, built in release mode; None where it cannot be.

  Built once, before anything is measured: Bazel's server goes on computing for a while.
  """
  script = 'source tools/lib/common.sh; run_bazel build --config=release --noshow_progress ' \
           '--ui_event_filters=-info "$1" && run_bazel info --config=release bazel-bin 2>/dev/null'
  root = pathlib.Path(__file__).resolve().parent.parent.parent
  built = subprocess.run(["bash", "-c", "set -euo pipefail; " + script, "bench", label], cwd=root,
                         stdout=subprocess.PIPE, check=False)
  if built.returncode != 0:
    return None
  directory = built.stdout.decode().strip().splitlines()[-1]
  return pathlib.Path(directory) / label.strip("/").replace(":", "/")


def _load(address, image, flags, parallel, count):
  """What tests/bench/inspect_load measures; None where it is not built."""
  program = _bazel_program(_LOAD)
  if program is None:
    return None
  insecure = [flag for flag in flags if flag == "--tls-verify=false"]
  output = subprocess.run([str(program), *insecure, address, image, str(parallel), str(count)],
                          check=True, stdout=subprocess.PIPE).stdout
  return json.loads(output)


def make_layers(path, size_mb, layers):
  """A `dir:` image of plain tar layers that hold this machine's files, as images do."""
  path.mkdir(parents=True)
  paths, total = [], 0
  for file in sorted(pathlib.Path("/usr").rglob("*")):
    if total >= size_mb * 1_000_000:
      break
    if file.is_file() and not file.is_symlink():
      paths.append(file)
      total += file.stat().st_size
  share = total / layers
  descriptors = []
  while paths:
    taken, size = [], 0
    while paths and size < share:
      taken.append(paths.pop(0))
      size += taken[-1].stat().st_size
    layer = path / "layer"
    with tarfile.open(layer, "w", format=tarfile.PAX_FORMAT) as tar:
      for file in taken:
        tar.add(file, str(file).lstrip("/"), recursive=False)
    with layer.open("rb") as content:
      digest = "sha256:" + hashlib.file_digest(content, "sha256").hexdigest()
    descriptors.append({"mediaType": OCI_LAYER.replace("+gzip", ""), "digest": digest,
                        "size": layer.stat().st_size})
    layer.rename(path / digest.split(":")[1])
  config = json.dumps({"architecture": "amd64", "os": "linux", "config": {},
                       "rootfs": {"type": "layers",
                                  "diff_ids": [layer["digest"] for layer in descriptors]}}).encode()
  (path / sha256(config).split(":")[1]).write_bytes(config)
  (path / "version").write_text("Directory Transport Version: 1.1\n")
  (path / "manifest.json").write_text(json.dumps({
      "schemaVersion": 2, "mediaType": OCI_MANIFEST, "layers": descriptors,
      "config": {"mediaType": OCI_CONFIG, "digest": sha256(config), "size": len(config)}}))
  return path


def _size(path):
  return sum(p.stat().st_size for p in path.rglob("*") if p.is_file())


def compress(bench):
  """Uncompressed layers to gzip and zstd: time, and the size of what comes out."""
  source = make_layers(bench.new_path("plain"), bench.options.size_mb, bench.options.layers)
  # Without a level, Skopeo takes the fifth.
  for name, flags in (("gzip", []), ("gzip 5", ["--dest-compress-level=5"]),
                      ("zstd", ["--dest-compress-format=zstd"])):
    sizes = {}

    def copy(tool, flags=flags, sizes=sizes):
      path = bench.new_path("to")
      taken = tool("copy", "-q", *flags, "dir:%s" % source, "oci:%s:image" % path)
      sizes[tool] = _size(path) / 1e6
      shutil.rmtree(path)
      return taken

    yield from bench.pairs("compress " + name, lambda: copy(bench.skopeo),
                           lambda: copy(bench.holkas))
    yield Figure("compress %s size" % name, sizes[bench.holkas], sizes[bench.skopeo], "MB",
                 TARGETS["compress %s size" % name])
  shutil.rmtree(source)


def recompress(bench):
  """From gzip to zstd between layouts, and from a registry to plain layers in a directory."""
  plain = make_layers(bench.new_path("plain"), bench.options.size_mb, bench.options.layers)
  source = bench.new_path("gzip")
  bench.skopeo("copy", "-q", "dir:%s" % plain, "oci:%s:image" % source)
  shutil.rmtree(plain)

  def copy(tool, name, flags, kind):
    path = bench.new_path("to")
    taken = tool("copy", "-q", "--src-tls-verify=false", *flags, name, kind % path)
    shutil.rmtree(path)
    return taken

  layout = ("oci:%s:image" % source, ["--dest-compress-format=zstd"], "oci:%s:image")
  yield from bench.pairs("recompress", lambda: copy(bench.skopeo, *layout),
                         lambda: copy(bench.holkas, *layout))
  with bench.registry() as registry:
    image = (_push(bench, registry, layout[0]), ["--dest-decompress"], "dir:%s")
    yield from bench.pairs("decompress", lambda: copy(bench.skopeo, *image),
                           lambda: copy(bench.holkas, *image))
  shutil.rmtree(registry.directory)
  shutil.rmtree(source)


def local(bench):
  """From one layout to another, both on one disk."""
  source = make_layout(bench.new_path("image"), bench.options.size_mb, bench.options.layers)

  def copy(tool):
    path = bench.new_path("to")
    taken = tool("copy", "-q", "oci:%s:image" % source, "oci:%s:image" % path)
    shutil.rmtree(path)
    return taken

  yield from bench.pairs("local", lambda: copy(bench.skopeo), lambda: copy(bench.holkas))
  shutil.rmtree(source)


def memory(bench):
  """The largest resident set of a worker that moves layers of 1 GB."""
  with bench.registry() as registry:
    image = bench.image(registry, 4000, 4)
    for kind in ("oci", "dir", "registry"):
      path = bench.new_path(kind)
      other = bench.registry() if kind == "registry" else None
      if other is not None:
        other.__enter__()
        name = other.repository() + ":image"
      else:
        name = "%s:%s%s" % (kind, path, ":image" if kind == "oci" else "")
      with measure.PeakMemory(bench.programs.workers) as peak:
        bench.holkas("copy", "-q", "--src-tls-verify=false", "--dest-tls-verify=false", image, name)
      if other is not None:
        other.__exit__()
        shutil.rmtree(other.directory)
      else:
        shutil.rmtree(path)
      yield Figure("worker memory, to %s" % kind, peak.peak_bytes / (1 << 20), unit="MiB",
                   target=TARGETS["worker memory"])


def launch(bench):
  """A worker wanted every 5 ms, with spare ones ready; then thirty seconds of as many as can be."""
  program = _bazel_program("//tests/sandbox:launch_bench")
  if program is None:
    print("launch: //tests/sandbox:launch_bench is not built")
    return
  output = subprocess.run([str(program), str(bench.programs.path("holkas-worker")), "60000"],
                          check=True, stdout=subprocess.PIPE).stdout.decode()
  found = dict(re.findall(r"(\w+)=([\d.-]+)", output))
  for name in ("p50", "p99"):
    yield Figure("launch " + name, float(found[name + "_ms"]), unit="ms",
                 target=TARGETS["launch " + name])
  yield Figure("launch rate", float(found["rate_per_s"]), unit="1/s", target=TARGETS["launch rate"],
               more_is_better=True, detail="holkasd's part grew by %s KiB" % found["growth_kb"])


def _push(bench, registry, source):
  """Pushes what `source` names, compressed as Skopeo does it; the name of the result."""
  name = registry.repository() + ":image"
  bench.skopeo("copy", "-q", "--dest-tls-verify=false", source, name)
  return name


def archives(bench):
  """From a registry to docker-archive:, from that to a layout, and plain layers to a registry."""
  plain = make_layers(bench.new_path("plain"), bench.options.size_mb, bench.options.layers)
  with bench.registry() as registry:
    image = _push(bench, registry, "dir:%s" % plain)
    archive = bench.new_path("archive")

    def to_archive(tool):
      archive.unlink(missing_ok=True)
      return tool("copy", "-q", "--src-tls-verify=false", image, "docker-archive:%s:x:y" % archive)

    yield from bench.pairs("to docker-archive", lambda: to_archive(bench.skopeo),
                           lambda: to_archive(bench.holkas))
  sizes = {}

  def from_archive(tool):
    path = bench.new_path("to")
    taken = tool("copy", "-q", "docker-archive:%s" % archive, "oci:%s:image" % path)
    sizes[tool] = _size(path) / 1e6
    shutil.rmtree(path)
    return taken

  yield from bench.pairs("from docker-archive", lambda: from_archive(bench.skopeo),
                         lambda: from_archive(bench.holkas))
  yield Figure("from docker-archive size", sizes[bench.holkas], sizes[bench.skopeo], "MB",
               TARGETS["compress gzip size"])
  archive.unlink()

  def push(tool):
    with bench.registry() as registry:
      taken = tool("copy", "-q", "--dest-tls-verify=false", "dir:%s" % plain,
                   registry.repository() + ":image")
    shutil.rmtree(registry.directory)
    return taken

  yield from bench.pairs("plain dir to docker", lambda: push(bench.skopeo),
                         lambda: push(bench.holkas))
  shutil.rmtree(plain)


def storage(bench):
  """Between a registry and containers-storage (overlay); needs root."""
  plain = make_layers(bench.new_path("plain"), bench.options.size_mb, bench.options.layers)
  with bench.registry() as registry:
    image = _push(bench, registry, "dir:%s" % plain)
    shutil.rmtree(plain)

    def store():
      return bench.new_path("store")

    def name(path):
      return "containers-storage:[overlay@%s+%s]localhost/image:1" % (path / "graph", path / "run")

    def pull(tool, path=None):
      at = path or store()
      taken = tool("copy", "-q", "--src-tls-verify=false", image, name(at))
      if path is None:
        remove_tree(at)
      return taken

    yield from bench.pairs("to storage", lambda: pull(bench.skopeo), lambda: pull(bench.holkas))
    full = store()
    pull(bench.skopeo, full)

    def push(tool, to):
      return tool("copy", "-q", "--dest-tls-verify=false", name(full), to)

    def push_new(tool):
      with bench.registry() as other:
        taken = push(tool, other.repository() + ":image")
      shutil.rmtree(other.directory)
      return taken

    yield from bench.pairs("from storage", lambda: push_new(bench.skopeo),
                           lambda: push_new(bench.holkas))
    again = image.replace(":image", ":again")
    yield from bench.pairs("from storage again", lambda: push(bench.skopeo, again),
                           lambda: push(bench.holkas, again))
    remove_tree(full)


def clients(bench):
  """The same Copy through every client, each a process that has made one before, and through the
  command line with the same server."""
  with bench.registry() as registry, \
      Server(bench.programs, bench.new_path("server"), sandbox="") as server:
    image = bench.image(registry)
    access = {"tlsVerification": "TLS_VERIFICATION_DISABLED"}

    def timed(copy):
      path = bench.new_path("to")
      begin = time.monotonic()
      copy("dir:%s" % path)
      seconds = time.monotonic() - begin
      shutil.rmtree(path)
      return seconds

    def by_command_line(destination):
      measure.run([bench.programs.path("holkas"), "--server", server.address, "--server-paths", "copy",
                   "-q", "--src-tls-verify=false", image, destination], bench.programs.environment)

    def by_client(runner, destination):
      answer = runner.ask({"rpc": "Copy", "request": {
          "source": image, "destination": destination, "sourceRegistry": access}})
      assert answer["error"] is None, answer

    for name in (name for name in client_runners.NAMES if name != "grpcurl"):
      directory = bench.new_path(name)
      directory.mkdir()
      runner = client_runners.start(name, directory, server.address)
      try:
        ours, theirs = [], []
        timed(functools.partial(by_client, runner))
        for _ in range(2 * bench.options.runs):
          theirs.append(timed(by_command_line))
          ours.append(timed(functools.partial(by_client, runner)))
      finally:
        runner.close()
      yield Figure("copy through %s" % name, measure.median(ours), measure.median(theirs), "s",
                   TARGETS["copy through a client"], other="command line")


CASES = {"oci": to_oci, "dir": to_dir, "mount": mount, "registries": registries,
         "compress": compress, "recompress": recompress, "local": local,
         "archives": archives, "storage": storage,
         "inspect": inspect, "inspect_tls": inspect_tls, "clients": clients,
         "memory": memory, "launch": launch}
