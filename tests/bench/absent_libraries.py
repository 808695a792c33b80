#!/usr/bin/env python3
"""Makes a wheel built for CUDA load on a machine without CUDA.

    absent_libraries.py FOLDER

FOLDER holds the wheel's shared libraries. They name gigabytes of GPU libraries that the loader wants to see although
nothing calls them as long as no GPU is used. For each library that is needed and neither in FOLDER nor part of every Linux
system, a small one of that name is written there. It defines what is wanted of it: functions that return 100, CUDA's
number for "no device".
"""
import collections
import pathlib
import re
import subprocess
import sys
import tempfile

SYSTEM = r"(ld-linux.*|lib(c|m|dl|rt|pthread|stdc\+\+|gcc_s|z|quadmath|gomp))\.so.*"


def readelf(option, path):
    return subprocess.run(["readelf", "--wide", option, path], capture_output=True, text=True, check=True).stdout


def needed_libraries(paths):
    names = {name for path in paths for name in re.findall(r"\(NEEDED\).*\[(.*)\]", readelf("--dynamic", path))}
    present = {path.name for path in paths}
    return sorted(name for name in names - present if not re.fullmatch(SYSTEM, name))


def wanted_symbols(paths):
    """What the libraries want of others: {library: {version: names}}. "" stands for a symbol that says no library."""
    defined, wanted, library_of = set(), collections.defaultdict(lambda: collections.defaultdict(set)), {"": ""}
    for path in paths:
        library = ""
        for kind, name in re.findall(r"(File|Name): (\S+)", readelf("--version-info", path)):
            if kind == "File":
                library = name
            else:
                library_of[name] = library
        for line in readelf("--dyn-syms", path).splitlines():
            words = line.split()
            if len(words) < 8 or not words[0][:-1].isdigit():
                continue
            name, _, version = words[7].partition("@")
            if words[6] != "UND":
                defined.add(name)
            elif words[4] != "WEAK":
                wanted[library_of[version]][version].add(name)
    # Of what says no library, CUDA's are known by their names.
    wanted[""][""] = {name for name in wanted[""][""] - defined if re.match(r"(cu|nccl|nv)[A-Za-z]", name)}
    return wanted


def write_library(path, names_of):
    """A library whose functions all return 100; names_of: {version: their names}."""
    with tempfile.TemporaryDirectory() as work:
        source, script = pathlib.Path(work) / "absent.c", pathlib.Path(work) / "absent.map"
        source.write_text("".join(f"int {name}(void) {{ return 100; }}\n" for names in names_of.values() for name in sorted(names)))
        script.write_text("".join(f"{version} {{ global: {'; '.join(names)}; }};\n" for version, names in names_of.items() if version))
        options = [] if "" in names_of else [f"-Wl,--version-script={script}"]
        subprocess.run(["cc", "-shared", "-fPIC", "-w", *options, f"-Wl,-soname,{path.name}", source, "-o", path], check=True)


def main(folder):
    paths = sorted(folder.glob("lib*.so*"))
    wanted = wanted_symbols(paths)
    for name in needed_libraries(paths):
        write_library(folder / name, wanted.get(name, wanted[""]))


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
