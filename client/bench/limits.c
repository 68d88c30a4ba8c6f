/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdio.h>
#include <sys/resource.h>

#include "limits.h"

/* Descriptors that are not connections: of the program, and of each thread's loop. */
#define FILES_OWN    32
#define FILES_THREAD 16

/* What the library asks for at most. */
#define FILES_MAX 131072

#define PORT_RANGE "/proc/sys/net/ipv4/ip_local_port_range"

static uint64_t
files_allowed(void)
{
        struct rlimit files;

        if (getrlimit(RLIMIT_NOFILE, &files) == -1 || files.rlim_max > FILES_MAX)
                return FILES_MAX;
        return files.rlim_max;
}

/* How many ports the system gives to connections without one of their own. */
static uint64_t
ports_allowed(void)
{
        FILE *file = fopen(PORT_RANGE, "re");
        unsigned first = 32768, last = 60999;

        if (file != NULL && fscanf(file, "%u %u", &first, &last) != 2) {
                first = 32768;
                last = 60999;
        }
        if (file != NULL)
                fclose(file);
        return last >= first ? last - first + 1 : 0;
}

uint64_t
limits_sources(uint64_t connections)
{
        uint64_t ports = ports_allowed();

        return ports > 0 ? (connections + ports - 1) / ports : 0;
}

int
limits_check(uint64_t connections, size_t threads, uint64_t sources, char *problem, size_t size)
{
        uint64_t own = FILES_OWN + FILES_THREAD * threads, files = files_allowed();
        uint64_t ports = ports_allowed() * sources;

        if (sources > 0 && connections > ports) {
                snprintf(problem, size,
                         "%" PRIu64 " connections to one address need as many ports, and this "
                         "system gives %" PRIu64 ": %s, widen the range (sysctl -w "
                         "net.ipv4.ip_local_port_range='1024 65535'), or use --connections "
                         "%" PRIu64 ", or a Unix socket",
                         connections, ports,
                         sources > 1 ? "use more --sources"
                                     : "use 127.0.0.1 if the server is here, which is reached from "
                                       "more addresses (--sources)",
                         ports);
                return -1;
        }
        if (connections + own > files) {
                int used = snprintf(problem, size,
                                    "%" PRIu64 " connection%s %" PRIu64
                                    " open files, and this process may "
                                    "have %" PRIu64 ": raise the hard limit (ulimit -Hn)",
                                    connections, connections == 1 ? " needs" : "s need",
                                    connections + own, files);

                if (files > own)
                        snprintf(problem + used, size - (size_t)used,
                                 ", or use --connections %" PRIu64, files - own);
                return -1;
        }
        return 0;
}
