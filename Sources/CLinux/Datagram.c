/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "CLinux.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#ifndef IPV6_FREEBIND
#define IPV6_FREEBIND 78
#endif

/* Room for one in_pktinfo or in6_pktinfo. */
#define CONTROL_BYTES CMSG_SPACE(sizeof(struct in6_pktinfo))

int clinux_report_local_address(int fd, int family)
{
	int on = 1;

	if (family == AF_INET)
		return setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof(on));
	if (setsockopt(fd, IPPROTO_IPV6, IPV6_FREEBIND, &on, sizeof(on)) != 0)
		return -1;
	return setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof(on));
}

ssize_t clinux_receive_datagram(int fd, void *bytes, size_t size, struct sockaddr_storage *peer, struct sockaddr_storage *local,
				uint32_t *interface)
{
	union {
		char bytes[CONTROL_BYTES];
		struct cmsghdr align;
	} control;
	struct iovec part = {.iov_base = bytes, .iov_len = size};
	struct msghdr message = {
		.msg_name = peer,
		.msg_namelen = sizeof(*peer),
		.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes),
	};
	ssize_t count = recvmsg(fd, &message, MSG_DONTWAIT);

	if (count < 0)
		return -1;
	memset(local, 0, sizeof(*local));
	*interface = 0;
	for (struct cmsghdr *entry = CMSG_FIRSTHDR(&message); entry; entry = CMSG_NXTHDR(&message, entry)) {
		if (entry->cmsg_level == IPPROTO_IP && entry->cmsg_type == IP_PKTINFO) {
			struct in_pktinfo info;
			struct sockaddr_in *v4 = (struct sockaddr_in *)local;

			memcpy(&info, CMSG_DATA(entry), sizeof(info));
			v4->sin_family = AF_INET;
			v4->sin_addr = info.ipi_addr;
			*interface = (uint32_t)info.ipi_ifindex;
		} else if (entry->cmsg_level == IPPROTO_IPV6 && entry->cmsg_type == IPV6_PKTINFO) {
			struct in6_pktinfo info;
			struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)local;

			memcpy(&info, CMSG_DATA(entry), sizeof(info));
			v6->sin6_family = AF_INET6;
			v6->sin6_addr = info.ipi6_addr;
			*interface = info.ipi6_ifindex;
		}
	}
	if (message.msg_flags & MSG_TRUNC) {
		errno = EMSGSIZE;
		return -1;
	}
	return count;
}

ssize_t clinux_send_datagram(int fd, const void *bytes, size_t size, const struct sockaddr *peer, socklen_t peer_length,
			     const struct sockaddr *local)
{
	union {
		char bytes[CONTROL_BYTES];
		struct cmsghdr align;
	} control;
	struct iovec part = {.iov_base = (void *)bytes, .iov_len = size};
	struct msghdr message = {
		.msg_name = (void *)peer,
		.msg_namelen = peer_length,
		.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
	};
	struct cmsghdr *entry = &control.align;

	memset(&control, 0, sizeof(control));
	if (local->sa_family == AF_INET) {
		struct in_pktinfo info = {.ipi_spec_dst = ((const struct sockaddr_in *)local)->sin_addr};

		message.msg_controllen = CMSG_SPACE(sizeof(info));
		entry->cmsg_level = IPPROTO_IP;
		entry->cmsg_type = IP_PKTINFO;
		entry->cmsg_len = CMSG_LEN(sizeof(info));
		memcpy(CMSG_DATA(entry), &info, sizeof(info));
	} else {
		struct in6_pktinfo info = {.ipi6_addr = ((const struct sockaddr_in6 *)local)->sin6_addr};

		message.msg_controllen = CMSG_SPACE(sizeof(info));
		entry->cmsg_level = IPPROTO_IPV6;
		entry->cmsg_type = IPV6_PKTINFO;
		entry->cmsg_len = CMSG_LEN(sizeof(info));
		memcpy(CMSG_DATA(entry), &info, sizeof(info));
	}
	return sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
}
