/* The A100's MIG table and the arithmetic of free slices. */
#include "rules.h"

#include <stddef.h>

const struct gi_profile gi_profiles[] = {
    {0, 19, "1g.10gb", 1, 1, {0, 1, 2, 3, 4, 5, 6}, 7, 7, 14, 1, 0, 0, 9856},
    {1, 14, "2g.20gb", 2, 2, {0, 2, 4}, 3, 3, 28, 2, 1, 0, 19968},
    {2, 9, "3g.40gb", 3, 4, {0, 4}, 2, 2, 42, 3, 2, 0, 40192},
    {3, 5, "4g.40gb", 4, 4, {0}, 1, 1, 56, 4, 2, 0, 40192},
    {4, 0, "7g.80gb", 7, 8, {0}, 1, 1, 98, 7, 5, 0, 80384},
    {7, 20, "1g.10gb+me", 1, 1, {0, 1, 2, 3, 4, 5, 6}, 7, 1, 14, 1, 1, 1, 9856},
    {9, 15, "1g.20gb", 1, 2, {0, 2, 4, 6}, 4, 4, 14, 1, 1, 0, 19968},
};
const int gi_profile_count = sizeof gi_profiles / sizeof gi_profiles[0];

const struct gi_profile *profile_by_enum(unsigned enumerator) {
    for (int i = 0; i < gi_profile_count; i++)
        if (gi_profiles[i].enumerator == (int)enumerator) return &gi_profiles[i];
    return NULL;
}

const struct gi_profile *profile_by_id(unsigned id) {
    for (int i = 0; i < gi_profile_count; i++)
        if (gi_profiles[i].id == (int)id) return &gi_profiles[i];
    return NULL;
}

long long profile_memory_mb(const struct gpu *gpu, const struct gi_profile *profile) {
    return gpu->memory_mb > 60000 ? profile->memory_mb : profile->memory_mb / 2;
}

int start_is_legal(const struct gi_profile *profile, int start) {
    for (int i = 0; i < profile->start_count; i++)
        if (profile->starts[i] == start) return 1;
    return 0;
}

static unsigned taken(const struct gpu *gpu) {
    unsigned mask = 0;
    for (int i = 0; i < gpu->instances; i++)
        mask |= ((1u << gpu->instance[i].slices) - 1) << gpu->instance[i].start;
    return mask;
}

static int count_of(const struct gpu *gpu, const struct gi_profile *profile) {
    int count = 0;
    for (int i = 0; i < gpu->instances; i++) count += gpu->instance[i].profile_id == profile->id;
    return count;
}

static int free_gpcs(const struct gpu *gpu) {
    int gpcs = 7;
    for (int i = 0; i < gpu->instances; i++) gpcs -= profile_by_id((unsigned)gpu->instance[i].profile_id)->gpcs;
    return gpcs;
}

int fits(const struct gpu *gpu, const struct gi_profile *profile, int start) {
    unsigned mask = ((1u << profile->slices) - 1) << start;
    return gpu->instances < MAX_INSTANCES && !(taken(gpu) & mask) && free_gpcs(gpu) >= profile->gpcs &&
           count_of(gpu, profile) < profile->max;
}

int free_start(const struct gpu *gpu, const struct gi_profile *profile) {
    for (int i = profile->start_count - 1; i >= 0; i--)
        if (fits(gpu, profile, profile->starts[i])) return profile->starts[i];
    return -1;
}

int remaining(const struct gpu *gpu, const struct gi_profile *profile) {
    struct gpu copy = *gpu;
    int count = 0, start;
    while ((start = free_start(&copy, profile)) >= 0) {
        struct gpu_instance made = {0, profile->id, start, profile->slices, 0, {{0}}};
        copy.instance[copy.instances++] = made;
        count++;
    }
    return count;
}
