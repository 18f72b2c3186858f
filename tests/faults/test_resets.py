"""Connections that break, again and again: the copy goes on where it was."""

import random
import threading
import time

import pytest

from conftest import SOAK, soak
from fakes.breaking_proxy import BreakingProxy
from fakes.actions import resets
from fakes.scripted_registry import ScriptedRegistry
from support.images import Image
from support.oracle import Layout


@pytest.mark.parametrize("size, count, tls", soak(
    [(100 << 20, 200, False), (16 << 20, 32, True)], [(1 << 30, 2000, False), (1 << 30, 2000, True)]))
def test_download_outlives_resets_and_reads_little_twice(programs, shared_server, tmp_path, size,
                                                         count, tls):
  image = Image(layer_sizes=(size,), seed=3)
  layer = image.layers[0]
  cuts = random.Random(5).sample(range(1, layer["size"]), count)
  with ScriptedRegistry(tls=tmp_path if tls else None) as source:
    name = source.add("app", "v1", image)
    source.on("GET", layer["digest"], resets(cuts))
    programs.copy(name, "oci:%s:x" % (tmp_path / "to"), server=shared_server, timeout=900).ok()
    assert Layout(tmp_path / "to").check().names() == {"x": image.digest}
    assert source.resets >= 0.98 * count  # two that lie close together may be one
    assert source.sent_bytes <= 1.05 * layer["size"] + source.resets * (64 << 10)
    assert len(source.asked("GET", layer["digest"])) <= 1.1 * count + 10


@pytest.mark.parametrize("budget_kib", [1, 300, 5000])
def test_upload_to_a_real_registry_outlives_resets(programs, shared_server, scripted, registry,
                                                   budget_kib):
  image = Image(layer_sizes=(9_000_000, 50_000), seed=4)
  source = scripted.add("app", "v1", image)
  with BreakingProxy(registry.address, budget_kib << 10, breaks=2) as proxy:
    repository = registry.repository().split("/")[-1]
    programs.copy(source, "docker://%s/%s:x" % (proxy.address, repository), server=shared_server,
                  timeout=120).ok()
    assert proxy.broken >= 1
  name = "docker://%s/%s:x" % (registry.address, repository)
  assert programs.inspect(name, "--raw", server=shared_server).ok().stdout_bytes == image.manifest


def test_upload_goes_on_in_its_session(programs, shared_server, scripted, scripted_destination):
  image = Image(layer_sizes=(9_000_000,), seed=5)
  source = scripted.add("app", "v1", image)
  with BreakingProxy(scripted_destination.address, 5_000_000, breaks=1) as proxy:
    programs.copy(source, "docker://%s/copy:x" % proxy.address, server=shared_server).ok()
    assert proxy.broken >= 1  # connections that were open already break too
  assert scripted_destination.manifests[("copy", "x")][1] == image.manifest
  # One for the layer, one for the configuration: the registry kept what it had.
  assert scripted_destination.uploads_begun == 2
  assert not scripted_destination.uploads


def test_copy_outlives_an_outage(programs, shared_server, scripted, registry):
  """Both connections break, and for a while there are no new ones."""
  image = Image(layer_sizes=(20_000_000,) * 3, seed=6)
  source = scripted.add("app", "v1", image)
  results = []
  with BreakingProxy(scripted.address) as from_proxy, \
      BreakingProxy(registry.address) as to_proxy:
    for delay in soak([0.1], [0.1 + i / 10 for i in range(8)]):
      to = "docker://%s/%s:x" % (to_proxy.address, registry.repository().split("/")[-1])
      thread = threading.Thread(target=lambda: results.append(programs.copy(
          source.replace(scripted.address, from_proxy.address), to, server=shared_server,
          timeout=180)))
      thread.start()
      time.sleep(delay)
      for proxy in (from_proxy, to_proxy):
        proxy.outage.set()
        proxy.break_all()
      time.sleep(soak(3, 30))
      for proxy in (from_proxy, to_proxy):
        proxy.outage.clear()
      thread.join()
  outlived = [result for result in results if result.code == 0]
  assert len(outlived) == len(results) or SOAK and len(outlived) >= 0.9 * len(results), results
