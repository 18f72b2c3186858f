"""Protobuf and gRPC code made by Debian's protoc and grpc_cpp_plugin.

    holkas_proto_library(name = "x_proto", srcs = ["x.proto"], deps = [":y_proto"])
    holkas_cc_proto(name = "x_cc_proto", srcs = [":x_proto"], deps = [":y_cc_proto"])
    holkas_cc_grpc(name = "x_cc_grpc", srcs = [":x_proto"], deps = [":x_cc_proto"])

Files are imported, and their headers included, by the path beneath proto/: proto/broker/broker.proto
is "broker/broker.proto" and gives "broker/broker.pb.h".
"""

load("@rules_cc//cc:defs.bzl", "cc_library")

ProtoFilesInfo = provider(
    doc = "Protobuf files.",
    fields = {
        "import_root": "Directory of this package's repository that imports start from",
        "sources": "The library's own files",
        "transitive_roots": "depset of -I directories",
        "transitive_sources": "depset of files, imports included",
    },
)

def _join(*parts):
    return "/".join([part for part in parts if part]) or "."

def _proto_library_impl(ctx):
    root = _join(ctx.label.workspace_root, ctx.attr.import_root)
    for file in ctx.files.srcs:
        if not file.path.startswith(root + "/"):
            fail("%s is not beneath %s" % (file.path, root))
    sources = depset(
        ctx.files.srcs,
        transitive = [dep[ProtoFilesInfo].transitive_sources for dep in ctx.attr.deps],
    )
    roots = depset(
        [root],
        transitive = [dep[ProtoFilesInfo].transitive_roots for dep in ctx.attr.deps],
    )
    return [
        DefaultInfo(files = depset(ctx.files.srcs)),
        ProtoFilesInfo(
            import_root = root,
            sources = ctx.files.srcs,
            transitive_roots = roots,
            transitive_sources = sources,
        ),
    ]

holkas_proto_library = rule(
    implementation = _proto_library_impl,
    doc = "Protobuf files and the libraries that they import. Well-known types need no entry.",
    attrs = {
        "deps": attr.label_list(providers = [ProtoFilesInfo]),
        "import_root": attr.string(default = "proto"),
        "srcs": attr.label_list(allow_files = [".proto"], mandatory = True),
    },
)

# Suffixes of what each generator writes beside x.proto.
_GENERATED = {
    "cpp": [".pb.h", ".pb.cc"],
    "grpc": [".grpc.pb.h", ".grpc.pb.cc"],
}

def _generated_impl(ctx):
    info = ctx.attr.src[ProtoFilesInfo]
    package_dir = _join(ctx.label.workspace_root, ctx.label.package)
    outputs = []
    for file in info.sources:
        if not file.path.startswith(package_dir + "/"):
            fail("%s is not in the package %s" % (file.path, package_dir))
        stem = file.path[len(package_dir) + 1:-len(".proto")]
        for suffix in _GENERATED[ctx.attr.generator]:
            outputs.append(ctx.actions.declare_file(stem + suffix))

    out_dir = _join(ctx.bin_dir.path, info.import_root)
    args = ctx.actions.args()
    args.add_all(info.transitive_roots, format_each = "-I%s")
    args.add("-I" + ctx.file._protoc.dirname + "/include")
    if ctx.attr.generator == "grpc":
        args.add(ctx.file._grpc_cpp_plugin, format = "--plugin=protoc-gen-grpc=%s")
        args.add("--grpc_out=" + out_dir)
    else:
        args.add("--cpp_out=" + out_dir)
    args.add_all(info.sources)
    ctx.actions.run(
        mnemonic = "Protoc",
        progress_message = "Generating %s code for %s" % (ctx.attr.generator, ctx.attr.src.label),
        executable = ctx.file._protoc,
        arguments = [args],
        inputs = depset(
            [ctx.file._grpc_cpp_plugin] + ctx.files._well_known_types,
            transitive = [info.transitive_sources],
        ),
        outputs = outputs,
    )
    return [
        DefaultInfo(files = depset(outputs)),
        OutputGroupInfo(
            hdrs = depset([file for file in outputs if file.extension == "h"]),
            srcs = depset([file for file in outputs if file.extension == "cc"]),
        ),
    ]

_generated = rule(
    implementation = _generated_impl,
    attrs = {
        "generator": attr.string(mandatory = True, values = _GENERATED.keys()),
        "src": attr.label(mandatory = True, providers = [ProtoFilesInfo]),
        "_grpc_cpp_plugin": attr.label(allow_single_file = True, default = "@protobuf_tools//:grpc_cpp_plugin"),
        "_protoc": attr.label(allow_single_file = True, default = "@protobuf_tools//:protoc"),
        "_well_known_types": attr.label(default = "@protobuf_tools//:well_known_types"),
    },
)

def _include_root_impl(ctx):
    root = ctx.attr.src[ProtoFilesInfo].import_root
    context = cc_common.create_compilation_context(
        system_includes = depset([_join(ctx.bin_dir.path, root)]),
    )
    return [CcInfo(compilation_context = context)]

_include_root = rule(
    implementation = _include_root_impl,
    doc = "Generated headers are found from the import root down, as headers of the system.",
    attrs = {"src": attr.label(mandatory = True, providers = [ProtoFilesInfo])},
)

def _cc_generated_library(name, generator, srcs, deps, **kwargs):
    if len(srcs) != 1:
        fail("%s: srcs is one holkas_proto_library" % name)
    generated = "_%s_generated" % name
    _generated(name = generated, generator = generator, src = srcs[0], visibility = ["//visibility:private"])
    for group in ["hdrs", "srcs"]:
        native.filegroup(
            name = "_%s_%s" % (name, group),
            srcs = [":" + generated],
            output_group = group,
            visibility = ["//visibility:private"],
        )

    _include_root(
        name = "_%s_include_root" % name,
        src = srcs[0],
        visibility = ["//visibility:private"],
    )
    cc_library(
        name = name,
        srcs = [":_%s_srcs" % name],
        hdrs = [":_%s_hdrs" % name],
        copts = ["-w"],
        deps = deps + [":_%s_include_root" % name],
        **kwargs
    )

def holkas_cc_proto(name, srcs, deps = [], **kwargs):
    """C++ messages of one holkas_proto_library; deps are the holkas_cc_proto of what it imports."""
    _cc_generated_library(name, "cpp", srcs, deps + ["@protobuf//:protobuf"], **kwargs)

def holkas_cc_grpc(name, srcs, deps = [], **kwargs):
    """C++ service stubs of one holkas_proto_library; deps name its holkas_cc_proto."""
    _cc_generated_library(name, "grpc", srcs, deps + ["@grpc//:grpc++"], **kwargs)
