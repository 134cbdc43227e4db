/* NVML's types and return codes as far as they are served here; the layouts are those of NVIDIA's nvml.h. */
#ifndef SIM_API_H
#define SIM_API_H

#include "rules.h"
#include "state.h"

enum {
    OK = 0,
    UNINITIALIZED = 1,
    INVALID_ARGUMENT = 2,
    NOT_SUPPORTED = 3,
    NOT_FOUND = 6,
    INSUFFICIENT_SIZE = 7,
    TIMEOUT = 10,
    GPU_IS_LOST = 15,
    IN_USE = 19,
    INSUFFICIENT_RESOURCES = 23,
    ARGUMENT_VERSION_MISMATCH = 25,
    UNKNOWN = 999
};
typedef int ret;
#define EXPORT __attribute__((visibility("default")))

/* One handle for GPUs, GPU instances, compute instances and MIG devices; interned, never freed. */
enum kind { GPU, GPU_INSTANCE, COMPUTE_INSTANCE, MIG_DEVICE };
struct handle {
    enum kind kind;
    int gpu, gi, ci;
};
typedef struct handle *handle;
handle handle_of(enum kind kind, int gpu, int gi, int ci);

struct placement {
    unsigned start, size;
};
struct gi_info {
    handle device;
    unsigned id, profile_id;
    struct placement placement;
};
struct ci_info {
    handle device, gpu_instance;
    unsigned id, profile_id;
    struct placement placement;
};

/* What a call works on: the locked state and what the handle names in it (NULL what it does not name). */
struct view {
    struct state state;
    struct gpu *gpu;
    struct gpu_instance *gi;
    struct compute_instance *ci;
};

/* Locks the state and resolves `h`, which must be of `kind` (MIG devices count as GPUs for queries only if asked for).
   OK, or why not; on anything but OK the state is unlocked again. */
ret view_open(struct view *view, handle h, enum kind kind);
/* Unlocks, writes if `changed`, and hands `result` on (UNKNOWN if writing failed). */
ret view_close(struct view *view, int changed, ret result);

int is_initialised(void);

#endif
