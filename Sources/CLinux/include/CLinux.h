/* SPDX-License-Identifier: Apache-2.0 */
/* Structures, macros and variadic calls that Swift's Glibc module lacks. Imported by MeshSystem only. */
#ifndef CLINUX_H
#define CLINUX_H

#include <linux/fib_rules.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <linux/sockios.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/types.h>

int clinux_open(const char *path, int flags, mode_t mode);
/* fcntl(F_DUPFD_CLOEXEC) */
int clinux_duplicate(int fd);
int clinux_setns(int fd, int kind);
int clinux_unshare(int flags);
int clinux_accept4(int fd, struct sockaddr *address, socklen_t *length, int flags);
/* Bytes that the peer has not acknowledged yet; -1 on error. */
int clinux_unacknowledged(int fd);
int clinux_pidfd_open(pid_t pid);
long clinux_gettid(void);
/* Non-blocking, close-on-exec. */
int clinux_eventfd(void);
void clinux_name_thread(const char *name);

#define CLINUX_CLONE_NEWNET 0x40000000

#endif
