/* SPDX-License-Identifier: MIT */
/* Once: it needs no loop. */
/* Wraps: fdopen tcgetattr. */
/* The question for a password, at a terminal of its own, whose shell does what the test says. */
#include <fcntl.h>
#include <sys/ioctl.h>
#include <termios.h>

#include "client.h"
#include "password.h"
#include "unit/support.h"

#define QUESTION "wsecho: password for joe: "

static const int watched[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGCONT};

static bool no_file, no_modes;

FILE *__real_fdopen(int fd, const char *mode);
FILE *__wrap_fdopen(int fd, const char *mode);
int __real_tcgetattr(int fd, struct termios *modes);
int __wrap_tcgetattr(int fd, struct termios *modes);

FILE *
__wrap_fdopen(int fd, const char *mode)
{
        return no_file ? NULL : __real_fdopen(fd, mode);
}

int
__wrap_tcgetattr(int fd, struct termios *modes)
{
        return no_modes ? -1 : __real_tcgetattr(fd, modes);
}

static int terminal;                /* the user's side */
static int to_shell[2], results[2]; /* commands and what came of them; what was answered */
static int from_shell[2];
static pid_t shell, asker;
static char shown[400];

/* Of the asker, for what is to be so before it asks. */
static void
nothing(void)
{
}

static const char *
changed_signals(const sigset_t *before)
{
        sigset_t mask;
        struct sigaction action;

        sigprocmask(SIG_SETMASK, NULL, &mask);
        for (int number = 1; number < 32; number++)
                if (sigismember(&mask, number) != sigismember(before, number))
                        return "another mask";
        for (size_t i = 0; i < sizeof(watched) / sizeof(watched[0]); i++) {
                sigaction(watched[i], NULL, &action);
                if (action.sa_handler !=
                    (watched[i] == SIGHUP && client_ignores(SIGHUP) ? SIG_IGN : SIG_DFL))
                        return "another handler";
        }
        return "as before";
}

static void
ask_at_terminal(void (*prepare)(void))
{
        struct aw_error error = {.kind = AW_ERROR_NONE};
        struct rlimit no_core = {0, 0};
        char line[600];
        sigset_t mask;
        size_t descriptors;
        char *password;
        int length;

        setrlimit(RLIMIT_CORE, &no_core);
        sigemptyset(&mask);
        sigaddset(&mask, SIGINT);
        sigaddset(&mask, SIGCHLD);
        sigprocmask(SIG_SETMASK, &mask, NULL);
        /* Under nohup(1) one is ignored. */
        for (size_t i = 0; i < sizeof(watched) / sizeof(watched[0]); i++)
                signal(watched[i], SIG_DFL);
        prepare();
        descriptors = test_count_descriptors();
        password = password_ask("joe", &error);
        length = snprintf(line, sizeof(line), "%s, %s, %zu, %d %d %s",
                          password == NULL ? "none" : password, changed_signals(&mask),
                          test_count_descriptors() - descriptors, error.kind, error.number,
                          error.text);
        free(password);
        exit(write(results[1], line, (size_t)length) == length ? 0 : 1);
}

/* Of the shell: the asker to the foreground, or itself; or what has happened to the asker. */
static int
obey(char command)
{
        int status = 0;

        if (command == 'w')
                waitpid(asker, &status, WUNTRACED);
        else
                tcsetpgrp(terminal, command == 'f' ? asker : getpid());
        return status;
}

static void
run_shell(const char *name, void (*prepare)(void))
{
        char command;
        int status;

        setsid();
        close(terminal);
        close(to_shell[1]);
        terminal = open(name, O_RDWR); /* the session's */
        asker = fork();
        if (asker == 0) {
                close(to_shell[0]);
                setpgid(0, 0);
                signal(SIGTTOU, SIG_IGN);
                tcsetpgrp(terminal, getpid());
                signal(SIGTTOU, SIG_DFL);
                close(terminal);
                ask_at_terminal(prepare);
        }
        signal(SIGTTOU, SIG_IGN);
        (void)!write(from_shell[1], &asker, sizeof(asker));
        while (read(to_shell[0], &command, 1) == 1) {
                status = obey(command);
                (void)!write(from_shell[1], &status, sizeof(status));
        }
        _exit(0);
}

static void
begin(void (*prepare)(void))
{
        char name[40];

        /* Valgrind takes signals when it suits it: whoever waits for a stop waits for ever. */
        if (test_under_valgrind())
                skip();
        shown[0] = '\0';
        terminal = posix_openpt(O_RDWR | O_NOCTTY);
        assert_int_equal(grantpt(terminal), 0);
        assert_int_equal(unlockpt(terminal), 0);
        assert_int_equal(ptsname_r(terminal, name, sizeof(name)), 0);
        assert_int_equal(pipe(to_shell), 0);
        assert_int_equal(pipe(from_shell), 0);
        assert_int_equal(pipe(results), 0);
        fflush(NULL);
        shell = fork();
        assert_int_not_equal(shell, -1);
        if (shell == 0)
                run_shell(name, prepare);
        close(to_shell[0]);
        close(from_shell[1]);
        close(results[1]);
        assert_int_equal(read(from_shell[0], &asker, sizeof(asker)), sizeof(asker));
}

static void
end(void)
{
        int status;

        close(to_shell[1]);
        assert_int_equal(waitpid(shell, &status, 0), shell);
        assert_int_equal(status, 0);
        close(from_shell[0]);
        close(results[0]);
        close(terminal);
}

/* All that the terminal has shown so far, once there is so much of it. */
static void
shows(const char *wanted)
{
        size_t length = strlen(shown);
        ssize_t got;

        while (length < strlen(wanted)) {
                got = read(terminal, shown + length, sizeof(shown) - 1 - length);
                assert_true(got > 0);
                length += (size_t)got;
                shown[length] = '\0';
        }
        assert_string_equal(shown, wanted);
}

static void
echoes(bool wanted)
{
        struct termios modes;

        assert_int_equal(tcgetattr(terminal, &modes), 0);
        assert_int_equal((modes.c_lflag & ECHO) != 0, wanted);
        assert_true(modes.c_lflag & ICANON);
}

static int
tell_shell(char command)
{
        int status = -1;

        assert_int_equal(write(to_shell[1], &command, 1), 1);
        assert_int_equal(read(from_shell[0], &status, sizeof(status)), sizeof(status));
        return status;
}

static void
type(const char *text)
{
        assert_int_equal(write(terminal, text, strlen(text)), strlen(text));
}

static void
answers(const char *wanted)
{
        char line[600] = "";

        assert_int_equal(tell_shell('w'), 0);
        assert_true(read(results[0], line, sizeof(line) - 1) > 0);
        assert_string_equal(line, wanted);
        echoes(true);
}

static void
stops(int number)
{
        int status = tell_shell('w');

        assert_true(WIFSTOPPED(status));
        assert_int_equal(WSTOPSIG(status), number);
        echoes(true);
}

static void
what_is_typed_is_not_shown(void **state)
{
        (void)state;
        begin(nothing);
        shows(QUESTION);
        echoes(false);
        type("open sesame\n");
        answers("open sesame, as before, 0, 0 0 ");
        shows(QUESTION "\r\n");
        end();
        begin(nothing);
        shows(QUESTION);
        type("\n");
        answers(", as before, 0, 0 0 ");
        end();
}

static void
the_end_of_the_input_is_no_password(void **state)
{
        (void)state;
        begin(nothing);
        shows(QUESTION);
        type("\4");
        answers("none, as before, 0, 1 22 nobody typed the password of 'joe': "
                "give --user NAME:PASSWORD");
        shows(QUESTION "\r\n");
        end();
}

static void
without_file(void)
{
        no_file = true;
}

static void
without_modes(void)
{
        no_modes = true;
}

static void
a_terminal_that_cannot_be_used_is_none(void **state)
{
        (void)state;
        begin(without_file);
        answers("none, as before, 0, 1 22 there is no terminal to ask for the password of 'joe': "
                "give --user NAME:PASSWORD");
        end();
        begin(without_modes);
        answers("none, as before, 0, 1 22 there is no terminal to ask for the password of 'joe': "
                "give --user NAME:PASSWORD");
        end();
}

static void
signals_end_it_and_the_terminal_is_as_before(void **state)
{
        static const int numbers[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
        int status;

        (void)state;
        for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
                begin(nothing);
                shows(QUESTION);
                kill(asker, numbers[i]);
                status = tell_shell('w');
                assert_true(WIFSIGNALED(status));
                assert_int_equal(WTERMSIG(status), numbers[i]);
                echoes(true);
                end();
        }
}

static void
whoever_stops_it_has_the_terminal_and_is_asked_again(void **state)
{
        (void)state;
        begin(nothing);
        shows(QUESTION);
        kill(asker, SIGTSTP);
        stops(SIGTSTP);
        kill(asker, SIGCONT);
        shows(QUESTION QUESTION);
        echoes(false);
        type("secret\n");
        answers("secret, as before, 0, 0 0 ");
        shows(QUESTION QUESTION "\r\n");
        end();
}

static void
in_the_background_it_leaves_the_terminal_alone(void **state)
{
        (void)state;
        begin(nothing);
        shows(QUESTION);
        kill(asker, SIGTSTP);
        stops(SIGTSTP);
        tell_shell('b');
        kill(asker, SIGCONT);
        stops(SIGTTIN);
        tell_shell('f');
        kill(asker, SIGCONT);
        shows(QUESTION QUESTION);
        echoes(false);
        type("secret\n");
        answers("secret, as before, 0, 0 0 ");
        end();
}

static void
ignore_hang_up(void)
{
        signal(SIGHUP, SIG_IGN);
}

static void
what_is_ignored_stays_so(void **state)
{
        (void)state;
        begin(ignore_hang_up);
        shows(QUESTION);
        kill(asker, SIGHUP);
        kill(asker, SIGCONT);
        shows(QUESTION QUESTION);
        echoes(false);
        type("secret\n");
        answers("secret, as before, 0, 0 0 ");
        end();
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(what_is_typed_is_not_shown),
                cmocka_unit_test(the_end_of_the_input_is_no_password),
                cmocka_unit_test(a_terminal_that_cannot_be_used_is_none),
                cmocka_unit_test(signals_end_it_and_the_terminal_is_as_before),
                cmocka_unit_test(whoever_stops_it_has_the_terminal_and_is_asked_again),
                cmocka_unit_test(in_the_background_it_leaves_the_terminal_alone),
                cmocka_unit_test(what_is_ignored_stays_so),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
