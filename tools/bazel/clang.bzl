"""Bazel's own C++ toolchain for clang, with a layering check that works."""

load("@bazel_tools//tools/cpp:lib_cc_configure.bzl", "get_cpu_value")
load("@bazel_tools//tools/cpp:unix_cc_configure.bzl", "configure_unix_toolchain")

_CONFIG = "cc_toolchain_config.bzl"
_MODULE_MAPS = "feature(name = \"module_maps\", enabled = True)"

# Module maps that name their dependencies' files make clang read, and report to Bazel as undeclared
# inputs, the module maps of indirect dependencies.
_WITHOUT_EXTERN = """
        feature(name = "module_map_without_extern_module"),
        feature(name = "module_maps", enabled = True, implies = ["module_map_without_extern_module"])"""

def _clang_toolchain_impl(repository_ctx):
    clang = repository_ctx.which("clang")
    if not clang:
        fail("Debian's clang is needed: apt-get install clang.")
    configure_unix_toolchain(repository_ctx, get_cpu_value(repository_ctx), {"gcc": str(clang)})
    text = repository_ctx.read(_CONFIG)
    if _MODULE_MAPS not in text:
        fail("%s has another form than that of Bazel 4.2.3" % _CONFIG)
    repository_ctx.delete(_CONFIG)
    repository_ctx.file(_CONFIG, text.replace(_MODULE_MAPS, _WITHOUT_EXTERN), executable = False)

clang_toolchain = repository_rule(
    implementation = _clang_toolchain_impl,
    configure = True,
    local = True,
)
