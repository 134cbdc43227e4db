/* The arithmetic of compute instances in a GPU instance. */
#ifndef SIM_COMPUTE_H
#define SIM_COMPUTE_H

#include "api.h"

int gpcs_of(const struct gpu_instance *gi);

/* Whether `gpcs` from `start` on are there and free; the first such start, or -1. */
int ci_fits(const struct gpu_instance *gi, int start, int gpcs);
int ci_free_start(const struct gpu_instance *gi, int gpcs);

#endif
