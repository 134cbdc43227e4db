/* GPU instance profiles: what they give, where they may start, how many more fit. */
#include "api.h"

struct profile_info {
    unsigned id, p2p, slices, instances, multiprocessors, copy_engines, decoders, encoders, jpeg, ofa;
    unsigned long long memory_mb;
};
struct profile_info_v2 {
    unsigned version;
    unsigned id, p2p, slices, instances, multiprocessors, copy_engines, decoders, encoders, jpeg, ofa;
    unsigned long long memory_mb;
    char name[NAME_SIZE];
};
#define VERSION_2 (2u << 24 | (unsigned)sizeof(struct profile_info_v2))

static ret describe(handle device, const struct gi_profile *profile, struct profile_info_v2 *info) {
    struct view view;
    if (!info) return INVALID_ARGUMENT;
    if (info->version != VERSION_2) return ARGUMENT_VERSION_MISMATCH;
    ret result = view_open_mig_gpu(&view, device);
    if (result != OK) return result;
    if (!profile) return view_close(&view, 0, NOT_SUPPORTED);
    *info = (struct profile_info_v2){
        .version = info->version,
        .id = (unsigned)profile->id,
        .slices = (unsigned)profile->gpcs,
        .instances = (unsigned)profile->max,
        .multiprocessors = (unsigned)profile->gpcs * MULTIPROCESSORS_PER_GPC,
        .copy_engines = (unsigned)profile->copy_engines,
        .decoders = (unsigned)profile->decoders,
        .jpeg = (unsigned)profile->jpeg_ofa,
        .ofa = (unsigned)profile->jpeg_ofa,
        .memory_mb = profile_memory_mb(view.gpu, profile),
    };
    profile_name(view.gpu, profile, profile->gpcs, info->name, sizeof info->name);
    return view_close(&view, 0, OK);
}

EXPORT ret nvmlDeviceGetGpuInstanceProfileInfoV(handle device, unsigned enumerator, struct profile_info_v2 *info) {
    return enumerator < GI_PROFILES ? describe(device, profile_by_enum(enumerator), info) : INVALID_ARGUMENT;
}

EXPORT ret nvmlDeviceGetGpuInstanceProfileInfoByIdV(handle device, unsigned id, struct profile_info_v2 *info) {
    return describe(device, profile_by_id(id), info);
}

EXPORT ret nvmlDeviceGetGpuInstanceProfileInfo(handle device, unsigned enumerator, struct profile_info *info) {
    struct profile_info_v2 full = {.version = VERSION_2};
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
    if (!count || !profile) return INVALID_ARGUMENT;
    ret result = view_open_mig_gpu(&view, device);
    if (result != OK) return result;
    for (int i = 0; placements && i < profile->start_count; i++)
        placements[i] = (struct placement){(unsigned)profile->starts[i], (unsigned)profile->slices};
    *count = (unsigned)profile->start_count;
    return view_close(&view, 0, OK);
}

EXPORT ret nvmlDeviceGetGpuInstanceRemainingCapacity(handle device, unsigned id, unsigned *count) {
    struct view view;
    const struct gi_profile *profile = profile_by_id(id);
    if (!count || !profile) return INVALID_ARGUMENT;
    ret result = view_open_mig_gpu(&view, device);
    if (result != OK) return result;
    *count = (unsigned)remaining(view.gpu, profile);
    return view_close(&view, 0, OK);
}
