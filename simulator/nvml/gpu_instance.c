/* GPU instances: making, finding and destroying them. */
#include <string.h>

#include "api.h"

static ret create(struct view *view, const struct gi_profile *profile, int start, handle *made) {
    struct gpu *gpu = view->gpu;
    if (start < 0 || !fits(gpu, profile, start)) return view_close(view, 0, INSUFFICIENT_RESOURCES);
    struct gpu_instance *gi = &gpu->instance[gpu->instances];
    *gi = (struct gpu_instance){.id = unused_gi_id(gpu, profile->slices),
                                .profile_id = profile->id,
                                .start = start,
                                .slices = profile->slices,
                                .serial = view->state.next_serial++};
    gpu->instances++;
    *made = handle_of_gi(view->index, gi);
    return view_close(view, 1, OK);
}

EXPORT ret nvmlDeviceCreateGpuInstanceWithPlacement(handle device, unsigned id, const struct placement *placement,
                                                    handle *made) {
    struct view view;
    const struct gi_profile *profile = profile_by_id(id);
    if (!placement || !made || !profile) return INVALID_ARGUMENT;
    ret result = view_open_mig_gpu(&view, device);
    if (result != OK) return result;
    if (!start_is_legal(profile, (int)placement->start) || placement->size != (unsigned)profile->slices)
        return view_close(&view, 0, INVALID_ARGUMENT);
    return create(&view, profile, (int)placement->start, made);
}

EXPORT ret nvmlDeviceCreateGpuInstance(handle device, unsigned id, handle *made) {
    struct view view;
    const struct gi_profile *profile = profile_by_id(id);
    if (!made || !profile) return INVALID_ARGUMENT;
    ret result = view_open_mig_gpu(&view, device);
    return result == OK ? create(&view, profile, free_start(view.gpu, profile), made) : result;
}

EXPORT ret nvmlDeviceGetGpuInstances(handle device, unsigned id, handle *instances, unsigned *count) {
    struct view view;
    if (!instances || !count || !profile_by_id(id)) return INVALID_ARGUMENT;
    ret result = view_open_mig_gpu(&view, device);
    if (result != OK) return result;
    *count = 0;
    for (int i = 0; i < view.gpu->instances; i++)
        if (view.gpu->instance[i].profile_id == (int)id)
            instances[(*count)++] = handle_of_gi(view.index, &view.gpu->instance[i]);
    return view_close(&view, 0, OK);
}

EXPORT ret nvmlDeviceGetGpuInstanceById(handle device, unsigned id, handle *instance) {
    struct view view;
    handle found = NULL;
    if (!instance) return INVALID_ARGUMENT;
    ret result = view_open_mig_gpu(&view, device);
    if (result != OK) return result;
    for (int i = 0; i < view.gpu->instances; i++)
        if (view.gpu->instance[i].id == (int)id) found = handle_of_gi(view.index, &view.gpu->instance[i]);
    if (found) *instance = found;
    return view_close(&view, 0, found ? OK : NOT_FOUND);
}

EXPORT ret nvmlGpuInstanceGetInfo(handle instance, struct gi_info *info) {
    struct view view;
    ret result = info ? view_open(&view, instance, GPU_INSTANCE) : INVALID_ARGUMENT;
    if (result != OK) return result;
    *info = (struct gi_info){handle_of_gpu(view.index),
                             (unsigned)view.gi->id,
                             (unsigned)view.gi->profile_id,
                             {(unsigned)view.gi->start, (unsigned)view.gi->slices}};
    return view_close(&view, 0, OK);
}

static void erase(struct gpu *gpu, struct gpu_instance *gi) {
    size_t after = (size_t)(&gpu->instance[gpu->instances] - (gi + 1));
    memmove(gi, gi + 1, after * sizeof *gi);
    gpu->instances--;
}

EXPORT ret nvmlGpuInstanceDestroy(handle instance) {
    struct view view;
    ret result = view_open(&view, instance, GPU_INSTANCE);
    if (result != OK) return result;
    if (view.gi->computes) return view_close(&view, 0, IN_USE);
    if (view.gpu->gi_in_use > 0) { /* a fault: some monitor holds a handle */
        view.gpu->gi_in_use--;
        return view_close(&view, 1, IN_USE);
    }
    erase(view.gpu, view.gi);
    return view_close(&view, 1, OK);
}
