/* Whether the simulated host has the device that CUDA_VISIBLE_DEVICES names. */
#include <stdlib.h>
#include <string.h>

#include "../nvml/state.h"
#include "mps.h"

static const struct gpu *gpu_of(const struct state *state, const char *uuid) {
    for (int i = 0; i < state->gpus; i++) {
        const struct gpu *gpu = &state->gpu[i];
        if (!strcmp(gpu->uuid, uuid)) return gpu;
        for (int j = 0; j < gpu->instances; j++)
            for (int k = 0; k < gpu->instance[j].computes; k++)
                if (!strcmp(gpu->instance[j].compute[k].uuid, uuid)) return gpu;
    }
    return NULL;
}

const char *device_problem(void) {
    struct state state;
    const char *uuid = getenv("CUDA_VISIBLE_DEVICES");
    if (state_open(&state) != STATE_OK) return "there is no NVIDIA driver on this host";
    state_close(&state, 0);
    if (!uuid || (strncmp(uuid, "MIG-", 4) && strncmp(uuid, "GPU-", 4))) return NULL;
    const struct gpu *gpu = gpu_of(&state, uuid);
    if (!gpu) return "CUDA_VISIBLE_DEVICES names no device of this host";
    return gpu->lost ? "the GPU that CUDA_VISIBLE_DEVICES names is lost" : NULL;
}
