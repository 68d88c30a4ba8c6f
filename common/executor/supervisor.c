/* SPDX-License-Identifier: MIT */
/* The workers of a process pool, all together: how they start, get their jobs, and end. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "await/log.h"
#include "executor/process_private.h"

/* How many sockets are served in one turn. */
#define EVENTS 64

/* Jobs. */

static void
job_done(struct aw_process_job *job)
{
        if (!aw_executor_job_done(&job->job))
                free(job);
}

static void
job_fail(struct aw_process_job *job, int error)
{
        job->result = (struct aw_process_reply){.result = -1, .error = error};
        job_done(job);
}

void
aw_process_supervisor_fail(struct aw_process_pool *pool, int error)
{
        struct aw_executor_job *job;

        while ((job = aw_executor_queue_take(&pool->queue)) != NULL)
                job_fail((struct aw_process_job *)job, error);
}

/* Workers. */

static size_t
count_workers(const struct aw_process_pool *pool)
{
        size_t count = pool->starting;

        for (size_t i = 0; i < pool->max; i++)
                if (pool->workers[i].pid != 0)
                        count++;
        return count;
}

static struct aw_process_worker *
find_worker(struct aw_process_pool *pool, pid_t pid)
{
        for (size_t i = 0; i < pool->max; i++)
                if (pool->workers[i].pid == pid)
                        return &pool->workers[i];
        return NULL;
}

static struct aw_process_worker *
find_idle(struct aw_process_pool *pool)
{
        for (size_t i = 0; i < pool->max; i++)
                if (pool->workers[i].socket != -1 && pool->workers[i].job == NULL)
                        return &pool->workers[i];
        return NULL;
}

static bool
is_busy(const struct aw_process_pool *pool)
{
        for (size_t i = 0; i < pool->max; i++)
                if (pool->workers[i].job != NULL)
                        return true;
        return pool->queue.count > 0;
}

/* If the forker is gone, there will be an event that says so. */
static int
request(const struct aw_process_pool *pool, pid_t kill)
{
        struct aw_forker_request wanted = {.kill = kill};

        return send(pool->control, &wanted, sizeof(wanted), MSG_DONTWAIT | MSG_NOSIGNAL) == -1 ? -1
                                                                                               : 0;
}

/* It has died, or does not keep to the protocol. Its job fails when its death is reported. */
static void
worker_lost(struct aw_process_pool *pool, struct aw_process_worker *worker)
{
        aw_process_worker_close(worker);
        request(pool, worker->pid);
}

/* One is replaced once there is work for it, or workers that die at once would make this spin. */
void
aw_process_supervisor_start(struct aw_process_pool *pool, size_t wanted)
{
        while (pool->starting < wanted && count_workers(pool) < pool->max && request(pool, 0) == 0)
                pool->starting++;
}

static void
finish(struct aw_process_pool *pool)
{
        pool->finishing = true;
        for (size_t i = 0; i < pool->max; i++)
                aw_process_worker_close(&pool->workers[i]);
        shutdown(pool->control, SHUT_WR);
}

static void
supervisor_end(void *argument)
{
        struct aw_process_pool *pool = argument;

        aw_watch_close(pool->watch);
        aw_executor_ended(&pool->executor);
}

/* Whatever happened: hands out what can be, and ends the pool if that was the last. */
void
aw_process_supervisor_go_on(struct aw_process_pool *pool)
{
        struct aw_process_worker *worker;
        struct aw_executor_job *job;

        if (pool->control == -1) {
                if (pool->executor.closing)
                        aw_call_soon(&pool->end, supervisor_end, pool);
                return;
        }
        while (pool->queue.count > 0 && (worker = find_idle(pool)) != NULL) {
                job = aw_executor_queue_take(&pool->queue);
                if (aw_process_worker_begin(worker, (struct aw_process_job *)job) == -1)
                        worker_lost(pool, worker);
        }
        aw_process_supervisor_start(pool, pool->queue.count);
        if (pool->executor.closing && !pool->finishing && !is_busy(pool))
                finish(pool);
}

/* Reads once. True if there may be more. */
static bool
worker_read(struct aw_process_pool *pool, struct aw_process_worker *worker)
{
        struct aw_process_job *job = worker->job;
        int result = aw_process_worker_receive(worker);

        if (result == 1) {
                worker->job = NULL;
                job_done(job);
        } else if (result == -1 && errno != EAGAIN && errno != EINTR) {
                worker_lost(pool, worker);
        }
        return result == 0;
}

static void
worker_ready(struct aw_process_pool *pool, struct aw_process_worker *worker, uint32_t events)
{
        /* Its socket may have been closed by an event before this one. */
        if (worker->socket != -1 && worker->writing && (events & EPOLLOUT) != 0 &&
            aw_process_worker_send(worker) == -1)
                worker_lost(pool, worker);
        if (worker->socket != -1 && (events & ~(uint32_t)EPOLLOUT) != 0)
                worker_read(pool, worker);
}

/* Reports. */

static void
log_end(const char *who, pid_t pid, int status)
{
        if (WIFSIGNALED(status))
                aw_log(AW_LOG_WARNING, "%s %d was killed by signal %d (%s)", who, (int)pid,
                       WTERMSIG(status), strsignal(WTERMSIG(status)));
        else
                aw_log(AW_LOG_WARNING, "%s %d ended with status %d", who, (int)pid,
                       WEXITSTATUS(status));
}

static void
start_failed(struct aw_process_pool *pool, int error)
{
        aw_log(AW_LOG_WARNING, "no process worker can be started: %s", strerror(error));
        if (count_workers(pool) == 0)
                aw_process_supervisor_fail(pool, error);
}

static void
started(struct aw_process_pool *pool, pid_t pid, int status, int socket)
{
        struct aw_process_worker *worker = find_worker(pool, 0);

        pool->starting--;
        if (pool->finishing) {
                if (socket != -1)
                        close(socket);
        } else if (pid == -1) {
                start_failed(pool, status);
        } else if (socket == -1) {
                /* There was no room for the descriptor; the worker has noticed. */
                start_failed(pool, EMFILE);
        } else if (aw_process_worker_open(worker, socket) == -1) {
                start_failed(pool, errno);
        } else {
                worker->pid = pid;
        }
}

static void
ended(struct aw_process_pool *pool, pid_t pid, int status)
{
        struct aw_process_worker *worker = find_worker(pool, pid);
        struct aw_process_job *job;

        if (worker == NULL)
                return;
        /* Its last reply may still be in the socket. */
        while (worker->socket != -1 && worker->job != NULL && worker_read(pool, worker))
                continue;
        aw_process_worker_close(worker);
        if (!pool->finishing)
                log_end("process worker", pid, status);
        job = worker->job;
        worker->job = NULL;
        worker->pid = 0;
        if (job != NULL)
                job_fail(job, EPIPE);
}

/* Its workers are being killed by the system. */
static void
forker_ended(struct aw_process_pool *pool)
{
        int status = 0;

        while (waitpid(pool->forker, &status, 0) == -1 && errno == EINTR)
                continue;
        if (!pool->finishing)
                log_end("the process that starts process workers,", pool->forker, status);
        epoll_ctl(pool->epoll, EPOLL_CTL_DEL, pool->control, NULL);
        close(pool->control);
        pool->control = -1;
        pool->starting = 0;
        for (size_t i = 0; i < pool->max; i++)
                if (pool->workers[i].pid != 0)
                        ended(pool, pool->workers[i].pid, SIGKILL);
        aw_process_supervisor_fail(pool, EPIPE);
}

/* The one descriptor that a message may bring, or -1. */
static int
descriptor_of(struct msghdr *header)
{
        struct cmsghdr *extra = CMSG_FIRSTHDR(header);
        int descriptor = -1;

        if (extra != NULL && extra->cmsg_level == SOL_SOCKET && extra->cmsg_type == SCM_RIGHTS &&
            extra->cmsg_len == CMSG_LEN(sizeof(descriptor)))
                memcpy(&descriptor, CMSG_DATA(extra), sizeof(descriptor));
        return descriptor;
}

/* Reads one. False if there are no more. */
static bool
read_report(struct aw_process_pool *pool)
{
        union {
                struct cmsghdr align;
                char bytes[CMSG_SPACE(sizeof(int))];
        } extra;
        struct aw_forker_report report;
        struct iovec vector = {.iov_base = &report, .iov_len = sizeof(report)};
        struct msghdr header = {.msg_iov = &vector,
                                .msg_iovlen = 1,
                                .msg_control = extra.bytes,
                                .msg_controllen = sizeof(extra.bytes)};
        ssize_t count = recvmsg(pool->control, &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

        if (count == -1 && (errno == EAGAIN || errno == EINTR))
                return errno == EINTR;
        if (count != (ssize_t)sizeof(report)) {
                forker_ended(pool);
                return false;
        }
        if (report.what == AW_FORKER_STARTED)
                started(pool, report.pid, report.status, descriptor_of(&header));
        else
                ended(pool, report.pid, report.status);
        return true;
}

void
aw_process_supervisor_ready(void *argument)
{
        struct aw_process_pool *pool = argument;
        struct epoll_event events[EVENTS];
        int count = epoll_wait(pool->epoll, events, EVENTS, 0);

        for (int i = 0; i < count; i++) {
                if (events[i].data.ptr != pool)
                        worker_ready(pool, events[i].data.ptr, events[i].events);
                else
                        while (pool->control != -1 && read_report(pool))
                                continue;
        }
        aw_process_supervisor_go_on(pool);
}
