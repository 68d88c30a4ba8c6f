/* SPDX-License-Identifier: MIT */
/* Once: it needs no loop. */
/* Wraps: mmap munmap madvise getrandom aw_tls_tickets_rotate memfd_create write close pipe2 fork. */
/* Wraps: socket chmod listen kill sendmsg getsockopt geteuid open_memstream pwrite ftruncate. */
/* Wraps: unlink flock dup2. */
/*
 * What the system refuses to do: what is said then, what becomes of what was there, and that nothing
 * is left behind.
 */
#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "detach.h"
#include "handover.h"
#include "pidfile.h"
#include "takeover.h"
#include "unit/clock.h"
#include "unit/support.h"

#define REFUSED "Too many open files in system"

/* The function that fails from now on, after so many calls that do not. */
static const char *failing;
static int spared;

static bool
fails(const char *name)
{
        if (failing == NULL || strcmp(failing, name) != 0 || spared-- > 0)
                return false;
        errno = ENFILE;
        return true;
}

static void
fail_in(const char *name)
{
        failing = name;
        spared = 0;
}

#define MAY_FAIL(type, name, failed, parameters, ...)                                              \
        type __real_##name parameters;                                                             \
        type __wrap_##name parameters;                                                             \
        type __wrap_##name parameters                                                              \
        {                                                                                          \
                return fails(#name) ? (type)(failed) : __real_##name(__VA_ARGS__);                 \
        }

MAY_FAIL(ssize_t, getrandom, -1, (void *data, size_t size, unsigned flags), data, size, flags)
MAY_FAIL(int, aw_tls_tickets_rotate, -1, (struct aw_tls_tickets * keys), keys)
MAY_FAIL(int, memfd_create, -1, (const char *name, unsigned flags), name, flags)
MAY_FAIL(int, pipe2, -1, (int ends[2], int flags), ends, flags)
MAY_FAIL(pid_t, fork, -1, (void), )
MAY_FAIL(int, socket, -1, (int domain, int type, int protocol), domain, type, protocol)
MAY_FAIL(int, chmod, -1, (const char *name, mode_t mode), name, mode)
MAY_FAIL(int, listen, -1, (int fd, int backlog), fd, backlog)
MAY_FAIL(int, kill, -1, (pid_t process, int number), process, number)
MAY_FAIL(ssize_t, sendmsg, -1, (int fd, const struct msghdr *message, int flags), fd, message,
         flags)
MAY_FAIL(FILE *, open_memstream, 0, (char **text, size_t *size), text, size)
MAY_FAIL(ssize_t, pwrite, -1, (int fd, const void *data, size_t size, off_t at), fd, data, size, at)
MAY_FAIL(int, ftruncate, -1, (int fd, off_t size), fd, size)

/* What was mapped, kept out of core files, and given back: sizes. */
static size_t mapped, kept_out, unmapped;

void *__real_mmap(void *at, size_t size, int protection, int flags, int fd, off_t offset);
void *__wrap_mmap(void *at, size_t size, int protection, int flags, int fd, off_t offset);
int __real_munmap(void *at, size_t size);
int __wrap_munmap(void *at, size_t size);
int __real_madvise(void *at, size_t size, int advice);
int __wrap_madvise(void *at, size_t size, int advice);
ssize_t __real_write(int fd, const void *data, size_t size);
ssize_t __wrap_write(int fd, const void *data, size_t size);
int __real_close(int fd);
int __wrap_close(int fd);
int __real_getsockopt(int fd, int level, int name, void *value, socklen_t *size);
int __wrap_getsockopt(int fd, int level, int name, void *value, socklen_t *size);
uid_t __wrap_geteuid(void);
int __real_unlink(const char *name);
int __wrap_unlink(const char *name);
int __real_flock(int fd, int operation);
int __wrap_flock(int fd, int operation);
int __wrap_dup2(int from, int to);

void *
__wrap_mmap(void *at, size_t size, int protection, int flags, int fd, off_t offset)
{
        mapped = size;
        return fails("mmap") ? MAP_FAILED : __real_mmap(at, size, protection, flags, fd, offset);
}

/* As what succeeds may, these leave another error. */
int
__wrap_munmap(void *at, size_t size)
{
        unmapped = size;
        errno = EINVAL;
        return __real_munmap(at, size);
}

int
__wrap_close(int fd)
{
        int result = __real_close(fd);

        if (failing != NULL)
                errno = EINVAL;
        return result;
}

int
__wrap_madvise(void *at, size_t size, int advice)
{
        if (advice == MADV_DONTDUMP)
                kept_out = size;
        return __real_madvise(at, size, advice);
}

/* To a standard file all goes well. */
ssize_t
__wrap_write(int fd, const void *data, size_t size)
{
        return fd > 2 && fails("write") ? -1 : __real_write(fd, data, size);
}

/* Who is at the other end, and this process's user. */
static uid_t peer_user, own_user;

int
__wrap_getsockopt(int fd, int level, int name, void *value, socklen_t *size)
{
        int result = fails("getsockopt") ? -1 : __real_getsockopt(fd, level, name, value, size);

        if (result == 0 && name == SO_PEERCRED)
                ((struct ucred *)value)->uid = peer_user;
        return result;
}

uid_t
__wrap_geteuid(void)
{
        return own_user;
}

static char directory[] = "/tmp/system_failure_test.XXXXXX";
static char path[64], beside[80];

/* A file that cannot be removed makes one that cannot be emptied, too. */
int
__wrap_unlink(const char *name)
{
        if (failing != NULL && strcmp(failing, "unlink and ftruncate") == 0) {
                fail_in("ftruncate");
                return -1;
        }
        return fails("unlink") ? -1 : __real_unlink(name);
}

/* One that locks a file may find that its owner has just removed it. */
int
__wrap_flock(int fd, int operation)
{
        if (failing != NULL && strcmp(failing, "file") == 0)
                __real_unlink(path);
        return fails("flock") ? -1 : __real_flock(fd, operation);
}

int
__wrap_dup2(int from, int to)
{
        char word[16];

        snprintf(word, sizeof(word), "%s%d", from > 2 ? "" : "wrong", to);
        trace(word);
        return to;
}

static size_t descriptors;

static int
begin(void **state)
{
        (void)state;
        fail_in(NULL);
        peer_user = own_user = 0;
        descriptors = test_count_descriptors();
        test_begin();
        return 0;
}

/* Nothing is left open. */
static int
end(void **state)
{
        (void)state;
        fail_in(NULL);
        assert_int_equal(test_count_descriptors(), descriptors);
        test_end();
        return 0;
}

/* Memory that processes share. */

static void
assert_follows(const void *part, const void *before, size_t size)
{
        size_t gap = (size_t)((const char *)part - (const char *)before) - size;

        assert_true(gap < 64);
        assert_int_equal((uintptr_t)part % 64, 0);
}

static void
shared_memory_is_as_large_as_its_parts(void **state)
{
        (void)state;
        for (size_t workers = 1; workers <= 17; workers++) {
                struct shared *shared = shared_create(workers);

                assert_non_null(shared);
                assert_int_equal(shared->count, workers);
                assert_ptr_equal(shared->metrics, &shared->workers[workers]);
                assert_ptr_equal(shared->memory, &shared->metrics[workers]);
                assert_follows(shared->addresses, shared->memory, workers * sizeof(uint64_t));
                assert_follows(shared->board, shared->addresses, addresses_size(workers));
                assert_int_equal(mapped, (size_t)((char *)shared->board - (char *)shared) +
                                                 listing_board_size(workers));
                assert_int_equal(kept_out, mapped);
                unmapped = 0;
                shared_free(shared);
                assert_int_equal(unmapped, mapped);
        }
}

static void
without_memory_or_secrets_nothing_is_shared(void **state)
{
        static const char *const names[] = {"mmap", "aw_tls_tickets_rotate", "getrandom"};

        (void)state;
        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
                unmapped = 0;
                fail_in(names[i]);
                assert_null(shared_create(2));
                assert_int_equal(errno, ENFILE);
                assert_int_equal(unmapped, i == 0 ? 0 : mapped);
        }
}

/* Keys of tickets. */

static void
without_a_new_key_the_old_ones_stay(void **state)
{
        struct tickets tickets = {.rotated = 0}, before;
        aw_time first;

        (void)state;
        clock_stop();
        assert_int_equal(tickets_rotate(&tickets), 0);
        first = aw_loop_now();
        before = tickets;
        clock_ahead += AW_SECOND;
        fail_in("aw_tls_tickets_rotate");
        assert_int_equal(tickets_rotate(&tickets), -1);
        assert_memory_equal(&tickets, &before, sizeof(tickets));
        assert_int_equal(tickets_rotate_due(&tickets, AW_SECOND), first + 2 * AW_SECOND);
        expect_log("warning: no new key for TLS session tickets: " REFUSED);
        assert_int_equal(tickets.rotated, first + AW_SECOND);
        assert_memory_equal(&tickets.keys, &before.keys, sizeof(tickets.keys));
        clock_ahead += AW_SECOND - 1;
        assert_int_equal(tickets_rotate_due(&tickets, AW_SECOND), first + 2 * AW_SECOND);
        clock_go_on();
}

static void
keys_that_cannot_be_copied_are_not(void **state)
{
        static const char *const names[] = {"memfd_create", "write"};
        struct tickets tickets = {.rotated = 0};

        (void)state;
        for (size_t i = 0; i < 2; i++) {
                fail_in(names[i]);
                assert_int_equal(tickets_copy(&tickets), -1);
                assert_int_equal(errno, ENFILE);
        }
}

/* A successor of the server. */

static struct service
a_service(void)
{
        static char *words[] = {(char *)(uintptr_t) "/bin/true", NULL};

        return (struct service){
                .argv = words, .pidfile = {.fd = -1}, .shared = shared_create(1), .workers = 1};
}

static void
a_successor_that_cannot_be_started_is_told_of(void **state)
{
        static const char *const names[] = {"pipe2", "fork", "open_memstream"};
        struct service service = a_service();
        struct takeover takeover;

        (void)state;
        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
                fail_in(names[i]);
                assert_int_equal(takeover_begin(&takeover, &service), -1);
                expect_log("error: SIGUSR2: " REFUSED);
        }
        shared_free(service.shared);
}

static void
without_a_copy_of_the_keys_there_is_a_successor_all_the_same(void **state)
{
        struct service service = a_service();
        struct takeover takeover;

        (void)state;
        fail_in("memfd_create");
        assert_int_equal(takeover_begin(&takeover, &service), 0);
        expect_log("warning: TLS sessions will not resume: " REFUSED);
        expect_log("SIGUSR2: started '/bin/true' anew as process ");
        waitid(P_PID, (id_t)takeover.process, &(siginfo_t){0}, WEXITED | WNOWAIT);
        assert_false(takeover_end(&takeover, &service, false));
        expect_log("ended with status 0: this one goes on");
        shared_free(service.shared);
}

/* One that waits beside the file: this process. */
static int
wait_beside(void)
{
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        int fd = __real_socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

        strcpy(address.sun_path, beside);
        assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
        assert_int_equal(__real_listen(fd, 8), 0);
        return fd;
}

static void
a_successor_that_waits_does_not_get_what_cannot_be_sent(void **state)
{
        struct service service = a_service();
        struct takeover takeover = {.ready = -1};
        char wanted[200];
        int waiting = wait_beside();

        (void)state;
        service.pidfile.path = path;
        fail_in("sendmsg");
        assert_int_equal(takeover_begin(&takeover, &service), -1);
        snprintf(wanted, sizeof(wanted),
                 "error: SIGUSR2: process %d does not take the sockets: " REFUSED, (int)getpid());
        expect_log(wanted);
        fail_in("open_memstream");
        assert_int_equal(takeover_begin(&takeover, &service), -1);
        expect_log("error: SIGUSR2: " REFUSED);
        snprintf(wanted, sizeof(wanted), "error: SIGUSR2: %s: " REFUSED, beside);
        fail_in("socket");
        assert_int_equal(takeover_begin(&takeover, &service), -1);
        expect_log(wanted);
        snprintf(wanted, sizeof(wanted),
                 "error: SIGUSR2: %s is not of this user's: nothing is handed over", beside);
        fail_in("getsockopt");
        assert_int_equal(takeover_begin(&takeover, &service), -1);
        expect_log(wanted);
        assert_int_equal(takeover.ready, -1);
        fail_in(NULL);
        assert_int_equal(takeover_begin(&takeover, &service), 0);
        snprintf(wanted, sizeof(wanted),
                 "SIGUSR2: process %d has asked for the sockets, and has them", (int)getpid());
        expect_log(wanted);
        assert_true(takeover.asked);
        assert_int_equal(takeover.process, getpid());
        close(takeover.ready);
        close(waiting);
        unlink(beside);
        shared_free(service.shared);
}

/* root's, and one's own. */
static void
a_socket_of_another_user_is_handed_nothing(void **state)
{
        static const struct {
                uid_t peer, own;
                bool good;
        } users[] = {{0, 0, true}, {0, 7, true}, {7, 7, true}, {7, 0, false}, {8, 7, false}};
        int waiting = wait_beside(), channel;
        pid_t process;

        (void)state;
        for (size_t i = 0; i < sizeof(users) / sizeof(users[0]); i++) {
                peer_user = users[i].peer;
                own_user = users[i].own;
                process = 7;
                channel = handover_connect(path, &process);
                assert_int_equal(channel != -1, users[i].good);
                assert_int_equal(process, users[i].good ? getpid() : 0);
                if (!users[i].good)
                        expect_log(" is not of this user's: nothing is handed over");
                else
                        close(channel);
        }
        close(waiting);
        unlink(beside);
}

static void
the_other_one_may_be_gone_when_it_is_told_that_it_is_not_to_serve(void **state)
{
        pid_t process = 4711;
        int pair[2];

        (void)state;
        aw_log_set_level(AW_LOG_DEBUG);
        for (int gone = 0; gone <= 1; gone++) {
                assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
                fail_in(gone == 0 ? NULL : "sendmsg");
                assert_false(handover_give_up(pair[0], &process));
                if (gone == 1)
                        expect_log("debug: process 4711 is gone: " REFUSED);
                fail_in(NULL);
                close(pair[0]);
                close(pair[1]);
        }
        aw_log_set_level(AW_LOG_INFO);
}

/* The new server. */

static int
lock_file(void)
{
        int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

        assert_int_equal(__real_flock(fd, LOCK_EX | LOCK_NB), 0);
        assert_true(dprintf(fd, "%d\n", (int)getpid()) > 0);
        return fd;
}

static void
where_it_cannot_wait_it_asks_nobody(void **state)
{
        static const struct {
                const char *name;
                int spared;
                bool named;
        } all[] = {{"socket", 0, false},
                   {"socket", 1, false},
                   {"chmod", 0, true},
                   {"listen", 0, true},
                   {"kill", 0, true}};
        int locked = lock_file();
        char wanted[200];

        (void)state;
        for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
                struct inherited inherited = {.ready = -1, .pidfile = -1, .tickets = -1};

                fail_in(all[i].name);
                spared = all[i].spared;
                assert_int_equal(handover_ask(path, AW_SECOND, &inherited), -1);
                snprintf(wanted, sizeof(wanted), "error: --takeover: %s: " REFUSED,
                         strcmp(all[i].name, "kill") == 0 ? "the running server cannot be told"
                                                          : (all[i].named ? beside : ""));
                expect_log(wanted);
                assert_int_equal(inherited.ready, -1);
                assert_false(inherited.asked);
                assert_int_equal(access(beside, F_OK), -1);
        }
        close(locked);
        unlink(path);
}

/* The file with the number. */

static off_t
size_of_file(void)
{
        struct stat status;

        assert_int_equal(stat(path, &status), 0);
        return status.st_size;
}

static void
where_a_number_cannot_be_written_is_known_before(void **state)
{
        (void)state;
        assert_int_equal(pidfile_check(path, ""), 0);
        assert_int_equal(pidfile_check("/nonexistent/x", "PLACE: "), -1);
        expect_log("error: PLACE: --pidfile: '/nonexistent/x': No such file or directory");
        assert_int_equal(pidfile_check("/dev/null", ""), -1);
        expect_log("error: --pidfile: '/dev/null': it is no regular file");
}

static void
a_number_that_cannot_be_written_is_told_of(void **state)
{
        static const char *const names[] = {"pwrite", "ftruncate"};
        char wanted[200];
        struct pidfile pidfile;

        (void)state;
        snprintf(wanted, sizeof(wanted), "error: PLACE: --pidfile: '%s': " REFUSED, path);
        assert_int_equal(pidfile_open(&pidfile, path, "PLACE: ", -1), 0);
        for (size_t i = 0; i < 2; i++) {
                fail_in(names[i]);
                assert_int_equal(pidfile_write(&pidfile, 7), -1);
                expect_log(wanted);
        }
        fail_in(NULL);
        assert_int_equal(pidfile_write(&pidfile, 12345), 0);
        assert_int_equal(size_of_file(), 6);
        assert_int_equal(pidfile_write(&pidfile, 7), 0);
        assert_int_equal(size_of_file(), 2);
        pidfile_close(&pidfile, true);
        assert_int_equal(access(path, F_OK), -1);
}

static void
a_file_that_cannot_be_removed_is_emptied(void **state)
{
        char wanted[200];
        struct pidfile pidfile;

        (void)state;
        aw_log_set_level(AW_LOG_DEBUG);
        snprintf(wanted, sizeof(wanted), "debug: '%s': " REFUSED, path);
        for (int i = 0; i < 2; i++) {
                assert_int_equal(pidfile_open(&pidfile, path, "", -1), 0);
                assert_int_equal(pidfile_write(&pidfile, 7), 0);
                fail_in(i == 0 ? "unlink" : "unlink and ftruncate");
                pidfile_close(&pidfile, true);
                fail_in(NULL);
                assert_int_equal(pidfile.fd, -1);
                assert_null(pidfile.path);
                assert_int_equal(size_of_file(), i == 0 ? 0 : 2);
                if (i == 1)
                        expect_log(wanted);
        }
        unlink(path);
        aw_log_set_level(AW_LOG_INFO);
}

static void
a_file_whose_owner_goes_is_not_taken(void **state)
{
        static const struct {
                const char *name, *reason;
        } all[] = {{"file", "another server has just ended with it: try again"},
                   {"flock", REFUSED}};
        char wanted[200];
        struct pidfile pidfile;

        (void)state;
        for (size_t i = 0; i < 2; i++) {
                fail_in(all[i].name);
                assert_int_equal(pidfile_open(&pidfile, path, "", -1), -1);
                snprintf(wanted, sizeof(wanted), "error: --pidfile: '%s': %s", path, all[i].reason);
                expect_log(wanted);
                assert_int_equal(pidfile.fd, -1);
                assert_null(pidfile.path);
        }
        fail_in(NULL);
        unlink(path);
}

/* To the background. */

static void
who_cannot_go_to_the_background_says_so(void **state)
{
        int ready = 7;

        (void)state;
        fail_in("pipe2");
        assert_int_equal(detach(&ready), -1);
        expect_log("error: --daemon: " REFUSED);
        assert_int_equal(ready, -1);
}

static void
who_serves_lets_the_parent_and_its_files_go(void **state)
{
        int ends[2], ready = -1;
        char byte = 'x';

        (void)state;
        aw_log_set_level(AW_LOG_DEBUG);
        detach_done(&ready);
        expect_trace("");
        for (int gone = 0; gone <= 1; gone++) {
                assert_int_equal(pipe(ends), 0);
                ready = ends[1];
                fail_in(gone == 0 ? NULL : "write");
                detach_done(&ready);
                expect_trace("0 1 2");
                assert_int_equal(ready, -1);
                assert_int_equal(fcntl(ends[1], F_GETFD), -1);
                if (gone == 1)
                        expect_log("debug: --daemon: " REFUSED);
                assert_int_equal(read(ends[0], &byte, 1), 1 - gone);
                assert_int_equal(byte, '\0');
                close(ends[0]);
        }
        aw_log_set_level(AW_LOG_INFO);
}

/* How the parent ends if what goes to the background serves, ends with this status, or is killed. */
static int
status_of_parent(int status)
{
        pid_t parent;
        int ready, got;

        fflush(NULL);
        parent = __real_fork();
        if (parent == 0) {
                prctl(PR_SET_PDEATHSIG, SIGKILL);
                if (detach(&ready) == -1 || getsid(0) != getpid() ||
                    fcntl(ready, F_GETFD) != FD_CLOEXEC)
                        _exit(99);
                if (status == -1)
                        raise(SIGKILL);
                if (status == 0)
                        detach_done(&ready);
                _exit(status);
        }
        assert_int_equal(waitpid(parent, &got, 0), parent);
        assert_true(WIFEXITED(got));
        return WEXITSTATUS(got);
}

static void
the_parent_ends_as_its_child_does_or_when_that_serves(void **state)
{
        (void)state;
        assert_int_equal(status_of_parent(0), 0);
        assert_int_equal(status_of_parent(7), 7);
        assert_int_equal(status_of_parent(-1), 1);
}

#define with_failures(test) cmocka_unit_test_setup_teardown(test, begin, end)

int
main(void)
{
        const struct CMUnitTest tests[] = {
                with_failures(shared_memory_is_as_large_as_its_parts),
                with_failures(without_memory_or_secrets_nothing_is_shared),
                with_failures(without_a_new_key_the_old_ones_stay),
                with_failures(keys_that_cannot_be_copied_are_not),
                with_failures(a_successor_that_cannot_be_started_is_told_of),
                with_failures(without_a_copy_of_the_keys_there_is_a_successor_all_the_same),
                with_failures(a_successor_that_waits_does_not_get_what_cannot_be_sent),
                with_failures(a_socket_of_another_user_is_handed_nothing),
                with_failures(the_other_one_may_be_gone_when_it_is_told_that_it_is_not_to_serve),
                with_failures(where_it_cannot_wait_it_asks_nobody),
                with_failures(where_a_number_cannot_be_written_is_known_before),
                with_failures(a_number_that_cannot_be_written_is_told_of),
                with_failures(a_file_that_cannot_be_removed_is_emptied),
                with_failures(a_file_whose_owner_goes_is_not_taken),
                with_failures(who_cannot_go_to_the_background_says_so),
                with_failures(who_serves_lets_the_parent_and_its_files_go),
                with_failures(the_parent_ends_as_its_child_does_or_when_that_serves),
        };
        int status;

        if (mkdtemp(directory) == NULL)
                return 1;
        snprintf(path, sizeof(path), "%s/pid", directory);
        snprintf(beside, sizeof(beside), "%s.takeover", path);
        status = cmocka_run_group_tests(tests, NULL, NULL);
        rmdir(directory);
        return status;
}
