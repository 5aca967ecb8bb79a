/* SPDX-License-Identifier: MIT */
/* `ringfence device`: one VDUSE device as a command. It must never be called by anything but
 * main(). */
#ifndef VDUSE_CMD_H
#define VDUSE_CMD_H

/**
 * Serve a device until SIGTERM or SIGINT; argv[0] is "device". Prints "ready PATH" to stdout once a
 * client can come, everything else to stderr, and returns the exit code as documented: 0, 4, 64,
 * 70, or 124 when --timeout ended it.
 */
int cmd_device(int argc, char **argv);

#endif
