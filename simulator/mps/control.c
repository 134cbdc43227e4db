/* nvidia-cuda-mps-control without CUDA: a daemon for each pipe directory, commands on stdin, as the real one.
   `-d` starts the daemon; otherwise each line of stdin is sent to the daemon of CUDA_MPS_PIPE_DIRECTORY and its answer
   printed. Commands: quit [-t S], get_server_list, get_server_status PID, get_default_active_thread_percentage,
   set_default_active_thread_percentage P, start_server -uid U, shutdown_server PID. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define PATH_SIZE 4096
static const char *pipe_directory, *log_directory;
static char pid_path[PATH_SIZE], socket_name[PATH_SIZE];
static double percentage = 100.0;

static const char *setting(const char *name, const char *otherwise) {
    const char *value = getenv(name);
    return value && *value ? value : otherwise;
}

static void logged(const char *text) {
    char path[PATH_SIZE], stamp[64];
    snprintf(path, sizeof path, "%s/control.log", log_directory);
    FILE *file = fopen(path, "ae");
    time_t now = time(NULL);
    struct tm parts;
    strftime(stamp, sizeof stamp, "%Y-%m-%d %H:%M:%S", localtime_r(&now, &parts));
    if (!file) return;
    fprintf(file, "[%s Control %6d] %s\n", stamp, (int)getpid(), text);
    fclose(file);
}

/* Whether the device that CUDA_VISIBLE_DEVICES names exists on the simulated host. */
static int device_exists(void) {
    const char *wanted = getenv("CUDA_VISIBLE_DEVICES"), *folder = getenv("SLICEPLANE_SIM_STATE");
    char path[PATH_SIZE], line[512], field[256];
    if (!wanted || strncmp(wanted, "MIG-", 4)) return 1;
    if (!folder) return 0;
    snprintf(path, sizeof path, "%s/host.state", folder);
    snprintf(field, sizeof field, "uuid=%s", wanted);
    FILE *file = fopen(path, "re");
    int found = 0;
    while (file && !found && fgets(line, sizeof line, file)) found = strstr(line, field) != NULL;
    if (file) fclose(file);
    return found;
}

/* Socket paths are short; a name relative to an open directory reaches any pipe directory. */
static int address_of(struct sockaddr_un *address) {
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    int folder = open(pipe_directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0) return -1;
    snprintf(address->sun_path, sizeof address->sun_path, "/proc/self/fd/%d/control", folder);
    return folder;
}

static void end(int number) {
    (void)number;
    unlink(pid_path);
    unlink(socket_name);
    _exit(0);
}

static int answer(char *command, char *text, size_t size) {
    command[strcspn(command, "\r\n")] = 0;
    if (!strncmp(command, "quit", 4)) return 1;
    if (!strcmp(command, "get_server_list")) text[0] = 0;
    else if (!strcmp(command, "get_default_active_thread_percentage")) snprintf(text, size, "%.1f\n", percentage);
    else if (sscanf(command, "set_default_active_thread_percentage %lf", &percentage) == 1)
        snprintf(text, size, "%.1f\n", percentage);
    else if (!strncmp(command, "start_server", 12) || !strncmp(command, "shutdown_server", 15)) text[0] = 0;
    else snprintf(text, size, "Unrecognized command %.200s\n", command);
    return 0;
}

static void serve(int listener) {
    char command[512], text[512];
    for (;;) {
        int peer = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
        if (peer < 0) continue;
        ssize_t length = read(peer, command, sizeof command - 1);
        command[length > 0 ? length : 0] = 0;
        text[0] = 0;
        int quit = answer(command, text, sizeof text);
        if (write(peer, text, strlen(text)) < 0) logged("client went away");
        close(peer);
        if (quit) {
            logged("quit");
            end(0);
        }
    }
}

static int fail(const char *text) {
    fprintf(stderr, "%s\n", text);
    logged(text);
    return 1;
}

static int write_pid(void) {
    FILE *file = fopen(pid_path, "we");
    if (!file) return -1;
    fprintf(file, "%d\n", (int)getpid());
    return fclose(file);
}

static int start_daemon(void) {
    struct sockaddr_un address;
    char lock[PATH_SIZE];
    mkdir(pipe_directory, 0777);
    mkdir(log_directory, 0777);
    if (!device_exists()) return fail("Cannot start MPS: CUDA_VISIBLE_DEVICES names no device of this host");
    snprintf(lock, sizeof lock, "%s/nvidia-cuda-mps-control.lock", pipe_directory);
    int held = open(lock, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (held < 0 || flock(held, LOCK_EX | LOCK_NB)) return fail("An instance of this daemon is already running");
    int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    unlink(socket_name);
    int folder = address_of(&address);
    if (folder < 0 || bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 16))
        return fail("Cannot create the control pipe");
    close(folder);
    if (daemon(1, 0)) return fail("Cannot become a daemon");
    signal(SIGTERM, end);
    signal(SIGINT, end);
    if (write_pid()) return fail("Cannot write the pid file");
    logged("Starting control daemon");
    serve(listener);
    return 0;
}

static int send_command(const char *command) {
    struct sockaddr_un address;
    char text[512];
    int peer = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), folder = address_of(&address);
    if (folder < 0 || connect(peer, (struct sockaddr *)&address, sizeof address))
        return fprintf(stderr, "Cannot find MPS control daemon process\n"), 1;
    close(folder);
    if (write(peer, command, strlen(command)) < 0) return 1;
    ssize_t length;
    while ((length = read(peer, text, sizeof text)) > 0) fwrite(text, 1, (size_t)length, stdout);
    close(peer);
    return 0;
}

int main(int count, char **arguments) {
    char line[512];
    pipe_directory = setting("CUDA_MPS_PIPE_DIRECTORY", "/tmp/nvidia-mps");
    log_directory = setting("CUDA_MPS_LOG_DIRECTORY", "/var/log/nvidia-mps");
    snprintf(pid_path, sizeof pid_path, "%s/nvidia-cuda-mps-control.pid", pipe_directory);
    snprintf(socket_name, sizeof socket_name, "%s/control", pipe_directory);
    if (count > 1 && !strcmp(arguments[1], "-d")) return start_daemon();
    if (count > 1) return fprintf(stderr, "usage: nvidia-cuda-mps-control [-d]\n"), 2;
    while (fgets(line, sizeof line, stdin))
        if (send_command(line)) return 1;
    return 0;
}
