/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "CBPF.h"

#include <errno.h>
#include <linux/bpf.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <linux/magic.h>
#include <sys/mount.h>
#include <sys/vfs.h>

static _Thread_local char tail[CBPF_LOG_BYTES];
static _Thread_local size_t length;
static _Thread_local int collecting;

/* Keeps the newest text: the verifier says at the end what it objects to. */
static int collect(enum libbpf_print_level level, const char *format, va_list arguments)
{
	static _Thread_local char line[CBPF_LOG_BYTES];
	int count;
	size_t size, drop;

	if (!collecting || level == LIBBPF_DEBUG)
		return 0;
	/* libbpf hands a whole verifier log to one call: format it twice, to find its end. */
	va_list copy;
	va_copy(copy, arguments);
	count = vsnprintf(line, sizeof line, format, arguments);
	if (count < 0) {
		va_end(copy);
		return 0;
	}
	if ((size_t)count >= sizeof line) {
		char *whole = NULL;
		if (vasprintf(&whole, format, copy) >= 0 && whole) {
			memcpy(line, whole + count - (sizeof line - 1), sizeof line);
			free(whole);
		}
		count = sizeof line - 1;
	}
	va_end(copy);
	size = (size_t)count;
	if (length + size > sizeof tail - 1) {
		drop = length + size - (sizeof tail - 1);
		if (drop > length)
			drop = length;
		memmove(tail, tail + drop, length - drop);
		length -= drop;
	}
	memcpy(tail + length, line, size);
	length += size;
	return 0;
}

static void install(void) { libbpf_set_print(collect); }

void cbpf_log_start(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	pthread_once(&once, install);
	length = 0;
	collecting = 1;
}

void cbpf_log_take(char *text)
{
	memcpy(text, tail, length);
	text[length] = 0;
	length = 0;
	collecting = 0;
}

int cbpf_link_cgroup(int program, int cgroup, enum bpf_attach_type type)
{
	int link = bpf_link_create(program, cgroup, type, NULL);
	return link < 0 ? -errno : link;
}

int cbpf_link_namespace(int program, int netns)
{
	int link = bpf_link_create(program, netns, BPF_SK_LOOKUP, NULL);
	return link < 0 ? -errno : link;
}

long long cbpf_link_target(int link)
{
	struct bpf_link_info info = {0};
	__u32 size = sizeof info;

	if (bpf_obj_get_info_by_fd(link, &info, &size) < 0)
		return -errno;
	switch (info.type) {
	case BPF_LINK_TYPE_CGROUP:
		return (long long)info.cgroup.cgroup_id;
	case BPF_LINK_TYPE_NETNS:
		return (long long)info.netns.netns_ino;
	default:
		return -EINVAL;
	}
}

int cbpf_mount_bpffs(const char *path) { return mount("bpf", path, "bpf", 0, "mode=0700"); }

int cbpf_is_bpffs(const char *path)
{
	struct statfs status;
	return statfs(path, &status) == 0 && status.f_type == BPF_FS_MAGIC;
}

int cbpf_link_tracepoint(int program)
{
	int link = bpf_raw_tracepoint_open(NULL, program);
	return link < 0 ? -errno : link;
}

/* One filter in each direction, at a place of our own: others keep theirs. */
#define TC_HANDLE 0x6d79
#define TC_PRIORITY 0x6d79

static void hook_of(int device, int leaving, struct bpf_tc_hook *hook)
{
	memset(hook, 0, sizeof *hook);
	hook->sz = sizeof *hook;
	hook->ifindex = device;
	hook->attach_point = leaving ? BPF_TC_EGRESS : BPF_TC_INGRESS;
}

int cbpf_tc_attach(int device, int leaving, int program)
{
	struct bpf_tc_hook hook;
	struct bpf_tc_opts options = {
		.sz = sizeof options, .prog_fd = program, .flags = BPF_TC_F_REPLACE, .handle = TC_HANDLE, .priority = TC_PRIORITY};
	int result;

	hook_of(device, leaving, &hook);
	result = bpf_tc_hook_create(&hook);
	if (result && result != -EEXIST)
		return result;
	return bpf_tc_attach(&hook, &options);
}

int cbpf_tc_detach(int device, int leaving)
{
	struct bpf_tc_hook hook;
	struct bpf_tc_opts options = {.sz = sizeof options, .handle = TC_HANDLE, .priority = TC_PRIORITY};

	hook_of(device, leaving, &hook);
	return bpf_tc_detach(&hook, &options);
}
