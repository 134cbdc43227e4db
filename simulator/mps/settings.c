/* Where the daemon of this environment lives and logs. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "mps.h"

static const char *setting(const char *name, const char *otherwise) {
    const char *value = getenv(name);
    return value && *value ? value : otherwise;
}

const char *pipe_directory(void) { return setting("CUDA_MPS_PIPE_DIRECTORY", "/tmp/nvidia-mps"); }

const char *log_directory(void) { return setting("CUDA_MPS_LOG_DIRECTORY", "/var/log/nvidia-mps"); }

void log_line(const char *text) {
    char path[4096], stamp[64];
    struct tm parts;
    time_t now = time(NULL);
    snprintf(path, sizeof path, "%s/control.log", log_directory());
    strftime(stamp, sizeof stamp, "%Y-%m-%d %H:%M:%S", localtime_r(&now, &parts));
    FILE *file = fopen(path, "ae");
    if (!file) return;
    fprintf(file, "[%s Control %6d] %s\n", stamp, (int)getpid(), text);
    fclose(file);
}

struct sockaddr_un control_address(void) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    strcpy(address.sun_path, SOCKET);
    return address;
}
