"""Drop the privileges of a process before it reads untrusted input.

The parent's environment holds every secret of the platform. A process can read the environment of
another process of the same user in `/proc`, or its memory with ptrace. So the limit of open files
is set to 0: open files stay open, no other can be opened. A process of root changes to the user
nobody. If the kernel has Landlock, the process enters a domain in which it can neither trace or
signal processes outside nor run a program. See docs/operations.md.
"""

import ctypes
import os
import resource

NOBODY = 65534

# Numbers of linux/landlock.h and linux/prctl.h; the same for every processor Python runs on.
_CREATE_RULESET, _RESTRICT_SELF = 444, 446
_ASK_FOR_VERSION = 1
_ALL_FILE_RIGHTS = (1 << 13) - 1  # those of version 1: run, read, write, list, make, remove
_SCOPES = 0b11  # version 6: abstract sockets and signals stay within the domain
_VERSION_WITH_SCOPES = 6
_NO_NEW_PRIVILEGES = 38


def confine() -> None:
    """Disable opening files, core dumps and tracing other processes; drop root."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if os.geteuid() == 0:
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)
    _enter_domain()
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, 0))


def _enter_domain() -> None:
    """Enter a Landlock domain without any rights; do nothing if the kernel has no Landlock."""
    kernel = ctypes.CDLL(None, use_errno=True)
    version = kernel.syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), _ASK_FOR_VERSION)
    if version < 1:
        return
    handled = [_ALL_FILE_RIGHTS]
    if version >= _VERSION_WITH_SCOPES:
        handled += [0, _SCOPES]  # 0: no network rights are handled, the process has no socket
    rules = (ctypes.c_uint64 * len(handled))(*handled)
    size = ctypes.c_size_t(ctypes.sizeof(rules))
    ruleset = kernel.syscall(_CREATE_RULESET, ctypes.byref(rules), size, 0)
    kernel.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0)
    if ruleset < 0 or kernel.syscall(_RESTRICT_SELF, ruleset, 0):
        raise OSError(ctypes.get_errno(), "no Landlock domain")
    os.close(ruleset)
