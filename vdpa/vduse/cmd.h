/* SPDX-License-Identifier: MIT */
/* `ringfence device`: one VDUSE device as a command. Only main() may call it. */
#ifndef VDUSE_CMD_H
#define VDUSE_CMD_H

/**
 * Serve a device until SIGTERM or SIGINT; argv[0] is "device". Prints "ready PATH" to stdout once a
 * client can come, everything else to stderr, and returns the exit code as documented: 0, 4, 64,
 * 70, or 124 when --timeout ended it.
 */
int cmd_device(int argc, char **argv);

#endif
