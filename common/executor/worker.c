/* SPDX-License-Identifier: MIT */
/* A worker process, seen from its pool: a socket that does not block. */
#include <errno.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "executor/process_private.h"

/* The most that is read at once of a reply that nobody waits for. */
#define SCRATCH_SIZE 16384

static int
watch(struct aw_process_worker *worker, int operation)
{
        struct epoll_event event = {.events = EPOLLIN, .data = {.ptr = worker}};

        if (worker->writing)
                event.events |= EPOLLOUT;
        return epoll_ctl(worker->epoll, operation, worker->socket, &event);
}

int
aw_process_worker_open(struct aw_process_worker *worker, int socket)
{
        int error;

        worker->socket = socket;
        worker->writing = false;
        if (watch(worker, EPOLL_CTL_ADD) == 0)
                return 0;
        error = errno;
        close(socket);
        worker->socket = -1;
        errno = error;
        return -1;
}

/* The shutdown reaches the worker even if somebody forked and has a copy of the descriptor. */
void
aw_process_worker_close(struct aw_process_worker *worker)
{
        if (worker->socket == -1)
                return;
        watch(worker, EPOLL_CTL_DEL);
        shutdown(worker->socket, SHUT_RDWR);
        close(worker->socket);
        worker->socket = -1;
}

static size_t
request_length(const struct aw_process_worker *worker)
{
        return sizeof(worker->job->request) + worker->job->request.length;
}

int
aw_process_worker_send(struct aw_process_worker *worker)
{
        size_t length = request_length(worker);
        const char *from = (const char *)worker->job + offsetof(struct aw_process_job, request);
        ssize_t count = send(worker->socket, from + worker->sent, length - worker->sent,
                             MSG_DONTWAIT | MSG_NOSIGNAL);

        if (count == -1 && errno != EAGAIN && errno != EINTR)
                return -1;
        if (count > 0)
                worker->sent += (size_t)count;
        if (worker->writing == (worker->sent < length))
                return 0;
        worker->writing = !worker->writing;
        return watch(worker, EPOLL_CTL_MOD);
}

int
aw_process_worker_begin(struct aw_process_worker *worker, struct aw_process_job *job)
{
        worker->job = job;
        worker->sent = 0;
        worker->received = 0;
        return aw_process_worker_send(worker);
}

/* As far as it is known. */
static size_t
reply_length(const struct aw_process_worker *worker)
{
        const struct aw_process_reply *result = &worker->job->result;
        size_t length = sizeof(*result);

        if (worker->received >= length && result->result > 0)
                length += (size_t)result->result;
        return length;
}

/* The function may have written anything anywhere, so what comes is not trusted. */
static bool
reply_plausible(const struct aw_process_worker *worker)
{
        size_t head = sizeof(worker->job->result);

        return worker->sent == request_length(worker) &&
               (worker->received < head ||
                reply_length(worker) - head <= worker->job->request.reply_size);
}

/* Receives into where it belongs; what recv() returns. */
static ssize_t
receive(struct aw_process_worker *worker)
{
        struct aw_process_job *job = worker->job;
        size_t head = sizeof(job->result), room = reply_length(worker) - worker->received;
        char scratch[SCRATCH_SIZE];
        char *to = scratch;

        if (worker->received < head)
                to = (char *)&job->result + worker->received;
        else if (!job->job.abandoned)
                to = job->reply + (worker->received - head);
        else if (room > sizeof(scratch))
                room = sizeof(scratch);
        return recv(worker->socket, to, room, MSG_DONTWAIT);
}

/* An idle worker has nothing to say: whatever comes, it is of no use any more. */
static int
receive_idle(const struct aw_process_worker *worker)
{
        char nothing;

        if (recv(worker->socket, &nothing, 1, MSG_DONTWAIT) != -1)
                errno = EPROTO;
        return -1;
}

int
aw_process_worker_receive(struct aw_process_worker *worker)
{
        ssize_t count;

        if (worker->job == NULL)
                return receive_idle(worker);
        count = receive(worker);
        if (count == -1)
                return -1;
        worker->received += (size_t)count;
        if (count == 0 || !reply_plausible(worker)) {
                errno = EPROTO;
                return -1;
        }
        return worker->received == reply_length(worker);
}
