/* What an A100 allows: MIG profiles with their sizes and legal starts (NVIDIA's MIG user guide). */
#ifndef SIM_RULES_H
#define SIM_RULES_H

#include "state.h"

#define MEMORY_SLICES 8

struct gi_profile {
    int enumerator, id;
    const char *name; /* of the 80 GB board */
    int gpcs, slices;
    int starts[7], start_count;
    int max, multiprocessors, copy_engines, decoders, media; /* media: at most one instance on the GPU has them */
    int memory_mb;                                           /* of the 80 GB board */
};

extern const struct gi_profile gi_profiles[];
extern const int gi_profile_count;

const struct gi_profile *profile_by_enum(unsigned enumerator);
const struct gi_profile *profile_by_id(unsigned id);

/* Memory of a profile on this GPU, MB: half on the 40 GB board. */
long long profile_memory_mb(const struct gpu *gpu, const struct gi_profile *profile);

/* Whether `start` is legal for the profile, and whether its slices and GPCs are free. */
int start_is_legal(const struct gi_profile *profile, int start);
int fits(const struct gpu *gpu, const struct gi_profile *profile, int start);

/* First free legal start, preferring the end of the GPU as drivers do, or -1. How many more would fit. */
int free_start(const struct gpu *gpu, const struct gi_profile *profile);
int remaining(const struct gpu *gpu, const struct gi_profile *profile);

#endif
