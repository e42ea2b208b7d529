"""Take from a process what it does not need, before it reads what a stranger sent.

The parent's environment holds every secret of the platform, and a process may read that of another
of the same account in `/proc`. So a decoder opens no file any more (its limit of open files is 0,
and what was open stays), and where it was started by root it becomes another account, which may
also not look into the parent's memory. Started by an ordinary account it could still ask the kernel
for that memory, where the system allows this between processes of one account; see
docs/operations.md.
"""

import os
import resource

NOBODY = 65534


def confine() -> None:
    """Open no more files, leave no image of the memory, and be nobody instead of root."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if os.geteuid() == 0:
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, 0))
