/* The daemon's commands: servers that live as long as it does, and the default share of threads. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "mps.h"

#define MAX_SERVERS 16

static double percentage = 100.0;
static pid_t servers[MAX_SERVERS];
static int server_count;

static void forget(int index) { servers[index] = servers[--server_count]; }

static void reap(void) {
    for (int i = server_count - 1; i >= 0; i--)
        if (waitpid(servers[i], NULL, WNOHANG) != 0) forget(i);
}

static void end_server(int index) {
    kill(servers[index], SIGTERM);
    waitpid(servers[index], NULL, 0);
    forget(index);
}

void end_servers(void) {
    while (server_count > 0) end_server(server_count - 1);
}

/* A server that serves nobody: simulated clients run on CPUs and never connect. */
static pid_t fork_server(void) {
    pid_t parent = getpid(), pid = fork();
    if (pid != 0) return pid;
    sigset_t none;
    sigemptyset(&none);
    for (int fd = 3; fd < 256; fd++) close(fd); /* the lock and the sockets are the daemon's */
    signal(SIGTERM, SIG_DFL);
    sigprocmask(SIG_SETMASK, &none, NULL);
    prctl(PR_SET_NAME, "mps-server");
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    while (getppid() == parent) pause();
    _exit(0);
}

static void start_server(const char *arguments, char *text, size_t size) {
    unsigned uid;
    const char *problem = device_problem();
    if (sscanf(arguments, " -uid %u", &uid) != 1) snprintf(text, size, "usage: start_server -uid <user id>\n");
    else if (problem) {
        snprintf(text, size, "Failed to start MPS server: %s\n", problem);
        log_line(text);
    } else if (server_count < MAX_SERVERS) {
        pid_t pid = fork_server();
        if (pid > 0) servers[server_count++] = pid;
    }
}

static void list_servers(const char *arguments, char *text, size_t size) {
    (void)arguments;
    size_t used = 0;
    for (int i = 0; i < server_count; i++) used += (size_t)snprintf(text + used, size - used, "%d\n", (int)servers[i]);
}

static int index_of(const char *arguments) {
    for (int i = 0; i < server_count; i++)
        if (servers[i] == atoi(arguments)) return i;
    return -1;
}

static void server_status(const char *arguments, char *text, size_t size) {
    snprintf(text, size, "%s\n", index_of(arguments) < 0 ? "Server not found" : "ACTIVE");
}

static void shutdown_server(const char *arguments, char *text, size_t size) {
    int index = index_of(arguments);
    if (index < 0) snprintf(text, size, "Server not found\n");
    else end_server(index);
}

static void get_percentage(const char *arguments, char *text, size_t size) {
    (void)arguments;
    snprintf(text, size, "%.1f\n", percentage);
}

static void set_percentage(const char *arguments, char *text, size_t size) {
    double wanted;
    if (sscanf(arguments, "%lf", &wanted) != 1 || wanted <= 0 || wanted > 100)
        snprintf(text, size, "Invalid percentage\n");
    else {
        percentage = wanted;
        get_percentage(NULL, text, size);
    }
}

static const struct {
    const char *name;
    void (*run)(const char *arguments, char *text, size_t size);
} commands[] = {
    {"get_server_list", list_servers},
    {"get_server_status", server_status},
    {"start_server", start_server},
    {"shutdown_server", shutdown_server},
    {"get_default_active_thread_percentage", get_percentage},
    {"set_default_active_thread_percentage", set_percentage},
};

int answer(char *command, char *text, size_t size) {
    command[strcspn(command, "\r\n")] = 0;
    size_t length = strcspn(command, " ");
    text[0] = 0;
    reap();
    if (!length) return 0;
    if (length == 4 && !strncmp(command, "quit", 4)) return 1;
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++)
        if (strlen(commands[i].name) == length && !strncmp(command, commands[i].name, length)) {
            commands[i].run(command + length, text, size);
            return 0;
        }
    snprintf(text, size, "Unrecognized command %.200s\n", command);
    return 0;
}
