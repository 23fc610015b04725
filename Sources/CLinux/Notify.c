/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "CLinux.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

int clinux_notify(const char *path, const char *text, size_t length, int descriptor)
{
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = {0};
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct iovec part = {.iov_base = (void *)text, .iov_len = length};
	struct msghdr message = {.msg_name = &address, .msg_iov = &part, .msg_iovlen = 1};
	size_t size = strlen(path);
	ssize_t sent;
	int fd, code;

	if (size == 0 || size >= sizeof(address.sun_path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	memcpy(address.sun_path, path, size);
	if (path[0] == '@')
		address.sun_path[0] = 0;
	message.msg_namelen = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + size);
	if (descriptor >= 0) {
		struct cmsghdr *entry;

		message.msg_control = control.bytes;
		message.msg_controllen = sizeof(control.bytes);
		entry = CMSG_FIRSTHDR(&message);
		entry->cmsg_level = SOL_SOCKET;
		entry->cmsg_type = SCM_RIGHTS;
		entry->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(entry), &descriptor, sizeof(int));
	}
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	do
		sent = sendmsg(fd, &message, MSG_NOSIGNAL);
	while (sent < 0 && errno == EINTR);
	code = errno;
	close(fd);
	errno = code;
	return sent < 0 ? -1 : 0;
}
