"""Many copies at once: no name is lost, no image is mixed up."""

import concurrent.futures
import threading

from conftest import skopeo, soak
from support.images import Image
from support.oracle import Directory, Layout


def together(count, task):
  with concurrent.futures.ThreadPoolExecutor(max_workers=count) as pool:
    return list(pool.map(task, range(count)))


def test_a_hundred_copies_into_one_layout(programs, shared_server, scripted, tmp_path):
  shared = (100_000, 100)
  sources = [scripted.add("app", "v%d" % i, Image(layer_sizes=shared, seed=i % 10,
                                                  labels={"number": str(i)})) for i in range(100)]
  for _ in range(soak(1, 20)):
    to = tmp_path / "to"

    def copy(i):
      return programs.copy(sources[i], "oci:%s:name-%d" % (to, i), server=shared_server,
                           timeout=300)

    for result in together(100, copy):
      result.ok()
    assert sorted(Layout(to).check().names()) == sorted("name-%d" % i for i in range(100))


def test_private_servers_share_a_layout_too(programs, scripted, tmp_path):
  sources = [scripted.add("app", "v%d" % i, Image(seed=i)) for i in range(8)]
  for result in together(8, lambda i: programs.copy(
      sources[i], "oci:%s:name-%d" % (tmp_path / "to", i), timeout=120)):
    result.ok()
  assert len(Layout(tmp_path / "to").check().names()) == 8


def test_our_names_survive_a_racing_skopeo(programs, shared_server, scripted, tmp_path):
  """Skopeo takes no lock and may lose its own names, and ours that it read before."""
  source = scripted.add("app", "v1", Image(seed=1))
  to = tmp_path / "to"
  programs.copy(source, "oci:%s:first" % to, server=shared_server).ok()
  stop = threading.Event()

  def race():
    number = 0
    while not stop.is_set():
      skopeo("copy", "-q", "--src-tls-verify=false", source, "oci:%s:theirs-%d" % (to, number))
      number += 1

  thread = threading.Thread(target=race)
  thread.start()
  try:
    for i in range(soak(5, 100)):
      programs.copy(source, "oci:%s:ours-%d" % (to, i), server=shared_server).ok()
  finally:
    stop.set()
    thread.join()
  programs.copy(source, "oci:%s:last" % to, server=shared_server).ok()
  assert "last" in Layout(to).names()


def test_copies_over_one_dir_leave_one_whole_image(programs, shared_server, scripted, tmp_path):
  images = [Image(seed=i, layer_sizes=(50_000, i + 1)) for i in range(6)]
  sources = [scripted.add("app", "v%d" % i, image) for i, image in enumerate(images)]
  results = together(6, lambda i: programs.copy(sources[i], "dir:%s" % (tmp_path / "to"),
                                                server=shared_server))
  assert any(result.code == 0 for result in results)
  digest = Directory(tmp_path / "to").check().digest()
  assert digest in [image.digest for image in images]


def test_same_image_to_one_name_many_times(programs, shared_server, scripted, tmp_path):
  image = Image(layer_sizes=(200_000,))
  source = scripted.add("app", "v1", image)
  for result in together(10, lambda i: programs.copy(source, "oci:%s:x" % (tmp_path / "to"),
                                                     server=shared_server)):
    result.ok()
  layout = Layout(tmp_path / "to").check()
  assert layout.names() == {"x": image.digest}
