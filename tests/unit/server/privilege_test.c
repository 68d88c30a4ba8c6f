/* SPDX-License-Identifier: MIT */
/* Once: it needs no loop. */
/* Wraps: getpwnam initgroups setgid setuid getuid geteuid getegid access prctl. */
/* Another user: in which order the process becomes it, what is refused, and what is told of. */
#include <pwd.h>
#include <sys/prctl.h>

#include "privilege.h"
#include "unit/support.h"

#define USER  4711
#define GROUP 815

struct passwd *__wrap_getpwnam(const char *name);
int __wrap_initgroups(const char *name, gid_t group);
int __wrap_setgid(gid_t group);
int __wrap_setuid(uid_t user);
uid_t __wrap_getuid(void);
uid_t __wrap_geteuid(void);
gid_t __wrap_getegid(void);
int __wrap_access(const char *name, int mode);
int __wrap_prctl(int option, unsigned long second, unsigned long third, unsigned long fourth,
                 unsigned long fifth);

/* What fails, and how. */
static struct {
        const char *call;
        int error;
} failing;

static struct passwd known;
static uid_t user, effective; /* of the process */
static gid_t group;
static bool returns; /* it can become root again */

static int
step(const char *call)
{
        bool now = failing.call != NULL && strcmp(failing.call, call) == 0;

        trace(call);
        if (now)
                errno = failing.error;
        return now ? -1 : 0;
}

struct passwd *
__wrap_getpwnam(const char *name)
{
        return step("getpwnam") == 0 && strcmp(name, known.pw_name) == 0 ? &known : NULL;
}

int
__wrap_initgroups(const char *name, gid_t with)
{
        expect(strcmp(name, "echo") == 0);
        expect_int(with, GROUP);
        return step("initgroups");
}

int
__wrap_setgid(gid_t wanted)
{
        if (step("setgid") == -1)
                return -1;
        group = wanted;
        return 0;
}

int
__wrap_setuid(uid_t wanted)
{
        if (wanted == 0 && user != 0) {
                trace("root?");
                errno = EPERM;
                return returns ? 0 : -1;
        }
        if (step("setuid") == -1)
                return -1;
        user = effective = wanted;
        return 0;
}

uid_t
__wrap_getuid(void)
{
        return user + (step("getuid") == -1);
}

uid_t
__wrap_geteuid(void)
{
        return effective + (step("geteuid") == -1);
}

gid_t
__wrap_getegid(void)
{
        return group + (step("getegid") == -1);
}

/* Which nobody can read: all files that begin with an x. Nor write to a log of such a name. */
int
__wrap_access(const char *name, int mode)
{
        expect_int(mode, strstr(name, "log") != NULL ? W_OK : R_OK);
        errno = EACCES;
        return name[0] == 'x' ? -1 : 0;
}

int
__wrap_prctl(int option, unsigned long second, unsigned long third, unsigned long fourth,
             unsigned long fifth)
{
        expect_int(option, PR_SET_NO_NEW_PRIVS);
        expect_int((long long)second, 1);
        expect_int((long long)(third | fourth | fifth), 0);
        return step("prctl");
}

static int
begin(void **state)
{
        (void)state;
        known = (struct passwd){
                .pw_name = (char *)(uintptr_t) "echo", .pw_uid = USER, .pw_gid = GROUP};
        user = effective = 0;
        group = 0;
        returns = false;
        failing.call = NULL;
        test_begin();
        return 0;
}

static int
end(void **state)
{
        (void)state;
        test_end();
        return 0;
}

static const struct server_options echo = {.user = "echo"};

#define CHANGES "getpwnam initgroups setgid setuid getuid geteuid getegid "

static void
groups_go_before_the_user(void **state)
{
        (void)state;
        assert_int_equal(privilege_drop(&echo), 0);
        expect_trace(CHANGES "root? prctl");
        assert_int_equal(user, USER);
        assert_int_equal(group, GROUP);
}

static void
nobody_is_looked_up_without_the_option(void **state)
{
        static const struct server_options none = {.user = NULL};

        (void)state;
        assert_int_equal(privilege_drop(&none), 0);
        expect_trace("prctl");
}

/* To stay root is no fault if it is wanted. */
static void
root_may_become_root(void **state)
{
        (void)state;
        known.pw_uid = 0;
        assert_int_equal(privilege_drop(&echo), 0);
        expect_trace(CHANGES "prctl");
}

/* One that SIGUSR2 has started has the groups, and may not ask for them. */
static void
who_is_the_user_already_need_not_be_root(void **state)
{
        (void)state;
        failing.call = "initgroups";
        failing.error = EPERM;
        user = effective = USER;
        group = GROUP;
        assert_int_equal(privilege_drop(&echo), 0);
        expect_trace("getpwnam initgroups getuid geteuid getegid setgid setuid getuid geteuid "
                     "getegid root? prctl");
        for (int i = 0; i < 3; i++) {
                user = i == 0 ? 0 : USER;
                effective = i == 1 ? 0 : USER;
                group = i == 2 ? 0 : GROUP;
                assert_int_equal(privilege_drop(&echo), -1);
                expect_log("error: --user: cannot become 'echo': Operation not permitted: only "
                           "root can become another user");
        }
        user = effective = USER;
        group = GROUP;
        failing.error = ENOMEM;
        assert_int_equal(privilege_drop(&echo), -1);
        expect_log("error: --user: cannot become 'echo': Cannot allocate memory");
        test_trace[0] = '\0';
}

static void
a_step_that_fails_ends_it(void **state)
{
        static const char *const calls[] = {"initgroups", "setgid", "setuid"};

        (void)state;
        for (size_t i = 0; i < 3; i++) {
                failing.call = calls[i];
                failing.error = EPERM;
                assert_int_equal(privilege_drop(&echo), -1);
                expect_log("error: --user: cannot become 'echo': Operation not permitted: only "
                           "root can become another user");
                expect_trace(i == 0   ? "getpwnam initgroups getuid"
                             : i == 1 ? "getpwnam initgroups setgid"
                                      : "getpwnam initgroups setgid setuid");
                failing.error = EAGAIN;
                assert_int_equal(privilege_drop(&echo), -1);
                assert_string_equal(test_log.lines[test_log.expected++],
                                    "error: --user: cannot become 'echo': Resource temporarily "
                                    "unavailable");
                test_trace[0] = '\0';
        }
}

static void
who_is_still_root_gives_up(void **state)
{
        static const char *const calls[] = {"getuid", "geteuid", "getegid"};

        (void)state;
        for (size_t i = 0; i < 4; i++) {
                user = effective = 0;
                failing.call = i < 3 ? calls[i] : NULL;
                returns = i == 3;
                assert_int_equal(privilege_drop(&echo), -1);
                expect_log("error: --user: the privileges of root remain: giving up");
        }
        test_trace[0] = '\0';
}

static void
a_user_must_be_known(void **state)
{
        static const struct server_options nobody = {.user = "x"};

        (void)state;
        assert_int_equal(privilege_check(&echo), 0);
        assert_int_equal(privilege_check(&nobody), -1);
        expect_log("error: --user: there is no user 'x'");
        expect_trace("getpwnam getpwnam");
        assert_int_equal(privilege_drop(&nobody), -1);
        expect_log("error: --user: there is no user 'x'");
        expect_trace("getpwnam");
        failing.call = "getpwnam";
        failing.error = EIO;
        assert_int_equal(privilege_check(&echo), -1);
        expect_log("error: --user: cannot look up the user 'echo': Input/output error");
        test_trace[0] = '\0';
}

/* Of each kind, those that the new user cannot read. */
static void
files_that_a_reload_could_not_read_are_told_of(void **state)
{
        static const char *certs[] = {"xcert", "good", "xcert2"}, *keys[] = {"good", "xkey"},
                          *ocsp[] = {"xocsp"};
        static const char *const told[] = {"xcert", "xcert2", "xkey", "xocsp", "xca", "xauth"};
        struct server_options options = echo;
        char wanted[120];

        (void)state;
        options.tls_settings.cert = (struct aw_opt_strings){.items = certs, .count = 3};
        options.tls_settings.key = (struct aw_opt_strings){.items = keys, .count = 2};
        options.tls_settings.ocsp = (struct aw_opt_strings){.items = ocsp, .count = 1};
        options.tls_settings.client_ca = "xca";
        options.access.basic_auth = "xauth";
        assert_int_equal(privilege_drop(&options), 0);
        for (size_t i = 0; i < sizeof(told) / sizeof(told[0]); i++) {
                snprintf(wanted, sizeof(wanted),
                         "warning: SIGHUP will not reload '%s': user 'echo' cannot read it: "
                         "Permission denied",
                         told[i]);
                expect_log(wanted);
        }
        options = echo;
        user = effective = 0;
        options.config.path = "xconfig";
        options.access_log = "xlog";
        assert_int_equal(privilege_drop(&options), 0);
        expect_log("warning: SIGHUP will not reload 'xconfig': user 'echo' cannot read it: "
                   "Permission denied");
        expect_log("warning: SIGHUP will not reopen 'xlog': user 'echo' cannot write to it: "
                   "Permission denied");
        options = echo;
        user = effective = 0;
        options.access_log = "-";
        assert_int_equal(privilege_drop(&options), 0);
        test_trace[0] = '\0';
}

static void
an_old_kernel_lets_programs_gain_privileges(void **state)
{
        (void)state;
        failing.call = "prctl";
        failing.error = EINVAL;
        assert_int_equal(privilege_drop(&echo), 0);
        expect_log("warning: no_new_privs: Invalid argument");
        test_trace[0] = '\0';
}

#define as_root(test) cmocka_unit_test_setup_teardown(test, begin, end)

int
main(void)
{
        const struct CMUnitTest tests[] = {
                as_root(groups_go_before_the_user),
                as_root(nobody_is_looked_up_without_the_option),
                as_root(root_may_become_root),
                as_root(who_is_the_user_already_need_not_be_root),
                as_root(a_step_that_fails_ends_it),
                as_root(who_is_still_root_gives_up),
                as_root(a_user_must_be_known),
                as_root(files_that_a_reload_could_not_read_are_told_of),
                as_root(an_old_kernel_lets_programs_gain_privileges),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
