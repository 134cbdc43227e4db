/* The client: each line of stdin goes to the daemon of the pipe directory, its answer to stdout. */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "mps.h"

static int send_line(const char *line) {
    struct sockaddr_un address = control_address();
    char text[COMMAND_SIZE];
    ssize_t length;
    int peer = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (peer < 0 || connect(peer, (struct sockaddr *)&address, sizeof address)) return -1;
    if (write(peer, line, strlen(line)) < 0) return -1;
    while ((length = read(peer, text, sizeof text)) > 0) fwrite(text, 1, (size_t)length, stdout);
    fflush(stdout);
    return close(peer);
}

int run_client(void) {
    char line[COMMAND_SIZE];
    int lost = chdir(pipe_directory());
    while (fgets(line, sizeof line, stdin))
        if (lost || send_line(line)) {
            fprintf(stderr, "Cannot find MPS control daemon process\n");
            return 1;
        }
    return 0;
}
