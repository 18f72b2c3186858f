// ImageReference::Parse: what it takes is printed so that it is read back as the same.

#include "absl/strings/string_view.h"
#include "proto/wire/image_reference.h"
#include "tests/fuzz/fuzz_target.h"

namespace holkas {

const char* const kFuzzSeeds[] = {
    "docker://busybox",
    "docker://Docker.io/busybox",
    "docker://quay.io/podman/stable:v1.2",
    "docker://localhost:5000/a/b_c--d.e@sha256:"
    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
    "docker://[2001:db8::1]:5000/app",
    "docker://registry.test/app@@unknown-digest@@",
    "docker://docker.io/library/x@sha512:"
    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
    "oci:/srv/layout:app:v1",
    "oci:relative/path:@3",
    "dir:/srv/app",
    "docker-archive:/a.tar:x",
    "docker-daemon:busybox:1",
    "docker-daemon:docker.io/a.b/c:1",
    "docker-daemon:sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
    "containers-storage:[overlay@/var/lib/containers/storage+/run/containers/storage:a=b,c]x:1",
    "containers-storage:[vfs@/g]a/b:t@sha256:"
    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
    "@0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
    "containers-storage:@0123456789ab",
    "tarball:/a.tar:-",
    "sif:/a.sif",
    nullptr,
};

const char* const kFuzzWords[] = {
    "docker://", "//",    ":",      "@",     "@@unknown-digest@@",
    "sha256:",   "oci:",  "dir:",   "/",     "..",
    "localhost", ":5000", ":65536", "[::1]", "index.docker.io/",
    "library/",  "__",    "--",     "%2f",   "containers-storage:",
    "[",         "]",     "+/",     "vfs@",  "docker-daemon:",
    nullptr,
};

namespace {

void CheckName(const RegistryReference& reference) {
  HOLKAS_FUZZ_CHECK(!reference.host.empty() && !reference.path.empty());
  // It becomes part of a URL as it is.
  for (const char c : reference.path + reference.tag) {
    HOLKAS_FUZZ_CHECK(c > 0x20 && c < 0x7f && c != '?' && c != '#' && c != '%' && c != '\\');
  }
  HOLKAS_FUZZ_CHECK(("/" + reference.path + "/").find("/../") == std::string::npos);
}

void CheckRegistry(const RegistryReference& reference) {
  CheckName(reference);
  // One of three says which image it is.
  HOLKAS_FUZZ_CHECK((reference.digest.has_value() ? 1 : 0) + (reference.tag.empty() ? 0 : 1) +
                        (reference.unknown_digest ? 1 : 0) ==
                    1);
}

void CheckStorage(const StorageReference& reference) {
  if (reference.name.has_value()) {
    CheckName(*reference.name);
    HOLKAS_FUZZ_CHECK(reference.name->digest.has_value() || !reference.name->tag.empty());
    HOLKAS_FUZZ_CHECK(!reference.name->unknown_digest);
  } else {
    HOLKAS_FUZZ_CHECK(!reference.image_id.empty());
  }
  for (const std::string& root : {reference.graph_root, reference.run_root}) {
    HOLKAS_FUZZ_CHECK(root.empty() || root[0] == '/');
  }
}

}  // namespace
}  // namespace holkas

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const absl::string_view text(reinterpret_cast<const char*>(data), size);
  const auto reference = holkas::ImageReference::Parse(text);
  if (!reference.ok()) {
    return 0;
  }
  if (const auto* registry = reference->registry()) {
    holkas::CheckRegistry(*registry);
  }
  if (const auto* storage = reference->storage()) {
    holkas::CheckStorage(*storage);
  }
  const std::string printed = reference->ToString();
  const auto again = holkas::ImageReference::Parse(printed);
  HOLKAS_FUZZ_CHECK(again.ok());
  HOLKAS_FUZZ_CHECK(again->ToString() == printed);
  HOLKAS_FUZZ_CHECK(again->location().index() == reference->location().index());
  return 0;
}
