#ifndef CBPF_H
#define CBPF_H
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#endif
