/* GPU instances: what profiles there are, where they fit, making and destroying them. */
#define _GNU_SOURCE
#include <stdio.h>
#include <string.h>

#include "api.h"

struct profile_info {
    unsigned id, p2p, slices, instances, multiprocessors, copy_engines, decoders, encoders, jpeg, ofa;
    unsigned long long memory_mb;
};
struct profile_info_v2 {
    unsigned version;
    unsigned id, p2p, slices, instances, multiprocessors, copy_engines, decoders, encoders, jpeg, ofa;
    unsigned long long memory_mb;
    char name[96];
};

/* The name as this board's driver gives it: the 40 GB board's are half as large. */
static void name_of(const struct gpu *gpu, const struct gi_profile *profile, char *name, size_t size) {
    int gb = 10 * profile->slices / (gpu->memory_mb > 60000 ? 1 : 2);
    snprintf(name, size, "MIG %dg.%dgb%s", profile->gpcs, gb, profile->media ? "+me" : "");
}

static ret open_mig(struct view *view, handle device) {
    ret result = view_open(view, device, GPU);
    if (result != OK) return result;
    return view->gpu->mig ? OK : view_close(view, 0, NOT_SUPPORTED);
}

EXPORT ret nvmlDeviceGetGpuInstanceProfileInfoV(handle device, unsigned enumerator, struct profile_info_v2 *info) {
    struct view view;
    const struct gi_profile *profile = profile_by_enum(enumerator);
    if (!info) return INVALID_ARGUMENT;
    ret result = open_mig(&view, device);
    if (result != OK) return result;
    if (!profile) return view_close(&view, 0, enumerator > 32 ? INVALID_ARGUMENT : NOT_SUPPORTED);
    unsigned media = (unsigned)profile->media;
    *info = (struct profile_info_v2){
        info->version, (unsigned)profile->id, 0, (unsigned)profile->gpcs, (unsigned)profile->max,
        (unsigned)profile->multiprocessors, (unsigned)profile->copy_engines, (unsigned)profile->decoders, 0, media,
        media, (unsigned long long)profile_memory_mb(view.gpu, profile), ""};
    name_of(view.gpu, profile, info->name, sizeof info->name);
    return view_close(&view, 0, OK);
}

EXPORT ret nvmlDeviceGetGpuInstanceProfileInfo(handle device, unsigned enumerator, struct profile_info *info) {
    struct profile_info_v2 full = {0};
    ret result = info ? nvmlDeviceGetGpuInstanceProfileInfoV(device, enumerator, &full) : INVALID_ARGUMENT;
    if (result == OK)
        *info = (struct profile_info){full.id, full.p2p, full.slices, full.instances, full.multiprocessors,
                                      full.copy_engines, full.decoders, full.encoders, full.jpeg, full.ofa,
                                      full.memory_mb};
    return result;
}

EXPORT ret nvmlDeviceGetGpuInstancePossiblePlacements_v2(handle device, unsigned id, struct placement *placements,
                                                         unsigned *count) {
    struct view view;
    const struct gi_profile *profile = profile_by_id(id);
    if (!count) return INVALID_ARGUMENT;
    ret result = open_mig(&view, device);
    if (result != OK) return result;
    if (!profile) return view_close(&view, 0, INVALID_ARGUMENT);
    for (int i = 0; placements && i < profile->start_count; i++)
        placements[i] = (struct placement){(unsigned)profile->starts[i], (unsigned)profile->slices};
    *count = (unsigned)profile->start_count;
    return view_close(&view, 0, OK);
}

EXPORT ret nvmlDeviceGetGpuInstanceRemainingCapacity(handle device, unsigned id, unsigned *count) {
    struct view view;
    const struct gi_profile *profile = profile_by_id(id);
    if (!count) return INVALID_ARGUMENT;
    ret result = open_mig(&view, device);
    if (result != OK) return result;
    if (!profile) return view_close(&view, 0, INVALID_ARGUMENT);
    *count = (unsigned)remaining(view.gpu, profile);
    return view_close(&view, 0, OK);
}

static int unused_id(const struct gpu *gpu) {
    for (int id = 1;; id++) {
        int used = 0;
        for (int i = 0; i < gpu->instances; i++) used |= gpu->instance[i].id == id;
        if (!used) return id;
    }
}

static ret create(struct view *view, handle device, const struct gi_profile *profile, int start, handle *made) {
    struct gpu *gpu = view->gpu;
    if (!fits(gpu, profile, start)) return view_close(view, 0, INSUFFICIENT_RESOURCES);
    struct gpu_instance gi = {unused_id(gpu), profile->id, start, profile->slices, 0, {{0}}};
    gpu->instance[gpu->instances++] = gi;
    *made = handle_of(GPU_INSTANCE, device->gpu, gi.id, -1);
    return view_close(view, 1, OK);
}

EXPORT ret nvmlDeviceCreateGpuInstanceWithPlacement(handle device, unsigned id, const struct placement *placement,
                                                    handle *made) {
    struct view view;
    const struct gi_profile *profile = profile_by_id(id);
    if (!placement || !made) return INVALID_ARGUMENT;
    ret result = open_mig(&view, device);
    if (result != OK) return result;
    if (!profile || !start_is_legal(profile, (int)placement->start) || placement->size != (unsigned)profile->slices)
        return view_close(&view, 0, INVALID_ARGUMENT);
    return create(&view, device, profile, (int)placement->start, made);
}

EXPORT ret nvmlDeviceCreateGpuInstance(handle device, unsigned id, handle *made) {
    struct view view;
    const struct gi_profile *profile = profile_by_id(id);
    if (!made) return INVALID_ARGUMENT;
    ret result = open_mig(&view, device);
    if (result != OK) return result;
    if (!profile) return view_close(&view, 0, INVALID_ARGUMENT);
    int start = free_start(view.gpu, profile);
    if (start < 0) return view_close(&view, 0, INSUFFICIENT_RESOURCES);
    return create(&view, device, profile, start, made);
}

EXPORT ret nvmlDeviceGetGpuInstances(handle device, unsigned id, handle *instances, unsigned *count) {
    struct view view;
    if (!instances || !count) return INVALID_ARGUMENT;
    ret result = open_mig(&view, device);
    if (result != OK) return result;
    *count = 0;
    for (int i = 0; i < view.gpu->instances; i++)
        if (view.gpu->instance[i].profile_id == (int)id)
            instances[(*count)++] = handle_of(GPU_INSTANCE, device->gpu, view.gpu->instance[i].id, -1);
    return view_close(&view, 0, profile_by_id(id) ? OK : INVALID_ARGUMENT);
}

EXPORT ret nvmlDeviceGetGpuInstanceById(handle device, unsigned id, handle *instance) {
    struct view view;
    if (!instance) return INVALID_ARGUMENT;
    ret result = open_mig(&view, device);
    if (result != OK) return result;
    *instance = NULL;
    for (int i = 0; i < view.gpu->instances; i++)
        if (view.gpu->instance[i].id == (int)id) *instance = handle_of(GPU_INSTANCE, device->gpu, (int)id, -1);
    return view_close(&view, 0, *instance ? OK : NOT_FOUND);
}

EXPORT ret nvmlGpuInstanceGetInfo(handle instance, struct gi_info *info) {
    struct view view;
    ret result = view_open(&view, instance, GPU_INSTANCE);
    if (result != OK) return result;
    if (!info) return view_close(&view, 0, INVALID_ARGUMENT);
    *info = (struct gi_info){handle_of(GPU, instance->gpu, -1, -1),
                             (unsigned)view.gi->id,
                             (unsigned)view.gi->profile_id,
                             {(unsigned)view.gi->start, (unsigned)view.gi->slices}};
    return view_close(&view, 0, OK);
}

EXPORT ret nvmlGpuInstanceDestroy(handle instance) {
    struct view view;
    ret result = view_open(&view, instance, GPU_INSTANCE);
    if (result != OK) return result;
    if (view.gi->computes) return view_close(&view, 0, IN_USE);
    if (view.gpu->gi_in_use > 0) {
        view.gpu->gi_in_use--;
        return view_close(&view, 1, IN_USE);
    }
    *view.gi = view.gpu->instance[--view.gpu->instances];
    return view_close(&view, 1, OK);
}
