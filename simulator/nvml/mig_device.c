/* MIG devices: one a compute instance, the thing that CUDA sees. */
#include "api.h"

struct attributes {
    unsigned multiprocessors, copy_engines, decoders, encoders, jpeg, ofa, gi_slices, ci_slices;
    unsigned long long memory_mb;
};

EXPORT ret nvmlDeviceIsMigDeviceHandle(handle device, unsigned *is_mig) {
    if (!device || !is_mig) return INVALID_ARGUMENT;
    *is_mig = device->kind == MIG_DEVICE;
    return OK;
}

EXPORT ret nvmlDeviceGetDeviceHandleFromMigDeviceHandle(handle mig, handle *device) {
    struct view view;
    if (!device) return INVALID_ARGUMENT;
    ret result = view_open(&view, mig, MIG_DEVICE);
    if (result != OK) return result;
    *device = handle_of_gpu(view.index);
    return view_close(&view, 0, OK);
}

static handle nth(const struct view *view, unsigned n) {
    for (int i = 0; i < view->gpu->instances; i++) {
        const struct gpu_instance *gi = &view->gpu->instance[i];
        for (int j = 0; j < gi->computes; j++)
            if (n-- == 0) return handle_of_ci(MIG_DEVICE, view->index, gi, &gi->compute[j]);
    }
    return NULL;
}

EXPORT ret nvmlDeviceGetMigDeviceHandleByIndex(handle device, unsigned index, handle *mig) {
    struct view view;
    if (!mig || index >= MAX_INSTANCES) return INVALID_ARGUMENT;
    ret result = view_open_mig_gpu(&view, device);
    if (result != OK) return result;
    handle found = nth(&view, index);
    if (found) *mig = found;
    return view_close(&view, 0, found ? OK : NOT_FOUND);
}

EXPORT ret nvmlDeviceGetGpuInstanceId(handle mig, unsigned *id) {
    struct view view;
    ret result = id ? view_open(&view, mig, MIG_DEVICE) : INVALID_ARGUMENT;
    if (result != OK) return result;
    *id = (unsigned)view.gi->id;
    return view_close(&view, 0, OK);
}

EXPORT ret nvmlDeviceGetComputeInstanceId(handle mig, unsigned *id) {
    struct view view;
    ret result = id ? view_open(&view, mig, MIG_DEVICE) : INVALID_ARGUMENT;
    if (result != OK) return result;
    *id = (unsigned)view.ci->id;
    return view_close(&view, 0, OK);
}

EXPORT ret nvmlDeviceGetAttributes_v2(handle mig, struct attributes *attributes) {
    struct view view;
    ret result = attributes ? view_open(&view, mig, MIG_DEVICE) : INVALID_ARGUMENT;
    if (result != OK) return result;
    const struct gi_profile *profile = profile_by_id((unsigned)view.gi->profile_id);
    *attributes = (struct attributes){
        .multiprocessors = (unsigned)view.ci->gpcs * MULTIPROCESSORS_PER_GPC,
        .copy_engines = (unsigned)profile->copy_engines,
        .decoders = (unsigned)profile->decoders,
        .jpeg = (unsigned)profile->jpeg_ofa,
        .ofa = (unsigned)profile->jpeg_ofa,
        .gi_slices = (unsigned)profile->gpcs,
        .ci_slices = (unsigned)view.ci->gpcs,
        .memory_mb = profile_memory_mb(view.gpu, profile),
    };
    return view_close(&view, 0, OK);
}
