/* The control daemon: one for each pipe directory, held by a lock that ends with the process. */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include "mps.h"

static volatile sig_atomic_t ending;
static void on_signal(int number) { ending = number; }

static int fail(const char *text) {
    fprintf(stderr, "nvidia-cuda-mps-control: %s\n", text);
    log_line(text);
    return 1;
}

/* Signals are blocked but while the loop waits: none can slip in between its look at `ending` and its wait. */
static void catch_signals(void) {
    struct sigaction action = {.sa_handler = on_signal};
    sigset_t both;
    sigemptyset(&both);
    sigaddset(&both, SIGTERM);
    sigaddset(&both, SIGINT);
    sigprocmask(SIG_BLOCK, &both, NULL);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    signal(SIGPIPE, SIG_IGN);
}

static int take_lock(void) {
    int held = open(LOCK_FILE, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    return held >= 0 && flock(held, LOCK_EX | LOCK_NB) == 0 ? held : -1;
}

static int listening(void) {
    struct sockaddr_un address = control_address();
    int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    unlink(SOCKET); /* left by a killed one: we hold the lock */
    if (listener < 0 || bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 16)) return -1;
    return listener;
}

/* By rename: whoever reads the pid file reads a whole number. */
static int write_pid(void) {
    FILE *file = fopen(PID_FILE ".new", "we");
    if (!file) return -1;
    fprintf(file, "%d\n", (int)getpid());
    return fclose(file) || rename(PID_FILE ".new", PID_FILE);
}

static void clean_up(void) {
    end_servers();
    unlink(SOCKET);
    unlink(PID_FILE);
    log_line("Control daemon exited");
}

/* Answers one client; `quit` is answered, by closing, when all is cleaned up. */
static void serve(int peer) {
    char command[COMMAND_SIZE], text[COMMAND_SIZE];
    struct timeval patience = {2, 0};
    setsockopt(peer, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    ssize_t length = read(peer, command, sizeof command - 1);
    command[length > 0 ? length : 0] = 0;
    if (answer(command, text, sizeof text)) {
        ending = SIGTERM;
        clean_up();
    } else if (write(peer, text, strlen(text)) < 0) log_line("A client went away before its answer");
    close(peer);
}

static int loop(int listener) {
    struct pollfd waiting = {listener, POLLIN, 0};
    sigset_t none;
    sigemptyset(&none);
    log_line("Starting control daemon");
    while (!ending) {
        if (ppoll(&waiting, 1, NULL, &none) < 1) continue;
        int peer = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
        if (peer >= 0) serve(peer);
    }
    if (access(PID_FILE, F_OK) == 0) clean_up();
    return 0;
}

/* Splits the daemon off; the parent stays until the daemon serves, so that who started it can use it at once. */
static int split_off(int ready[2]) {
    char byte;
    if (pipe(ready)) return -1;
    pid_t pid = fork();
    if (pid < 0) return -1;
    if (pid > 0) {
        close(ready[1]);
        _exit(read(ready[0], &byte, 1) == 1 ? 0 : fail("the daemon ended while it started"));
    }
    close(ready[0]);
    setsid();
    int null = open("/dev/null", O_RDWR);
    for (int fd = 0; fd < 3; fd++) dup2(null, fd);
    close(null);
    return 0;
}

int run_daemon(int in_foreground) {
    int ready[2] = {-1, -1};
    mkdir(pipe_directory(), 0777);
    mkdir(log_directory(), 0777);
    char *log = realpath(log_directory(), NULL); /* it may be relative, and we move */
    if (log) setenv("CUDA_MPS_LOG_DIRECTORY", log, 1);
    if (chdir(pipe_directory())) return fail("CUDA_MPS_PIPE_DIRECTORY is not a directory that can be made or entered");
    const char *problem = device_problem();
    if (problem) return fail(problem);
    if (take_lock() < 0) return fail("An instance of this daemon is already running");
    int listener = listening();
    if (listener < 0) return fail("cannot create the control socket");
    if (!in_foreground && split_off(ready)) return fail("cannot become a daemon");
    catch_signals();
    if (write_pid()) return fail("cannot write the pid file");
    if (!in_foreground) {
        if (write(ready[1], "+", 1) != 1) return 1;
        close(ready[1]);
    }
    return loop(listener);
}
