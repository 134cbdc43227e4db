/* Compute instances: one MIG device each, with a UUID that is new for every new one. */
#define _GNU_SOURCE
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "api.h"

struct profile_info {
    unsigned id, slices, instances, multiprocessors, copy_engines, decoders, encoders, jpeg, ofa;
};
struct profile_info_v2 {
    unsigned version;
    unsigned id, slices, instances, multiprocessors, copy_engines, decoders, encoders, jpeg, ofa;
    char name[96];
};
struct attributes {
    unsigned multiprocessors, copy_engines, decoders, encoders, jpeg, ofa, gi_slices, ci_slices;
    unsigned long long memory_mb;
};

/* Compute instance profiles, NVML's enum: 0..4 are 1, 2, 3, 4 and 7 slices; on Ampere the id is the enum. */
static const int ci_slices[] = {1, 2, 3, 4, 7};
#define CI_PROFILES 5u

static int gpcs_of(const struct gpu_instance *gi) { return profile_by_id((unsigned)gi->profile_id)->gpcs; }

static int used_gpcs(const struct gpu_instance *gi) {
    int used = 0;
    for (int i = 0; i < gi->computes; i++) used += gi->compute[i].slices;
    return used;
}

EXPORT ret nvmlGpuInstanceGetComputeInstanceProfileInfoV(handle instance, unsigned profile, unsigned engine,
                                                         struct profile_info_v2 *info) {
    struct view view;
    if (!info || engine) return INVALID_ARGUMENT;
    ret result = view_open(&view, instance, GPU_INSTANCE);
    if (result != OK) return result;
    if (profile >= CI_PROFILES || ci_slices[profile] > gpcs_of(view.gi)) return view_close(&view, 0, NOT_SUPPORTED);
    unsigned slices = (unsigned)ci_slices[profile];
    *info = (struct profile_info_v2){info->version, profile, slices, (unsigned)gpcs_of(view.gi) / slices, slices * 14,
                                     slices, 0, 0, 0, 0, ""};
    snprintf(info->name, sizeof info->name, "MIG %uc.%dg", slices, gpcs_of(view.gi));
    return view_close(&view, 0, OK);
}

EXPORT ret nvmlGpuInstanceGetComputeInstanceProfileInfo(handle instance, unsigned profile, unsigned engine,
                                                        struct profile_info *info) {
    struct profile_info_v2 full = {0};
    ret result =
        info ? nvmlGpuInstanceGetComputeInstanceProfileInfoV(instance, profile, engine, &full) : INVALID_ARGUMENT;
    if (result == OK)
        *info = (struct profile_info){full.id, full.slices, full.instances, full.multiprocessors, full.copy_engines,
                                      full.decoders, full.encoders, full.jpeg, full.ofa};
    return result;
}

EXPORT ret nvmlGpuInstanceGetComputeInstanceRemainingCapacity(handle instance, unsigned profile, unsigned *count) {
    struct view view;
    if (!count || profile >= CI_PROFILES) return INVALID_ARGUMENT;
    ret result = view_open(&view, instance, GPU_INSTANCE);
    if (result != OK) return result;
    *count = (unsigned)((gpcs_of(view.gi) - used_gpcs(view.gi)) / ci_slices[profile]);
    return view_close(&view, 0, OK);
}

static int new_uuid(char *uuid) {
    unsigned char b[16];
    if (getrandom(b, sizeof b, 0) != sizeof b) return -1;
    b[6] = (unsigned char)((b[6] & 0x0f) | 0x40);
    b[8] = (unsigned char)((b[8] & 0x3f) | 0x80);
    snprintf(uuid, UUID_SIZE, "MIG-%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0], b[1],
             b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13], b[14], b[15]);
    return 0;
}

static int unused_id(const struct gpu_instance *gi) {
    for (int id = 0;; id++) {
        int used = 0;
        for (int i = 0; i < gi->computes; i++) used |= gi->compute[i].id == id;
        if (!used) return id;
    }
}

EXPORT ret nvmlGpuInstanceCreateComputeInstance(handle instance, unsigned profile, handle *made) {
    struct view view;
    if (!made || profile >= CI_PROFILES) return INVALID_ARGUMENT;
    ret result = view_open(&view, instance, GPU_INSTANCE);
    if (result != OK) return result;
    if (view.gpu->ci_fail > 0) {
        view.gpu->ci_fail--;
        return view_close(&view, 1, UNKNOWN);
    }
    if (ci_slices[profile] > gpcs_of(view.gi) - used_gpcs(view.gi) || view.gi->computes == MAX_INSTANCES)
        return view_close(&view, 0, INSUFFICIENT_RESOURCES);
    struct compute_instance ci = {unused_id(view.gi), (int)profile, used_gpcs(view.gi), ci_slices[profile], ""};
    if (new_uuid(ci.uuid)) return view_close(&view, 0, UNKNOWN);
    view.gi->compute[view.gi->computes++] = ci;
    *made = handle_of(COMPUTE_INSTANCE, instance->gpu, view.gi->id, ci.id);
    return view_close(&view, 1, OK);
}

EXPORT ret nvmlGpuInstanceGetComputeInstances(handle instance, unsigned profile, handle *instances, unsigned *count) {
    struct view view;
    if (!instances || !count) return INVALID_ARGUMENT;
    ret result = view_open(&view, instance, GPU_INSTANCE);
    if (result != OK) return result;
    *count = 0;
    for (int i = 0; i < view.gi->computes; i++)
        if (view.gi->compute[i].profile_id == (int)profile)
            instances[(*count)++] = handle_of(COMPUTE_INSTANCE, instance->gpu, view.gi->id, view.gi->compute[i].id);
    return view_close(&view, 0, OK);
}

EXPORT ret nvmlGpuInstanceGetComputeInstanceById(handle instance, unsigned id, handle *found) {
    struct view view;
    if (!found) return INVALID_ARGUMENT;
    ret result = view_open(&view, instance, GPU_INSTANCE);
    if (result != OK) return result;
    *found = NULL;
    for (int i = 0; i < view.gi->computes; i++)
        if (view.gi->compute[i].id == (int)id) *found = handle_of(COMPUTE_INSTANCE, instance->gpu, view.gi->id, (int)id);
    return view_close(&view, 0, *found ? OK : NOT_FOUND);
}

EXPORT ret nvmlComputeInstanceGetInfo_v2(handle compute, struct ci_info *info) {
    struct view view;
    ret result = view_open(&view, compute, COMPUTE_INSTANCE);
    if (result != OK) return result;
    if (!info) return view_close(&view, 0, INVALID_ARGUMENT);
    *info = (struct ci_info){handle_of(MIG_DEVICE, compute->gpu, compute->gi, compute->ci),
                             handle_of(GPU_INSTANCE, compute->gpu, compute->gi, -1),
                             (unsigned)view.ci->id,
                             (unsigned)view.ci->profile_id,
                             {(unsigned)view.ci->start, (unsigned)view.ci->slices}};
    return view_close(&view, 0, OK);
}

EXPORT ret nvmlComputeInstanceDestroy(handle compute) {
    struct view view;
    ret result = view_open(&view, compute, COMPUTE_INSTANCE);
    if (result != OK) return result;
    *view.ci = view.gi->compute[--view.gi->computes];
    return view_close(&view, 1, OK);
}

EXPORT ret nvmlDeviceGetAttributes_v2(handle mig, struct attributes *attributes) {
    struct view view;
    ret result = view_open(&view, mig, MIG_DEVICE);
    if (result != OK) return result;
    if (!attributes) return view_close(&view, 0, INVALID_ARGUMENT);
    const struct gi_profile *profile = profile_by_id((unsigned)view.gi->profile_id);
    unsigned slices = (unsigned)view.ci->slices, media = (unsigned)profile->media;
    *attributes = (struct attributes){slices * 14, (unsigned)profile->copy_engines, (unsigned)profile->decoders, 0,
                                      media, media, (unsigned)profile->gpcs, slices,
                                      (unsigned long long)profile_memory_mb(view.gpu, profile)};
    return view_close(&view, 0, OK);
}
