"""Programs that find each other beside /proc/self/exe."""

def _program_directory_impl(ctx):
    outputs = []
    for program in ctx.attr.programs:
        file = program[DefaultInfo].files_to_run.executable
        copy = ctx.actions.declare_file(ctx.label.name + "/" + file.basename)
        ctx.actions.run_shell(
            mnemonic = "CopyProgram",
            command = "cp -f \"$1\" \"$2\"",
            arguments = [file.path, copy.path],
            inputs = [file],
            outputs = [copy],
        )
        outputs.append(copy)
    return [DefaultInfo(files = depset(outputs), runfiles = ctx.runfiles(outputs))]

program_directory = rule(
    implementation = _program_directory_impl,
    doc = "A directory of the rule's name with copies (not links) of the programs.",
    attrs = {"programs": attr.label_list(mandatory = True)},
)
