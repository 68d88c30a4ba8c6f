/* SPDX-License-Identifier: MIT */
/* Scripts that complete a program's options, for bash and zsh. */
#include <string.h>

#include "cli/private.h"

/* The words of a choice "a|b|c", with spaces between them. */
static void
print_words(const char *words)
{
        for (; words != NULL && *words != '\0'; words++)
                putchar(*words == '|' ? ' ' : *words);
}

/* The arm of the script's `case` for what follows an option. */
static void
print_bash_arm(const struct aw_opt *option)
{
        fputs("    ", stdout);
        if (option->letter != 0)
                printf("-%c | ", option->letter);
        printf("--%s)", option->name);
        if (option->kind == AW_OPT_CHOICE) {
                fputs(" COMPREPLY=($(compgen -W '", stdout);
                print_words(option->argument);
                fputs("' -- \"$word\"));", stdout);
        }
        puts(" return ;;");
}

/*
 * A script for bash. It leaves all but options and choices to the completion of file names. bash
 * takes '=' for a word, so with --name=VALUE the name is two words back.
 */
static void
print_bash(const struct aw_opt_program *program)
{
        const struct aw_opt *option = NULL;

        printf("# bash completion for %s\n"
               "_%s() {\n"
               "    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}\n"
               "    if [ \"$before\" = = ]; then before=${COMP_WORDS[COMP_CWORD - 2]}; fi\n"
               "    if [ \"$word\" = = ]; then word=; fi\n"
               "    COMPREPLY=()\n"
               "    case $before in\n",
               program->name, program->name);
        while ((option = aw_opt_next(program, option)) != NULL)
                if (option->help != NULL && option->argument != NULL && option->implied == NULL)
                        print_bash_arm(option);
        fputs("    esac\n"
              "    case $word in -*) ;; *) return ;; esac\n"
              "    COMPREPLY=($(compgen -W '",
              stdout);
        while ((option = aw_opt_next(program, option)) != NULL)
                if (option->help != NULL)
                        printf("--%s ", option->name);
        printf("' -- \"$word\"))\n"
               "}\n"
               "complete -o default -F _%s %s\n",
               program->name, program->name);
}

/* Text in a specification for _arguments, which stands in single quotes. */
static void
print_zsh_text(const char *text)
{
        for (; *text != '\0'; text++)
                if (*text == '\'')
                        fputs("'\\''", stdout);
                else
                        printf("%s%c", strchr("[]:\\", *text) != NULL ? "\\" : "", *text);
}

/* What zsh offers for an argument of that name. */
static const char *
zsh_action(const char *argument)
{
        static const struct {
                const char *name, *action;
        } actions[] = {{"FILE", "_files"}, {"PATH", "_files"}, {"DIR", "_files -/"}};

        for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++)
                if (strncmp(argument, actions[i].name, strlen(actions[i].name)) == 0)
                        return actions[i].action;
        return "";
}

/* '(-t --timeout)'{-t+,--timeout=}'[help]:TIME:': one of the two, its argument apart or not. */
static void
print_zsh_option(const struct aw_opt *option)
{
        bool flag = option->argument == NULL,
             many = option->kind == AW_OPT_STRINGS || option->kind == AW_OPT_COUNT;

        fputs("  ", stdout);
        if (many)
                fputs("'*'", stdout);
        else if (option->letter != 0)
                printf("'(-%c --%s)'", option->letter, option->name);
        if (option->letter != 0)
                printf("{-%c%s,--%s%s}'[", option->letter, flag ? "" : "+", option->name,
                       flag ? "" : "=");
        else
                printf("'--%s%s[", option->name, flag ? "" : option->implied == NULL ? "=" : "=-");
        print_zsh_text(option->help);
        putchar(']');
        if (option->kind == AW_OPT_CHOICE) {
                fputs(":word:(", stdout);
                print_words(option->argument);
                putchar(')');
        } else if (!flag) {
                fputs(option->implied == NULL ? ":" : "::", stdout);
                print_zsh_text(option->argument);
                printf(":%s", zsh_action(option->argument));
        }
        puts("' \\");
}

static void
print_zsh(const struct aw_opt_program *program)
{
        const struct aw_opt *option = NULL;

        printf("#compdef %s\n_arguments -s -S \\\n", program->name);
        while ((option = aw_opt_next(program, option)) != NULL)
                if (option->help != NULL)
                        print_zsh_option(option);
        puts("  '*: :_default'");
}

void
aw_opt_completion(const struct aw_opt_program *program, const char *shell)
{
        if (strcmp(shell, "zsh") == 0)
                print_zsh(program);
        else
                print_bash(program);
}
