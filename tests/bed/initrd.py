# SPDX-License-Identifier: GPL-2.0
"""A small initrd: busybox, the modules that reach the root, our guest scripts."""

import lzma
import os
import shutil
import subprocess
import tempfile

from . import host

# What has to be loaded before the root is there; dependencies are followed.
WANTED = ("virtio_pci", "virtio_blk", "ext4", "overlay", "crc32c_generic")


def _module_list(kernel):
    """Paths below the module directory, in loading order."""
    depends, by_name = {}, {}
    with open(os.path.join(kernel.modules, "modules.dep")) as f:
        for line in f:
            path, _, rest = line.partition(":")
            depends[path] = rest.split()
            name = os.path.basename(path).split(".ko")[0].replace("-", "_")
            by_name[name] = path
    order = []

    def add(path):
        # modules.dep lists the nearest dependency first
        for dep in reversed(depends[path]):
            if dep not in order:
                add(dep)
        if path not in order:
            order.append(path)

    for name in WANTED:
        if name in by_name:         # else built in
            add(by_name[name])
    return order


def _copy_module(src, dst):
    if src.endswith(".xz"):
        with lzma.open(src) as i, open(dst, "wb") as o:
            shutil.copyfileobj(i, o)
    elif src.endswith(".zst"):
        subprocess.run(["zstd", "-qdf", src, "-o", dst], check=True)
    else:
        shutil.copyfile(src, dst)


def _cpio(root):
    names = []
    for base, dirs, files in os.walk(root):
        for n in dirs + files:
            names.append(os.path.relpath(os.path.join(base, n), root))
    done = subprocess.run(["cpio", "-o", "-H", "newc", "-R", "0:0", "--quiet"], cwd=root,
                          input="\n".join(names).encode(), stdout=subprocess.PIPE, check=True)
    return done.stdout


def _base(kernel):
    """The part that depends on the kernel only; made once."""
    path = os.path.join(kernel.dir, "initrd-base.cpio")
    with host.locked(os.path.join(host.cache(), "initrd.lock")):
        if os.path.exists(path):
            return path
        with tempfile.TemporaryDirectory() as tmp:
            for d in ("bin", "mod", "proc", "sys", "dev", "base", "rw", "root"):
                os.mkdir(os.path.join(tmp, d))
            shutil.copy("/bin/busybox", os.path.join(tmp, "bin/busybox"))
            os.symlink("busybox", os.path.join(tmp, "bin/sh"))
            with open(os.path.join(tmp, "mod/list"), "w") as f:
                for rel in _module_list(kernel):
                    name = os.path.basename(rel).split(".ko")[0] + ".ko"
                    _copy_module(os.path.join(kernel.modules, rel),
                                 os.path.join(tmp, "mod", name))
                    f.write(name + "\n")
            data = _cpio(tmp)
        with open(path + ".new", "wb") as f:
            f.write(data)
        os.rename(path + ".new", path)
    return path


def make(kernel, path, env):
    """Write an initrd to path; env are the shell assignments the guest reads."""
    with tempfile.TemporaryDirectory() as tmp:
        guest = os.path.join(tmp, "guest")
        shutil.copytree(os.path.join(host.REPO, "tests/guest"), guest)
        with open(os.path.join(guest, "env"), "w") as f:
            for key, value in env.items():
                f.write(f"{key}='{value}'\n")
        shutil.copy(os.path.join(guest, "init"), os.path.join(tmp, "init"))
        os.chmod(os.path.join(tmp, "init"), 0o755)
        ours = _cpio(tmp)
    with open(_base(kernel), "rb") as base, open(path, "wb") as out:
        shutil.copyfileobj(base, out)
        out.write(ours)
    return path
