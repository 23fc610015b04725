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
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/types.h>

int clinux_open(const char *path, int flags, mode_t mode);
/* fcntl(F_DUPFD_CLOEXEC) */
int clinux_duplicate(int fd);
int clinux_setns(int fd, int kind);
int clinux_unshare(int flags);
/* A descriptor of the user namespace that owns the namespace behind `fd` (NS_GET_USERNS); -1 with errno. */
int clinux_owning_user_namespace(int fd);
int clinux_accept4(int fd, struct sockaddr *address, socklen_t *length, int flags);
/* Bytes that the peer has not acknowledged yet; -1 on error. */
int clinux_unacknowledged(int fd);
/*
 * Marks a socket and keeps it to loopback (SO_MARK, SO_BINDTODEVICE); the kernel reuses its port after a second of TIME_WAIT.
 * 0, or -1 with errno.
 */
int clinux_keep_to_loopback(int fd, uint32_t mark);
/*
 * Lets a socket bind to an address that is not its namespace's own (IP_TRANSPARENT), also while an earlier connection from there is in
 * TIME_WAIT (SO_REUSEADDR). 0, or -1 with errno.
 */
int clinux_allow_foreign_address(int fd, int family);
int clinux_pidfd_open(pid_t pid);
long clinux_gettid(void);
/* Non-blocking, close-on-exec. */
int clinux_eventfd(void);
void clinux_name_thread(const char *name);
/* 1 when the kernel's clock follows a time source, 0 when not, -1 when the kernel does not tell (a sandbox forbids the call). */
int clinux_clock_is_synchronised(void);
/* No core files and no ptrace of this process by others of its user. */
void clinux_hide_memory(void);

/* Makes the kernel tell the address that a datagram was sent to, and lets an IPv6 socket answer from addresses of local routes. */
int clinux_report_local_address(int fd, int family);
/* recvmsg with the local address (family 0 if unknown); EMSGSIZE if the datagram did not fit. Never blocks. */
ssize_t clinux_receive_datagram(int fd, void *bytes, size_t size, struct sockaddr_storage *peer, struct sockaddr_storage *local,
				uint32_t *interface);
/* sendmsg from the address `local`. Never blocks. */
ssize_t clinux_send_datagram(int fd, const void *bytes, size_t size, const struct sockaddr *peer, socklen_t peer_length,
			     const struct sockaddr *local);

/*
 * Sends a datagram to the Unix socket at `path` ('@' starts an abstract name), with a descriptor unless that is -1. 0, or -1 with errno.
 */
int clinux_notify(const char *path, const char *text, size_t length, int descriptor);

#define CLINUX_CLONE_NEWNET 0x40000000

#endif
