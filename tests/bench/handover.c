/* SPDX-License-Identifier: MIT */
/*
 * What the kernel takes to hand something to another thread and back, with nothing around it: the
 * least that a job in an executor can take. The thread waits on a futex, and whoever runs a loop for
 * an eventfd in its epoll set. Prints lines as await_bench does; await.py shows them.
 */
#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define ROUNDS 20000

static atomic_uint jobs; /* how many were given out; the futex */
static int done;         /* the eventfd */

static void
need(int result, const char *what)
{
        if (result != -1)
                return;
        fprintf(stderr, "handover: %s: %s\n", what, strerror(errno));
        exit(1);
}

static double
now_ns(void)
{
        struct timespec now;

        clock_gettime(CLOCK_MONOTONIC, &now);
        return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static void *
take_jobs(void *unused)
{
        const uint64_t one = 1;
        unsigned seen = 0;

        (void)unused;
        while (seen < ROUNDS) {
                while (atomic_load(&jobs) == seen)
                        syscall(SYS_futex, &jobs, FUTEX_WAIT_PRIVATE, seen, NULL, NULL, 0);
                seen++;
                need((int)write(done, &one, sizeof(one)), "write");
        }
        return NULL;
}

static void
give_one(int poller)
{
        struct epoll_event event;
        uint64_t count;

        atomic_fetch_add(&jobs, 1);
        syscall(SYS_futex, &jobs, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
        while (epoll_wait(poller, &event, 1, -1) != 1)
                continue;
        need((int)read(done, &count, sizeof(count)), "read");
}

int
main(void)
{
        struct epoll_event event = {.events = EPOLLIN};
        int poller = epoll_create1(EPOLL_CLOEXEC);
        pthread_t thread;
        double begin;

        done = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        need(poller, "epoll_create1");
        need(done, "eventfd");
        need(epoll_ctl(poller, EPOLL_CTL_ADD, done, &event), "epoll_ctl");
        need(pthread_create(&thread, NULL, take_jobs, NULL) == 0 ? 0 : -1, "pthread_create");
        begin = now_ns();
        for (int i = 0; i < ROUNDS; i++)
                give_one(poller);
        printf("executor %.2f\n", (now_ns() - begin) / ROUNDS);
        return pthread_join(thread, NULL);
}
