/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "CLinux.h"

#include <fcntl.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <netinet/in.h>
#include <sys/prctl.h>
#include <sys/timex.h>
#include <sys/syscall.h>
#include <unistd.h>

_Static_assert(CLINUX_CLONE_NEWNET == CLONE_NEWNET, "CLONE_NEWNET");

int clinux_open(const char *path, int flags, mode_t mode) { return open(path, flags, mode); }

int clinux_duplicate(int fd) { return fcntl(fd, F_DUPFD_CLOEXEC, 0); }

int clinux_setns(int fd, int kind) { return setns(fd, kind); }

int clinux_unshare(int flags) { return unshare(flags); }

int clinux_owning_user_namespace(int fd) { return ioctl(fd, NS_GET_USERNS); }

int clinux_accept4(int fd, struct sockaddr *address, socklen_t *length, int flags) { return accept4(fd, address, length, flags); }

int clinux_unacknowledged(int fd)
{
	int count = 0;
	return ioctl(fd, SIOCOUTQ, &count) == 0 ? count : -1;
}

int clinux_keep_to_loopback(int fd, uint32_t mark)
{
	if (setsockopt(fd, SOL_SOCKET, SO_MARK, &mark, sizeof(mark)))
		return -1;
	return setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, "lo", sizeof("lo"));
}

int clinux_allow_foreign_address(int fd, int family)
{
	int one = 1;

	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)))
		return -1;
	if (family == AF_INET6)
		return setsockopt(fd, IPPROTO_IPV6, IPV6_TRANSPARENT, &one, sizeof(one));
	return setsockopt(fd, IPPROTO_IP, IP_TRANSPARENT, &one, sizeof(one));
}

int clinux_pidfd_open(pid_t pid) { return (int)syscall(SYS_pidfd_open, pid, 0); }

long clinux_gettid(void) { return syscall(SYS_gettid); }

int clinux_eventfd(void) { return eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC); }

int clinux_clock_is_synchronised(void)
{
	struct timex state = {0};
	int result = adjtimex(&state);

	return result < 0 ? -1 : result != TIME_ERROR;
}

void clinux_hide_memory(void) { prctl(PR_SET_DUMPABLE, 0, 0, 0, 0); }

void clinux_name_thread(const char *name) { prctl(PR_SET_NAME, name); }
