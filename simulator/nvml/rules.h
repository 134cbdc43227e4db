/* What an A100 allows: MIG profiles with their sizes and legal starts (NVIDIA's MIG user guide). */
#ifndef SIM_RULES_H
#define SIM_RULES_H

#include <stddef.h>

#include "state.h"

#define MULTIPROCESSORS_PER_GPC 14
#define GI_PROFILES 0x20u /* enumerators from here on are no profiles of any board */
#define CI_PROFILES 5u    /* NVML's enumerators 0..4; on Ampere the id equals the enumerator */

struct gi_profile {
    int enumerator, id;
    int gpcs, slices;
    int starts[7], start_count;
    int max, copy_engines, decoders;
    int jpeg_ofa; /* JPEG decoders, and optical flow accelerators: as many of each */
    int media;    /* the profile that takes the media engines along, "+me" */
    int memory_mb; /* of the 80 GB board */
};

extern const int ci_gpcs[CI_PROFILES];

const struct gi_profile *profile_by_enum(unsigned enumerator);
const struct gi_profile *profile_by_id(unsigned id);

/* Memory of a profile on this GPU, MB: half on the 40 GB board. */
unsigned long long profile_memory_mb(const struct gpu *gpu, const struct gi_profile *profile);

/* The driver's name of `gpcs` in a GPU instance: "MIG 1c.3g.40gb", or "MIG 3g.40gb" for all of it. */
void profile_name(const struct gpu *gpu, const struct gi_profile *profile, int gpcs, char *name, size_t size);

/* Whether `start` is legal for the profile, and whether its slices and GPCs are free. */
int start_is_legal(const struct gi_profile *profile, int start);
int fits(const struct gpu *gpu, const struct gi_profile *profile, int start);

/* First free legal start, preferring the end of the GPU as drivers do, or -1. How many more would fit. */
int free_start(const struct gpu *gpu, const struct gi_profile *profile);
int remaining(const struct gpu *gpu, const struct gi_profile *profile);

/* A new instance's id, as drivers number them: 0 the whole, 1-2 halves, 3-6 quarters, 7-14 eighths. */
int unused_gi_id(const struct gpu *gpu, int slices);

#endif
