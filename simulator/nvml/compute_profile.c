/* Compute instance profiles: parts of a GPU instance's GPCs, where they may start, how many more fit. */
#include "compute.h"

struct profile_info {
    unsigned id, slices, instances, multiprocessors, copy_engines, decoders, encoders, jpeg, ofa;
};
struct profile_info_v2 {
    unsigned version;
    unsigned id, slices, instances, multiprocessors, copy_engines, decoders, encoders, jpeg, ofa;
    char name[NAME_SIZE];
};
#define VERSION_2 (2u << 24 | (unsigned)sizeof(struct profile_info_v2))

int gpcs_of(const struct gpu_instance *gi) { return profile_by_id((unsigned)gi->profile_id)->gpcs; }

int ci_fits(const struct gpu_instance *gi, int start, int gpcs) {
    if (start < 0 || start + gpcs > gpcs_of(gi) || gi->computes == MAX_INSTANCES) return 0;
    for (int i = 0; i < gi->computes; i++)
        if (start < gi->compute[i].start + gi->compute[i].gpcs && gi->compute[i].start < start + gpcs) return 0;
    return 1;
}

int ci_free_start(const struct gpu_instance *gi, int gpcs) {
    for (int start = 0; start + gpcs <= gpcs_of(gi); start++)
        if (ci_fits(gi, start, gpcs)) return start;
    return -1;
}

EXPORT ret nvmlGpuInstanceGetComputeInstanceProfileInfoV(handle instance, unsigned profile, unsigned engine,
                                                         struct profile_info_v2 *info) {
    struct view view;
    if (!info || engine) return INVALID_ARGUMENT;
    if (info->version != VERSION_2) return ARGUMENT_VERSION_MISMATCH;
    ret result = view_open(&view, instance, GPU_INSTANCE);
    if (result != OK) return result;
    const struct gi_profile *whole = profile_by_id((unsigned)view.gi->profile_id);
    if (profile >= CI_PROFILES || ci_gpcs[profile] > whole->gpcs) return view_close(&view, 0, NOT_SUPPORTED);
    *info = (struct profile_info_v2){
        .version = info->version,
        .id = profile,
        .slices = (unsigned)ci_gpcs[profile],
        .instances = (unsigned)(whole->gpcs / ci_gpcs[profile]),
        .multiprocessors = (unsigned)ci_gpcs[profile] * MULTIPROCESSORS_PER_GPC,
        .copy_engines = (unsigned)whole->copy_engines,
        .decoders = (unsigned)whole->decoders,
        .jpeg = (unsigned)whole->jpeg_ofa,
        .ofa = (unsigned)whole->jpeg_ofa,
    };
    profile_name(view.gpu, whole, ci_gpcs[profile], info->name, sizeof info->name);
    return view_close(&view, 0, OK);
}

EXPORT ret nvmlGpuInstanceGetComputeInstanceProfileInfo(handle instance, unsigned profile, unsigned engine,
                                                        struct profile_info *info) {
    struct profile_info_v2 full = {.version = VERSION_2};
    ret result =
        info ? nvmlGpuInstanceGetComputeInstanceProfileInfoV(instance, profile, engine, &full) : INVALID_ARGUMENT;
    if (result == OK)
        *info = (struct profile_info){full.id, full.slices, full.instances, full.multiprocessors, full.copy_engines,
                                      full.decoders, full.encoders, full.jpeg, full.ofa};
    return result;
}

EXPORT ret nvmlGpuInstanceGetComputeInstancePossiblePlacements(handle instance, unsigned profile,
                                                               struct placement *placements, unsigned *count) {
    struct view view;
    if (!count || profile >= CI_PROFILES) return INVALID_ARGUMENT;
    ret result = view_open(&view, instance, GPU_INSTANCE);
    if (result != OK) return result;
    *count = 0;
    for (int start = 0; start + ci_gpcs[profile] <= gpcs_of(view.gi); start++, (*count)++)
        if (placements) placements[*count] = (struct placement){(unsigned)start, (unsigned)ci_gpcs[profile]};
    return view_close(&view, 0, OK);
}

EXPORT ret nvmlGpuInstanceGetComputeInstanceRemainingCapacity(handle instance, unsigned profile, unsigned *count) {
    struct view view;
    int start;
    if (!count || profile >= CI_PROFILES) return INVALID_ARGUMENT;
    ret result = view_open(&view, instance, GPU_INSTANCE);
    if (result != OK) return result;
    struct gpu_instance copy = *view.gi;
    for (*count = 0; (start = ci_free_start(&copy, ci_gpcs[profile])) >= 0; (*count)++)
        copy.compute[copy.computes++] = (struct compute_instance){.start = start, .gpcs = ci_gpcs[profile]};
    return view_close(&view, 0, OK);
}
