/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "privilege.h"

#include "access_log.h"
#include "await/log.h"

static const struct passwd *
find_user(const struct server_options *options)
{
        const struct passwd *user;

        errno = 0;
        user = getpwnam(options->user);
        if (user == NULL && errno == 0)
                options_refuse_value(options, "user", NULL, "--user: there is no user '%s'",
                                     options->user);
        else if (user == NULL)
                options_refuse_value(options, "user", NULL,
                                     "--user: cannot look up the user '%s': %s", options->user,
                                     strerror(errno));
        return user;
}

int
privilege_check(const struct server_options *options)
{
        return find_user(options) == NULL ? -1 : 0;
}

static bool
is_already(const struct passwd *user)
{
        return getuid() == user->pw_uid && geteuid() == user->pw_uid && getegid() == user->pw_gid;
}

/* As after SIGUSR2: who started it has given the new process the groups that it may have. */
static bool
get_groups(const struct passwd *user)
{
        return initgroups(user->pw_name, user->pw_gid) == 0 || (errno == EPERM && is_already(user));
}

/* The order matters: who is no longer root can change neither groups nor user. */
static int
become(const struct passwd *user, const struct server_options *options)
{
        if (!get_groups(user) || setgid(user->pw_gid) == -1 || setuid(user->pw_uid) == -1) {
                options_refuse_value(options, "user", NULL, "--user: cannot become '%s': %s%s",
                                     user->pw_name, strerror(errno),
                                     errno == EPERM ? ": only root can become another user" : "");
                return -1;
        }
        if (!is_already(user) || (user->pw_uid != 0 && setuid(0) == 0)) {
                aw_log(AW_LOG_ERROR, "--user: the privileges of root remain: giving up");
                return -1;
        }
        return 0;
}

/* The time to say so is now, not when the certificate is renewed. */
static void
warn_of_file(const char *path, const char *user)
{
        if (path != NULL && access(path, R_OK) == -1)
                aw_log(AW_LOG_WARNING, "SIGHUP will not reload '%s': user '%s' cannot read it: %s",
                       path, user, strerror(errno));
}

static void
warn_of_log(const char *path, const char *user)
{
        if (path != NULL && strcmp(path, "-") != 0 && access(path, W_OK) == -1)
                aw_log(AW_LOG_WARNING,
                       "SIGHUP will not reopen '%s': user '%s' cannot write to it: %s", path, user,
                       strerror(errno));
}

static void
warn_of_files(const struct aw_opt_strings *paths, const char *user)
{
        for (size_t i = 0; i < paths->count; i++)
                warn_of_file(paths->items[i], user);
}

int
privilege_drop(const struct server_options *options)
{
        const struct passwd *user = NULL;

        if (options->user != NULL) {
                user = find_user(options);
                if (user == NULL)
                        return -1;
                access_log_give(user->pw_uid, user->pw_gid);
                if (become(user, options) == -1)
                        return -1;
                warn_of_files(&options->tls_settings.cert, options->user);
                warn_of_files(&options->tls_settings.key, options->user);
                warn_of_files(&options->tls_settings.ocsp, options->user);
                warn_of_file(options->tls_settings.client_ca, options->user);
                warn_of_file(options->access.basic_auth, options->user);
                warn_of_file(options->config.path, options->user);
                warn_of_log(options->access_log, options->user);
        }
        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1)
                aw_log(AW_LOG_WARNING, "no_new_privs: %s", strerror(errno));
        return 0;
}
