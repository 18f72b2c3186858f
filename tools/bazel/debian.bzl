"""Repositories made from what Debian's packages installed. Nothing here uses the network."""

def _run(repository_ctx, args, hint):
    result = repository_ctx.execute(args)
    if result.return_code != 0:
        fail("%s: %s\n%s" % (" ".join([str(a) for a in args]), result.stderr.strip(), hint))
    return result.stdout.strip()

def _setup_hint(package):
    return "Debian's %s is needed: run tools/setup." % package

# rules_cc

_TOOLCHAIN_FILES = [
    "cc/private/rules_impl/cc_flags_supplier.bzl",
    "cc/private/rules_impl/compiler_flag.bzl",
]

def _debian_rules_cc_impl(repository_ctx):
    """Copies Debian's rules_cc 0.0.4 in the words of Debian's Bazel 4.2.3.

    It loads use_cpp_toolchain, which that Bazel lacks; the value that the function returns is the
    toolchain type below.
    """
    path = repository_ctx.path(repository_ctx.attr.path)
    if not path.exists:
        fail(_setup_hint("bazel-rules-cc"))
    _run(repository_ctx, ["cp", "-rL", "--no-preserve=mode", str(path) + "/.", "."], "")
    repository_ctx.delete("MODULE.bazel")
    for file in _TOOLCHAIN_FILES:
        text = repository_ctx.read(file)
        text = text.replace(", \"use_cpp_toolchain\"", "")
        text = text.replace("use_cpp_toolchain()", "[\"@bazel_tools//tools/cpp:toolchain_type\"]")
        repository_ctx.file(file, text, executable = False)

debian_rules_cc = repository_rule(
    implementation = _debian_rules_cc_impl,
    attrs = {"path": attr.string(mandatory = True)},
    local = True,
)

# Libraries

_LIBRARY = """
cc_library(
    name = {name},
    copts = [],
    defines = {defines},
    includes = {includes},
    linkopts = {linkopts},
)
"""

def _words(text):
    return [word for word in text.replace("\n", " ").split(" ") if word]

def _archives(repository_ctx, libs, libdir):
    """The linker flags `libs`, each library once and from its archive where attr.archives names it."""
    flags = []
    for flag in reversed(libs):
        if not flag.startswith("-l"):
            continue
        for prefix in repository_ctx.attr.archives:
            archive = "lib%s.a" % flag[2:]
            if flag[2:].startswith(prefix) and repository_ctx.path(libdir + "/" + archive).exists:
                flag = "-l:" + archive
                break
        if flag not in flags:
            flags.append(flag)
    return reversed(flags)

def _cc_library(repository_ctx, name, packages, libdir):
    attr = repository_ctx.attr
    hint = _setup_hint(attr.debian_package)
    cflags, libs = [], []
    if packages:
        cflags = _words(_run(repository_ctx, ["pkg-config", "--cflags"] + packages, hint))
        kind = ["--static"] if attr.archives else []
        libs = _words(_run(repository_ctx, ["pkg-config", "--libs"] + kind + packages, hint))
    if attr.archives:
        libs = _archives(repository_ctx, libs, libdir)

    # A .pc file's warning flags are its own build's business; -I beneath /usr/include is Bazel's.
    includes = [flag[2:] for flag in cflags if flag.startswith("-I")] + attr.include_dirs
    defines = [flag[2:] for flag in cflags if flag.startswith("-D")]
    links = []
    for index, include in enumerate(includes):
        if not repository_ctx.path(include).exists:
            fail("%s is missing. %s" % (include, hint))
        link = "%s_include_%d" % (name, index)
        repository_ctx.symlink(include, link)
        links.append(link)

    extra = [flag.format(libdir = libdir) for flag in attr.link_flags.get(name, [])]
    linkopts = []
    if extra or libs:
        # Programs load only the libraries that they call.
        linkopts = ["-Wl,--push-state,--as-needed"] + extra + libs + ["-Wl,--pop-state"]
    return _LIBRARY.format(
        name = repr(name),
        defines = repr(defines),
        includes = repr(links),
        linkopts = repr(linkopts),
    )

def _pkg_config_repository_impl(repository_ctx):
    attr = repository_ctx.attr
    triplet = _run(repository_ctx, ["gcc", "-print-multiarch"], _setup_hint("g++"))
    libdir = "/usr/lib/" + triplet
    lines = [
        "load(\"@rules_cc//cc:defs.bzl\", \"cc_library\")",
        "package(default_visibility = [\"//visibility:public\"])",
    ]
    for name, packages in attr.libraries.items():
        lines.append(_cc_library(repository_ctx, name, packages, libdir))
    repository_ctx.file("BUILD.bazel", "\n".join(lines), executable = False)

pkg_config_repository = repository_rule(
    implementation = _pkg_config_repository_impl,
    doc = "Makes one cc_library per label from the flags that pkg-config gives for its packages.",
    attrs = {
        "archives": attr.string_list(
            doc = "Libraries whose names start so are linked from their archives. That pays where a " +
                  "program would load dozens of shared ones at every start.",
        ),
        "debian_package": attr.string(
            mandatory = True,
            doc = "Named in the message when pkg-config does not know a package.",
        ),
        "include_dirs": attr.string_list(doc = "Include directories of every label."),
        "libraries": attr.string_list_dict(
            mandatory = True,
            doc = "Label -> pkg-config packages (none where the library has no .pc file).",
        ),
        "link_flags": attr.string_list_dict(
            doc = "Label -> further linker flags, before pkg-config's; {libdir} is /usr/lib/TRIPLET.",
        ),
    },
    local = True,
)

# Code generators

def _protobuf_tools_impl(repository_ctx):
    tools = {
        "grpc_cpp_plugin": "protobuf-compiler-grpc",
        "protoc": "protobuf-compiler",
    }
    for tool, package in tools.items():
        path = repository_ctx.which(tool)
        if not path:
            fail(_setup_hint(package))
        repository_ctx.symlink(path, tool)
    repository_ctx.symlink("/usr/include/google/protobuf", "include/google/protobuf")
    repository_ctx.file("BUILD.bazel", """
package(default_visibility = ["//visibility:public"])
exports_files(["protoc", "grpc_cpp_plugin"])
filegroup(name = "well_known_types", srcs = glob(["include/google/protobuf/*.proto"]))
""", executable = False)

protobuf_tools = repository_rule(
    implementation = _protobuf_tools_impl,
    doc = "Debian's protoc and grpc_cpp_plugin, and protobuf's well-known types.",
    local = True,
)

# google/rpc/*.proto

def _googleapis_impl(repository_ctx):
    """Takes google/rpc/*.proto from the wheel that tools/setup put into the cache.

    tools/bazel/googleapis.txt is pip's requirements file: version and hash. The wheel found must
    have that hash.
    """
    words = _words(repository_ctx.read(repository_ctx.attr._requirements).replace("\\", " "))
    version = words[0].split("==")[1]
    sha256 = words[1].split(":")[1]
    environ = repository_ctx.os.environ
    cache = environ.get("HOLKAS_CACHE") or environ.get("HOME", "") + "/.cache/holkas"
    wheel = "%s/wheels/googleapis_common_protos-%s-py2.py3-none-any.whl" % (cache, version)
    if not repository_ctx.path(wheel).exists:
        fail("%s is missing: run tools/setup." % wheel)
    found = _run(repository_ctx, ["sha256sum", wheel], "").split(" ")[0]
    if found != sha256:
        fail("%s: sha256 is %s, want %s: remove the file and run tools/setup." % (wheel, found, sha256))
    _run(repository_ctx, ["unzip", "-q", wheel, "google/rpc/*.proto"], _setup_hint("unzip"))
    repository_ctx.file("BUILD.bazel", """
load("@holkas//tools/bazel:proto.bzl", "holkas_cc_proto", "holkas_proto_library")

package(default_visibility = ["//visibility:public"])

holkas_proto_library(
    name = "rpc_proto",
    srcs = [
        "google/rpc/code.proto",
        "google/rpc/error_details.proto",
        "google/rpc/status.proto",
    ],
    import_root = "",
)

holkas_cc_proto(
    name = "rpc_cc",
    srcs = [":rpc_proto"],
)
""", executable = False)

googleapis = repository_rule(
    implementation = _googleapis_impl,
    doc = "google/rpc/{code,error_details,status}.proto and their C++.",
    attrs = {
        "_requirements": attr.label(
            allow_single_file = True,
            default = "//tools/bazel:googleapis.txt",
        ),
    },
    environ = ["HOLKAS_CACHE", "HOME"],
    local = True,
)
