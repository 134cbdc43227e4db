/* Compute instances: one MIG device each, with a UUID that is new for every new one. */
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "compute.h"

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

static ret create(struct view *view, unsigned profile, int start, handle *made) {
    struct gpu_instance *gi = view->gi;
    if (view->gpu->ci_fail > 0) { /* a fault: the driver fails for no reason that it gives */
        view->gpu->ci_fail--;
        return view_close(view, 1, UNKNOWN);
    }
    if (!ci_fits(gi, start, ci_gpcs[profile])) return view_close(view, 0, INSUFFICIENT_RESOURCES);
    struct compute_instance *ci = &gi->compute[gi->computes];
    *ci = (struct compute_instance){.id = unused_id(gi),
                                    .profile_id = (int)profile,
                                    .start = start,
                                    .gpcs = ci_gpcs[profile],
                                    .serial = view->state.next_serial++};
    if (new_uuid(ci->uuid)) return view_close(view, 0, OPERATING_SYSTEM);
    gi->computes++;
    *made = handle_of_ci(COMPUTE_INSTANCE, view->index, gi, ci);
    return view_close(view, 1, OK);
}

EXPORT ret nvmlGpuInstanceCreateComputeInstance(handle instance, unsigned profile, handle *made) {
    struct view view;
    if (!made || profile >= CI_PROFILES) return INVALID_ARGUMENT;
    ret result = view_open(&view, instance, GPU_INSTANCE);
    return result == OK ? create(&view, profile, ci_free_start(view.gi, ci_gpcs[profile]), made) : result;
}

EXPORT ret nvmlGpuInstanceCreateComputeInstanceWithPlacement(handle instance, unsigned profile,
                                                             const struct placement *placement, handle *made) {
    struct view view;
    if (!made || !placement || profile >= CI_PROFILES) return INVALID_ARGUMENT;
    ret result = view_open(&view, instance, GPU_INSTANCE);
    if (result != OK) return result;
    unsigned gpcs = (unsigned)ci_gpcs[profile], whole = (unsigned)gpcs_of(view.gi);
    if (placement->size != gpcs || gpcs > whole || placement->start > whole - gpcs)
        return view_close(&view, 0, INVALID_ARGUMENT);
    return create(&view, profile, (int)placement->start, made);
}

EXPORT ret nvmlGpuInstanceGetComputeInstances(handle instance, unsigned profile, handle *instances, unsigned *count) {
    struct view view;
    if (!instances || !count || profile >= CI_PROFILES) return INVALID_ARGUMENT;
    ret result = view_open(&view, instance, GPU_INSTANCE);
    if (result != OK) return result;
    *count = 0;
    for (int i = 0; i < view.gi->computes; i++)
        if (view.gi->compute[i].profile_id == (int)profile)
            instances[(*count)++] = handle_of_ci(COMPUTE_INSTANCE, view.index, view.gi, &view.gi->compute[i]);
    return view_close(&view, 0, OK);
}

EXPORT ret nvmlGpuInstanceGetComputeInstanceById(handle instance, unsigned id, handle *compute) {
    struct view view;
    handle found = NULL;
    if (!compute) return INVALID_ARGUMENT;
    ret result = view_open(&view, instance, GPU_INSTANCE);
    if (result != OK) return result;
    for (int i = 0; i < view.gi->computes; i++)
        if (view.gi->compute[i].id == (int)id)
            found = handle_of_ci(COMPUTE_INSTANCE, view.index, view.gi, &view.gi->compute[i]);
    if (found) *compute = found;
    return view_close(&view, 0, found ? OK : NOT_FOUND);
}

EXPORT ret nvmlComputeInstanceGetInfo_v2(handle compute, struct ci_info *info) {
    struct view view;
    ret result = info ? view_open(&view, compute, COMPUTE_INSTANCE) : INVALID_ARGUMENT;
    if (result != OK) return result;
    *info = (struct ci_info){handle_of_ci(MIG_DEVICE, view.index, view.gi, view.ci),
                             handle_of_gi(view.index, view.gi),
                             (unsigned)view.ci->id,
                             (unsigned)view.ci->profile_id,
                             {(unsigned)view.ci->start, (unsigned)view.ci->gpcs}};
    return view_close(&view, 0, OK);
}

static void erase(struct gpu_instance *gi, struct compute_instance *ci) {
    size_t after = (size_t)(&gi->compute[gi->computes] - (ci + 1));
    memmove(ci, ci + 1, after * sizeof *ci);
    gi->computes--;
}

EXPORT ret nvmlComputeInstanceDestroy(handle compute) {
    struct view view;
    ret result = view_open(&view, compute, COMPUTE_INSTANCE);
    if (result != OK) return result;
    if (clients_of(view.ci->uuid, NULL, 0)) return view_close(&view, 0, IN_USE);
    erase(view.gi, view.ci);
    return view_close(&view, 1, OK);
}
