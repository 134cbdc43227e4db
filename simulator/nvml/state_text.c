/* The state as text: one line a thing, in words that a person can read and edit; who adds one needs no serial. */
#include <stdlib.h>
#include <string.h>

#include "rules.h"
#include "state.h"

#define LINE_SIZE 512

static struct gpu *gpu_at(struct state *state, int index) {
    return index >= 0 && index < state->gpus ? &state->gpu[index] : NULL;
}

static int read_gpu(struct state *state, const char *line) {
    int index;
    struct gpu gpu = {0};
    int fields = sscanf(line,
                        "gpu %d uuid=%63s memory_mb=%lld mig_capable=%d mig=%d mig_pending=%d lost=%d gi_in_use=%d "
                        "ci_fail=%d delay_ms=%d renamed=%d name=%95[^\n]",
                        &index, gpu.uuid, &gpu.memory_mb, &gpu.mig_capable, &gpu.mig, &gpu.mig_pending, &gpu.lost,
                        &gpu.gi_in_use, &gpu.ci_fail, &gpu.delay_ms, &gpu.renamed, gpu.name);
    if (fields != 12 || index != state->gpus || index >= MAX_GPUS) return -1;
    state->gpu[state->gpus++] = gpu;
    return 0;
}

static int read_instance(struct state *state, const char *line) {
    int index;
    struct gpu_instance gi = {0};
    if (sscanf(line, "gi gpu=%d id=%d profile=%d start=%d slices=%d serial=%d", &index, &gi.id, &gi.profile_id,
               &gi.start, &gi.slices, &gi.serial) < 5)
        return -1;
    if (!gi.serial) gi.serial = state->next_serial++;
    struct gpu *gpu = gpu_at(state, index);
    if (!gpu || gpu->instances == MAX_INSTANCES || !profile_by_id((unsigned)gi.profile_id)) return -1;
    gpu->instance[gpu->instances++] = gi;
    return 0;
}

static int read_compute(struct state *state, const char *line) {
    int index, gi_id;
    struct compute_instance ci = {0};
    if (sscanf(line, "ci gpu=%d gi=%d id=%d profile=%d start=%d gpcs=%d uuid=%63s serial=%d", &index, &gi_id, &ci.id,
               &ci.profile_id, &ci.start, &ci.gpcs, ci.uuid, &ci.serial) < 7)
        return -1;
    if (!ci.serial) ci.serial = state->next_serial++;
    struct gpu *gpu = gpu_at(state, index);
    for (int i = 0; gpu && i < gpu->instances; i++) {
        struct gpu_instance *gi = &gpu->instance[i];
        if (gi->id != gi_id || gi->computes == MAX_INSTANCES) continue;
        gi->compute[gi->computes++] = ci;
        return 0;
    }
    return -1;
}

static int read_event(struct state *state, const char *line) {
    struct event event;
    if (sscanf(line, "event number=%d gpu=%d xid=%d", &event.number, &event.gpu, &event.xid) != 3) return -1;
    if (state->events == MAX_EVENTS) return -1;
    state->event[state->events++] = event;
    return 0;
}

static int read_host(struct state *state, const char *line) {
    int fields = sscanf(line, "host next_serial=%d next_event=%d driver=%95s", &state->next_serial, &state->next_event,
                        state->driver);
    return fields == 3 ? 0 : -1;
}

static int read_line(struct state *state, const char *line) {
    if (line[0] == '#' || line[0] == '\n') return 0;
    if (!strncmp(line, "host ", 5)) return read_host(state, line);
    if (!strncmp(line, "gpu ", 4)) return read_gpu(state, line);
    if (!strncmp(line, "gi ", 3)) return read_instance(state, line);
    if (!strncmp(line, "ci ", 3)) return read_compute(state, line);
    if (!strncmp(line, "event ", 6)) return read_event(state, line);
    return -1;
}

enum state_error state_read(FILE *file, struct state *state) {
    char line[LINE_SIZE];
    int version = 0;
    memset(state, 0, sizeof *state);
    if (!fgets(line, sizeof line, file) || sscanf(line, "sliceplane-sim %d", &version) != 1) return STATE_DAMAGED;
    if (version != STATE_VERSION) return STATE_OTHER_VERSION;
    while (fgets(line, sizeof line, file))
        if (read_line(state, line)) return STATE_DAMAGED;
    return STATE_OK;
}

static void write_instance(FILE *file, int index, const struct gpu_instance *gi) {
    fprintf(file, "gi gpu=%d id=%d profile=%d start=%d slices=%d serial=%d\n", index, gi->id, gi->profile_id, gi->start,
            gi->slices, gi->serial);
    for (int i = 0; i < gi->computes; i++) {
        const struct compute_instance *ci = &gi->compute[i];
        fprintf(file, "ci gpu=%d gi=%d id=%d profile=%d start=%d gpcs=%d uuid=%s serial=%d\n", index, gi->id, ci->id,
                ci->profile_id, ci->start, ci->gpcs, ci->uuid, ci->serial);
    }
}

static void write_gpu(FILE *file, int index, const struct gpu *gpu) {
    fprintf(file,
            "gpu %d uuid=%s memory_mb=%lld mig_capable=%d mig=%d mig_pending=%d lost=%d gi_in_use=%d ci_fail=%d "
            "delay_ms=%d renamed=%d name=%s\n",
            index, gpu->uuid, gpu->memory_mb, gpu->mig_capable, gpu->mig, gpu->mig_pending, gpu->lost, gpu->gi_in_use,
            gpu->ci_fail, gpu->delay_ms, gpu->renamed, gpu->name);
    for (int i = 0; i < gpu->instances; i++) write_instance(file, index, &gpu->instance[i]);
}

void state_write(FILE *file, const struct state *state) {
    fprintf(file, "sliceplane-sim %d\nhost next_serial=%d next_event=%d driver=%s\n", STATE_VERSION,
            state->next_serial, state->next_event, state->driver);
    for (int i = 0; i < state->gpus; i++) write_gpu(file, i, &state->gpu[i]);
    for (int i = 0; i < state->events; i++)
        fprintf(file, "event number=%d gpu=%d xid=%d\n", state->event[i].number, state->event[i].gpu,
                state->event[i].xid);
}
