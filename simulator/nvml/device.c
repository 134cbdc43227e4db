/* Questions about a whole GPU: identity, memory, MIG mode. */
#define _GNU_SOURCE
#include <stdio.h>
#include <string.h>

#include "api.h"

EXPORT ret nvmlDeviceGetCount_v2(unsigned *count) {
    struct state state;
    if (!is_initialised()) return UNINITIALIZED;
    if (!count) return INVALID_ARGUMENT;
    if (state_open(&state)) return UNKNOWN;
    *count = (unsigned)state.gpus;
    state_close(&state, 0);
    return OK;
}

EXPORT ret nvmlDeviceGetHandleByIndex_v2(unsigned index, handle *device) {
    unsigned count;
    ret result = nvmlDeviceGetCount_v2(&count);
    if (result != OK) return result;
    if (index >= count || !device) return INVALID_ARGUMENT;
    *device = handle_of(GPU, (int)index, -1, -1);
    return OK;
}

static handle mig_by_uuid(const struct state *state, int index, const char *uuid) {
    const struct gpu *gpu = &state->gpu[index];
    for (int i = 0; i < gpu->instances; i++)
        for (int j = 0; j < gpu->instance[i].computes; j++)
            if (!strcmp(gpu->instance[i].compute[j].uuid, uuid))
                return handle_of(MIG_DEVICE, index, gpu->instance[i].id, gpu->instance[i].compute[j].id);
    return NULL;
}

EXPORT ret nvmlDeviceGetHandleByUUID(const char *uuid, handle *device) {
    struct state state;
    if (!is_initialised()) return UNINITIALIZED;
    if (!uuid || !device) return INVALID_ARGUMENT;
    if (state_open(&state)) return UNKNOWN;
    *device = NULL;
    for (int i = 0; i < state.gpus && !*device; i++)
        *device = strcmp(state.gpu[i].uuid, uuid) ? mig_by_uuid(&state, i, uuid) : handle_of(GPU, i, -1, -1);
    state_close(&state, 0);
    return *device ? OK : NOT_FOUND;
}

static ret text(struct view *view, char *target, unsigned size, const char *value) {
    if (!target) return view_close(view, 0, INVALID_ARGUMENT);
    ret result = strlen(value) < size ? OK : INSUFFICIENT_SIZE;
    if (result == OK) strcpy(target, value);
    return view_close(view, 0, result);
}

EXPORT ret nvmlDeviceGetUUID(handle device, char *uuid, unsigned size) {
    struct view view;
    enum kind kind = device && device->kind == MIG_DEVICE ? MIG_DEVICE : GPU;
    ret result = view_open(&view, device, kind);
    if (result != OK) return result;
    return text(&view, uuid, size, kind == MIG_DEVICE ? view.ci->uuid : view.gpu->uuid);
}

EXPORT ret nvmlDeviceGetName(handle device, char *name, unsigned size) {
    struct view view;
    char full[NAME_SIZE + 16];
    enum kind kind = device && device->kind == MIG_DEVICE ? MIG_DEVICE : GPU;
    ret result = view_open(&view, device, kind);
    if (result != OK) return result;
    if (kind == GPU) return text(&view, name, size, view.gpu->name);
    snprintf(full, sizeof full, "%s MIG %s", view.gpu->name, profile_by_id((unsigned)view.gi->profile_id)->name);
    return text(&view, name, size, full);
}

EXPORT ret nvmlDeviceGetIndex(handle device, unsigned *index) {
    struct view view;
    ret result = view_open(&view, device, GPU);
    if (result != OK) return result;
    if (index) *index = (unsigned)device->gpu;
    return view_close(&view, 0, index ? OK : INVALID_ARGUMENT);
}

EXPORT ret nvmlDeviceGetMinorNumber(handle device, unsigned *minor) { return nvmlDeviceGetIndex(device, minor); }

struct memory {
    unsigned long long total, free, used;
};
struct memory_v2 {
    unsigned version;
    unsigned long long total, reserved, free, used;
};

static ret memory_mb(handle device, unsigned long long *mb) {
    struct view view;
    enum kind kind = device && device->kind == MIG_DEVICE ? MIG_DEVICE : GPU;
    ret result = view_open(&view, device, kind);
    if (result != OK) return result;
    *mb = (unsigned long long)(kind == GPU ? view.gpu->memory_mb
                                           : profile_memory_mb(view.gpu, profile_by_id((unsigned)view.gi->profile_id)));
    return view_close(&view, 0, OK);
}

EXPORT ret nvmlDeviceGetMemoryInfo(handle device, struct memory *memory) {
    unsigned long long mb = 0;
    ret result = memory ? memory_mb(device, &mb) : INVALID_ARGUMENT;
    if (result == OK) *memory = (struct memory){mb << 20, mb << 20, 0};
    return result;
}

EXPORT ret nvmlDeviceGetMemoryInfo_v2(handle device, struct memory_v2 *memory) {
    unsigned long long mb = 0;
    ret result = memory ? memory_mb(device, &mb) : INVALID_ARGUMENT;
    if (result == OK) *memory = (struct memory_v2){memory->version, mb << 20, 0, mb << 20, 0};
    return result;
}

EXPORT ret nvmlDeviceGetMigMode(handle device, unsigned *current, unsigned *pending) {
    struct view view;
    ret result = view_open(&view, device, GPU);
    if (result != OK) return result;
    if (!view.gpu->mig_capable) return view_close(&view, 0, NOT_SUPPORTED);
    if (!current || !pending) return view_close(&view, 0, INVALID_ARGUMENT);
    *current = (unsigned)view.gpu->mig;
    *pending = (unsigned)view.gpu->mig_pending;
    return view_close(&view, 0, OK);
}

/* An A100 changes mode at its next reset only: the activation status says IN_USE until then. */
EXPORT ret nvmlDeviceSetMigMode(handle device, unsigned mode, ret *activation) {
    struct view view;
    if (mode > 1 || !activation) return INVALID_ARGUMENT;
    ret result = view_open(&view, device, GPU);
    if (result != OK) return result;
    if (!view.gpu->mig_capable) return view_close(&view, 0, NOT_SUPPORTED);
    view.gpu->mig_pending = (int)mode;
    *activation = view.gpu->mig == (int)mode ? OK : IN_USE;
    return view_close(&view, 1, OK);
}

EXPORT ret nvmlDeviceGetMaxMigDeviceCount(handle device, unsigned *count) {
    struct view view;
    ret result = view_open(&view, device, GPU);
    if (result != OK) return result;
    if (count) *count = view.gpu->mig_capable ? MAX_INSTANCES : 0;
    return view_close(&view, 0, count ? OK : INVALID_ARGUMENT);
}

EXPORT ret nvmlDeviceIsMigDeviceHandle(handle device, unsigned *is_mig) {
    if (!device || !is_mig) return INVALID_ARGUMENT;
    *is_mig = device->kind == MIG_DEVICE;
    return OK;
}

EXPORT ret nvmlDeviceGetDeviceHandleFromMigDeviceHandle(handle mig, handle *device) {
    if (!mig || mig->kind != MIG_DEVICE || !device) return INVALID_ARGUMENT;
    *device = handle_of(GPU, mig->gpu, -1, -1);
    return OK;
}

EXPORT ret nvmlDeviceGetMigDeviceHandleByIndex(handle device, unsigned index, handle *mig) {
    struct view view;
    if (!mig) return INVALID_ARGUMENT;
    ret result = view_open(&view, device, GPU);
    if (result != OK) return result;
    *mig = NULL;
    for (int i = 0; i < view.gpu->instances && !*mig; i++)
        for (int j = 0; j < view.gpu->instance[i].computes && !*mig; j++)
            if (index-- == 0)
                *mig = handle_of(MIG_DEVICE, device->gpu, view.gpu->instance[i].id, view.gpu->instance[i].compute[j].id);
    return view_close(&view, 0, *mig ? OK : NOT_FOUND);
}

EXPORT ret nvmlDeviceGetGpuInstanceId(handle mig, unsigned *id) {
    if (!mig || mig->kind != MIG_DEVICE || !id) return INVALID_ARGUMENT;
    *id = (unsigned)mig->gi;
    return OK;
}

EXPORT ret nvmlDeviceGetComputeInstanceId(handle mig, unsigned *id) {
    if (!mig || mig->kind != MIG_DEVICE || !id) return INVALID_ARGUMENT;
    *id = (unsigned)mig->ci;
    return OK;
}

/* No CUDA runs here: no process ever holds the device. */
EXPORT ret nvmlDeviceGetComputeRunningProcesses_v3(handle device, unsigned *count, void *processes) {
    struct view view;
    (void)processes;
    ret result = view_open(&view, device, device && device->kind == MIG_DEVICE ? MIG_DEVICE : GPU);
    if (result != OK) return result;
    if (count) *count = 0;
    return view_close(&view, 0, count ? OK : INVALID_ARGUMENT);
}
