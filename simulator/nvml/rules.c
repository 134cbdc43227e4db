/* The A100's MIG table and the arithmetic of free slices. */
#include "rules.h"

static const struct gi_profile profiles[] = {
    /* enum id gpcs slices starts            n max ce dec jpeg me memory */
    {0, 19, 1, 1, {0, 1, 2, 3, 4, 5, 6}, 7, 7, 1, 0, 0, 0, 9856},
    {1, 14, 2, 2, {0, 2, 4}, 3, 3, 2, 1, 0, 0, 19968},
    {2, 9, 3, 4, {0, 4}, 2, 2, 3, 2, 0, 0, 40192},
    {3, 5, 4, 4, {0}, 1, 1, 4, 2, 0, 0, 40192},
    {4, 0, 7, 8, {0}, 1, 1, 7, 5, 1, 0, 80384},
    {7, 20, 1, 1, {0, 1, 2, 3, 4, 5, 6}, 7, 1, 1, 1, 1, 1, 9856},
    {9, 15, 1, 2, {0, 2, 4, 6}, 4, 4, 1, 1, 0, 0, 19968},
};
#define PROFILES (int)(sizeof profiles / sizeof profiles[0])
#define GPCS 7

const int ci_gpcs[CI_PROFILES] = {1, 2, 3, 4, 7};

const struct gi_profile *profile_by_enum(unsigned enumerator) {
    for (int i = 0; i < PROFILES; i++)
        if ((unsigned)profiles[i].enumerator == enumerator) return &profiles[i];
    return NULL;
}

const struct gi_profile *profile_by_id(unsigned id) {
    for (int i = 0; i < PROFILES; i++)
        if ((unsigned)profiles[i].id == id) return &profiles[i];
    return NULL;
}

static int is_small_board(const struct gpu *gpu) { return gpu->memory_mb < 60000; }

unsigned long long profile_memory_mb(const struct gpu *gpu, const struct gi_profile *profile) {
    return (unsigned long long)profile->memory_mb / (is_small_board(gpu) ? 2 : 1);
}

void profile_name(const struct gpu *gpu, const struct gi_profile *profile, int gpcs, char *name, size_t size) {
    int gb = (is_small_board(gpu) ? 5 : 10) * profile->slices;
    if (gpu->renamed) gb = (int)(profile_memory_mb(gpu, profile) >> 10);
    char part[16] = "";
    if (gpcs != profile->gpcs) snprintf(part, sizeof part, "%dc.", gpcs);
    snprintf(name, size, "MIG %s%dg.%dgb%s", part, profile->gpcs, gb, profile->media ? "+me" : "");
}

int start_is_legal(const struct gi_profile *profile, int start) {
    for (int i = 0; i < profile->start_count; i++)
        if (profile->starts[i] == start) return 1;
    return 0;
}

static unsigned mask_of(int start, int slices) { return ((1u << slices) - 1) << start; }

static unsigned taken(const struct gpu *gpu) {
    unsigned mask = 0;
    for (int i = 0; i < gpu->instances; i++) mask |= mask_of(gpu->instance[i].start, gpu->instance[i].slices);
    return mask;
}

static int count_of(const struct gpu *gpu, const struct gi_profile *profile) {
    int count = 0;
    for (int i = 0; i < gpu->instances; i++) count += gpu->instance[i].profile_id == profile->id;
    return count;
}

static int free_gpcs(const struct gpu *gpu) {
    int gpcs = GPCS;
    for (int i = 0; i < gpu->instances; i++) {
        const struct gi_profile *profile = profile_by_id((unsigned)gpu->instance[i].profile_id);
        gpcs -= profile ? profile->gpcs : 0;
    }
    return gpcs;
}

int fits(const struct gpu *gpu, const struct gi_profile *profile, int start) {
    return gpu->instances < MAX_INSTANCES && !(taken(gpu) & mask_of(start, profile->slices)) &&
           free_gpcs(gpu) >= profile->gpcs && count_of(gpu, profile) < profile->max;
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
        struct gpu_instance made = {.profile_id = profile->id, .start = start, .slices = profile->slices};
        copy.instance[copy.instances++] = made;
        count++;
    }
    return count;
}

int unused_gi_id(const struct gpu *gpu, int slices) {
    for (int id = 8 / slices - 1;; id++) {
        int used = 0;
        for (int i = 0; i < gpu->instances; i++) used |= gpu->instance[i].id == id;
        if (!used) return id;
    }
}
