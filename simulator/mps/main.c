/* nvidia-cuda-mps-control without CUDA: -d starts a pipe directory's daemon; without it stdin's lines are commands. */
#include <stdio.h>
#include <string.h>

#include "mps.h"

int main(int count, char **arguments) {
    if (count == 1) return run_client();
    if (count == 2 && !strcmp(arguments[1], "-d")) return run_daemon(0);
    if (count == 2 && !strcmp(arguments[1], "-f")) return run_daemon(1);
    fprintf(stderr, "usage: nvidia-cuda-mps-control [-d | -f]\n");
    return 2;
}
