/* Reads and writes the state file: one line a thing, in words that a person can read and edit. */
#define _GNU_SOURCE
#include "state.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#define VERSION 1
#define PATH_SIZE 4096

static pthread_mutex_t threads = PTHREAD_MUTEX_INITIALIZER; /* flock holds processes apart, not threads */
static int lock_fd = -1;

static int path_of(char *path, const char *file) {
    const char *folder = getenv("SLICEPLANE_SIM_STATE");
    if (!folder || !*folder) return -1;
    int length = snprintf(path, PATH_SIZE, "%s/%s", folder, file);
    return length > 0 && length < PATH_SIZE ? 0 : -1;
}

static struct gpu *gpu_at(struct state *state, int index) {
    return index >= 0 && index < state->gpus ? &state->gpu[index] : NULL;
}

static int read_gpu(struct state *state, const char *line) {
    int index;
    struct gpu gpu = {0};
    int fields = sscanf(line,
                        "gpu %d uuid=%63s memory_mb=%lld mig_capable=%d mig=%d mig_pending=%d lost=%d gi_in_use=%d "
                        "ci_fail=%d delay_ms=%d xid=%d name=%95[^\n]",
                        &index, gpu.uuid, &gpu.memory_mb, &gpu.mig_capable, &gpu.mig, &gpu.mig_pending, &gpu.lost,
                        &gpu.gi_in_use, &gpu.ci_fail, &gpu.delay_ms, &gpu.xid, gpu.name);
    if (fields != 12 || index != state->gpus || index >= MAX_GPUS) return -1;
    state->gpu[state->gpus++] = gpu;
    return 0;
}

static int read_instance(struct state *state, const char *line) {
    int index;
    struct gpu_instance gi = {0};
    if (sscanf(line, "gi gpu=%d id=%d profile=%d start=%d slices=%d", &index, &gi.id, &gi.profile_id, &gi.start,
               &gi.slices) != 5)
        return -1;
    struct gpu *gpu = gpu_at(state, index);
    if (!gpu || gpu->instances == MAX_INSTANCES) return -1;
    gpu->instance[gpu->instances++] = gi;
    return 0;
}

static int read_compute(struct state *state, const char *line) {
    int index, gi_id;
    struct compute_instance ci = {0};
    if (sscanf(line, "ci gpu=%d gi=%d id=%d profile=%d start=%d slices=%d uuid=%63s", &index, &gi_id, &ci.id,
               &ci.profile_id, &ci.start, &ci.slices, ci.uuid) != 7)
        return -1;
    struct gpu *gpu = gpu_at(state, index);
    for (int i = 0; gpu && i < gpu->instances; i++) {
        struct gpu_instance *gi = &gpu->instance[i];
        if (gi->id != gi_id || gi->computes == MAX_INSTANCES) continue;
        gi->compute[gi->computes++] = ci;
        return 0;
    }
    return -1;
}

static int read_line(struct state *state, const char *line) {
    if (line[0] == '#' || line[0] == '\n') return 0;
    if (!strncmp(line, "driver ", 7)) return sscanf(line, "driver %95s", state->driver) == 1 ? 0 : -1;
    if (!strncmp(line, "gpu ", 4)) return read_gpu(state, line);
    if (!strncmp(line, "gi ", 3)) return read_instance(state, line);
    if (!strncmp(line, "ci ", 3)) return read_compute(state, line);
    return -1;
}

static int read_state(struct state *state) {
    char path[PATH_SIZE], line[512];
    if (path_of(path, "host.state")) return -1;
    FILE *file = fopen(path, "re");
    if (!file) return -1;
    int version = 0, failed = !fgets(line, sizeof line, file) || sscanf(line, "sliceplane-sim %d", &version) != 1;
    failed |= version != VERSION;
    memset(state, 0, sizeof *state);
    while (!failed && fgets(line, sizeof line, file)) failed = read_line(state, line) != 0;
    fclose(file);
    return failed ? -1 : 0;
}

static void write_gpu(FILE *file, int index, const struct gpu *gpu) {
    fprintf(file,
            "gpu %d uuid=%s memory_mb=%lld mig_capable=%d mig=%d mig_pending=%d lost=%d gi_in_use=%d ci_fail=%d "
            "delay_ms=%d xid=%d name=%s\n",
            index, gpu->uuid, gpu->memory_mb, gpu->mig_capable, gpu->mig, gpu->mig_pending, gpu->lost, gpu->gi_in_use,
            gpu->ci_fail, gpu->delay_ms, gpu->xid, gpu->name);
    for (int i = 0; i < gpu->instances; i++) {
        const struct gpu_instance *gi = &gpu->instance[i];
        fprintf(file, "gi gpu=%d id=%d profile=%d start=%d slices=%d\n", index, gi->id, gi->profile_id, gi->start,
                gi->slices);
        for (int j = 0; j < gi->computes; j++) {
            const struct compute_instance *ci = &gi->compute[j];
            fprintf(file, "ci gpu=%d gi=%d id=%d profile=%d start=%d slices=%d uuid=%s\n", index, gi->id, ci->id,
                    ci->profile_id, ci->start, ci->slices, ci->uuid);
        }
    }
}

static int write_state(const struct state *state) {
    char path[PATH_SIZE], fresh[PATH_SIZE];
    if (path_of(path, "host.state") || path_of(fresh, "host.state.new")) return -1;
    FILE *file = fopen(fresh, "we");
    if (!file) return -1;
    fprintf(file, "sliceplane-sim %d\ndriver %s\n", VERSION, state->driver);
    for (int i = 0; i < state->gpus; i++) write_gpu(file, i, &state->gpu[i]);
    int failed = fflush(file) != 0 || fsync(fileno(file)) != 0;
    failed |= fclose(file) != 0;
    return failed || rename(fresh, path) != 0 ? -1 : 0;
}

static void unlock(void) {
    if (lock_fd >= 0) close(lock_fd); /* closing releases the flock */
    lock_fd = -1;
    pthread_mutex_unlock(&threads);
}

int state_open(struct state *state) {
    char path[PATH_SIZE];
    pthread_mutex_lock(&threads);
    if (path_of(path, "host.lock") == 0) lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (lock_fd < 0 || flock(lock_fd, LOCK_EX) != 0 || read_state(state) != 0) {
        unlock();
        return -1;
    }
    return 0;
}

int state_close(const struct state *state, int changed) {
    int result = changed ? write_state(state) : 0;
    unlock();
    return result;
}
